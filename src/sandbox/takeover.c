/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has a sandbox taken over the link of a namespace?
 *
 * gVisor moves a link's addresses and routes into its own network stack at start and restore, and from then on sends
 * and receives by a packet socket. With no link, a link that is down, or one without an address it starts all the same
 * with a loopback only, and runsc exits with 0.
 */
#include "sandbox/takeover.h"

#include "base/error.h"
#include "netns/netns.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Packet sockets of the calling thread's namespace: lines of the file but its heading. Return: that, or -errno. */
static int takeover_sockets(void)
{
	FILE *file = fopen("/proc/thread-self/net/packet", "re");
	char line[256];
	int lines = 0;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		lines++;
	fclose(file);
	return lines > 0 ? lines - 1 : 0;
}

/* Has the link an address? Link-local ones of IPv6 are the kernel's own. Return: 1, 0, or a negative errno. */
static int takeover_addressed(const char *interface)
{
	struct ifaddrs *list;
	int found = 0;

	if (getifaddrs(&list) < 0)
		return -errno;
	for (const struct ifaddrs *a = list; a && !found; a = a->ifa_next) {
		if (!a->ifa_addr || strcmp(a->ifa_name, interface) != 0)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			found = 1;
		if (a->ifa_addr->sa_family == AF_INET6) {
			struct sockaddr_in6 sin6;

			memcpy(&sin6, a->ifa_addr, sizeof(sin6));
			found = !IN6_IS_ADDR_LINKLOCAL(&sin6.sin6_addr);
		}
	}
	freeifaddrs(list);
	return found;
}

/* Look at a namespace from inside. Return: number of packet sockets, or a negative errno. */
static int takeover_look(int netns_fd, const char *interface, int *ret_addressed, struct an_error *err)
{
	int previous = netns_enter(netns_fd, err), sockets, addressed = 0, left;

	if (previous < 0)
		return previous;
	sockets = takeover_sockets();
	if (interface)
		addressed = takeover_addressed(interface);
	left = netns_leave(previous, 0, err);
	if (left < 0)
		return left;
	if (sockets < 0)
		return error_errno(err, AN_FAILED, -sockets, "sandbox",
				   "read its namespace's packet sockets");
	if (addressed < 0)
		return error_errno(err, AN_FAILED, -addressed, "sandbox", "read its namespace's addresses");
	*ret_addressed = addressed;
	return sockets;
}

int takeover_in_use(int netns_fd, struct an_error *err)
{
	int addressed = 0, sockets = takeover_look(netns_fd, NULL, &addressed, err);

	return sockets < 0 ? sockets : sockets > 0;
}

int takeover_check(int netns_fd, const char *interface, struct an_error *err)
{
	int addressed = 0, sockets = takeover_look(netns_fd, interface, &addressed, err);

	if (sockets < 0)
		return sockets;
	if (addressed)
		return error_set(err, AN_FAILED, ENETDOWN, "sandbox",
				 "started without its network: %s still has its address in the kernel",
				 interface);
	if (sockets == 0)
		return error_set(err, AN_FAILED, ENETDOWN, "sandbox",
				 "started without its network: it holds no socket on %s", interface);
	return 0;
}
