/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table as data: what it must hold, with the nft text of each part beside it.
 *
 * The same data is loaded into the kernel (nf/txn.h), printed as nft text (model_print()), held against nft's own
 * translation of that text in the tests, and compared with what the kernel has.
 */
#ifndef NF_MODEL_H
#define NF_MODEL_H

#include "base/text.h"
#include "nf/op.h"
#include <stdbool.h>
#include <stddef.h>

#define MODEL_FIELDS 6

/**
 * enum nf_type - nft's data types that keys and values are made of, with their netlink numbers
 */
enum nf_type {
	NF_TYPE_NONE = 0,
	NF_TYPE_VERDICT = 1,
	NF_TYPE_IPV4_ADDR = 7,
	NF_TYPE_IPV6_ADDR = 8,
	NF_TYPE_INET_PROTO = 12,
	NF_TYPE_INET_SERVICE = 13,
	NF_TYPE_ICMP_TYPE = 14,
	NF_TYPE_MARK = 19,
	NF_TYPE_IFINDEX = 20,
	NF_TYPE_ICMPV6_TYPE = 29,
	NF_TYPE_IFNAME = 41,
};

/**
 * struct nf_set - a named set or map
 * @key:   types of the key's parts, ended by NF_TYPE_NONE
 * @value: types of the value's parts; first one NF_TYPE_NONE: a set
 * @flags: NFT_SET_INTERVAL (keys in network order only), NFT_SET_EVAL (nft: "dynamic"); NFT_SET_MAP and
 *         NFT_SET_CONCAT follow from @value and @key
 * @size:  most elements, 0: no limit
 */
struct nf_set {
	char name[NF_NAME];
	enum nf_type key[MODEL_FIELDS], value[MODEL_FIELDS];
	uint32_t flags, size;
};

/** struct nf_chain - a chain; @type NULL: a regular one, jumped to */
struct nf_chain {
	char name[NF_NAME];
	const char *type; /* "filter", "nat" */
	uint32_t hook;	  /* NF_INET_*; netdev family: NF_NETDEV_INGRESS */
	int32_t priority;
	uint32_t policy;    /* NF_ACCEPT, NF_DROP */
	const char *device; /* hook ingress only */
};

/**
 * struct nf_rule - a rule
 * @text:    the nft line; NULL: nft has no words for it (raw payload writes)
 * @comment: as nft's comment "…", NULL: none
 */
struct nf_rule {
	char chain[NF_NAME];
	char *text;
	char *comment;
	struct nf_op *ops;
	size_t n_ops;
};

/**
 * struct nf_elem - an element of a set or map
 * @key, @key_len:     parts each padded to 4 bytes, in order, network order
 * @key_end:           last key of an interval, inclusive, where @interval is set
 * @value, @value_len: of a map; or @verdict (NFT_GOTO, NFT_JUMP, NF_ACCEPT, NF_DROP) with @chain
 * @comment:           as nft's comment, up to 131 bytes (nft itself writes 127 at most, but lists more); "" none
 */
struct nf_elem {
	uint8_t key[64], key_end[64], value[64];
	uint8_t key_len, value_len;
	bool interval, has_verdict;
	int32_t verdict;
	char chain[NF_NAME];
	char comment[132];
	uint64_t packets, bytes; /* of an element's counter, from a dump */
};

/** struct nf_fill - elements a set is made with */
struct nf_fill {
	char set[NF_NAME];
	struct nf_elem elem;
};

/** struct nf_model - a table: owns all of its arrays and texts */
struct nf_model {
	uint8_t family; /* NFPROTO_INET, NFPROTO_NETDEV */
	char name[NF_NAME];
	struct nf_set *sets;
	struct nf_chain *chains;
	struct nf_rule *rules;
	struct nf_fill *fills;
	size_t n_sets, n_chains, n_rules, n_fills;
	int err; /* sticky -ENOMEM */
};

void model_init(struct nf_model *m, uint8_t family, const char *name);
void model_fini(struct nf_model *m);
void model_set(struct nf_model *m, const struct nf_set *set);
void model_chain(struct nf_model *m, const struct nf_chain *chain);
/** model_rule() - append a rule to a chain; ops are copied; @text is printf-like and may be NULL. */
void model_rule(struct nf_model *m, const char *chain, const struct nf_op *ops, size_t n_ops,
		const char *comment, const char *text, ...) __attribute__((format(printf, 6, 7)));
/** model_fill() - an element the set is made with. */
void model_fill(struct nf_model *m, const char *set, const struct nf_elem *elem);

/** elem_key() - append a part to an element's key: padded to 4 bytes. One too long for the key makes the key empty,
 * which the kernel refuses. */
void elem_key(struct nf_elem *e, const void *data, size_t len);
void elem_key_u8(struct nf_elem *e, uint8_t value);
void elem_key_u16_be(struct nf_elem *e, uint16_t host_order_value);
void elem_key_u32(struct nf_elem *e, uint32_t host_order_value); /* marks: host order in the kernel too */
void elem_key_addr(struct nf_elem *e, const struct addr *a);
void elem_value(struct nf_elem *e, const void *data, size_t len);
void elem_value_u8(struct nf_elem *e, uint8_t value);
void elem_value_u16_be(struct nf_elem *e, uint16_t host_order_value);
void elem_value_u32(struct nf_elem *e, uint32_t host_order_value);
void elem_value_addr(struct nf_elem *e, const struct addr *a);
void elem_goto(struct nf_elem *e, const char *chain);
/** elem_prefix() - the interval of a prefix. */
struct nf_elem elem_prefix(const struct addr *prefix);

/** model_print() - the table as a file nft can load (rules without text as comments). */
void model_print(const struct nf_model *m, struct text *out);

#endif
