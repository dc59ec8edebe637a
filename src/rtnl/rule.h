/* SPDX-License-Identifier: Apache-2.0 */
/* Policy-routing rules. */
#ifndef RTNL_RULE_H
#define RTNL_RULE_H

#include "nl/sock.h"
#include <stdbool.h>
#include <stdint.h>

/**
 * struct rule - a policy-routing rule
 * @family:   AF_INET or AF_INET6
 * @priority: its place
 * @table:    for FR_ACT_TO_TBL
 * @action:   FR_ACT_*
 * @iif:      "" : any
 * @mark, @mark_mask: mask 0: any
 * @tos:      dsfield to match as the kernel's rules take it (0x1c), its two ECN bits clear, 0: any. In IPv4 a
 *            value within 0x1c is compared with those three bits of a packet only, as rules always did: 0x1c
 *            is met by DSCP 7, 15, 23, … 63. Other values, and all in IPv6, are compared with the whole DSCP;
 *            ECN is ignored (in IPv6 since Linux 5.18: before, a packet with an ECN bit set slips past the
 *            rule). IPv4 values beyond 0x1c need Linux 6.13; older ones refuse or ignore them.
 * @protocol: who made it (RTPROT_*); 0 in a spec: ROUTE_PROTOCOL when adding, any when deleting
 * @more:     dumped only: it has selectors or options that this struct has no room for
 */
struct rule {
	uint8_t family, action, tos, protocol;
	bool more;
	uint32_t priority, table, mark, mark_mask;
	char iif[16];
};

/** rule_build() - append the request of rule_add() (RTM_NEWRULE) or rule_del() (RTM_DELRULE). */
void rule_build(struct msg *m, uint16_t type, const struct rule *rule);
/** rule_add() - Return: 1, 0 if the same was there, or a negative errno. */
int rule_add(struct nl_sock *rtnl, const struct rule *rule, struct an_error *err);
/**
 * rule_del() - delete the first one that has all of this
 * What is 0 or empty in @rule matches anything, but for the priority.
 * Return: 1, 0 if there was none, or a negative errno.
 */
int rule_del(struct nl_sock *rtnl, const struct rule *rule, struct an_error *err);
/** rule_dump() - of one family. */
typedef int rule_cb(const struct rule *rule, void *data);
int rule_dump(struct nl_sock *rtnl, uint8_t family, rule_cb *cb, void *data, struct an_error *err);

#endif
