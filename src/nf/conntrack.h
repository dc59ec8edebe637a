/* SPDX-License-Identifier: Apache-2.0 */
/* Connection tracking entries. */
#ifndef NF_CONNTRACK_H
#define NF_CONNTRACK_H

#include "base/addr.h"
#include "nl/sock.h"

/**
 * conntrack_del() - delete every entry that one of these addresses is a party of
 * @nf:    netfilter netlink socket in the namespace
 * @addrs: @n addresses, or prefixes; a party is who began a flow, or who answers in it (behind any NAT)
 *
 * Walking the kernel's table takes milliseconds even where it is empty, so it is done once for all where there are
 * few entries; where there are many, the kernel filters by address (CTA_FILTER, 5.8 and newer, IPv4).
 *
 * Return: entries deleted, or a negative errno.
 */
int conntrack_del(struct nl_sock *nf, const struct addr *addrs, size_t n, struct an_error *err);

#endif
