/* SPDX-License-Identifier: Apache-2.0 */
/* Policy-routing rules. */
#include "rtnl/rule.h"

#include "base/error.h"
#include "rtnl/request.h"
#include "rtnl/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <stdio.h>
#include <string.h>

void rule_build(struct msg *m, uint16_t type, const struct rule *rule)
{
	uint16_t nl_flags = type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0;
	uint8_t protocol = rule->protocol;
	struct fib_rule_hdr *header;

	header = msg_begin(m, type, nl_flags, sizeof(*header));
	if (header) {
		header->family = rule->family;
		header->action = rule->action;
		header->table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC;
	}
	msg_put_u32(m, FRA_PRIORITY, rule->priority);
	if (type == RTM_NEWRULE && !protocol)
		protocol = ROUTE_PROTOCOL;
	if (protocol)
		msg_put_u8(m, FRA_PROTOCOL, protocol);
	if (rule->table >= 256)
		msg_put_u32(m, FRA_TABLE, rule->table);
	if (rule->iif[0])
		msg_put_str(m, FRA_IIFNAME, rule->iif);
	if (rule->mark_mask) {
		msg_put_u32(m, FRA_FWMARK, rule->mark);
		msg_put_u32(m, FRA_FWMASK, rule->mark_mask);
	}
}

static void rule_name(const struct rule *rule, const char *what, struct an_error *err)
{
	error_object(err, "IPv%c rule %u", rule->family == AF_INET6 ? '6' : '4', rule->priority);
	error_context(err, "%s", what);
}

int rule_add(struct nl_sock *rtnl, const struct rule *rule, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	if (strnlen(rule->iif, sizeof(rule->iif)) == sizeof(rule->iif))
		return error_set(err, AN_FAILED, EINVAL, "rule", "name of a link too long");
	msg_init(&m, buf, sizeof(buf));
	rule_build(&m, RTM_NEWRULE, rule);
	r = request_send(rtnl, &m, (const int[]){ EEXIST, 0 }, err);
	if (r < 0)
		rule_name(rule, "add", err);
	return r;
}

int rule_del(struct nl_sock *rtnl, const struct rule *rule, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	if (strnlen(rule->iif, sizeof(rule->iif)) == sizeof(rule->iif))
		return error_set(err, AN_FAILED, EINVAL, "rule", "name of a link too long");
	msg_init(&m, buf, sizeof(buf));
	rule_build(&m, RTM_DELRULE, rule);
	r = request_send(rtnl, &m, (const int[]){ ENOENT, 0 }, err);
	if (r < 0)
		rule_name(rule, "delete", err);
	return r;
}
