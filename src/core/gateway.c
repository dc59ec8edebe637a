/* SPDX-License-Identifier: Apache-2.0 */
/* Making the gateway namespace. */
#include "core/gateway.h"
#include "base/error.h"
#include "core/lane.h"
#include "netns/sysctl.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/neigh.h"
#include "rtnl/nsid.h"
#include "rtnl/route.h"
#include "rtnl/rule.h"
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

/* Before any link exists: a new namespace, or each new link, inherits what the host has chosen. */
static const char *const sysctls[][2] = {
	/* the reverse look-up of an outer address meets the blackhole: any filter would stop all traffic */
	{ "ipv4/conf/all/rp_filter", "0" },
	{ "ipv4/conf/default/rp_filter", "0" },
	/* and nobody sends from an address of ours: sources are rewritten before, so none need be looked up */
	{ "ipv4/conf/all/accept_local", "1" },
	{ "ipv4/conf/all/accept_source_route", "0" },
	{ "ipv4/conf/default/accept_source_route", "0" },
	{ "ipv4/conf/all/send_redirects", "0" },
	{ "ipv4/conf/default/send_redirects", "0" },
	{ "ipv4/conf/all/accept_redirects", "0" },
	{ "ipv4/conf/default/accept_redirects", "0" },
	/* no packet of an actor is for a socket here: none need be looked up before the route */
	{ "ipv4/ip_early_demux", "0" },
	{ "ipv4/conf/all/forwarding", "1" },
	{ "ipv4/conf/default/forwarding", "1" },
	/* IPv6 hop-by-hop options: bad ones the kernel would answer, to any source, before any rule of ours */
	{ "ipv6/max_hbh_length", "0" },
	/* every denial is told at once, however many there are */
	{ "ipv4/icmp_ratelimit", "0" },
	{ "ipv4/icmp_msgs_per_sec", "1000000" },
	{ "ipv4/icmp_msgs_burst", "100000" },
	{ "ipv6/icmp/ratelimit", "0" },
	/* an actor's fragments that never become whole */
	{ "ipv4/ipfrag_time", "2" },
	{ "ipv4/ipfrag_high_thresh", "67108864" },
	{ "ipv6/ip6frag_time", "2" },
	{ "ipv6/ip6frag_high_thresh", "67108864" },
	{ "netfilter/nf_conntrack_frag6_timeout", "2" },
	{ "netfilter/nf_conntrack_frag6_high_thresh", "67108864" },
	{ "ipv6/conf/all/disable_ipv6", "0" },
	{ "ipv6/conf/default/disable_ipv6", "0" },
	{ "ipv6/conf/all/accept_dad", "0" },
	{ "ipv6/conf/default/accept_dad", "0" },
	{ "ipv6/conf/default/accept_ra", "0" },
	{ "ipv6/conf/default/addr_gen_mode", "1" },
	{ "ipv6/conf/all/forwarding", "1" },
	{ "ipv6/conf/default/forwarding", "1" },
};

static int set_sysctls(int netns_fd, struct an_error *err)
{
	int previous = netns_enter(netns_fd, err);
	int r;

	if (previous < 0)
		return previous;
	r = sysctl_set_list(sysctls, sizeof(sysctls) / sizeof(*sysctls), err);
	return netns_leave(previous, r, err);
}

static int make_wire(struct an_worker *w, uint32_t *ret_up, struct an_error *err)
{
	struct link_veth veth = {
		.name = LAYOUT_UP_LINK,
		.index = LAYOUT_UP_INDEX,
		.peer = LAYOUT_WORKER_LINK,
		.netns_fd = -1,
		.peer_netns_fd = WORKER_SIDE(w)->netns_fd,
		.mtu = w->plane.mtu,
		.up = true,
		.peer_up = false, /* up once its sysctls are set */
	};
	struct link up, down;
	int r;

	memcpy(veth.mac, layout_mac_up, sizeof(veth.mac));
	memcpy(veth.peer_mac, layout_mac_worker, sizeof(veth.peer_mac));
	r = link_add_veth(&GATEWAY_SIDE(w)->rtnl, &veth, err);
	if (r == 0)
		r = link_get(&GATEWAY_SIDE(w)->rtnl, LAYOUT_UP_LINK, &up, err);
	if (r == 0)
		r = link_get(&WORKER_SIDE(w)->rtnl, LAYOUT_WORKER_LINK, &down, err);
	if (r == 0) {
		*ret_up = up.index;
		w->worker_index = w->plane.link = down.index;
	}
	return r;
}

static int route_family(struct an_worker *w, uint32_t up, uint8_t family, struct an_error *err)
{
	const struct addr worker = layout_link_worker(&w->plane, family),
			  own = layout_link_gateway(&w->plane, family);
	struct nl_sock *rtnl = &GATEWAY_SIDE(w)->rtnl;
	struct route route = {
		.dst = { .family = family },
		.gateway = addr_from(family, worker.bytes),
		.index = up,
		.table = LAYOUT_ROUTE_TABLE,
		.onlink = true,
	};
	int r = address_add(rtnl, up, &own, 0, err);

	if (r >= 0)
		r = neigh_set(rtnl, up, &worker, layout_mac_worker, err);
	if (r >= 0)
		r = route_add(rtnl, &route, err);
	return r < 0 ? r : 0;
}

/*
 * Fail closed: what comes in by an actor's link and was not marked by our table is routed nowhere, whatever has become
 * of the table. The kernel's own rule 0 would let it reach the gateway's stack: it goes.
 */
static int rule_family(struct an_worker *w, uint8_t family, struct an_error *err)
{
	const struct rule rules[] = {
		{ .priority = 10,
		  .mark = LAYOUT_MARK,
		  .mark_mask = LAYOUT_MARK,
		  .action = FR_ACT_TO_TBL,
		  .table = LAYOUT_ROUTE_TABLE },
		{ .priority = 11,
		  .iif = LAYOUT_UP_LINK,
		  .action = FR_ACT_TO_TBL,
		  .table = LAYOUT_ROUTE_TABLE },
		{ .priority = 12, .iif = "lo", .action = FR_ACT_TO_TBL, .table = LAYOUT_ROUTE_TABLE },
		{ .priority = 13, .action = FR_ACT_BLACKHOLE },
		{ .priority = 100, .action = FR_ACT_TO_TBL, .table = RT_TABLE_LOCAL },
	};
	const struct rule kernels = {
		.family = family, .priority = 0, .action = FR_ACT_TO_TBL, .table = RT_TABLE_LOCAL
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof(rules) / sizeof(*rules); i++) {
		struct rule rule = rules[i];

		rule.family = family;
		r = rule_add(&GATEWAY_SIDE(w)->rtnl, &rule, err);
	}
	if (r >= 0)
		r = rule_del(&GATEWAY_SIDE(w)->rtnl, &kernels, err);
	return r < 0 ? r : 0;
}

static int furnish(struct an_worker *w, struct an_error *err)
{
	char record[RECORD_TEXT];
	uint32_t up;
	int r = set_sysctls(GATEWAY_SIDE(w)->netns_fd, err);

	if (r == 0)
		r = rule_family(w, AF_INET, err);
	if (r == 0)
		r = rule_family(w, AF_INET6, err);
	if (r == 0)
		r = make_wire(w, &up, err);
	if (r == 0)
		r = lane_make(w, err);
	if (r == 0)
		r = route_family(w, up, AF_INET, err);
	if (r == 0 && w->plane.ipv6)
		r = route_family(w, up, AF_INET6, err);
	if (r == 0)
		r = link_set_alias(&GATEWAY_SIDE(w)->rtnl, up, record_gateway_format(&w->plane, record), err);
	if (r == 0)
		r = link_set_alias(&GATEWAY_SIDE(w)->rtnl, LAYOUT_LO_INDEX,
				   record_worker_format(&w->record, record), err);
	return r;
}

int gateway_recall(struct an_worker *w, struct record_worker *ret_record)
{
	struct side side = { .netns_fd = -1, .rtnl = NL_SOCK_CLOSED, .nf = NL_SOCK_CLOSED };
	char name[LAYOUT_NETNS_NAME];
	struct link lo;
	int fd = netns_open(layout_gateway_netns(&w->plane, name), NULL), nsid;
	int r = fd < 0 ? fd : side_open(&side, fd, NULL);

	if (r == 0)
		r = nsid_get(&side.rtnl, WORKER_SIDE(w)->netns_fd, &nsid, NULL);
	if (r == 0 && nsid != LAYOUT_WORKER_NSID)
		r = -ESTALE;
	if (r == 0)
		r = link_get(&side.rtnl, "lo", &lo, NULL);
	if (r == 0)
		r = record_worker_parse(lo.alias, ret_record, NULL);
	side_close(&side);
	return r;
}

int gateway_make(struct an_worker *w, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME];
	int fd = netns_add(layout_gateway_netns(&w->plane, name), err);
	int r;

	if (fd < 0)
		return fd;
	r = side_open(GATEWAY_SIDE(w), fd, err);
	if (r == 0) /* tells from now on whose it is, and whether that worker is alive */
		r = nsid_set(&GATEWAY_SIDE(w)->rtnl, WORKER_SIDE(w)->netns_fd, LAYOUT_WORKER_NSID, err);
	if (r == 0)
		r = furnish(w, err);
	if (r < 0)
		error_context(err, "make gateway namespace %s", name);
	return r;
}

int gateway_mend(struct an_worker *w, struct an_error *err)
{
	struct link up;
	int r = link_get(&GATEWAY_SIDE(w)->rtnl, LAYOUT_UP_LINK, &up, err);

	if (r == 0 && !(up.flags & IFF_UP))
		r = link_set_up(&GATEWAY_SIDE(w)->rtnl, up.index, 0, err);
	if (r == 0)
		r = set_sysctls(GATEWAY_SIDE(w)->netns_fd, err);
	if (r == 0)
		r = lane_tune(w, err);
	if (r == 0)
		r = rule_family(w, AF_INET, err);
	if (r == 0)
		r = rule_family(w, AF_INET6, err);
	if (r == 0)
		r = route_family(w, up.index, AF_INET, err);
	if (r == 0 && w->plane.ipv6)
		r = route_family(w, up.index, AF_INET6, err);
	return r;
}

int gateway_drop(struct an_worker *w, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME];

	worker_close_gateway(w);
	return netns_del(layout_gateway_netns(&w->plane, name), err);
}
