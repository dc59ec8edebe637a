/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's uplink and addresses: found, never changed. */
#ifndef CORE_UPLINK_H
#define CORE_UPLINK_H

#include "base/addr.h"
#include "nl/sock.h"
#include "rtnl/link.h"
#include <actornet/error.h>

#define UPLINK_ADDRESSES 16

/**
 * struct uplink - where the worker's traffic leaves
 * @addresses: @n_addresses global ones of the uplink, IPv4 and IPv6
 * @ipv6:      one of them is IPv6 (kernel scope global, unique local included)
 */
struct uplink {
	struct link link;
	struct addr addresses[UPLINK_ADDRESSES];
	unsigned int n_addresses;
	bool ipv6;
};

/**
 * uplink_find() - the link of the default route (lowest metric, IPv4 before IPv6), or the one of that name
 * Return: 0, or a negative errno: ENETUNREACH: no default route; ENODEV: no such link; EADDRNOTAVAIL: no address.
 */
int uplink_find(struct nl_sock *rtnl, const char *name, struct uplink *ret_uplink, struct an_error *err);

#endif
