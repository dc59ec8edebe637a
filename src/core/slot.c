/* SPDX-License-Identifier: Apache-2.0 */
/* Making, dressing and dropping slots. */
#include "core/slot.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "netns/sysctl.h"
#include "nf/dump.h"
#include "plane/slotns.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/neigh.h"
#include "rtnl/route.h"
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void cleanup_sock(struct nl_sock *sock)
{
	nl_close(sock);
}

int slot_open(const struct an_worker *w, uint32_t n, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME];

	return netns_open(layout_slot_netns(&w->plane, n, name), err);
}

int slot_drop(struct an_worker *w, uint32_t n, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME];

	return netns_del(layout_slot_netns(&w->plane, n, name), err);
}

static int sock_in(struct nl_sock *sock, int netns_fd, int protocol, struct an_error *err)
{
	int fd = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol, err);

	return fd < 0 ? fd : nl_open(sock, fd, err);
}

/*
 * Before any link exists in it: no router advertisements, no addresses of the kernel's own, no solicitations. Where
 * actors have no IPv6 the family is off, so that a connection fails at once.
 */
static int slot_sysctls(const struct an_worker *w, int netns_fd, struct an_error *err)
{
	const char *const on[][2] = {
		{ "ipv6/conf/default/accept_ra", "0" },
		{ "ipv6/conf/default/addr_gen_mode", "1" },
		{ "ipv6/conf/default/disable_ipv6", "0" },
		{ "ipv6/conf/all/disable_ipv6", "0" },
	};
	const char *const off[][2] = { { "ipv6/conf/all/disable_ipv6", "1" }, { "ipv6/conf/default/disable_ipv6", "1" } };
	const char *const(*values)[2] = w->plane.ipv6 ? on : off;
	size_t count = w->plane.ipv6 ? sizeof(on) / sizeof(*on) : sizeof(off) / sizeof(*off);
	int previous = netns_enter(netns_fd, err);
	int r = 0;

	if (previous < 0)
		return previous;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = sysctl_set(values[i][0], values[i][1], err);
		if (r == -ENOENT) /* a kernel without IPv6 */
			r = 0;
	}
	netns_leave(previous);
	return r < 0 ? r : 0;
}

/* Both ends of the wire, born in place. */
static int slot_wire(struct an_worker *w, uint32_t n, int netns_fd, struct an_error *err)
{
	struct link_veth veth = {
		.netns_fd = -1,
		.peer_netns_fd = netns_fd,
		.peer = LAYOUT_INNER_LINK,
		.mtu = w->plane.mtu,
		.noarp = true,
		.up = true,
		.peer_up = true,
	};

	layout_slot_link(n, veth.name);
	memcpy(veth.mac, layout_mac_gateway, sizeof(veth.mac));
	memcpy(veth.peer_mac, layout_mac_inner, sizeof(veth.peer_mac));
	return link_add_veth(&GATEWAY_SIDE(w)->rtnl, &veth, err);
}

/* The gateway's side of one family. Return: 1, 0 if the outer address is taken by another slot, or a negative errno. */
static int slot_outside(struct an_worker *w, uint32_t n, uint32_t index, uint8_t family, struct an_error *err)
{
	const struct addr *inner = family == AF_INET ? &w->plane.inner : &w->plane.inner6;
	struct nl_sock *rtnl = &GATEWAY_SIDE(w)->rtnl;
	struct route route = { .dst = layout_outer(&w->plane, family, n), .index = index, .table = LAYOUT_ROUTE_TABLE };
	int r = route_add(rtnl, &route, err);

	if (r <= 0)
		return r == -EEXIST ? 0 : r;
	r = neigh_set(rtnl, index, &route.dst, layout_mac_inner, err);
	if (r == 0)
		r = neigh_set(rtnl, index, inner, layout_mac_inner, err);
	return r < 0 ? r : 1;
}

/* The actor's side of one family. */
static int dress_family(struct an_worker *w, struct nl_sock *rtnl, uint32_t index, uint8_t family, struct an_error *err)
{
	const bool v4 = family == AF_INET;
	const struct addr *inner = v4 ? &w->plane.inner : &w->plane.inner6;
	const struct addr *gateway = v4 ? &w->plane.gateway : &w->plane.gateway6;
	struct route route = { .dst = { .family = family }, .gateway = *gateway, .index = index, .table = RT_TABLE_MAIN };
	int r = address_add(rtnl, index, inner, 0, err);

	if (r >= 0)
		r = neigh_set(rtnl, index, gateway, layout_mac_gateway, err);
	if (r >= 0)
		r = route_add(rtnl, &route, err);
	return r < 0 ? r : 0;
}

static int dress(struct an_worker *w, int netns_fd, struct an_error *err)
{
	_cleanup_(cleanup_sock) struct nl_sock rtnl = NL_SOCK_CLOSED;
	struct link eth, lo;
	int r = sock_in(&rtnl, netns_fd, NETLINK_ROUTE, err);

	if (r == 0)
		r = link_get(&rtnl, "lo", &lo, err);
	if (r == 0 && !(lo.flags & IFF_UP))
		r = link_set_up(&rtnl, lo.index, 0, err);
	if (r == 0)
		r = link_get(&rtnl, LAYOUT_INNER_LINK, &eth, err);
	if (r == 0 && (!(eth.flags & IFF_UP) || eth.mtu != w->plane.mtu))
		r = link_set_up(&rtnl, eth.index, w->plane.mtu, err);
	if (r == 0)
		r = dress_family(w, &rtnl, eth.index, AF_INET, err);
	if (r == 0 && w->plane.ipv6)
		r = dress_family(w, &rtnl, eth.index, AF_INET6, err);
	return r;
}

int slot_dress(struct an_worker *w, uint32_t n, struct an_error *err)
{
	_cleanup_fd_ int fd = slot_open(w, n, err);

	return fd < 0 ? fd : dress(w, fd, err);
}

int slot_shield(struct an_worker *w, uint32_t n, struct an_error *err)
{
	_cleanup_(cleanup_sock) struct nl_sock nf = NL_SOCK_CLOSED;
	_cleanup_fd_ int fd = slot_open(w, n, err);
	struct nf_model model;
	struct nf_txn txn;
	int r = fd < 0 ? fd : sock_in(&nf, fd, NETLINK_NETFILTER, err);

	if (r == 0)
		r = table_exists(&nf, NFPROTO_NETDEV, LAYOUT_SLOT_TABLE, err);
	if (r != 0)
		return r < 0 ? r : 0;
	slotns_model(&model);
	txn_init(&txn, NFPROTO_NETDEV, LAYOUT_SLOT_TABLE);
	txn_model(&txn, &model);
	r = txn_commit(&txn, &nf, NULL, err);
	txn_fini(&txn);
	model_fini(&model);
	return r;
}

/* Both sides of a slot whose namespace is there. Return: 1, 0 if its outer address is taken, or a negative errno. */
static int furnish(struct an_worker *w, uint32_t n, int netns_fd, struct an_error *err)
{
	char name[IFNAMSIZ];
	struct link link;
	int r = slot_sysctls(w, netns_fd, err);

	if (r == 0)
		r = slot_wire(w, n, netns_fd, err);
	if (r == 0)
		r = dress(w, netns_fd, err);
	if (r == 0)
		r = link_get(&GATEWAY_SIDE(w)->rtnl, layout_slot_link(n, name), &link, err);
	if (r == 0)
		r = slot_outside(w, n, link.index, AF_INET, err);
	if (r == 1 && w->plane.ipv6)
		r = slot_outside(w, n, link.index, AF_INET6, err);
	return r;
}

int slot_make(struct an_worker *w, uint32_t n, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME];
	_cleanup_fd_ int fd = netns_add(layout_slot_netns(&w->plane, n, name), err);
	int r;

	if (fd < 0)
		return fd;
	r = furnish(w, n, fd, err);
	if (r <= 0)
		slot_drop(w, n, NULL); /* the namespace takes both ends of the wire with it */
	if (r < 0)
		error_context(err, "make slot %u", n);
	return r;
}
