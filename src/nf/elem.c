/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements as netlink attributes.
 *
 * Theory of operation: an interval of a set with a single key is two elements, its first key and, marked as an end,
 * the first key behind it, which is left out at the end of the address space. An interval of a concatenation is one
 * element with two keys, both inclusive. A struct nf_elem is inclusive always.
 */
#include "nf/wire.h"

#include "nl/attr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/udata.h>

#define ELEM_UDATA_OPEN 1U /* nft's mark of an interval without an end element */

static void elem_put_key(struct msg *m, uint16_t type, const uint8_t *key, size_t len)
{
	msg_nest(m, (uint16_t)(NLA_F_NESTED | type));
	msg_put(m, NFTA_DATA_VALUE, key, len);
	msg_nest_end(m);
}

static void elem_put_value(struct msg *m, const struct nf_set *set, const struct nf_elem *elem)
{
	if (!elem->has_verdict) {
		elem_put_key(m, NFTA_SET_ELEM_DATA, elem->value, fields_len(set->value));
		return;
	}
	msg_nest(m, NLA_F_NESTED | NFTA_SET_ELEM_DATA);
	msg_nest(m, NLA_F_NESTED | NFTA_DATA_VERDICT);
	msg_put_u32(m, NFTA_VERDICT_CODE, htonl((uint32_t)elem->verdict));
	if (elem->chain[0])
		msg_put_str(m, NFTA_VERDICT_CHAIN, elem->chain);
	msg_nest_end(m);
	msg_nest_end(m);
}

/* nft's user data: type, length, value. */
static void elem_put_udata(struct msg *m, const struct nf_elem *elem, bool open)
{
	uint8_t udata[2 + sizeof(elem->comment) + 2 + sizeof(uint32_t)];
	size_t len = 0;

	if (elem->comment[0]) {
		size_t n = strnlen(elem->comment, sizeof(elem->comment) - 1);

		udata[0] = NFTNL_UDATA_SET_ELEM_COMMENT;
		udata[1] = (uint8_t)(n + 1);
		memcpy(udata + 2, elem->comment, n);
		udata[2 + n] = '\0';
		len = n + 3;
	}
	if (open) {
		uint32_t flags = ELEM_UDATA_OPEN;

		udata[len] = NFTNL_UDATA_SET_ELEM_FLAGS;
		udata[len + 1] = sizeof(flags);
		memcpy(udata + len + 2, &flags, sizeof(flags));
		len += 2 + sizeof(flags);
	}
	if (len)
		msg_put(m, NFTA_SET_ELEM_USERDATA, udata, len);
}

/* The next key. Return: false if there is none: it was the last one. */
static bool key_next(uint8_t *key, size_t len)
{
	while (len--) {
		if (++key[len])
			return true;
	}
	return false;
}

static void key_previous(uint8_t *key, size_t len)
{
	while (len-- && !key[len]--)
		;
}

/* The element that ends an interval. */
static void elem_put_end(struct msg *m, const uint8_t *key, size_t len)
{
	msg_nest(m, NLA_F_NESTED | NFTA_LIST_ELEM);
	msg_put_u32(m, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	elem_put_key(m, NFTA_SET_ELEM_KEY, key, len);
	msg_nest_end(m);
}

void elem_put(struct msg *m, const struct nf_set *set, const struct nf_elem *elem, bool key_only)
{
	const uint8_t *last = elem->interval ? elem->key_end : elem->key;
	bool ends = set_has_end_elems(set), open = false;
	/* A key of the wrong length goes out as it is, for the kernel to refuse. */
	size_t want = fields_len(set->key), len = elem->key_len < want ? elem->key_len : want;
	uint8_t behind[sizeof(elem->key)];

	if (ends) {
		memcpy(behind, last, len);
		open = !key_next(behind, len);
	}
	msg_nest(m, NLA_F_NESTED | NFTA_LIST_ELEM);
	elem_put_key(m, NFTA_SET_ELEM_KEY, elem->key, len);
	if (set->flags & NFT_SET_INTERVAL && !ends)
		elem_put_key(m, NFTA_SET_ELEM_KEY_END, last, len);
	if (!key_only) {
		if (set_is_map(set))
			elem_put_value(m, set, elem);
		elem_put_udata(m, elem, open);
	}
	msg_nest_end(m);
	if (ends && !open)
		elem_put_end(m, behind, len);
}

/* Copy what struct nft_data holds, padded to 4 bytes. Return: padded length, 0 if it is no value or too long. */
static uint8_t elem_read_data(const struct nlattr *value, uint8_t *buf, size_t size)
{
	size_t len = value ? mnl_attr_get_payload_len(value) : 0;

	if (NLMSG_ALIGN(len) > size)
		return 0;
	if (len)
		memcpy(buf, mnl_attr_get_payload(value), len);
	return (uint8_t)NLMSG_ALIGN(len);
}

static void elem_read_verdict(const struct nlattr *nest, struct nf_elem *e)
{
	const struct nlattr *v[NFTA_VERDICT_MAX + 1];

	attr_table_nested(nest, v, NFTA_VERDICT_MAX);
	e->has_verdict = true;
	e->verdict = (int32_t)ntohl(attr_u32(v[NFTA_VERDICT_CODE]));
	attr_text(v[NFTA_VERDICT_CHAIN], e->chain, sizeof(e->chain));
}

static void elem_read_comment(const struct nlattr *a, struct nf_elem *e)
{
	const uint8_t *at = mnl_attr_get_payload(a);
	size_t left = mnl_attr_get_payload_len(a);

	while (left >= 2 && left - 2 >= at[1]) {
		size_t len = at[1];

		if (at[0] == NFTNL_UDATA_SET_ELEM_COMMENT)
			memcpy(e->comment, at + 2, len < sizeof(e->comment) ? len : sizeof(e->comment) - 1);
		at += 2 + len;
		left -= 2 + len;
	}
}

/* An element's counter; other expressions are left alone. */
static void elem_read_expr(const struct nlattr *nest, struct nf_elem *e)
{
	const struct nlattr *x[NFTA_EXPR_MAX + 1], *c[NFTA_COUNTER_MAX + 1];
	char name[NF_NAME];

	attr_table_nested(nest, x, NFTA_EXPR_MAX);
	attr_text(x[NFTA_EXPR_NAME], name, sizeof(name));
	if (strcmp(name, "counter") != 0 || !x[NFTA_EXPR_DATA])
		return;
	attr_table_nested(x[NFTA_EXPR_DATA], c, NFTA_COUNTER_MAX);
	e->packets = be64toh(attr_u64(c[NFTA_COUNTER_PACKETS]));
	e->bytes = be64toh(attr_u64(c[NFTA_COUNTER_BYTES]));
}

int elem_read(const struct nlattr *nest, struct nf_elem *ret_elem)
{
	const struct nlattr *a[NFTA_SET_ELEM_MAX + 1], *d[NFTA_DATA_MAX + 1], *x;

	attr_table_nested(nest, a, NFTA_SET_ELEM_MAX);
	*ret_elem = (struct nf_elem){ 0 };
	if (a[NFTA_SET_ELEM_KEY]) {
		attr_table_nested(a[NFTA_SET_ELEM_KEY], d, NFTA_DATA_MAX);
		ret_elem->key_len = elem_read_data(d[NFTA_DATA_VALUE], ret_elem->key, sizeof(ret_elem->key));
	}
	if (a[NFTA_SET_ELEM_KEY_END]) {
		attr_table_nested(a[NFTA_SET_ELEM_KEY_END], d, NFTA_DATA_MAX);
		elem_read_data(d[NFTA_DATA_VALUE], ret_elem->key_end, sizeof(ret_elem->key_end));
		ret_elem->interval = true;
	}
	if (a[NFTA_SET_ELEM_DATA]) {
		attr_table_nested(a[NFTA_SET_ELEM_DATA], d, NFTA_DATA_MAX);
		ret_elem->value_len =
			elem_read_data(d[NFTA_DATA_VALUE], ret_elem->value, sizeof(ret_elem->value));
		if (d[NFTA_DATA_VERDICT])
			elem_read_verdict(d[NFTA_DATA_VERDICT], ret_elem);
	}
	if (a[NFTA_SET_ELEM_USERDATA])
		elem_read_comment(a[NFTA_SET_ELEM_USERDATA], ret_elem);
	if (a[NFTA_SET_ELEM_EXPR])
		elem_read_expr(a[NFTA_SET_ELEM_EXPR], ret_elem);
	if (a[NFTA_SET_ELEM_EXPRESSIONS])
		for (x = NULL; (x = list_next(a[NFTA_SET_ELEM_EXPRESSIONS], x));)
			elem_read_expr(x, ret_elem);
	return ntohl(attr_u32(a[NFTA_SET_ELEM_FLAGS])) & NFT_SET_ELEM_INTERVAL_END ? 1 : 0;
}

void elem_close(struct nf_elem *elem, const struct nf_elem *end)
{
	elem->interval = true;
	if (!end) {
		memset(elem->key_end, 0xff, elem->key_len);
		return;
	}
	memcpy(elem->key_end, end->key, elem->key_len);
	key_previous(elem->key_end, elem->key_len);
}
