/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, dressing and dropping slots.
 *
 * Theory of operation: the order of steps. When a link that is up gets a carrier, the kernel (addrconf_notify()) goes
 * through all IPv6 routes of the namespace, holding its lock of all network devices: 0.5 ms in a gateway of 1,000
 * slots. It does so from a work queue (net/core/link_watch.c), at once if the change is urgent, else at most once a
 * second, and the first time since is that of the link's creation. So the gateway's end gets its carrier when all else
 * is done, and in a way that isn't urgent:
 *
 * - The actor's end comes up first, without a carrier, and has all its addresses and routes.
 * - The gateway's end then comes up with a carrier: it sends at once, nothing waits to be switched on. But it was made
 *   dormant, so it isn't "ready" yet for IPv6, which would go through the routes in that very call.
 * - Both ends have the same number: the kernel takes a link for stacked on another, and each change of it for urgent,
 *   if its number is not that of the link below it, which for a veth is its other end.
 * - Only the actor's end waits to be switched on: to ask for it makes the kernel do that at once.
 *
 * Should another kernel do it in another order, a slot takes longer, and works as well.
 */
#include "core/slot.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "core/lane.h"
#include "core/preflight.h"
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
#include <time.h>

#define SLOT_BUF	2048 /* bytes for all requests of one side of a slot */
#define SETTLE_TRIES	200
#define SETTLE_PAUSE_NS 100000

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

/* Both ends of the wire, born in place. Their number is known, so nothing need be asked for it. */
static int slot_wire(struct an_worker *w, uint32_t n, int netns_fd, struct an_error *err)
{
	struct link_veth veth = {
		.netns_fd = -1,
		.peer_netns_fd = netns_fd,
		.index = n + LAYOUT_SLOT_INDEX,
		.peer_index = n + LAYOUT_SLOT_INDEX,
		.peer = LAYOUT_INNER_LINK,
		.mtu = w->plane.mtu,
		.queues = 1,
		.noarp = true,
		.dormant = true,
	};
	int r;

	layout_slot_link(n, veth.name);
	memcpy(veth.mac, layout_mac_gateway, sizeof(veth.mac));
	memcpy(veth.peer_mac, layout_mac_inner, sizeof(veth.peer_mac));
	r = link_add_veth(&GATEWAY_SIDE(w)->rtnl, &veth, err);
	return r < 0 ? r : lane_join(w, veth.index, err);
}

/* Do our links have IPv6, whether actors have it or not? */
static bool links_have_ipv6(const struct an_worker *w)
{
	return w->record.found.forward6 >= 0 && w->plane.mtu >= PREFLIGHT_MTU6;
}

/* The gateway's side of one family. */
static void build_outside(struct msg *m, const struct an_worker *w, uint32_t n, uint8_t family)
{
	const uint32_t index = n + LAYOUT_SLOT_INDEX;
	const struct route route = {
		.dst = layout_outer(&w->plane, family, n),
		.index = index,
		.table = LAYOUT_ROUTE_TABLE,
	};

	route_build(m, RTM_NEWROUTE, &route);
	neigh_build(m, index, &route.dst, layout_mac_inner);
	neigh_build(m, index, family == AF_INET ? &w->plane.inner : &w->plane.inner6, layout_mac_inner);
}

/* The gateway's side, when the actor's is up. Return: 1, 0: another slot has the outer address, or a negative errno. */
static int slot_outside(struct an_worker *w, uint32_t n, struct an_error *err)
{
	_Alignas(4) char buf[SLOT_BUF];
	char name[IFNAMSIZ];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	link_build_up(&m, n + LAYOUT_SLOT_INDEX, 0);
	build_outside(&m, w, n, AF_INET);
	if (w->plane.ipv6)
		build_outside(&m, w, n, AF_INET6);
	r = nl_call(&GATEWAY_SIDE(w)->rtnl, &m, NULL, NULL, NULL, err);
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		error_object(err, "routes of link '%s'", layout_slot_link(n, name));
	return r < 0 ? r : 1;
}

/* The actor's side of one family; what is there already stays. */
static void build_inside(struct msg *m, const struct plane *p, uint32_t index, uint8_t family)
{
	const bool v4 = family == AF_INET;
	const struct route route = {
		.dst = { .family = family },
		.gateway = v4 ? p->gateway : p->gateway6,
		.index = index,
		.table = RT_TABLE_MAIN,
	};

	address_build(m, RTM_NEWADDR, index, v4 ? &p->inner : &p->inner6, 0);
	msg_flags(m, NLM_F_REPLACE, NLM_F_EXCL);
	neigh_build(m, index, &route.gateway, layout_mac_gateway);
	route_build(m, RTM_NEWROUTE, &route);
	msg_flags(m, NLM_F_REPLACE, NLM_F_EXCL);
}

/*
 * All of the actor's side in one request. The kernel makes up no IPv6 address of its own there, so it sends no
 * solicitations; where actors have no IPv6, there is neither address nor route: a connection fails at once.
 */
static int dress(struct an_worker *w, uint32_t n, struct nl_sock *inside, struct an_error *err)
{
	const uint32_t index = n + LAYOUT_SLOT_INDEX;
	_Alignas(4) char buf[SLOT_BUF];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	link_build_up(&m, LAYOUT_LO_INDEX, 0);
	if (links_have_ipv6(w))
		link_build_bare(&m, index);
	link_build_up(&m, index, w->plane.mtu);
	build_inside(&m, &w->plane, index, AF_INET);
	if (w->plane.ipv6)
		build_inside(&m, &w->plane, index, AF_INET6);
	r = nl_call(inside, &m, NULL, NULL, NULL, err);
	if (r < 0)
		error_object(err, "actor's side of a slot");
	return r;
}

/* A kernel may turn IPv6 off in new namespaces (devconf_inherit_init_net): then it is turned on, and tried again. */
static int allow_ipv6(int netns_fd, struct an_error *err)
{
	const char *const names[] = { "ipv6/conf/all/disable_ipv6", "ipv6/conf/default/disable_ipv6" };
	int previous = netns_enter(netns_fd, err), r = 0;

	if (previous < 0)
		return previous;
	for (size_t i = 0; r >= 0 && i < sizeof(names) / sizeof(*names); i++)
		r = sysctl_set(names[i], "0", err);
	r = netns_leave(previous, r, err);
	return r < 0 ? r : 0;
}

static int dress_any(struct an_worker *w, uint32_t n, int netns_fd, struct nl_sock *inside,
		     struct an_error *err)
{
	int r = dress(w, n, inside, err);

	if (r != -EACCES || !w->plane.ipv6)
		return r;
	r = allow_ipv6(netns_fd, err);
	return r < 0 ? r : dress(w, n, inside, err);
}

int slot_dress(struct an_worker *w, uint32_t n, struct an_error *err)
{
	_cleanup_(cleanup_sock) struct nl_sock inside = NL_SOCK_CLOSED;
	_cleanup_fd_ int fd = slot_open(w, n, err);
	int r = fd < 0 ? fd : side_socket(&inside, fd, NETLINK_ROUTE, err);

	return r < 0 ? r : dress_any(w, n, fd, &inside, err);
}

static int is_tentative(const struct address *address, void *data)
{
	*(bool *)data |= (address->flags & IFA_F_TENTATIVE) != 0;
	return 0;
}

/* Return: 1 if the actor's end and all its addresses are in order, 0 if not yet, or a negative errno. */
static int is_settled(struct nl_sock *inside, struct an_error *err)
{
	struct link link = { .index = 0 };
	bool tentative = false;
	int r = link_get(inside, LAYOUT_INNER_LINK, &link, err);

	if (r == 0)
		r = address_dump(inside, AF_INET6, is_tentative, &tentative, err);
	return r < 0 ? r : link.flags & IFF_RUNNING && !tentative;
}

static int settle(struct nl_sock *inside, struct an_error *err)
{
	int r = 0;

	for (int tries = 0; r == 0 && tries < SETTLE_TRIES; tries++) {
		r = is_settled(inside, err);
		if (r == 0)
			nanosleep(&(struct timespec){ .tv_nsec = SETTLE_PAUSE_NS }, NULL);
	}
	return r < 0 ? r : 0;
}

/* Bring about that the shield is there, or not. */
static int set_shield(struct an_worker *w, uint32_t n, bool on, struct an_error *err)
{
	_cleanup_(cleanup_sock) struct nl_sock nf = NL_SOCK_CLOSED;
	_cleanup_fd_ int fd = slot_open(w, n, err);
	struct nf_model model;
	struct nf_txn txn;
	int r = fd < 0 ? fd : side_socket(&nf, fd, NETLINK_NETFILTER, err);

	if (r == 0)
		r = table_exists(&nf, NFPROTO_NETDEV, LAYOUT_SLOT_TABLE, err);
	if (r < 0 || (r == 1) == on)
		return r < 0 ? r : 0;
	slotns_model(&model);
	txn_init(&txn, NFPROTO_NETDEV, LAYOUT_SLOT_TABLE);
	if (on)
		txn_model(&txn, &model);
	else
		txn_table_del(&txn);
	r = txn_commit(&txn, &nf, NULL, err);
	txn_fini(&txn);
	model_fini(&model);
	return r;
}

int slot_shield(struct an_worker *w, uint32_t n, struct an_error *err)
{
	return set_shield(w, n, true, err);
}

int slot_unshield(struct an_worker *w, uint32_t n, struct an_error *err)
{
	return set_shield(w, n, false, err);
}

/*
 * The kernel routes ff00::/8 by each link that has IPv6. Nothing is sent there from the gateway, and with each new link
 * the kernel would go through those of all slots.
 */
static void drop_multicast(struct an_worker *w, uint32_t n)
{
	const struct route route = {
		.dst = { .family = AF_INET6, .prefix = 8, .bytes = { 0xff } },
		.index = n + LAYOUT_SLOT_INDEX,
		.table = RT_TABLE_LOCAL,
	};

	if (links_have_ipv6(w))
		route_del(&GATEWAY_SIDE(w)->rtnl, &route, NULL);
}

void slot_finish(struct an_worker *w, uint32_t n)
{
	char name[IFNAMSIZ];
	struct link link;

	if (link_get(&GATEWAY_SIDE(w)->rtnl, layout_slot_link(n, name), &link, NULL) == 0)
		drop_multicast(w, n);
}

/* Both sides of a slot whose namespace is there. Return: 1, 0 if its outer address is taken, or a negative errno. */
static int furnish(struct an_worker *w, uint32_t n, int netns_fd, struct an_error *err)
{
	_cleanup_(cleanup_sock) struct nl_sock inside = NL_SOCK_CLOSED;
	int r = slot_wire(w, n, netns_fd, err), settled;

	if (r == 0)
		r = side_socket(&inside, netns_fd, NETLINK_ROUTE, err);
	if (r == 0)
		r = dress_any(w, n, netns_fd, &inside, err);
	if (r == 0)
		r = slot_outside(w, n, err);
	settled = r == 1 ? settle(&inside, err) : 0;
	return settled < 0 ? settled : r;
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
