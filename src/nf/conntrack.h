/* SPDX-License-Identifier: Apache-2.0 */
/* Connection tracking entries. */
#ifndef NF_CONNTRACK_H
#define NF_CONNTRACK_H

#include "base/addr.h"
#include "nl/sock.h"

/**
 * conntrack_del() - delete every entry that has this address as source or destination in either direction
 * @nf: netfilter netlink socket in the namespace
 *
 * IPv4: the kernel filters the dump (CTA_FILTER, 5.8 and newer); where it can't, and in IPv6, entries are filtered here.
 *
 * Return: entries deleted, or a negative errno.
 */
int conntrack_del(struct nl_sock *nf, const struct addr *addr, struct an_error *err);

#endif
