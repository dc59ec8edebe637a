/* SPDX-License-Identifier: Apache-2.0 */
/* Routes. */
#include "rtnl/route.h"

#include "base/error.h"
#include "nl/attr.h"
#include "rtnl/request.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define ROUTE_METRIC6 1024 /* IP6_RT_PRIO_USER: what IPv6 makes of no metric (linux/ipv6_route.h) */

static uint8_t route_type(const struct route *route)
{
	return route->type ? route->type : RTN_UNICAST;
}

/* Scope as ip-route(8) sets it: how far away the destination is. IPv6 has none. */
static uint8_t route_scope(const struct route *route, uint16_t type)
{
	if (type == RTM_DELROUTE)
		return RT_SCOPE_NOWHERE; /* any */
	if (route_type(route) == RTN_LOCAL)
		return RT_SCOPE_HOST;
	if (route_type(route) == RTN_UNICAST && !route->gateway.family)
		return RT_SCOPE_LINK;
	return RT_SCOPE_UNIVERSE;
}

/* The next hop, which for an IPv4 route may be an IPv6 one (struct rtvia: family, address). */
static void route_put_gateway(struct msg *m, const struct route *route)
{
	const struct addr *gateway = &route->gateway;
	uint8_t via[sizeof(uint16_t) + sizeof(gateway->bytes)];
	uint16_t family = gateway->family;

	if (!gateway->family)
		return;
	if (gateway->family == route->dst.family) {
		msg_put(m, RTA_GATEWAY, gateway->bytes, addr_size(gateway->family));
		return;
	}
	memcpy(via, &family, sizeof(family));
	memcpy(via + sizeof(family), gateway->bytes, addr_size(gateway->family));
	msg_put(m, RTA_VIA, via, sizeof(family) + addr_size(gateway->family));
}

void route_build(struct msg *m, uint16_t type, const struct route *route)
{
	uint16_t nl_flags = type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	size_t size = addr_size(route->dst.family);
	struct rtmsg *header;

	header = msg_begin(m, type, nl_flags, sizeof(*header));
	if (header) {
		header->rtm_family = route->dst.family;
		header->rtm_dst_len = route->dst.prefix;
		header->rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_UNSPEC;
		header->rtm_protocol = type == RTM_NEWROUTE ? ROUTE_PROTOCOL : route->protocol;
		header->rtm_scope = route_scope(route, type);
		header->rtm_type = route_type(route);
		header->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	}
	if (route->dst.prefix)
		msg_put(m, RTA_DST, route->dst.bytes, size);
	route_put_gateway(m, route);
	if (route->prefsrc.family)
		msg_put(m, RTA_PREFSRC, route->prefsrc.bytes, size);
	if (route->index)
		msg_put_u32(m, RTA_OIF, route->index);
	if (route->table >= 256)
		msg_put_u32(m, RTA_TABLE, route->table);
	if (route->metric)
		msg_put_u32(m, RTA_PRIORITY, route->metric);
}

/* Is @have, as the kernel shows it, what @want would have made? */
static bool route_matches(const struct route *have, const struct route *want)
{
	uint32_t metric = want->metric;

	if (!metric && want->dst.family == AF_INET6)
		metric = ROUTE_METRIC6;
	return addr_equal(&have->dst, &want->dst) && have->table == want->table && have->metric == metric &&
	       have->type == route_type(want) && have->index == want->index &&
	       addr_same_host(&have->gateway, &want->gateway) &&
	       addr_same_host(&have->prefsrc, &want->prefsrc);
}

/**
 * struct route_reader - of a dump
 * @cb:   for each route, or NULL: look for @want
 * @seen: @want was there
 */
struct route_reader {
	route_cb *cb;
	void *data;
	uint8_t family;
	const struct route *want;
	bool seen;
};

static int route_read_hop_attr(const struct nlattr *attr, void *data)
{
	struct route *route = data;

	if (mnl_attr_get_type(attr) == RTA_GATEWAY)
		route->gateway = request_addr(attr, route->dst.family);
	return MNL_CB_OK;
}

/* The first next hop of several; which one a packet takes, only the kernel knows. */
static void route_read_hops(const struct nlattr *hops, struct route *route)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(hops);
	size_t len = mnl_attr_get_payload_len(hops);

	if (len < sizeof(*hop) || hop->rtnh_len > len || hop->rtnh_len < sizeof(*hop))
		return;
	route->index = (uint32_t)hop->rtnh_ifindex;
	mnl_attr_parse_payload(hop + 1, hop->rtnh_len - sizeof(*hop), route_read_hop_attr, route);
}

static struct addr route_read_via(const struct nlattr *via)
{
	const uint8_t *bytes = mnl_attr_get_payload(via);
	size_t len = mnl_attr_get_payload_len(via);
	uint16_t family;

	if (len < sizeof(family))
		return (struct addr){ 0 };
	memcpy(&family, bytes, sizeof(family));
	if ((family != AF_INET && family != AF_INET6) || len != sizeof(family) + addr_size((uint8_t)family))
		return (struct addr){ 0 };
	return addr_from((uint8_t)family, bytes + sizeof(family));
}

static void route_read(const struct nlmsghdr *nlh, struct route *route)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_MAX + 1];

	attr_table(nlh, sizeof(*header), tb, RTA_MAX);
	*route = (struct route){ .type = header->rtm_type, .protocol = header->rtm_protocol };
	route->dst = request_addr(tb[RTA_DST], header->rtm_family);
	route->dst.family = header->rtm_family; /* the default route has no RTA_DST */
	route->dst.prefix = header->rtm_dst_len;
	route->gateway =
		tb[RTA_VIA] ? route_read_via(tb[RTA_VIA]) : request_addr(tb[RTA_GATEWAY], header->rtm_family);
	route->prefsrc = request_addr(tb[RTA_PREFSRC], header->rtm_family);
	route->table = tb[RTA_TABLE] ? attr_u32(tb[RTA_TABLE]) : header->rtm_table;
	route->metric = attr_u32(tb[RTA_PRIORITY]);
	route->index = attr_u32(tb[RTA_OIF]);
	route->onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
	if (tb[RTA_MULTIPATH])
		route_read_hops(tb[RTA_MULTIPATH], route);
	/* IPv6 hangs routes that lead nowhere on lo. */
	if (route->type == RTN_BLACKHOLE || route->type == RTN_UNREACHABLE || route->type == RTN_PROHIBIT)
		route->index = 0;
}

static int route_read_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(nlh);
	struct route_reader *reader = data;
	struct route route;

	if (nlh->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*header) ||
	    header->rtm_family != reader->family || (header->rtm_flags & RTM_F_CLONED))
		return 0;
	route_read(nlh, &route);
	if (reader->cb)
		return reader->cb(&route, reader->data);
	reader->seen = reader->seen || route_matches(&route, reader->want);
	return 0;
}

/*
 * Dump one family. Where one route is wanted, the kernel leaves out most others (4.20 and newer, as a
 * favour).
 */
static int route_walk(struct nl_sock *rtnl, struct route_reader *reader, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct rtmsg *header;
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	header = msg_begin(&m, RTM_GETROUTE, NLM_F_DUMP, sizeof(*header));
	if (header)
		header->rtm_family = reader->family;
	if (reader->want) {
		msg_put_u32(&m, RTA_TABLE, reader->want->table);
		if (reader->want->index)
			msg_put_u32(&m, RTA_OIF, reader->want->index);
	}
	return nl_dump(rtnl, &m, route_read_cb, NULL, reader, err);
}

static void route_name(const struct route *route, const char *what, struct an_error *err)
{
	char text[ADDR_TEXT];

	if (err)
		error_object(err, "route %s in table %u", addr_format(&route->dst, text), route->table);
	error_context(err, "%s", what);
}

/* EEXIST says only that a route of this destination and metric is there: is it the same one? */
static int route_check_same(struct nl_sock *rtnl, const struct route *route, struct an_error *err)
{
	struct route_reader reader = { .family = route->dst.family, .want = route };
	int r;

	r = route_walk(rtnl, &reader, err);
	if (r >= 0 && !reader.seen)
		r = error_set(err, AN_FAILED, EEXIST, "", "another route to this destination is there");
	if (r < 0)
		route_name(route, "add", err);
	return r < 0 ? r : 0;
}

int route_add(struct nl_sock *rtnl, const struct route *route, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	route_build(&m, RTM_NEWROUTE, route);
	r = request_send(rtnl, &m, (const int[]){ EEXIST, 0 }, err);
	if (r == 0)
		return route_check_same(rtnl, route, err);
	if (r < 0)
		route_name(route, "add", err);
	return r;
}

int route_del(struct nl_sock *rtnl, const struct route *route, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	route_build(&m, RTM_DELROUTE, route);
	r = request_send(rtnl, &m, (const int[]){ ESRCH, 0 }, err);
	if (r < 0)
		route_name(route, "delete", err);
	return r;
}

int route_dump(struct nl_sock *rtnl, uint8_t family, route_cb *cb, void *data, struct an_error *err)
{
	struct route_reader reader = { .cb = cb, .data = data, .family = family };
	int r;

	r = route_walk(rtnl, &reader, err);
	if (r < 0)
		error_object(err, "list of routes");
	return r;
}
