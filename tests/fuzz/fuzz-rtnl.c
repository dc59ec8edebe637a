/* SPDX-License-Identifier: Apache-2.0 */
/* Replies about links, addresses, routes, rules and sockets. The first byte says which is asked for. */
#include "input.h"
#include "kernel.h"
#include "replay.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include "rtnl/sockdiag.h"
#include <errno.h>
#include <linux/rtnetlink.h>

#define ENOUGH 64 /* objects, then the reader is told to stop */

static int count(void *data)
{
	int *n = data;

	return ++*n > ENOUGH ? -ECANCELED : 0;
}

static void check_addr(const struct addr *a)
{
	char text[ADDR_TEXT];

	promise(addr_format(a, text) == text);
	promise(memchr(text, '\0', sizeof(text)));
}

static int on_link(const struct link *link, void *data)
{
	promise(memchr(link->name, '\0', sizeof(link->name)) && memchr(link->kind, '\0', sizeof(link->kind)));
	promise(memchr(link->alias, '\0', sizeof(link->alias)));
	promise(!link->peer_index || !strcmp(link->kind, "veth"));
	return count(data);
}

static int on_address(const struct address *address, void *data)
{
	promise(address->addr.family == AF_INET || address->addr.family == AF_INET6);
	check_addr(&address->addr);
	return count(data);
}

static int on_route(const struct route *route, void *data)
{
	check_addr(&route->dst);
	check_addr(&route->gateway);
	check_addr(&route->prefsrc);
	promise(route->type != RTN_BLACKHOLE || !route->index);
	return count(data);
}

static int on_socket(const struct sockdiag *socket, void *data)
{
	check_addr(&socket->addr);
	return count(data);
}

/* Return: 0 or more, or a negative errno with @err set. */
static int dump(struct nl_sock *sock, uint8_t what, struct an_error *err)
{
	int n = 0;

	switch (what % 9) {
	case 0:
		return link_dump(sock, false, on_link, &n, err);
	case 1:
		return link_dump(sock, true, on_link, &n, err);
	case 2:
		return address_dump(sock, AF_UNSPEC, on_address, &n, err);
	case 3:
		return route_dump(sock, AF_INET, on_route, &n, err);
	case 4:
		return route_dump(sock, AF_INET6, on_route, &n, err);
	case 7:
		return sockdiag_dump(sock, on_socket, &n, err);
	default:
		return -ENOSYS;
	}
}

/* What asks for one object, or changes one and then asks what is there. */
static int call(struct nl_sock *sock, uint8_t what, struct an_error *err)
{
	const struct addr net = addr_v4(0x0a090000, 24), host = addr_v4(0x0a090001, 32);
	const struct route route = { .dst = net, .gateway = host, .index = 2, .table = 100 };
	const struct sockdiag_place place = { .addr = host, .port = 80 };
	struct sockdiag socket;
	struct link link;
	int r;

	switch (what % 4) {
	case 0:
		r = link_get(sock, "an7", &link, err);
		if (r == 0)
			promise(memchr(link.alias, '\0', sizeof(link.alias)));
		return r == -ENODEV ? 0 : r; /* of which nothing is said */
	case 1:
		return route_add(sock, &route, err);
	case 2:
		return link_set_up(sock, 7, 1400, err);
	default:
		r = sockdiag_find_any(sock, IPPROTO_TCP, &place, 1, &socket, err);
		if (r == 1)
			check_addr(&socket.addr);
		return r;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct an_error err = { 0 };
	struct nl_sock sock;
	uint8_t what;
	int r;

	input_take(&data, &size, &what, 1);
	kernel_open(&sock, data, size);
	r = dump(&sock, what, &err);
	if (r == -ENOSYS)
		r = call(&sock, what / 9, &err);
	if (r < 0)
		promise_error(&err, r, AN_FAILED);
	else
		promise_no_error(&err, r);
	kernel_close(&sock);
	return 0;
}
