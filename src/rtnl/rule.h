/* SPDX-License-Identifier: Apache-2.0 */
/* Policy-routing rules. */
#ifndef RTNL_RULE_H
#define RTNL_RULE_H

#include "nl/sock.h"
#include <stdint.h>

/**
 * struct rule - a policy-routing rule
 * @family:   AF_INET or AF_INET6
 * @priority: its place
 * @table:    for FR_ACT_TO_TBL
 * @action:   FR_ACT_*
 * @iif:      "" : any
 * @mark, @mark_mask: mask 0: any
 * @protocol: who made it (RTPROT_*); 0 in a spec: ROUTE_PROTOCOL when adding, any when deleting
 */
struct rule {
	uint8_t family, action, protocol;
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

#endif
