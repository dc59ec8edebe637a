/* SPDX-License-Identifier: Apache-2.0 */
/* Choices and checks before `up`. */
#include "core/preflight.h"
#include "base/error.h"
#include "core/attach.h"
#include "core/resolver.h"
#include "netns/sysctl.h"
#include "nf/dump.h"
#include "plane/special.h"
#include "rtnl/address.h"
#include "rtnl/route.h"
#include "rtnl/sockdiag.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* An option of the spec that is an address or prefix. */
static int parse_option(const char *option, const char *text, const char *preset, uint8_t family,
			struct addr *ret, struct an_error *err)
{
	char object[96];

	if (!text)
		text = preset;
	if (addr_parse(text, ret) == 0 && ret->family == family)
		return 0;
	snprintf(object, sizeof(object), "%s '%.60s'", option, text);
	error_set(err, AN_USAGE, EINVAL, object, "is not an %s prefix", family == AF_INET ? "IPv4" : "IPv6");
	if (addr_parse(text, ret) == 0)
		return error_remedy(err, "give it as %.*s%s", (int)strcspn(option, "6"), option,
				    family == AF_INET ? "6" : "");
	return error_remedy(err, "for example %s %s", option, preset);
}

static int bad_option(const char *option, const struct addr *a, const char *why, const char *remedy,
		      struct an_error *err)
{
	char object[96], text[ADDR_TEXT];

	snprintf(object, sizeof(object), "%s %s", option, addr_format(a, text));
	error_set(err, AN_USAGE, EINVAL, object, "%s", why);
	return error_remedy(err, "%s", remedy);
}

/* Addresses of hosts, that a packet may come from? Of link-local ones the inner network may be. */
static int check_unicast(const char *option, const struct addr *prefix, bool inner, struct an_error *err)
{
	const struct addr link_local = { AF_INET, 16, { 169, 254 } };
	const bool v4 = prefix->family == AF_INET;

	for (const char *const *known = v4 ? special_floor4 : special_floor6; *known; known++) {
		struct addr a;

		if (addr_parse(*known, &a) < 0 || !addr_overlaps(&a, prefix) ||
		    (inner && v4 && addr_equal(&a, &link_local)))
			continue;
		if (addr_equal(&a, &link_local))
			return bad_option(option, prefix, "is link-local: nobody forwards it",
					  "for example --range 100.64.0.0/16", err);
		return bad_option(
			option, prefix, "is not a unicast prefix",
			v4 ? "for example 169.254.17.2/30 for --inner, 100.64.0.0/16 for --range"
			   : "for example fd00:169:254::2/126 for --inner6, fd12:3456:789a:1::/64 for "
			     "--range6",
			err);
	}
	return 0;
}

/* The actor's address, and the gateway's beside it. @preset tells the family. */
static int parse_inner(const char *option, const char *text, const char *preset, struct addr ret[static 2],
		       struct an_error *err)
{
	const uint8_t family = strchr(preset, ':') ? AF_INET6 : AF_INET;
	struct addr *ret_inner = &ret[0], *ret_gateway = &ret[1];
	int r = parse_option(option, text, preset, family, ret_inner, err);
	const unsigned int bits = family == AF_INET ? 32 : 128;
	struct addr net, last;

	if (r < 0)
		return r;
	r = check_unicast(option, ret_inner, true, err);
	if (r < 0)
		return r;
	if (layout_inner_gateway(ret_inner, ret_gateway) < 0 || ret_inner->prefix < bits - 16)
		return bad_option(option, ret_inner, "has no room for actor and gateway, or far too much",
				  family == AF_INET ? "use a prefix length from /16 to /30"
						    : "use a prefix length from /112 to /126",
				  err);
	net = addr_network(ret_inner);
	last = addr_nth(&net, (1ULL << (bits - ret_inner->prefix)) - 1);
	if (addr_same_host(&net, ret_inner) || addr_same_host(&last, ret_inner))
		return bad_option(option, ret_inner, "is the prefix's own or broadcast address, not a host's",
				  "give the actor's address with its prefix length", err);
	return 0;
}

static int parse_range(const char *option, const char *text, uint8_t family, struct addr *ret,
		       struct an_error *err)
{
	const char *example = family == AF_INET ? "100.64.0.0/16" : "fd12:3456:789a:1::/64";
	int r = parse_option(option, text, example, family, ret, err);
	struct addr net;

	if (r < 0)
		return r;
	net = addr_network(ret);
	if (!addr_equal(&net, ret))
		return bad_option(option, ret, "has bits set beyond its prefix length", "clear them", err);
	if (family == AF_INET && (ret->prefix < PREFLIGHT_RANGE_MIN || ret->prefix > PREFLIGHT_RANGE_MAX))
		return bad_option(option, ret, "is not of a size from /16 to /24",
				  "for example --range 100.64.0.0/16", err);
	if (family == AF_INET6 && ret->prefix != PREFLIGHT_RANGE6)
		return bad_option(option, ret, "is not a /64", "for example --range6 fd12:3456:789a:1::/64",
				  err);
	return check_unicast(option, ret, false, err);
}

static int bad_number(const char *option, uint64_t value, const char *why, const char *remedy,
		      struct an_error *err)
{
	char object[64];

	snprintf(object, sizeof(object), "%s %llu", option, (unsigned long long)value);
	error_set(err, AN_USAGE, EINVAL, object, "%s", why);
	return error_remedy(err, "%s", remedy);
}

int preflight_numbers(const struct an_worker_spec *spec, const struct record_worker *there,
		      struct an_error *err)
{
	const bool has_max = spec->max != AN_KEEP && spec->max != 0, has_slots = spec->slots != AN_KEEP;
	const uint32_t max = has_max ? spec->max : there->max ? there->max : LAYOUT_MAX;

	if (has_slots && spec->slots > max)
		return bad_number("--slots", spec->slots,
				  has_max ? "is more than --max allows" : "is more than the worker's --max",
				  "raise --max, or keep fewer idle", err);
	if (has_max && !has_slots && there->max && there->idle_target > max)
		return bad_number("--max", max, "is less than the idle slots that the worker keeps ready",
				  "give a smaller --slots, too", err);
	return 0;
}

int preflight_spec(const struct an_worker_spec *spec, struct an_error *err)
{
	const uint16_t nat_min = spec->nat_port_min ? spec->nat_port_min : LAYOUT_NAT_MIN;
	const uint16_t nat_max = spec->nat_port_max ? spec->nat_port_max : LAYOUT_NAT_MAX;
	const uint32_t max = spec->max == AN_KEEP || spec->max == 0 ? LAYOUT_MAX : spec->max;
	const struct record_worker new = { .max = 0 };
	struct addr a, inner[2];
	int r = 0;

	if (max > LAYOUT_MAX)
		return bad_number("--max", max, "is more than 60000", "use a smaller number", err);
	if (spec->slots != AN_KEEP && spec->slots > LAYOUT_MAX)
		return bad_number("--slots", spec->slots, "is more than 60000", "use a smaller number", err);
	if (nat_min > nat_max || nat_min < PREFLIGHT_NAT_MIN)
		return bad_number("--nat-ports", nat_min, "starts below 1024 or ends before it starts",
				  "for example --nat-ports 20000-29999", err);
	r = preflight_numbers(spec, &new, err);
	if (r == 0)
		r = parse_inner("--inner", spec->inner, LAYOUT_INNER, inner, err);
	if (r == 0)
		r = parse_inner("--inner6", spec->inner6, LAYOUT_INNER6, inner, err);
	if (r == 0 && spec->range)
		r = parse_range("--range", spec->range, AF_INET, &a, err);
	if (r == 0 && spec->range6)
		r = parse_range("--range6", spec->range6, AF_INET6, &a, err);
	return r;
}

/* Is there a route, other than the default and the link-local ones, that a prefix collides with? */
struct collision {
	const struct addr *prefix;
	struct addr route;
	bool found;
};

static int collide(const struct route *route, void *data)
{
	const struct addr link_local = { AF_INET, 16, { 169, 254 } }, multicast6 = { AF_INET6, 8, { 0xff } };
	struct collision *c = data;

	if (route->dst.prefix == 0 || addr_equal(&route->dst, &link_local) ||
	    addr_equal(&route->dst, &multicast6) || !addr_overlaps(&route->dst, c->prefix))
		return 0;
	if (c->found &&
	    c->route.prefix <= route->dst.prefix) /* the widest says most, not some broadcast address */
		return 0;
	c->route = route->dst;
	c->found = true;
	return 0;
}

static int find_collision(struct nl_sock *rtnl, const struct addr *prefix, struct collision *ret,
			  struct an_error *err)
{
	*ret = (struct collision){ .prefix = prefix };
	return route_dump(rtnl, prefix->family, collide, ret, err);
}

static int check_free(struct nl_sock *rtnl, const char *option, const struct addr *prefix,
		      struct an_error *err)
{
	struct collision c;
	char object[96], text[ADDR_TEXT];
	int r = find_collision(rtnl, prefix, &c, err);

	if (r < 0 || !c.found)
		return r;
	snprintf(object, sizeof(object), "%s %s", option, addr_format(prefix, text));
	error_set(err, AN_CONFLICT, EADDRINUSE, object, "overlaps the worker's route to %s",
		  addr_format(&c.route, text));
	return error_remedy(err, "choose another with %s", option);
}

/* The first free /16 of the shared address space. */
static int choose_range(struct nl_sock *rtnl, struct addr *ret, struct an_error *err)
{
	struct addr all, range;

	if (addr_parse(LAYOUT_RANGES, &all) < 0)
		return -EINVAL;
	for (uint64_t i = 0; i < 64; i++) {
		struct collision c;
		int r;

		range = addr_nth(&all, i << 16);
		range.prefix = 16;
		r = find_collision(rtnl, &range, &c, err);
		if (r < 0)
			return r;
		if (!c.found) {
			*ret = range;
			return 0;
		}
	}
	error_set(err, AN_CONFLICT, EADDRINUSE, "--range",
		  "every /16 of " LAYOUT_RANGES " overlaps a route of the worker");
	return error_remedy(err, "choose a free IPv4 prefix with --range");
}

/* A unique local /64 made from random bits (RFC 4193), the last of them the worker's id. */
static int choose_range6(const struct an_worker *w, struct addr *ret, struct an_error *err)
{
	struct addr a = { AF_INET6, 64, { 0xfd } };

	if (getrandom(a.bytes + 1, 3, 0) != 3)
		return error_set(err, AN_FAILED, errno, "--range6", "no random bytes: %m");
	for (unsigned int i = 0; i < 4; i++)
		a.bytes[4 + i] = (uint8_t)(w->inode >> (24 - 8 * i));
	*ret = a;
	return 0;
}

static int check_inner(struct nl_sock *rtnl, const char *option, const struct addr *inner,
		       struct an_error *err)
{
	const struct addr net = addr_network(inner);

	for (const char *const *known = special_known; *known; known++) {
		struct addr a;

		if (addr_parse(*known, &a) == 0 && addr_contains(&net, &a))
			return bad_option(option, inner, "covers a metadata or node-local address",
					  "choose another prefix", err);
	}
	return check_free(rtnl, option, inner, err);
}

static int choose_addresses(struct an_worker *w, const struct an_worker_spec *spec, struct plane *p,
			    struct an_error *err)
{
	struct nl_sock *rtnl = &WORKER_SIDE(w)->rtnl;
	struct addr inner[2], inner6[2];
	int r = parse_inner("--inner", spec->inner, LAYOUT_INNER, inner, err);

	if (r == 0)
		r = parse_inner("--inner6", spec->inner6, LAYOUT_INNER6, inner6, err);
	if (r < 0)
		return r;
	p->inner = inner[0];
	p->gateway = inner[1];
	p->inner6 = inner6[0];
	p->gateway6 = inner6[1];
	if (r == 0)
		r = check_inner(rtnl, "--inner", &p->inner, err);
	if (r == 0)
		r = check_inner(rtnl, "--inner6", &p->inner6, err);
	if (r == 0 && spec->range)
		r = parse_range("--range", spec->range, AF_INET, &p->range, err);
	if (r == 0 && spec->range)
		r = check_free(rtnl, "--range", &p->range, err);
	if (r == 0 && !spec->range)
		r = choose_range(rtnl, &p->range, err);
	if (r == 0 && spec->range6)
		r = parse_range("--range6", spec->range6, AF_INET6, &p->range6, err);
	else if (r == 0)
		r = choose_range6(w, &p->range6, err);
	if (r == 0)
		r = check_free(rtnl, "--range6", &p->range6, err);
	if (r == 0 && addr_overlaps(&p->range, &p->inner))
		r = bad_option("--range", &p->range, "overlaps the inner network",
			       "keep it apart from --inner", err);
	if (r == 0 && addr_overlaps(&p->range6, &p->inner6))
		r = bad_option("--range6", &p->range6, "overlaps the inner network",
			       "keep it apart from --inner6", err);
	return r;
}

struct bound {
	const struct plane *plane;
	struct sockdiag socket;
	bool found;
};

static int find_bound(const struct sockdiag *socket, void *data)
{
	struct bound *b = data;

	if (socket->port >= b->plane->nat_min && socket->port <= b->plane->nat_max) {
		b->socket = *socket;
		b->found = true;
	}
	return 0;
}

/* The worker's own ephemeral ports and bound sockets must lie outside the masquerade's, or datagrams change owner. */
static int check_nat_ports(struct an_worker *w, const struct plane *p, struct an_error *err)
{
	struct bound bound = { .plane = p };
	unsigned int low = 0, high = 0;
	char value[32], object[64], owner[128];
	int previous, r;

	snprintf(object, sizeof(object), "--nat-ports %u-%u", p->nat_min, p->nat_max);
	previous = netns_enter(WORKER_SIDE(w)->netns_fd, err);
	if (previous < 0)
		return previous;
	r = sysctl_get("ipv4/ip_local_port_range", value, sizeof(value), err);
	r = netns_leave(previous, r, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && sscanf(value, "%u %u", &low, &high) == 2 && p->nat_min <= high && p->nat_max >= low) {
		error_set(err, AN_CONFLICT, EADDRINUSE, object,
			  "overlaps the worker's own ephemeral ports %u-%u", low, high);
		return error_remedy(err,
				    "choose others with --nat-ports, or change net.ipv4.ip_local_port_range");
	}
	r = sockdiag_dump(&w->diag, find_bound, &bound, err);
	if (r < 0 || !bound.found)
		return r;
	error_set(err, AN_CONFLICT, EADDRINUSE, object, "port %u is held by %s", bound.socket.port,
		  sockdiag_owner(bound.socket.inode, owner, sizeof(owner)));
	return error_remedy(err, "choose others with --nat-ports");
}

static int find_older(uint8_t family, const char *name, void *data)
{
	(void)family;
	*(bool *)data |= strcmp(name, "ateom_actor") == 0;
	return 0;
}

/* Tables under names that are ours, or an earlier program's, which would work against us. */
static int check_tables(struct an_worker *w, struct an_error *err)
{
	bool older = false;
	int r = table_dump(&WORKER_SIDE(w)->nf, find_older, &older, err);

	if (r < 0)
		return r;
	if (older) {
		error_set(err, AN_CONFLICT, EEXIST, "table ateom_actor",
			  "an earlier actor network is in this worker");
		return error_remedy(err, "nft delete table ip ateom_actor (or inet), then actornet up");
	}
	return 0;
}

/* What is known of a worker whose gateway is gone stays, so that no slot's number is used twice. */
static void choose_numbers(const struct an_worker_spec *spec, const struct record_worker *there,
			   struct record_worker *ret)
{
	const bool known = there->max > 0;

	ret->made = there->made;
	ret->idle_target = known ? there->idle_target : LAYOUT_IDLE_TARGET;
	ret->max = known ? there->max : LAYOUT_MAX;
	if (spec->slots != AN_KEEP)
		ret->idle_target = spec->slots;
	if (spec->max != AN_KEEP && spec->max != 0)
		ret->max = spec->max;
	if (ret->idle_target > ret->max)
		ret->idle_target = ret->max;
}

int preflight_choose(struct an_worker *w, const struct an_worker_spec *spec, struct preflight *ret,
		     struct an_error *err)
{
	struct preflight pre = { .plane = w->plane };
	struct plane *p = &pre.plane;
	int r = uplink_find(&WORKER_SIDE(w)->rtnl, spec->uplink, &pre.uplink, err);

	if (r == 0)
		r = check_tables(w, err);
	if (r == 0)
		r = choose_addresses(w, spec, p, err);
	if (r < 0)
		return r;
	memcpy(p->uplink, pre.uplink.link.name, sizeof(p->uplink));
	p->mtu = pre.uplink.link.mtu;
	p->ipv6 = pre.uplink.ipv6 && p->mtu >= PREFLIGHT_MTU6;
	p->nat_min = spec->nat_port_min ? spec->nat_port_min : LAYOUT_NAT_MIN;
	p->nat_max = spec->nat_port_max ? spec->nat_port_max : LAYOUT_NAT_MAX;
	p->n_resolvers =
		resolver_read(spec->resolv_conf ? spec->resolv_conf : "/etc/resolv.conf", p->resolvers);
	r = check_nat_ports(w, p, err);
	if (r == 0 && getrandom(p->key, sizeof(p->key), 0) != sizeof(p->key))
		r = error_set(err, AN_FAILED, errno, "worker", "no random bytes: %m");
	memcpy(pre.record.uplink, p->uplink, sizeof(pre.record.uplink));
	choose_numbers(spec, &w->record, &pre.record);
	w->plane = *p; /* the sysctls' names have the uplink in them */
	if (r == 0)
		r = attach_look(w, &pre.record.found, err);
	attach_guard(&pre.record.found, p);
	*ret = pre;
	return r;
}
