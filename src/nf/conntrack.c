/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection tracking entries.
 *
 * The kernel can filter its dump by address since 5.8, one place a dump. For IPv6 it does it the wrong way round: what
 * equals the address is left out (ctnetlink_filter_match_tuple(), seen on 6.18). So there, and in older kernels, all
 * entries of the family are read once and filtered here. What the kernel filtered is looked at again in any case.
 */
#include "nf/conntrack.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "nl/attr.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#define CONNTRACK_BYTES 512
#define CONNTRACK_BATCH 64 /* entries deleted in one send */
/* Bits of CTA_FILTER_ORIG_FLAGS and _REPLY_FLAGS, not in the uapi header (linux/netfilter's nf_internals.h). */
#define FILTER_IP_SRC (1U << 0)
#define FILTER_IP_DST (1U << 1)

/* Where an address may stand: tuple, attribute within it, bit of the filter. */
struct place {
	uint16_t tuple, filter;
	bool source;
};

static const struct place places[] = {
	{ CTA_TUPLE_ORIG, CTA_FILTER_ORIG_FLAGS, true },
	{ CTA_TUPLE_REPLY, CTA_FILTER_REPLY_FLAGS, true },
	{ CTA_TUPLE_ORIG, CTA_FILTER_ORIG_FLAGS, false },
	{ CTA_TUPLE_REPLY, CTA_FILTER_REPLY_FLAGS, false },
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

/**
 * struct found - entries to delete: requests that name them by tuple and id
 * @place: where the address must stand; NULL: in any of the places
 * @buf:   whole messages, @len bytes of @size
 */
struct found {
	const struct addr *addr;
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

static uint16_t ip_attr(const struct addr *addr, bool source)
{
	if (addr->family == AF_INET)
		return source ? CTA_IP_V4_SRC : CTA_IP_V4_DST;
	return source ? CTA_IP_V6_SRC : CTA_IP_V6_DST;
}

static bool tuple_has(const struct nlattr *tuple, const struct addr *addr, bool source)
{
	const struct nlattr *t[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *a;

	if (!tuple)
		return false;
	attr_table_nested(tuple, t, CTA_TUPLE_MAX);
	if (!t[CTA_TUPLE_IP])
		return false;
	attr_table_nested(t[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	a = ip[ip_attr(addr, source)];
	return a && mnl_attr_get_payload_len(a) == addr_size(addr->family) &&
	       memcmp(mnl_attr_get_payload(a), addr->bytes, addr_size(addr->family)) == 0;
}

static bool entry_has(const struct nlattr *const *entry, const struct found *f)
{
	for (size_t i = 0; i < N_PLACES; i++) {
		if ((!f->place || f->place == &places[i]) &&
		    tuple_has(entry[places[i].tuple], f->addr, places[i].source))
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
	size_t size = f->size ? 2 * f->size : CONNTRACK_BATCH * CONNTRACK_BYTES;
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
	conntrack_begin(&m, IPCTNL_MSG_CT_DELETE, f->addr->family);
	put_copy(&m, a[CTA_TUPLE_ORIG]);
	put_copy(&m, a[CTA_ZONE]);
	/* Not the one that may have taken its place meanwhile. */
	put_copy(&m, a[CTA_ID]);
	r = msg_finish(&m);
	f->len += m.len;
	return r;
}

/* Ask for all entries with the address in one place, or in any. */
static int conntrack_find(struct nl_sock *nf, struct found *f, struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[CONNTRACK_BYTES];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	conntrack_begin(&m, IPCTNL_MSG_CT_GET, f->addr->family);
	if (f->place) {
		msg_nest(&m, (uint16_t)(NLA_F_NESTED | f->place->tuple));
		msg_nest(&m, NLA_F_NESTED | CTA_TUPLE_IP);
		msg_put(&m, ip_attr(f->addr, f->place->source), f->addr->bytes, addr_size(f->addr->family));
		msg_nest_end(&m);
		msg_nest_end(&m);
		msg_nest(&m, NLA_F_NESTED | CTA_FILTER);
		msg_put_u32(&m, f->place->filter, f->place->source ? FILTER_IP_SRC : FILTER_IP_DST);
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
		r = nl_batch(nf, nlh, nlh->nlmsg_len, 1, NULL, NULL, NULL, err);
		at += NLMSG_ALIGN(nlh->nlmsg_len);
		if (r < 0 && r != -ENOENT)
			return r;
		n += r == 0;
	}
	return n;
}

/* Find and delete. Return: how many, or a negative errno. */
static int conntrack_del_place(struct nl_sock *nf, const struct addr *addr, const struct place *place,
			       struct an_error *err)
{
	_cleanup_(found_fini) struct found f = { .addr = addr, .place = place };
	int r = conntrack_find(nf, &f, err);

	return r < 0 ? r : conntrack_delete(nf, &f, err);
}

int conntrack_del(struct nl_sock *nf, const struct addr *addr, struct an_error *err)
{
	bool filter = addr->family == AF_INET;
	struct an_error why = { 0 };
	char text[ADDR_TEXT];
	int total = 0, r = 0;

	for (size_t i = 0; filter && r >= 0 && i < N_PLACES; i++) {
		r = conntrack_del_place(nf, addr, &places[i], &why);
		total += r > 0 ? r : 0;
	}
	if (!filter || r == -EINVAL || r == -EOPNOTSUPP) {
		r = conntrack_del_place(nf, addr, NULL, &why);
		total += r > 0 ? r : 0;
	}
	if (r >= 0)
		return total;
	if (err) {
		*err = why;
		error_context(err, "delete connection tracking entries");
		error_object(err, "address %s", addr_format_host(addr, text));
	}
	return r;
}
