/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's own namespaces and links: made, and removed whatever happened. */
#include "lab.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/netns.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int lab_rtnl(int ns, struct nl_sock *ret_sock, struct an_error *err)
{
	int fd = netns_socket(ns, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE, err);

	return fd < 0 ? fd : nl_open(ret_sock, fd, err);
}

static int lab_lo_up(int ns, struct an_error *err)
{
	_cleanup_(nl_close) struct nl_sock rtnl = NL_SOCK_CLOSED;
	struct link lo = { 0 };
	int r = lab_rtnl(ns, &rtnl, err);

	if (r == 0)
		r = link_get(&rtnl, "lo", &lo, err);
	return r < 0 ? r : link_set_up(&rtnl, lo.index, 0, err);
}

static int lab_netns(const char *name, char *ret_name, struct an_error *err)
{
	int ns, r;

	snprintf(ret_name, LAB_NAME, LAB_PREFIX "%d-%s", getpid(), name);
	ns = netns_add(ret_name, err);
	if (ns < 0)
		return ns;
	r = lab_lo_up(ns, err);
	return r < 0 ? (fd_close(ns), r) : ns;
}

int lab_open(struct lab *lab, struct an_error *err)
{
	char name[LAB_NAME];

	*lab = (struct lab){ .client = -1 };
	lab->client = lab_netns("client", name, err);
	return lab->client < 0 ? lab->client : 0;
}

struct lab_place *lab_alone(struct lab *lab, const char *name, struct an_error *err)
{
	struct lab_place *place = &lab->places[lab->n_places];

	if (lab->n_places == LAB_PLACES) {
		error_set(err, AN_FAILED, ENOSPC, name, "more than %d namespaces in a lab", LAB_PLACES);
		return NULL;
	}
	place->ns = lab_netns(name, place->name, err);
	if (place->ns < 0)
		return NULL;
	lab->n_places++;
	return place;
}

/* One end of a link: both families' addresses, and the default routes where a gateway is given. */
static int lab_end(int ns, const char *link_name, const struct addr addrs[2], const struct addr gateways[2],
		   struct an_error *err)
{
	_cleanup_(nl_close) struct nl_sock rtnl = NL_SOCK_CLOSED;
	struct link link = { 0 };
	int r = lab_rtnl(ns, &rtnl, err);

	if (r == 0)
		r = link_get(&rtnl, link_name, &link, err);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = address_add(&rtnl, link.index, &addrs[i], 0, err);
	for (int i = 0; i < 2 && r >= 0 && gateways; i++) {
		struct route route = { .dst = { .family = gateways[i].family },
				       .gateway = gateways[i],
				       .index = link.index,
				       .table = RT_TABLE_MAIN };

		r = route_add(&rtnl, &route, err);
	}
	return r < 0 ? r : 0;
}

/*
 * Links are numbered: 192.0.2.(4n+1)/30 and 2001:db8:0:n::1/64 at the client, one more at the place. These
 * are documentation ranges: nothing real is there, and an actor's base egress set takes them for the
 * internet.
 */
struct lab_place *lab_place(struct lab *lab, const char *name, struct an_error *err)
{
	struct lab_place *place = lab_alone(lab, name, err);
	uint8_t n = (uint8_t)lab->n_places;
	struct addr client[2], addrs[2], gateways[2];
	struct link_veth veth = { .name = "eth0",
				  .mac = { 0x02, 0xbe, 0, 0, n, 2 },
				  .peer_mac = { 0x02, 0xbe, 0, 0, n, 1 },
				  .mtu = 1500,
				  .up = true,
				  .peer_up = true };
	_cleanup_(nl_close) struct nl_sock rtnl = NL_SOCK_CLOSED;

	if (!place)
		return NULL;
	veth.netns_fd = place->ns;
	veth.peer_netns_fd = -1; /* the socket is the client's */
	snprintf(veth.peer, sizeof(veth.peer), "to%u", n);
	client[0] = addr_v4(0xc0000200U + 4U * n + 1, 30);
	addrs[0] = addr_v4(0xc0000200U + 4U * n + 2, 30);
	client[1] = (struct addr){ AF_INET6, 64, { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, n, [15] = 1 } };
	addrs[1] = (struct addr){ AF_INET6, 64, { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, n, [15] = 2 } };
	for (int i = 0; i < 2; i++) {
		gateways[i] = client[i];
		gateways[i].prefix = i == 0 ? 32 : 128;
	}
	if (lab_rtnl(lab->client, &rtnl, err) < 0 || link_add_veth(&rtnl, &veth, err) < 0 ||
	    lab_end(lab->client, veth.peer, client, NULL, err) < 0 ||
	    lab_end(place->ns, "eth0", addrs, gateways, err) < 0)
		return NULL;
	place->addr = addr_from(AF_INET, addrs[0].bytes);
	place->client = addr_from(AF_INET, client[0].bytes);
	return place;
}

static int lab_canary(struct nl_sock *rtnl, struct an_error *err)
{
	struct link_veth veth = { .name = "canary",
				  .peer = "eth0",
				  .mac = { 0x02, 0xbe, 1, 0, 0, 1 },
				  .peer_mac = { 0x02, 0xbe, 1, 0, 0, 2 },
				  .mtu = 1500 };
	char name[LAB_NAME];
	struct link link;
	int r;

	veth.netns_fd = -1;
	veth.peer_netns_fd = lab_netns("canary", name, err);
	if (veth.peer_netns_fd < 0)
		return veth.peer_netns_fd;
	r = link_add_veth(rtnl, &veth, err);
	fd_close(veth.peer_netns_fd);
	netns_del(name, NULL);
	if (r < 0)
		return r;
	for (int ms = 0; ms < 10000; ms++) {
		r = link_get(rtnl, veth.name, &link, err);
		if (r < 0)
			return r == -ENODEV ? 0 : r;
		poll(NULL, 0, 1);
	}
	return error_set(err, AN_FAILED, ETIME, "dropped namespaces", "are still there after ten seconds");
}

int lab_drained(struct lab *lab, struct an_error *err)
{
	_cleanup_(nl_close) struct nl_sock rtnl = NL_SOCK_CLOSED;
	int r = lab_rtnl(lab->client, &rtnl, err);

	for (int i = 0; i < 2 && r == 0; i++)
		r = lab_canary(&rtnl, err);
	return r;
}

void lab_close(struct lab *lab)
{
	for (unsigned int i = 0; i < lab->n_places; i++)
		lab->places[i].ns = fd_close(lab->places[i].ns);
	lab->client = fd_close(lab->client);
	lab->n_places = 0;
	lab_sweep(getpid());
}

/* Names are gathered first: removing them while the folder is read would skip some. */
struct lab_names {
	char names[LAB_PLACES * 4][LAB_NAME];
	unsigned int n;
	int pid;
};

/* Is it of the process asked for, or of one that is no more? */
static int lab_gather(const char *name, void *data)
{
	struct lab_names *list = data;
	int pid = 0;

	if (sscanf(name, LAB_PREFIX "%d-", &pid) != 1 || pid <= 0)
		return 0;
	if (list->pid ? pid != list->pid : kill(pid, 0) == 0 || errno != ESRCH)
		return 0;
	if (list->n < LAB_PLACES * 4 && text_copy(list->names[list->n], LAB_NAME, name) == 0)
		list->n++;
	return 0;
}

void lab_sweep(int pid)
{
	struct lab_names list = { .pid = pid };

	netns_dump(LAB_PREFIX, lab_gather, &list, NULL);
	for (unsigned int i = 0; i < list.n; i++) {
		int ns = netns_open(list.names[i], NULL);

		if (ns >= 0)
			an_worker_down(ns, NULL, NULL);
		fd_close(ns);
		netns_del(list.names[i], NULL);
	}
}
