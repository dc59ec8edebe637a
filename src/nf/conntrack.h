/* SPDX-License-Identifier: Apache-2.0 */
/* Connection tracking entries. */
#ifndef NF_CONNTRACK_H
#define NF_CONNTRACK_H

#include "base/addr.h"
#include "nl/sock.h"

/**
 * struct party - one side of a flow: who began it, or who answers in it (behind any NAT)
 * @addr:     its address, or a prefix
 * @protocol: 0: any
 * @port, @end_port: where the flow was begun to, before any NAT, host order; then the party must be who answers.
 *                   0: any
 */
struct party {
	struct addr addr;
	uint8_t protocol;
	uint16_t port, end_port;
};

/**
 * conntrack_del() - delete every entry that one of these is a party of
 * @nf:      netfilter netlink socket in the namespace
 * @parties: @n
 *
 * Walking the kernel's table takes milliseconds even where it is empty, so it is done once for all where there are
 * few entries; where there are many, the kernel filters by address (CTA_FILTER, 5.8 and newer, IPv4).
 *
 * Return: entries deleted, or a negative errno.
 */
int conntrack_del(struct nl_sock *nf, const struct party *parties, size_t n, struct an_error *err);

#endif
