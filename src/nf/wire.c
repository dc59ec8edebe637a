/* SPDX-License-Identifier: Apache-2.0 */
/* Tables' objects as netlink attributes, as nft sends them (linux/netfilter/nf_tables.h, and nft's own messages). */
#include "nf/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>

#define WIRE_UDATA_BYTES 264
/* An expression at its longest (a dynset with its limit, two names), and a rule's names. */
#define WIRE_EXPR_BYTES 320
#define WIRE_RULE_BYTES 512

/* nft's enum byteorder, which it keeps in a set's user data. */
enum wire_order { ORDER_NONE, ORDER_HOST, ORDER_NETWORK };

uint32_t type_len(enum nf_type type)
{
	switch (type) {
	case NF_TYPE_IPV4_ADDR:
	case NF_TYPE_MARK:
	case NF_TYPE_IFINDEX:
		return 4;
	case NF_TYPE_IPV6_ADDR:
	case NF_TYPE_IFNAME:
		return 16;
	case NF_TYPE_INET_PROTO:
	case NF_TYPE_ICMP_TYPE:
	case NF_TYPE_ICMPV6_TYPE:
		return 1;
	case NF_TYPE_INET_SERVICE:
		return 2;
	case NF_TYPE_NONE:
	case NF_TYPE_VERDICT:
		return 0;
	}
	return 0;
}

unsigned int fields_count(const enum nf_type fields[static MODEL_FIELDS])
{
	unsigned int n = 0;

	while (n < MODEL_FIELDS && fields[n] != NF_TYPE_NONE)
		n++;
	return n;
}

uint32_t fields_len(const enum nf_type fields[static MODEL_FIELDS])
{
	unsigned int n = fields_count(fields);
	uint32_t len = 0;

	if (n == 1)
		return type_len(fields[0]);
	for (unsigned int i = 0; i < n; i++)
		len += NLMSG_ALIGN(type_len(fields[i]));
	return len;
}

uint32_t fields_type(const enum nf_type fields[static MODEL_FIELDS])
{
	unsigned int n = fields_count(fields);
	uint32_t type = 0;

	if (n == 1 && fields[0] == NF_TYPE_VERDICT)
		return NFT_DATA_VERDICT;
	for (unsigned int i = 0; i < n; i++)
		type = type << WIRE_TYPE_BITS | fields[i];
	return type;
}

static enum wire_order fields_order(const enum nf_type fields[static MODEL_FIELDS])
{
	if (fields_count(fields) != 1 || fields[0] == NF_TYPE_VERDICT)
		return ORDER_NONE;
	return fields[0] == NF_TYPE_MARK || fields[0] == NF_TYPE_IFINDEX || fields[0] == NF_TYPE_IFNAME
		       ? ORDER_HOST
		       : ORDER_NETWORK;
}

bool set_is_map(const struct nf_set *set)
{
	return set->value[0] != NF_TYPE_NONE;
}

bool set_has_end_elems(const struct nf_set *set)
{
	return set->flags & NFT_SET_INTERVAL && fields_count(set->key) == 1;
}

uint32_t set_flags(const struct nf_set *set)
{
	uint32_t flags = set->flags;

	if (set_is_map(set))
		flags |= NFT_SET_MAP;
	if (flags & NFT_SET_INTERVAL && fields_count(set->key) > 1)
		flags |= NFT_SET_CONCAT;
	return flags;
}

void wire_begin(struct msg *m, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nfgenmsg *head = msg_begin(m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
					  (uint16_t)(NLM_F_REQUEST | flags), sizeof(*head));

	if (head)
		*head = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0 };
}

void wire_put_be32(struct msg *m, uint16_t type, uint32_t value)
{
	msg_put_u32(m, type, htonl(value));
}

static void wire_nest(struct msg *m, uint16_t type)
{
	msg_nest(m, NLA_F_NESTED | type);
}

void wire_put_chain(struct msg *m, const struct nf_chain *chain)
{
	msg_put_str(m, NFTA_CHAIN_NAME, chain->name);
	if (!chain->type)
		return;
	msg_put_str(m, NFTA_CHAIN_TYPE, chain->type);
	wire_put_be32(m, NFTA_CHAIN_POLICY, chain->policy);
	wire_nest(m, NFTA_CHAIN_HOOK);
	wire_put_be32(m, NFTA_HOOK_HOOKNUM, chain->hook);
	wire_put_be32(m, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	if (chain->device)
		msg_put_str(m, NFTA_HOOK_DEV, chain->device);
	msg_nest_end(m);
}

static void wire_put_desc(struct msg *m, const struct nf_set *set)
{
	bool concat = set_flags(set) & NFT_SET_CONCAT;
	unsigned int n = fields_count(set->key);

	if (!set->size && !concat)
		return;
	wire_nest(m, NFTA_SET_DESC);
	if (set->size)
		wire_put_be32(m, NFTA_SET_DESC_SIZE, set->size);
	if (concat) {
		wire_nest(m, NFTA_SET_DESC_CONCAT);
		for (unsigned int i = 0; i < n; i++) {
			wire_nest(m, NFTA_LIST_ELEM);
			wire_put_be32(m, NFTA_SET_FIELD_LEN, type_len(set->key[i]));
			msg_nest_end(m);
		}
		msg_nest_end(m);
	}
	msg_nest_end(m);
}

/* nft's user data is type, length, value, a byte each but the value, packed. */
static size_t udata_put(uint8_t *buf, size_t at, uint8_t type, const void *value, uint8_t len)
{
	buf[at] = type;
	buf[at + 1] = len;
	memcpy(buf + at + 2, value, len);
	return at + 2 + len;
}

void wire_put_set(struct msg *m, const struct nf_set *set, uint32_t id)
{
	uint32_t key_order = fields_order(set->key), value_order = fields_order(set->value);
	uint8_t udata[WIRE_UDATA_BYTES];
	size_t len;

	msg_put_str(m, NFTA_SET_NAME, set->name);
	wire_put_be32(m, NFTA_SET_FLAGS, set_flags(set));
	wire_put_be32(m, NFTA_SET_KEY_TYPE, fields_type(set->key));
	wire_put_be32(m, NFTA_SET_KEY_LEN, fields_len(set->key));
	if (set_is_map(set)) {
		wire_put_be32(m, NFTA_SET_DATA_TYPE, fields_type(set->value));
		wire_put_be32(m, NFTA_SET_DATA_LEN, fields_len(set->value));
	}
	wire_put_be32(m, NFTA_SET_ID, id);
	wire_put_desc(m, set);
	/* Without the byte order nft prints marks swapped. */
	len = udata_put(udata, 0, NFTNL_UDATA_SET_KEYBYTEORDER, &key_order, sizeof(key_order));
	if (set_is_map(set))
		len = udata_put(udata, len, NFTNL_UDATA_SET_DATABYTEORDER, &value_order, sizeof(value_order));
	msg_put(m, NFTA_SET_USERDATA, udata, len);
}

/* A comment, as nft keeps it; a longer one than nft would take is cut. */
static size_t udata_comment(uint8_t *buf, uint8_t type, const char *comment)
{
	char text[NFTNL_UDATA_COMMENT_MAXLEN] = "";
	size_t len = strnlen(comment, sizeof(text) - 1);

	memcpy(text, comment, len);
	return udata_put(buf, 0, type, text, (uint8_t)(len + 1));
}

size_t wire_rule_bytes(const struct nf_rule *rule)
{
	return WIRE_RULE_BYTES + rule->n_ops * WIRE_EXPR_BYTES;
}

struct nftnl_rule *rule_wire(const struct nf_rule *rule)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	uint8_t udata[WIRE_UDATA_BYTES];
	bool ok = r && nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, rule->chain) == 0;

	for (size_t i = 0; ok && i < rule->n_ops; i++) {
		struct nftnl_expr *e = op_build(&rule->ops[i]);

		ok = e != NULL;
		if (ok)
			nftnl_rule_add_expr(r, e);
	}
	if (ok && rule->comment)
		ok = nftnl_rule_set_data(
			     r, NFTNL_RULE_USERDATA, udata,
			     (uint32_t)udata_comment(udata, NFTNL_UDATA_RULE_COMMENT, rule->comment)) == 0;
	if (ok)
		return r;
	if (r)
		nftnl_rule_free(r);
	return NULL;
}

int wire_put_rule(struct msg *m, const struct nf_rule *rule)
{
	struct nftnl_rule *r;

	/* libnftnl doesn't look at the room there is. */
	if (m->err || m->size - m->len - m->nlh->nlmsg_len < wire_rule_bytes(rule))
		return -ENOBUFS;
	r = rule_wire(rule);
	if (!r)
		return -ENOMEM;
	nftnl_rule_nlmsg_build_payload(m->nlh, r);
	nftnl_rule_free(r);
	return 0;
}

const struct nlattr *list_next(const struct nlattr *nest, const struct nlattr *previous)
{
	const char *end = (const char *)nest + nest->nla_len;
	const char *at = (const char *)nest + NLMSG_ALIGN(sizeof(*nest));
	const struct nlattr *a;

	if (previous)
		at = (const char *)previous + NLMSG_ALIGN((size_t)previous->nla_len);
	a = (const void *)at;
	if (at >= end || (size_t)(end - at) < sizeof(*a) || a->nla_len < sizeof(*a) || a->nla_len > end - at)
		return NULL;
	return a;
}
