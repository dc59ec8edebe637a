/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection tracking entries.
 *
 * The kernel can filter its dump by address since 5.8, one place a dump. For IPv6 it does it the wrong way round: what
 * equals the address is left out (ctnetlink_filter_match_tuple(), seen on 6.18). So there, in older kernels, and where
 * there are few entries, all are read once and filtered here. What the kernel filtered is looked at again in any case.
 */
#include "nf/conntrack.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "nl/attr.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#define CONNTRACK_BYTES 512
#define CONNTRACK_BATCH 64 /* entries there is room for at first */
/* Bits of CTA_FILTER_ORIG_FLAGS and _REPLY_FLAGS, not in the uapi header (linux/netfilter's nf_internals.h). */
#define FILTER_IP_SRC (1U << 0)

/* With more entries than this, a dump for each address, filtered by the kernel, is cheaper than one of all. */
#define CONNTRACK_FEW 5000

/* Where a party's address stands: as source of the first direction (it began the flow) or of the other (it answers). */
struct place {
	uint16_t tuple, filter;
};

static const struct place places[] = {
	{ CTA_TUPLE_ORIG, CTA_FILTER_ORIG_FLAGS },
	{ CTA_TUPLE_REPLY, CTA_FILTER_REPLY_FLAGS },
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

/**
 * struct found - entries to delete: requests that name them by tuple and id
 * @family: of the entries to read; AF_UNSPEC: all
 * @parties: @n
 * @place:  where the kernel is to look for the only one of @parties; NULL: it is not to filter
 * @buf:    whole messages, @len bytes of @size
 */
struct found {
	uint8_t family;
	const struct party *parties;
	size_t n;
	const struct place *place;
	char *buf;
	size_t len, size;
};

static void found_fini(struct found *f)
{
	free(f->buf);
}

static void found_reset(void *data)
{
	struct found *f = data;

	f->len = 0;
}

/* struct way - what a tuple says of one direction: where its packets come from, and to which port they go */
struct way {
	struct addr source;
	uint8_t protocol;
	uint16_t port;
};

/* Return: false where the tuple has none. */
static bool way_read(const struct nlattr *tuple, struct way *ret)
{
	const struct nlattr *t[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1], *a;
	uint8_t family;

	if (!tuple)
		return false;
	attr_table_nested(tuple, t, CTA_TUPLE_MAX);
	if (!t[CTA_TUPLE_IP] || !t[CTA_TUPLE_PROTO])
		return false;
	attr_table_nested(t[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	attr_table_nested(t[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX);
	family = ip[CTA_IP_V4_SRC] ? AF_INET : AF_INET6;
	a = family == AF_INET ? ip[CTA_IP_V4_SRC] : ip[CTA_IP_V6_SRC];
	if (!a || mnl_attr_get_payload_len(a) != addr_size(family))
		return false;
	ret->source = addr_from(family, mnl_attr_get_payload(a));
	ret->protocol = attr_u8(proto[CTA_PROTO_NUM]);
	ret->port = ntohs(attr_u16(proto[CTA_PROTO_DST_PORT]));
	return true;
}

static bool is_party(const struct party *p, const struct way *orig, const struct way *reply)
{
	if (p->protocol && p->protocol != orig->protocol)
		return false;
	if (p->port)
		return addr_contains(&p->addr, &reply->source) && orig->port >= p->port &&
		       orig->port <= p->end_port;
	return addr_contains(&p->addr, &orig->source) || addr_contains(&p->addr, &reply->source);
}

static bool entry_has(const struct nlattr *const *entry, const struct found *f)
{
	struct way orig, reply;

	if (!way_read(entry[CTA_TUPLE_ORIG], &orig) || !way_read(entry[CTA_TUPLE_REPLY], &reply))
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (is_party(&f->parties[i], &orig, &reply))
			return true;
	}
	return false;
}

static void conntrack_begin(struct msg *m, uint16_t type, uint8_t family)
{
	struct nfgenmsg *head =
		msg_begin(m, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), NLM_F_REQUEST, sizeof(*head));

	if (head)
		*head = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0 };
}

/* Room for one more request. */
static int found_room(struct found *f)
{
	size_t size = f->size ? 2 * f->size : (size_t)CONNTRACK_BATCH * CONNTRACK_BYTES;
	char *buf;

	if (f->size - f->len >= CONNTRACK_BYTES)
		return 0;
	buf = realloc(f->buf, size);
	if (!buf)
		return -ENOMEM;
	f->buf = buf;
	f->size = size;
	return 0;
}

static void put_copy(struct msg *m, const struct nlattr *a)
{
	if (a)
		msg_put(m, a->nla_type, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
}

/* Keep the request that deletes an entry, if it is one of ours. */
static int on_entry(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[CTA_MAX + 1];
	struct found *f = data;
	struct msg m;
	int r;

	attr_table(nlh, sizeof(struct nfgenmsg), a, CTA_MAX);
	if (!entry_has(a, f))
		return 0;
	r = found_room(f);
	if (r < 0)
		return r;
	msg_init(&m, f->buf + f->len, f->size - f->len);
	conntrack_begin(&m, IPCTNL_MSG_CT_DELETE,
			((const struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family);
	put_copy(&m, a[CTA_TUPLE_ORIG]);
	put_copy(&m, a[CTA_ZONE]);
	/* Not the one that may have taken its place meanwhile. */
	put_copy(&m, a[CTA_ID]);
	r = msg_finish(&m);
	f->len += m.len;
	return r;
}

/* Ask for all entries of the family, or those with the address in one place. */
static int conntrack_find(struct nl_sock *nf, struct found *f, struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[CONNTRACK_BYTES];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	conntrack_begin(&m, IPCTNL_MSG_CT_GET, f->family);
	if (f->place) {
		msg_nest(&m, (uint16_t)(NLA_F_NESTED | f->place->tuple));
		msg_nest(&m, NLA_F_NESTED | CTA_TUPLE_IP);
		msg_put(&m, CTA_IP_V4_SRC, f->parties->addr.bytes, addr_size(AF_INET));
		msg_nest_end(&m);
		msg_nest_end(&m);
		msg_nest(&m, NLA_F_NESTED | CTA_FILTER);
		msg_put_u32(&m, f->place->filter, FILTER_IP_SRC);
		msg_nest_end(&m);
	}
	return nl_dump(nf, &m, on_entry, found_reset, f, err);
}

/* Delete what was found. Return: how many there were still, or a negative errno. */
static int conntrack_delete(struct nl_sock *nf, struct found *f, struct an_error *err)
{
	int n = 0;

	for (size_t at = 0; at < f->len;) {
		struct nlmsghdr *nlh = (void *)(f->buf + at);
		int r;

		nlh->nlmsg_flags |= NLM_F_ACK;
		r = nl_batch(nf, nlh, nlh->nlmsg_len, 1, NULL, err);
		at += NLMSG_ALIGN(nlh->nlmsg_len);
		if (r < 0 && r != -ENOENT)
			return r;
		n += r == 0;
	}
	return n;
}

/* Find and delete. Return: how many, or a negative errno. */
static int conntrack_run(struct nl_sock *nf, struct found *f, struct an_error *err)
{
	int r = conntrack_find(nf, f, err);

	return r < 0 ? r : conntrack_delete(nf, f, err);
}

/* One dump of a family (AF_UNSPEC: all) for all addresses. */
static int conntrack_del_read(struct nl_sock *nf, uint8_t family, const struct party *parties, size_t n,
			      struct an_error *err)
{
	_cleanup_(found_fini) struct found f = { .family = family, .parties = parties, .n = n };

	return conntrack_run(nf, &f, err);
}

/* Two dumps for one IPv4 address, filtered by the kernel. */
static int conntrack_del_filtered(struct nl_sock *nf, const struct party *party, struct an_error *err)
{
	int total = 0;

	for (size_t i = 0; i < N_PLACES; i++) {
		_cleanup_(found_fini) struct found f = {
			.family = AF_INET, .parties = party, .n = 1, .place = &places[i]
		};
		int r = conntrack_run(nf, &f, err);

		if (r < 0)
			return r;
		total += r;
	}
	return total;
}

/* A table with many entries: IPv4 addresses one by one, the rest by reading. */
static int conntrack_del_many(struct nl_sock *nf, const struct party *parties, size_t n, struct an_error *err)
{
	bool read4 = false, read6 = false;
	int total = 0, r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		if (parties[i].addr.family == AF_INET6) {
			read6 = true;
		} else if (parties[i].addr.prefix < 32 || read4) {
			read4 = true;
		} else {
			struct an_error why = { 0 };

			r = conntrack_del_filtered(nf, &parties[i], &why);
			total += r > 0 ? r : 0;
			if (r == -EINVAL || r == -EOPNOTSUPP) { /* a kernel that can't filter */
				read4 = true;
				r = 0;
			} else if (r < 0 && err) {
				*err = why;
			}
		}
	}
	if (r >= 0 && read4)
		total += (r = conntrack_del_read(nf, AF_INET, parties, n, err)) > 0 ? r : 0;
	if (r >= 0 && read6)
		total += (r = conntrack_del_read(nf, AF_INET6, parties, n, err)) > 0 ? r : 0;
	return r < 0 ? r : total;
}

static int on_stats(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[CTA_STATS_GLOBAL_MAX + 1];

	attr_table(nlh, sizeof(struct nfgenmsg), a, CTA_STATS_GLOBAL_MAX);
	*(uint32_t *)data = ntohl(attr_u32(a[CTA_STATS_GLOBAL_ENTRIES]));
	return 0;
}

/* Entries of the namespace. Return: 0 or a negative errno. */
static int conntrack_count(struct nl_sock *nf, uint32_t *ret_count, struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[CONNTRACK_BYTES];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	conntrack_begin(&m, IPCTNL_MSG_CT_GET_STATS, AF_UNSPEC);
	return nl_call(nf, &m, on_stats, ret_count, NULL, err);
}

int conntrack_del(struct nl_sock *nf, const struct party *parties, size_t n, struct an_error *err)
{
	uint32_t count = 0;
	char text[ADDR_TEXT];
	int r = conntrack_count(nf, &count, err);

	if (r == 0 && count > 0 && n > 0)
		r = count <= CONNTRACK_FEW ? conntrack_del_read(nf, AF_UNSPEC, parties, n, err)
					   : conntrack_del_many(nf, parties, n, err);
	if (r < 0) {
		error_context(err, "delete connection tracking entries");
		if (n > 0)
			error_object(err, "address %s", addr_format(&parties[0].addr, text));
	}
	return r;
}
