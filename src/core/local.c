/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's own addresses, read again when they change. */
#include "core/local.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* Changes that are read at once: if there are more, the next look finds the rest. */
#define LOCAL_CHANGES 1024

int local_open(int netns_fd, struct an_error *err)
{
	const struct sockaddr_nl changes = { .nl_family = AF_NETLINK,
					     .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	_cleanup_fd_ int fd = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, err);

	if (fd < 0)
		return fd;
	if (fault_point("bind") < 0 || bind(fd, (const struct sockaddr *)&changes, sizeof(changes)) < 0)
		return error_errno(err, AN_FAILED, errno, "worker", "listen to changes of addresses");
	return take_fd(&fd);
}

/* What a change is does not matter, nor how many got lost: anything but silence counts. */
static bool has_changed(int fd)
{
	bool changed = false;
	char byte;

	for (int i = 0; i < LOCAL_CHANGES; i++) {
		if ((fault_point("recv") < 0 || recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0) &&
		    errno == EAGAIN)
			break;
		changed = true;
	}
	return changed;
}

/* A dump that was interrupted begins anew. */
static bool is_there(const struct an_worker *w, const struct address *address)
{
	for (unsigned int i = 0; i < w->n_addresses; i++) {
		if (w->addresses[i].index == address->index &&
		    addr_equal(&w->addresses[i].addr, &address->addr))
			return true;
	}
	return false;
}

/* Those of our own link are of no use to anyone else. */
static int collect(const struct address *address, void *data)
{
	struct an_worker *w = data;

	if (addr_is_loopback(&address->addr) || address->index == w->worker_index || is_there(w, address))
		return 0;
	if (w->n_addresses < WORKER_ADDRESSES)
		w->addresses[w->n_addresses++] = *address;
	else
		w->more_addresses = true;
	return 0;
}

int local_look(struct an_worker *w, struct an_error *err)
{
	int r;

	if (has_changed(w->changes_fd))
		w->addresses_known = false;
	if (w->addresses_known)
		return 0;
	w->n_addresses = 0;
	w->more_addresses = false;
	r = address_dump(&WORKER_SIDE(w)->rtnl, AF_UNSPEC, collect, w, err);
	w->addresses_known = r == 0;
	return r;
}

uint32_t local_link(const struct an_worker *w, const struct addr *a)
{
	for (unsigned int i = 0; i < w->n_addresses; i++) {
		if (addr_same_host(&w->addresses[i].addr, a))
			return w->addresses[i].index;
	}
	return 0;
}
