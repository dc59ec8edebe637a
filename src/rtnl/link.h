/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices. */
#ifndef RTNL_LINK_H
#define RTNL_LINK_H

#include "nl/sock.h"
#include <linux/if_link.h>
#include <stdbool.h>
#include <stdint.h>

#define LINK_NAME  16
#define LINK_ALIAS 256
#define LINK_MAC   6

/**
 * struct link_veth - a veth pair, both ends born in place under their final names
 * @name, @peer:     names of the ends
 * @netns_fd:        namespace of @name; -1: the socket's
 * @peer_netns_fd:   namespace of @peer; -1: the socket's
 * @index, @peer_index: their numbers; 0: the kernel's choice, which the end that is
 *                   made first must have where the other has it
 * @mac, @peer_mac:  set at creation, so that udev leaves them alone
 * @mtu:             bytes, of both; 0: the kernel's default
 * @noarp, @peer_noarp: IFF_NOARP at creation
 * @up, @peer_up:    IFF_UP: of one end at creation, since the kernel refuses the other's (ENOTCONN); where
 *                   both are asked for, the end in the socket's namespace gets it by a second message, and
 *                   one must be there (EINVAL)
 * @dormant:         of @name: its operational state at creation (RFC 2863). Set up later, when its peer is up, it
 *                   has a carrier and passes packets at once, but the kernel finds it ready only once its work
 *                   queue, or who asks for it, has looked at it
 * @queues:          of both, each way; 0: the kernel's choice, which makes one for each processor, then takes
 *                   all but one away again
 */
struct link_veth {
	char name[LINK_NAME], peer[LINK_NAME];
	int netns_fd, peer_netns_fd;
	uint32_t index, peer_index;
	uint8_t mac[LINK_MAC], peer_mac[LINK_MAC];
	uint32_t mtu, queues;
	bool noarp, peer_noarp, up, peer_up, dormant;
};

/**
 * struct link - a device as the kernel has it
 * @peer_index: ifindex of a veth's other end, in its own namespace; 0 where there is none
 * @peer_netns: number that the socket's namespace has for that one; -1: none, as it is the same or going
 * @kind:       "veth", "" for hardware
 */
struct link {
	uint32_t index, peer_index, mtu, flags;
	int32_t peer_netns;
	char name[LINK_NAME], kind[LINK_NAME], alias[LINK_ALIAS];
	uint8_t mac[LINK_MAC];
	struct rtnl_link_stats64 stats;
};

/** link_build_veth() - append the request of link_add_veth(), without the second message. */
void link_build_veth(struct msg *m, const struct link_veth *spec);
/**
 * link_add_veth() - make a pair
 * Kernels before 6.15 look for the name of the end in another namespace in the socket's one if that end is to
 * be up, and refuse a name that is taken there.
 * Return: 0, or a negative errno, then neither end is there: EEXIST if a name is taken.
 */
int link_add_veth(struct nl_sock *rtnl, const struct link_veth *spec, struct an_error *err);
/**
 * link_get() - by name, with counters
 * Return: 0, or a negative errno: ENODEV if there is none (@err untouched then).
 */
int link_get(struct nl_sock *rtnl, const char *name, struct link *ret_link, struct an_error *err);
/**
 * link_peer_stats() - counters of a veth's other end in another namespace
 * Return: 0, or a negative errno: ENODEV if there is none.
 */
int link_peer_stats(struct nl_sock *rtnl, const struct link *link, struct rtnl_link_stats64 *ret_stats,
		    struct an_error *err);
/** link_dump() - all. @cb returns 0 to go on. @stats: fill in the counters too. */
typedef int link_cb(const struct link *link, void *data);
int link_dump(struct nl_sock *rtnl, bool stats, link_cb *cb, void *data, struct an_error *err);
/** link_build_up() - append a request that sets a link up, with @mtu where that is not 0. */
void link_build_up(struct msg *m, uint32_t index, uint32_t mtu);
/**
 * link_build_bare() - append a request for a link that is to have no IPv6 address of the kernel's own making
 * (IN6_ADDR_GEN_MODE_NONE), and so sends no solicitations. Before it is up: a request of both is too late.
 */
void link_build_bare(struct msg *m, uint32_t index);
/** link_set_up() - up, with @mtu where that is not 0. */
int link_set_up(struct nl_sock *rtnl, uint32_t index, uint32_t mtu, struct an_error *err);
/** link_set_alias() - up to 255 bytes; "" removes it. */
int link_set_alias(struct nl_sock *rtnl, uint32_t index, const char *alias, struct an_error *err);
/**
 * link_del() - delete; waits for RCU grace periods (about 20 ms)
 * Return: 1, or 0 if there was none, or a negative errno.
 */
int link_del(struct nl_sock *rtnl, const char *name, struct an_error *err);

#endif
