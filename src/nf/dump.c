/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's tables hold.
 *
 * A dump may be interrupted by a change and started again, so what it brings is gathered first, as it came, and only
 * then read and handed on: callbacks see each object once, and may use the socket.
 */
#include "nf/dump.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "nf/wire.h"
#include "nl/attr.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/udata.h>

#define DUMP_FIRST_BYTES   4096
#define DUMP_REQUEST_BYTES (2 * WIRE_ELEM_BYTES)

#define DUMP_HEAD sizeof(struct nfgenmsg)

/**
 * struct gathered - elements or messages, each padded to 4 bytes, one after the other
 * @n: how many
 */
struct gathered {
	char *buf;
	size_t len, size, n;
};

static void gathered_fini(struct gathered *g)
{
	free(g->buf);
}

static void gathered_reset(void *data)
{
	struct gathered *g = data;

	g->len = 0;
	g->n = 0;
}

static int gathered_add(struct gathered *g, const void *item, size_t len)
{
	size_t padded = NLMSG_ALIGN(len), size = g->size ? g->size : DUMP_FIRST_BYTES;

	while (size - g->len < padded)
		size *= 2;
	if (size != g->size) {
		char *buf = realloc(g->buf, size);

		if (!buf)
			return -ENOMEM;
		g->buf = buf;
		g->size = size;
	}
	memcpy(g->buf + g->len, item, len);
	g->len += padded;
	g->n++;
	return 0;
}

static int gather_message(const struct nlmsghdr *nlh, void *data)
{
	return gathered_add(data, nlh, nlh->nlmsg_len);
}

/* All elements of a message's list. */
static int gather_elems(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_SET_ELEM_LIST_MAX + 1], *x = NULL;
	int r = 0;

	attr_table(nlh, DUMP_HEAD, a, NFTA_SET_ELEM_LIST_MAX);
	if (!a[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	while (!r && (x = list_next(a[NFTA_SET_ELEM_LIST_ELEMENTS], x)))
		r = gathered_add(data, x, x->nla_len);
	return r;
}

/* Say what a failure was about. */
static int dump_failed(int r, const struct an_error *why, const char *what, const char *name,
		       struct an_error *err)
{
	if (r == -EINVAL || r == -EOPNOTSUPP) /* nobody answers this kind of request (nfnetlink_rcv_msg()) */
		return error_feature(err, "nf_tables", "NF_TABLES");
	if (!err)
		return r;
	*err = *why;
	error_context(err, "read %s '%s'", what, name);
	error_object(err, "%s '%s'", what, name);
	return r;
}

static void elem_request(struct msg *m, const struct nf_table *table, const char *set)
{
	wire_begin(m, NFT_MSG_GETSETELEM, 0, table->family);
	msg_put_str(m, NFTA_SET_ELEM_LIST_TABLE, table->name);
	msg_put_str(m, NFTA_SET_ELEM_LIST_SET, set);
}

/* Elements of one key in address order, an interval's end before the next one's start. */
struct sorted {
	const struct nlattr *nest;
	uint8_t key[sizeof(((struct nf_elem *)0)->key)];
	int end;
};

static int sorted_compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int r = memcmp(x->key, y->key, sizeof(x->key));

	return r ? r : y->end - x->end;
}

static int hand_on_plain(const struct gathered *g, elem_cb *cb, void *data)
{
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; !r && i < g->n; i++) {
		const struct nlattr *nest = (const void *)(g->buf + at);
		struct nf_elem elem;

		elem_read(nest, &elem);
		at += NLMSG_ALIGN((size_t)nest->nla_len);
		r = cb(&elem, data);
	}
	return r;
}

/* The kernel gives starts and ends in an order of its own. */
static int hand_on_intervals(const struct gathered *g, elem_cb *cb, void *data)
{
	_cleanup_free_ struct sorted *sorted = reallocarray(NULL, g->n, sizeof(*sorted));
	size_t at = 0;
	int r = 0;

	if (!sorted)
		return g->n ? -ENOMEM : 0;
	for (size_t i = 0; i < g->n; i++) {
		struct nf_elem elem;

		sorted[i].nest = (const void *)(g->buf + at);
		sorted[i].end = elem_read(sorted[i].nest, &elem);
		memcpy(sorted[i].key, elem.key, sizeof(elem.key));
		at += NLMSG_ALIGN((size_t)sorted[i].nest->nla_len);
	}
	qsort(sorted, g->n, sizeof(*sorted), sorted_compare);
	for (size_t i = 0; !r && i < g->n; i++) {
		struct nf_elem elem, end;

		if (sorted[i].end)
			continue;
		elem_read(sorted[i].nest, &elem);
		if (i + 1 < g->n)
			elem_read(sorted[i + 1].nest, &end);
		elem_close(&elem, i + 1 < g->n ? &end : NULL);
		r = cb(&elem, data);
	}
	return r;
}

int elem_dump(struct nl_sock *nf, const struct nf_table *table, const struct nf_set *set, elem_cb *cb,
	      void *data, struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[DUMP_REQUEST_BYTES];
	_cleanup_(gathered_fini) struct gathered g = { 0 };
	struct an_error why = { 0 };
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	elem_request(&m, table, set->name);
	r = nl_dump(nf, &m, gather_elems, gathered_reset, &g, &why);
	if (r == -ENOENT)
		return r;
	if (r < 0)
		return dump_failed(r, &why, "set", set->name, err);
	r = set_has_end_elems(set) ? hand_on_intervals(&g, cb, data) : hand_on_plain(&g, cb, data);
	if (r == -ENOMEM)
		return error_set(err, AN_FAILED, ENOMEM, set->name, "out of memory");
	return r;
}

/*
 * Which interval holds a key? Asked for an interval's end, the kernel gives that of the next one where both touch
 * (seen on 6.18), so all of them are read.
 */
struct search {
	const struct nf_elem *key;
	struct nf_elem found;
	bool any;
};

static int search_interval(const struct nf_elem *elem, void *data)
{
	struct search *s = data;

	if (memcmp(elem->key, s->key->key, sizeof(elem->key)) <= 0 &&
	    memcmp(elem->key_end, s->key->key, sizeof(elem->key_end)) >= 0) {
		s->found = *elem;
		s->any = true;
	}
	return 0;
}

int elem_get(struct nl_sock *nf, const struct nf_table *table, const struct nf_set *set,
	     const struct nf_elem *key, struct nf_elem *ret_elem, struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[DUMP_REQUEST_BYTES];
	_cleanup_(gathered_fini) struct gathered g = { 0 };
	struct search s = { .key = key };
	struct an_error why = { 0 };
	struct msg m;
	int r;

	if (set_has_end_elems(set)) {
		r = elem_dump(nf, table, set, search_interval, &s, err);
		if (s.any)
			*ret_elem = s.found;
		return r < 0 && r != -ENOENT ? r : s.any;
	}
	msg_init(&m, buf, sizeof(buf));
	elem_request(&m, table, set->name);
	msg_nest(&m, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS);
	elem_put(&m, set, key, true);
	msg_nest_end(&m);
	r = nl_call(nf, &m, gather_elems, &g, NULL, &why);
	if (r == -ENOENT || (!r && !g.n))
		return 0;
	if (r < 0)
		return dump_failed(r, &why, "set", set->name, err);
	elem_read((const void *)g.buf, ret_elem);
	return 1;
}

int table_exists(struct nl_sock *nf, uint8_t family, const char *table, struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[DUMP_REQUEST_BYTES];
	struct an_error why = { 0 };
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	wire_begin(&m, NFT_MSG_GETTABLE, 0, family);
	msg_put_str(&m, NFTA_TABLE_NAME, table);
	r = nl_call(nf, &m, NULL, NULL, NULL, &why);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? dump_failed(r, &why, "table", table, err) : 1;
}

/* Gather all objects of one kind in the namespace. */
static int dump_all(struct nl_sock *nf, uint16_t type, const char *what, struct gathered *g,
		    struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[DUMP_REQUEST_BYTES];
	struct an_error why = { 0 };
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	wire_begin(&m, type, 0, NFPROTO_UNSPEC);
	r = nl_dump(nf, &m, gather_message, gathered_reset, g, &why);
	return r < 0 ? dump_failed(r, &why, "list of", what, err) : 0;
}

int table_dump(struct nl_sock *nf, table_cb *cb, void *data, struct an_error *err)
{
	_cleanup_(gathered_fini) struct gathered g = { 0 };
	int r = dump_all(nf, NFT_MSG_GETTABLE, "tables", &g, err);

	for (size_t at = 0; !r && at < g.len;) {
		const struct nlmsghdr *nlh = (const void *)(g.buf + at);
		const struct nfgenmsg *head = mnl_nlmsg_get_payload(nlh);
		const struct nlattr *a[NFTA_TABLE_MAX + 1];
		char name[NFT_NAME_MAXLEN];

		attr_table(nlh, DUMP_HEAD, a, NFTA_TABLE_MAX);
		attr_text(a[NFTA_TABLE_NAME], name, sizeof(name));
		at += NLMSG_ALIGN(nlh->nlmsg_len);
		r = cb(head->nfgen_family, name, data);
	}
	return r;
}

/* Return: is it one? */
static bool base_chain_read(const struct nlmsghdr *nlh, struct base_chain *ret_chain)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a[NFTA_CHAIN_MAX + 1], *h[NFTA_HOOK_MAX + 1];

	attr_table(nlh, DUMP_HEAD, a, NFTA_CHAIN_MAX);
	if (!a[NFTA_CHAIN_HOOK])
		return false;
	attr_table_nested(a[NFTA_CHAIN_HOOK], h, NFTA_HOOK_MAX);
	*ret_chain = (struct base_chain){
		.family = head->nfgen_family,
		.hook = ntohl(attr_u32(h[NFTA_HOOK_HOOKNUM])),
		.priority = (int32_t)ntohl(attr_u32(h[NFTA_HOOK_PRIORITY])),
		.policy = ntohl(attr_u32(a[NFTA_CHAIN_POLICY])),
	};
	attr_text(a[NFTA_CHAIN_TABLE], ret_chain->table, sizeof(ret_chain->table));
	attr_text(a[NFTA_CHAIN_NAME], ret_chain->name, sizeof(ret_chain->name));
	return true;
}

int base_chain_dump(struct nl_sock *nf, base_chain_cb *cb, void *data, struct an_error *err)
{
	_cleanup_(gathered_fini) struct gathered g = { 0 };
	int r = dump_all(nf, NFT_MSG_GETCHAIN, "chains", &g, err);

	for (size_t at = 0; !r && at < g.len;) {
		const struct nlmsghdr *nlh = (const void *)(g.buf + at);
		struct base_chain chain;

		at += NLMSG_ALIGN(nlh->nlmsg_len);
		if (base_chain_read(nlh, &chain))
			r = cb(&chain, data);
	}
	return r;
}

/* struct rule_search - rules of one chain that have a comment */
struct rule_search {
	const struct nf_place *place;
	const char *comment;
	rule_handle_cb *cb;
	void *data;
};

static bool has_comment(const struct nlattr *udata, const char *comment)
{
	const uint8_t *at = mnl_attr_get_payload(udata), *end = at + mnl_attr_get_payload_len(udata);
	const size_t len = strlen(comment) + 1;

	/* type, length, value; nft keeps a comment with its NUL */
	for (; end - at >= 2 && end - at - 2 >= at[1]; at += 2 + at[1]) {
		if (at[0] == NFTNL_UDATA_RULE_COMMENT && at[1] == len && memcmp(at + 2, comment, len) == 0)
			return true;
	}
	return false;
}

static int rule_found(const struct nlmsghdr *nlh, const struct rule_search *search)
{
	const struct nlattr *a[NFTA_RULE_MAX + 1];
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(nlh);

	attr_table(nlh, sizeof(*head), a, NFTA_RULE_MAX);
	if (head->nfgen_family != search->place->family || !a[NFTA_RULE_TABLE] || !a[NFTA_RULE_CHAIN] ||
	    !a[NFTA_RULE_USERDATA] ||
	    strcmp(mnl_attr_get_str(a[NFTA_RULE_TABLE]), search->place->table) != 0 ||
	    strcmp(mnl_attr_get_str(a[NFTA_RULE_CHAIN]), search->place->chain) != 0 ||
	    !has_comment(a[NFTA_RULE_USERDATA], search->comment))
		return 0;
	return search->cb(be64toh(attr_u64(a[NFTA_RULE_HANDLE])), search->data);
}

int rule_find(struct nl_sock *nf, const struct nf_place *place, const char *comment, rule_handle_cb *cb,
	      void *data, struct an_error *err)
{
	const struct rule_search search = { place, comment, cb, data };
	_cleanup_(gathered_fini) struct gathered g = { 0 };
	int r = dump_all(nf, NFT_MSG_GETRULE, "rules", &g, err);

	for (size_t at = 0; !r && at < g.len;) {
		const struct nlmsghdr *nlh = (const void *)(g.buf + at);

		at += NLMSG_ALIGN(nlh->nlmsg_len);
		r = rule_found(nlh, &search);
	}
	return r;
}
