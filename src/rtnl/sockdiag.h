/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of a namespace that hold a port (NETLINK_SOCK_DIAG). */
#ifndef RTNL_SOCKDIAG_H
#define RTNL_SOCKDIAG_H

#include "base/addr.h"
#include "nl/sock.h"

/**
 * struct sockdiag - a socket that holds a port
 * @protocol: IPPROTO_TCP (listening) or IPPROTO_UDP (bound, not connected)
 * @addr:     what it is bound to; all zero: every address
 * @port:     host order
 * @inode:    of the socket, for sockdiag_owner()
 * @v6only:   an IPv6 socket that does not take IPv4
 */
struct sockdiag {
	uint8_t protocol;
	struct addr addr;
	uint16_t port;
	uint32_t inode;
	bool v6only;
};

#define SOCKDIAG_MANY 64

/**
 * struct sockdiag_place - where a packet would go
 * @addr: destination; all zero finds only sockets that are bound to every address
 * @port: host order
 * @link: number of the link that it would come in by; 0: of none, which no socket finds that is tied to a link
 *        (SO_BINDTODEVICE, or by a link-local address)
 */
struct sockdiag_place {
	struct addr addr;
	uint16_t port;
	uint32_t link;
};

/** sockdiag_build() - append the request of sockdiag_find_any() for one place. */
void sockdiag_build(struct msg *m, uint8_t protocol, const struct sockdiag_place *place);

/**
 * sockdiag_find_any() - is there a socket that would take a packet to one of these places? In one system call
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @places:   [@n], at most SOCKDIAG_MANY; an IPv6 wildcard socket that takes IPv4 too is found by IPv4
 *
 * One lookup a place in the kernel's hash, whatever the number of sockets. A kernel without the handlers (tcp_diag,
 * udp_diag) answers as if there were no socket: sockdiag_dump() tells the two apart, so ask it once.
 *
 * Return: 1 with one of the sockets found in @ret_socket, 0 if there is none, or a negative errno.
 */
int sockdiag_find_any(struct nl_sock *diag, uint8_t protocol, const struct sockdiag_place *places, size_t n,
		      struct sockdiag *ret_socket, struct an_error *err);

/**
 * sockdiag_dump() - all listening TCP and all unconnected UDP sockets of both families
 * Return: 0 or a negative errno: ENOENT with the remedy where the kernel lacks the handlers.
 */
typedef int sockdiag_cb(const struct sockdiag *socket, void *data);
int sockdiag_dump(struct nl_sock *diag, sockdiag_cb *cb, void *data, struct an_error *err);

/**
 * sockdiag_owner() - "nginx (pid 812)" by a walk of /proc, or "a process of another container"
 * Return: @buf.
 */
const char *sockdiag_owner(uint32_t inode, char *buf, size_t size);

#endif
