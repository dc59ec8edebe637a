/* SPDX-License-Identifier: Apache-2.0 */
/* nftables' objects as netlink attributes. Within nf/ only: what txn.c sends is what compare.c looks for. */
#ifndef NF_WIRE_H
#define NF_WIRE_H

#include "nf/model.h"
#include "nl/msg.h"

#include <linux/netlink.h>

/* Most bytes that one element takes in a message: two of its keys, a value, a comment. */
#define WIRE_ELEM_BYTES 1024
/* The kernel's numbering of a concatenation's types, as nft composes it. */
#define WIRE_TYPE_BITS 6

/** type_len() - bytes of a data type, not padded. */
uint32_t type_len(enum nf_type type);
/** fields_count() - parts of a key or value. */
unsigned int fields_count(const enum nf_type fields[static MODEL_FIELDS]);
/** fields_len() - bytes on the wire: of a single part as it is, of a concatenation all parts padded to 4. */
uint32_t fields_len(const enum nf_type fields[static MODEL_FIELDS]);
/** fields_type() - number of the composed type. */
uint32_t fields_type(const enum nf_type fields[static MODEL_FIELDS]);
/** set_is_map() - has its elements a value? */
bool set_is_map(const struct nf_set *set);
/** set_flags() - all of NFTA_SET_FLAGS. */
uint32_t set_flags(const struct nf_set *set);
/** set_has_end_elems() - intervals as two elements, start and end? Those of concatenations are one element. */
bool set_has_end_elems(const struct nf_set *set);

struct nftnl_rule;

/** wire_begin() - begin a message of nftables. */
void wire_begin(struct msg *m, uint16_t type, uint16_t flags, uint8_t family);
void wire_put_be32(struct msg *m, uint16_t type, uint32_t value);
/* Attributes of NFT_MSG_NEWCHAIN, NEWSET and NEWRULE but the table's name. */
void wire_put_chain(struct msg *m, const struct nf_chain *chain);
void wire_put_set(struct msg *m, const struct nf_set *set, uint32_t id);
/** rule_wire() - a rule as libnftnl has it, without family and table. Return: it, the caller's, or NULL (ENOMEM). */
struct nftnl_rule *rule_wire(const struct nf_rule *rule);
/** wire_put_rule() - Return: 0 or a negative errno; @m needs wire_rule_bytes() of room. */
int wire_put_rule(struct msg *m, const struct nf_rule *rule);
size_t wire_rule_bytes(const struct nf_rule *rule);

/** elem_put() - an element, into an open NFTA_SET_ELEM_LIST_ELEMENTS; @key_only: to find or delete it. */
void elem_put(struct msg *m, const struct nf_set *set, const struct nf_elem *elem, bool key_only);

/** elem_read() - an element out of the kernel's answer. Return: 1 if it is the end of an interval, else 0. */
int elem_read(const struct nlattr *nest, struct nf_elem *ret_elem);
/** elem_close() - make @elem the interval up to before @end; @end NULL: up to the last key. */
void elem_close(struct nf_elem *elem, const struct nf_elem *end);

/** list_next() - the attribute after @previous within @nest, NULL: the first. Return: it, or NULL at the end. */
const struct nlattr *list_next(const struct nlattr *nest, const struct nlattr *previous);

#endif
