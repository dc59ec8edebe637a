/* SPDX-License-Identifier: Apache-2.0 */
/* Policy-routing rules. */
#include "rtnl/rule.h"

#include "base/error.h"
#include "nl/attr.h"
#include "rtnl/request.h"
#include "rtnl/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <stdio.h>
#include <string.h>

/* Newer than some uapi headers that we build with (6.13, 6.16): u8, the six bits alone. */
#define RULE_FRA_DSCP	   25
#define RULE_FRA_DSCP_MASK 30
#define RULE_DSCP_ALL	   0x3f

#define RULE_TOS4 0x1c /* what an IPv4 rule's tos may hold: RFC 1349's bits, less the one that is ECN's now */

/*
 * The header's tos is understood by every kernel. An IPv4 rule takes RULE_TOS4 there and nothing else, and
 * matches those three bits of a packet alone (DSCP 7 is met by 15, 23, … 63 too); an IPv6 rule takes and
 * compares all six bits of the DSCP. What doesn't fit goes out as FRA_DSCP, which older kernels ignore or
 * refuse.
 */
static bool rule_tos_fits(const struct rule *rule)
{
	return rule->family == AF_INET6 || (rule->tos & ~RULE_TOS4) == 0;
}

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
		header->tos = rule_tos_fits(rule) ? rule->tos : 0;
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
	if (!rule_tos_fits(rule))
		msg_put_u8(m, RULE_FRA_DSCP, rule->tos >> 2);
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

struct rule_reader {
	rule_cb *cb;
	void *data;
	uint8_t family;
};

/* Stops at an attribute that struct rule has no room for. */
static int rule_check_attr(const struct nlattr *attr, void *data)
{
	bool *more = data;

	switch (mnl_attr_get_type(attr)) {
	case FRA_PRIORITY:
	case FRA_TABLE:
	case FRA_IIFNAME:
	case FRA_FWMARK:
	case FRA_FWMASK:
	case FRA_PROTOCOL:
	case FRA_PAD:
	case RULE_FRA_DSCP:
		return MNL_CB_OK;
	case RULE_FRA_DSCP_MASK:
		*more = attr_u8(attr) != RULE_DSCP_ALL;
		return *more ? MNL_CB_STOP : MNL_CB_OK;
	case FRA_SUPPRESS_PREFIXLEN:
	case FRA_SUPPRESS_IFGROUP:
		*more = attr_u32(attr) != UINT32_MAX; /* -1: none */
		return *more ? MNL_CB_STOP : MNL_CB_OK;
	default:
		*more = true;
		return MNL_CB_STOP;
	}
}

/* Has it a selector or an option that struct rule has no room for? */
static bool rule_has_more(const struct nlmsghdr *nlh, const struct fib_rule_hdr *header)
{
	bool more = header->src_len || header->dst_len || (header->flags & FIB_RULE_INVERT);

	if (!more)
		mnl_attr_parse(nlh, sizeof(*header), rule_check_attr, &more);
	return more;
}

static uint8_t rule_read_tos(const struct nlattr *dscp, const struct fib_rule_hdr *header)
{
	unsigned int tos = dscp ? attr_u8(dscp) * 4U : header->tos;

	return (uint8_t)tos;
}

static int rule_read_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RULE_FRA_DSCP + 1];
	const struct rule_reader *reader = data;
	struct rule rule;

	if (nlh->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(nlh) < sizeof(*header) ||
	    header->family != reader->family)
		return 0;
	attr_table(nlh, sizeof(*header), tb, RULE_FRA_DSCP);
	rule = (struct rule){
		.family = header->family,
		.action = header->action,
		.tos = rule_read_tos(tb[RULE_FRA_DSCP], header),
		.protocol = attr_u8(tb[FRA_PROTOCOL]),
		.priority = attr_u32(tb[FRA_PRIORITY]), /* missing: 0 */
		.table = tb[FRA_TABLE] ? attr_u32(tb[FRA_TABLE]) : header->table,
		.mark = attr_u32(tb[FRA_FWMARK]),
		.mark_mask = attr_u32(tb[FRA_FWMASK]),
		.more = rule_has_more(nlh, header),
	};
	attr_text(tb[FRA_IIFNAME], rule.iif, sizeof(rule.iif));
	return reader->cb(&rule, reader->data);
}

int rule_dump(struct nl_sock *rtnl, uint8_t family, rule_cb *cb, void *data, struct an_error *err)
{
	_Alignas(4) char buf[REQUEST_BUF];
	struct rule_reader reader = { cb, data, family };
	struct fib_rule_hdr *header;
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	header = msg_begin(&m, RTM_GETRULE, NLM_F_DUMP, sizeof(*header));
	if (header)
		header->family = family;
	r = nl_dump(rtnl, &m, rule_read_cb, NULL, &reader, err);
	if (r < 0)
		error_object(err, "list of rules");
	return r;
}
