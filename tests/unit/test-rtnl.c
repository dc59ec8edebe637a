/* SPDX-License-Identifier: Apache-2.0 */
/* rtnl against the kernel, in namespaces of its own. */
#include "faults.h"
#include "isolate.h"

#include "base/cleanup.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/neigh.h"
#include "rtnl/nsid.h"
#include "rtnl/route.h"
#include "rtnl/rule.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/**
 * struct place - a namespace with a socket in it
 */
struct place {
	int fd;
	struct nl_sock rtnl;
};

/* Two, with a veth between them: v0 in the first, v1 in the second. */
struct pair {
	struct place a, b;
	struct link v0, v1;
	struct an_error err;
};

static const uint8_t mac0[LINK_MAC] = { 2, 0xa8, 0x1e, 0, 0, 1 }, mac1[LINK_MAC] = { 2, 0xa8, 0x1e, 0, 0, 2 };

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int own_netns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void go_to(int fd)
{
	assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

static void place_make(struct place *p)
{
	_cleanup_fd_ int home = own_netns();

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	p->fd = own_netns();
	assert_int_equal(nl_open(&p->rtnl, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), NULL),
			 0);
	go_to(home);
}

static struct link_veth veth_between(const struct pair *p)
{
	struct link_veth spec = { .name = "v0",
				  .peer = "v1",
				  .netns_fd = -1,
				  .peer_netns_fd = p->b.fd,
				  .mtu = 1450,
				  .noarp = true,
				  .peer_noarp = true,
				  .up = true };

	memcpy(spec.mac, mac0, LINK_MAC);
	memcpy(spec.peer_mac, mac1, LINK_MAC);
	return spec;
}

static int setup_bare(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	place_make(&p->a);
	place_make(&p->b);
	*state = p;
	return 0;
}

static void raise_lo(struct place *p)
{
	struct link lo;

	assert_int_equal(link_get(&p->rtnl, "lo", &lo, NULL), 0);
	assert_int_equal(link_set_up(&p->rtnl, lo.index, 0, NULL), 0);
}

static int setup(void **state)
{
	struct link_veth spec;
	struct pair *p;

	setup_bare(state);
	p = *state;
	spec = veth_between(p);
	spec.peer_up = true;
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), 0);
	assert_int_equal(link_get(&p->a.rtnl, "v0", &p->v0, NULL), 0);
	assert_int_equal(link_get(&p->b.rtnl, "v1", &p->v1, NULL), 0);
	raise_lo(&p->a);
	raise_lo(&p->b);
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	nl_close(&p->a.rtnl);
	nl_close(&p->b.rtnl);
	fd_close(p->a.fd);
	fd_close(p->b.fd);
	free(p);
	return 0;
}

/* ---- link ---- */

static void check_end(const struct link *link, const uint8_t mac[LINK_MAC], uint32_t flags, uint32_t no_flags)
{
	assert_string_equal(link->kind, "veth");
	assert_memory_equal(link->mac, mac, LINK_MAC);
	assert_int_equal(link->mtu, 1450);
	assert_int_equal(link->flags & flags, flags);
	assert_int_equal(link->flags & no_flags, 0);
}

static void link_veth_is_born_in_both_namespaces(void **state)
{
	struct pair *p = *state;
	struct link_veth spec = veth_between(p);
	struct link v0, v1;

	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), 0);
	assert_int_equal(link_get(&p->a.rtnl, "v0", &v0, NULL), 0);
	assert_int_equal(link_get(&p->b.rtnl, "v1", &v1, NULL), 0);
	check_end(&v0, mac0, IFF_UP | IFF_NOARP, 0);
	check_end(&v1, mac1, IFF_NOARP, IFF_UP);
	assert_int_equal(v0.peer_index, v1.index);
	assert_int_equal(v1.peer_index, v0.index);
	assert_int_equal(link_get(&p->a.rtnl, "v1", &v1, &p->err), -ENODEV);
	assert_int_equal(p->err.kind, 0);
}

static void link_veth_both_ends_come_up(void **state)
{
	struct pair *p = *state;
	struct link_veth spec = veth_between(p);
	struct link v0, v1;

	spec.peer_up = true;
	spec.noarp = false;
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), 0);
	assert_int_equal(link_get(&p->a.rtnl, "v0", &v0, NULL), 0);
	assert_int_equal(link_get(&p->b.rtnl, "v1", &v1, NULL), 0);
	check_end(&v0, mac0, IFF_UP | IFF_RUNNING, IFF_NOARP);
	check_end(&v1, mac1, IFF_UP | IFF_RUNNING | IFF_NOARP, 0);
	assert_int_equal(v0.peer_index, v1.index);
}

/* The kernel's answer that link.c works around: should it change, the second message can go. */
static void link_veth_second_end_can_not_be_born_up(void **state)
{
	struct pair *p = *state;
	_Alignas(4) char buf[512];
	struct ifinfomsg *header;
	struct msg m;

	for (unsigned int flags = 0; flags <= IFF_UP; flags += IFF_UP) {
		msg_init(&m, buf, sizeof(buf));
		msg_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*header));
		msg_put_str(&m, IFLA_IFNAME, flags ? "v0" : "w0");
		msg_nest(&m, IFLA_LINKINFO);
		msg_put_str(&m, IFLA_INFO_KIND, "veth");
		msg_nest(&m, IFLA_INFO_DATA);
		msg_nest(&m, VETH_INFO_PEER);
		header = msg_raw(&m, sizeof(*header));
		header->ifi_flags = header->ifi_change = flags;
		msg_put_str(&m, IFLA_IFNAME, flags ? "v1" : "w1");
		msg_nest_end(&m);
		msg_nest_end(&m);
		msg_nest_end(&m);
		assert_int_equal(nl_call(&p->a.rtnl, &m, NULL, NULL, NULL, NULL), flags ? -ENOTCONN : 0);
	}
}

static void link_veth_refusals_name_the_links(void **state)
{
	struct pair *p = *state;
	struct link_veth spec = veth_between(p);

	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), -EEXIST);
	assert_int_equal(p->err.err, EEXIST);
	assert_non_null(strstr(p->err.object, "'v0'"));
	assert_non_null(strstr(p->err.object, "'v1'"));

	strcpy(spec.name, "w0"); /* the other end's name is still taken: neither may be left */
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), -EEXIST);
	assert_int_equal(link_get(&p->a.rtnl, "w0", &p->v0, NULL), -ENODEV);

	spec.peer[0] = '\0';
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), -EINVAL);
	memset(spec.peer, 'x', sizeof(spec.peer));
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), -EINVAL);

	strcpy(spec.peer, "w1");
	spec.peer_up = true;
	spec.netns_fd = p->a.fd;
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), -EINVAL);
	spec.netns_fd = -1;
	spec.peer_netns_fd = 9999;
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, &p->err), -EBADF);
	assert_int_equal(link_get(&p->a.rtnl, "w0", &p->v0, NULL), -ENODEV);
}

/* The second message fails: the pair of the first must not stay behind. */
static void link_veth_half_up_is_taken_away(void **state)
{
	struct pair *p = *state;
	struct link_veth spec = veth_between(p);
	int r;

	spec.peer_up = true;
	faults_set("sendmsg", 2, EPERM);
	r = link_add_veth(&p->a.rtnl, &spec, &p->err);
	assert_int_equal(faults_clear(), 3); /* the third was the removal */
	assert_int_equal(r, -EPERM);
	assert_string_equal(p->err.object, "link 'v0'");
	assert_int_equal(link_get(&p->a.rtnl, "v0", &p->v0, NULL), -ENODEV);
	assert_int_equal(link_get(&p->b.rtnl, "v1", &p->v1, NULL), -ENODEV);
	assert_int_equal(link_add_veth(&p->a.rtnl, &spec, NULL), 0);
}

static void link_alias_is_set_read_and_removed(void **state)
{
	struct pair *p = *state;
	char alias[LINK_ALIAS + 1];

	memset(alias, 'a', sizeof(alias));
	alias[LINK_ALIAS] = '\0';
	assert_int_equal(link_set_alias(&p->a.rtnl, p->v0.index, alias, &p->err), -ENAMETOOLONG);
	alias[LINK_ALIAS - 1] = '\0';
	assert_int_equal(link_set_alias(&p->a.rtnl, p->v0.index, alias, &p->err), 0);
	assert_int_equal(link_get(&p->a.rtnl, "v0", &p->v0, NULL), 0);
	assert_string_equal(p->v0.alias, alias);
	assert_int_equal(link_set_alias(&p->a.rtnl, p->v0.index, "", &p->err), 0);
	assert_int_equal(link_get(&p->a.rtnl, "v0", &p->v0, NULL), 0);
	assert_string_equal(p->v0.alias, "");
}

static void link_changes_of_a_missing_device_name_it(void **state)
{
	struct pair *p = *state;

	assert_int_equal(link_set_up(&p->a.rtnl, 4711, 1400, &p->err), -ENODEV);
	assert_string_equal(p->err.object, "link #4711");
	p->err = (struct an_error){ 0 };
	assert_int_equal(link_set_up(&p->a.rtnl, p->v0.index, 12, &p->err), -EINVAL);
	assert_string_equal(p->err.object, "link 'v0'");
	assert_int_equal(link_set_up(&p->a.rtnl, p->v0.index, 1400, NULL), 0);
	assert_int_equal(link_get(&p->a.rtnl, "v0", &p->v0, NULL), 0);
	assert_int_equal(p->v0.mtu, 1400);
}

struct seen_links {
	unsigned int n;
	bool v0;
	uint64_t bytes;
};

static int see_link(const struct link *link, void *data)
{
	struct seen_links *seen = data;

	seen->n++;
	seen->v0 |= strcmp(link->name, "v0") == 0;
	seen->bytes += link->stats.tx_bytes + link->stats.rx_bytes;
	return 0;
}

static int refuse_link(const struct link *link, void *data)
{
	(void)link;
	(void)data;
	return -ECANCELED;
}

static void link_dump_has_all_and_counts_if_asked(void **state)
{
	struct seen_links seen = { 0 }, counted = { 0 };
	struct addr addr = parse("10.9.0.1/24"), to = parse("10.9.0.2");
	struct pair *p = *state;
	struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(9) };
	_cleanup_fd_ int home = own_netns();
	_cleanup_fd_ int udp = -1;

	assert_int_equal(address_add(&p->a.rtnl, p->v0.index, &addr, 0, NULL), 1);
	assert_int_equal(neigh_set(&p->a.rtnl, p->v0.index, &to, mac1, NULL), 0);
	go_to(p->a.fd);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	go_to(home);
	memcpy(&far.sin_addr, to.bytes, 4);
	assert_int_equal(sendto(udp, "x", 1, 0, (struct sockaddr *)&far, sizeof(far)), 1);

	assert_int_equal(link_dump(&p->a.rtnl, false, see_link, &seen, NULL), 0);
	assert_int_equal(link_dump(&p->a.rtnl, true, see_link, &counted, NULL), 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(counted.n, 2);
	assert_true(seen.v0);
	assert_int_equal(seen.bytes, 0);
	assert_true(counted.bytes > 0);
	assert_int_equal(link_dump(&p->a.rtnl, false, refuse_link, NULL, NULL), -ECANCELED);
	assert_int_equal(link_dump(&p->a.rtnl, false, see_link, &seen, NULL), 0);
	assert_int_equal(seen.n, 4);
}

static void link_del_says_whether_there_was_one(void **state)
{
	struct pair *p = *state;

	assert_int_equal(link_del(&p->a.rtnl, "v0", &p->err), 1);
	assert_int_equal(link_del(&p->a.rtnl, "v0", &p->err), 0);
	assert_int_equal(link_del(&p->a.rtnl, "a-name-that-is-too-long", &p->err), 0);
	assert_int_equal(p->err.kind, 0);
	assert_int_equal(link_get(&p->b.rtnl, "v1", &p->v1, NULL), -ENODEV);
}

/* ---- addresses ---- */

struct wanted_address {
	struct address found;
	struct addr addr;
	unsigned int n;
};

static int see_address(const struct address *address, void *data)
{
	struct wanted_address *want = data;

	if (addr_equal(&address->addr, &want->addr)) {
		want->found = *address;
		want->n++;
	}
	return 0;
}

static void address_check(struct pair *p, uint8_t family, const char *text)
{
	struct wanted_address want = { .addr = parse(text) };

	assert_int_equal(address_add(&p->a.rtnl, p->v0.index, &want.addr, IFA_F_NOPREFIXROUTE, &p->err), 1);
	assert_int_equal(address_add(&p->a.rtnl, p->v0.index, &want.addr, IFA_F_NOPREFIXROUTE, &p->err), 0);
	assert_int_equal(p->err.kind, 0);
	assert_int_equal(address_dump(&p->a.rtnl, family, see_address, &want, NULL), 0);
	assert_int_equal(want.n, 1);
	assert_int_equal(address_dump(&p->a.rtnl, AF_UNSPEC, see_address, &want, NULL), 0);
	assert_int_equal(want.n, 2);
	assert_int_equal(want.found.index, p->v0.index);
	assert_int_equal(want.found.scope, RT_SCOPE_UNIVERSE);
	assert_true(want.found.flags & IFA_F_NOPREFIXROUTE);
	assert_false(want.found.flags & IFA_F_TENTATIVE);
}

static void address_of_both_families(void **state)
{
	struct addr addr = parse("10.9.0.1/24");
	struct pair *p = *state;

	address_check(p, AF_INET, "169.254.17.2/30");
	address_check(p, AF_INET6, "fd00:169:254::2/126");
	assert_int_equal(address_add(&p->a.rtnl, 4711, &addr, 0, &p->err), -ENODEV);
	assert_string_equal(p->err.object, "address 10.9.0.1/24 of link #4711");
}

/* ---- routes ---- */

struct wanted_route {
	struct route found;
	struct addr dst;
	uint32_t table;
	unsigned int n;
};

static int see_route(const struct route *route, void *data)
{
	struct wanted_route *want = data;

	if (route->table == want->table && addr_equal(&route->dst, &want->dst)) {
		want->found = *route;
		want->n++;
	}
	return 0;
}

static void take_away(struct nl_sock *rtnl, const struct route *route)
{
	_Alignas(4) char buf[512];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	route_build(&m, RTM_DELROUTE, route);
	assert_int_equal(nl_call(rtnl, &m, NULL, NULL, NULL, NULL), 0);
}

/* Add, add again, read back, delete. */
static void route_check(struct pair *p, const struct route *route)
{
	struct wanted_route want = { .dst = route->dst, .table = route->table };

	assert_int_equal(route_add(&p->a.rtnl, route, &p->err), 1);
	assert_int_equal(route_add(&p->a.rtnl, route, &p->err), 0);
	assert_int_equal(p->err.kind, 0);
	assert_int_equal(route_dump(&p->a.rtnl, route->dst.family, see_route, &want, NULL), 0);
	assert_int_equal(want.n, 1);
	assert_int_equal(want.found.index, route->index);
	assert_int_equal(want.found.type, route->type ? route->type : RTN_UNICAST);
	assert_int_equal(want.found.protocol, ROUTE_PROTOCOL);
	assert_int_equal(want.found.onlink, route->onlink);
	assert_true(addr_same_host(&want.found.gateway, &route->gateway));
	assert_true(addr_same_host(&want.found.prefsrc, &route->prefsrc));
	take_away(&p->a.rtnl, &want.found);
}

static void route_check_family(struct pair *p, const char *dst, const char *any, const char *own,
			       const char *hop)
{
	struct addr addr = parse(own);
	struct route route = { .dst = parse(dst), .index = p->v0.index, .table = RT_TABLE_MAIN };

	assert_int_equal(address_add(&p->a.rtnl, p->v0.index, &addr, 0, &p->err), 1);
	route_check(p, &route);
	route.prefsrc = addr_from(addr.family, addr.bytes);
	route_check(p, &route);
	route.table = 100;
	route_check(p, &route);
	route.table = 70000;
	route.metric = 7;
	route_check(p, &route);
	route.gateway = parse(hop);
	route_check(p, &route);
	route.dst = parse(any);
	route_check(p, &route);
	route.gateway = addr.family == AF_INET ? parse("172.31.0.1") : parse("fdff::1");
	assert_int_equal(route_add(&p->a.rtnl, &route, &p->err),
			 addr.family == AF_INET ? -ENETUNREACH : -EHOSTUNREACH);
	p->err = (struct an_error){ 0 };
	route.onlink = true;
	route_check(p, &route);
	route = (struct route){ .dst = parse(any), .table = 100, .type = RTN_BLACKHOLE };
	route_check(p, &route);
}

static void route_of_both_families(void **state)
{
	struct pair *p = *state;

	route_check_family(p, "10.20.0.0/16", "0.0.0.0/0", "10.9.0.1/24", "10.9.0.2");
	route_check_family(p, "fd20::/32", "::/0", "fd09::1/64", "fd09::2");
}

static void route_by_a_hop_of_the_other_family(void **state)
{
	struct pair *p = *state;
	struct addr addr = parse("fd09::1/64");
	struct route route = { .dst = parse("10.20.0.0/16"),
			       .gateway = parse("fd09::2"),
			       .table = RT_TABLE_MAIN };

	route.index = p->v0.index;
	assert_int_equal(address_add(&p->a.rtnl, p->v0.index, &addr, 0, &p->err), 1);
	route_check(p, &route);
}

static void route_check_other(struct pair *p, const char *dst)
{
	struct route route = { .dst = parse(dst), .index = p->v0.index, .table = 100 };
	struct route other = { .dst = route.dst, .type = RTN_BLACKHOLE, .table = 100 };

	assert_int_equal(route_add(&p->a.rtnl, &route, &p->err), 1);
	assert_int_equal(route_add(&p->a.rtnl, &other, &p->err), -EEXIST);
	assert_int_equal(p->err.err, EEXIST);
	assert_non_null(strstr(p->err.object, dst));
	route.index = 4711;
	route.table = 101;
	assert_int_equal(route_add(&p->a.rtnl, &route, &p->err), -ENODEV);
	p->err = (struct an_error){ 0 };
}

static void route_to_the_same_place_by_another_way_is_refused(void **state)
{
	route_check_other(*state, "10.20.0.0/16");
	route_check_other(*state, "fd20::/32");
}

/* ---- rules ---- */

static void rule_check(struct pair *p, uint8_t family, struct rule rule)
{
	rule.family = family;
	rule.priority = 12;
	assert_int_equal(rule_add(&p->a.rtnl, &rule, &p->err), 1);
	assert_int_equal(rule_add(&p->a.rtnl, &rule, &p->err), 0);
	assert_int_equal(p->err.kind, 0);
	assert_int_equal(rule_del(&p->a.rtnl, &rule, &p->err), 1);
	assert_int_equal(rule_del(&p->a.rtnl, &rule, &p->err), 0);
	assert_int_equal(p->err.kind, 0);
}

static void rule_check_family(struct pair *p, uint8_t family)
{
	struct rule local = { .family = family, .action = FR_ACT_TO_TBL, .table = RT_TABLE_LOCAL };

	rule_check(p, family, (struct rule){ .action = FR_ACT_BLACKHOLE });
	rule_check(p, family, (struct rule){ .action = FR_ACT_TO_TBL, .iif = "lo", .table = 100 });
	rule_check(p, family, (struct rule){ .action = FR_ACT_TO_TBL, .table = 70000 });
	rule_check(p, family,
		   (struct rule){ .action = FR_ACT_TO_TBL, .mark = 1, .mark_mask = 1, .table = 100 });
	rule_check(p, family, (struct rule){ .action = FR_ACT_TO_TBL, .mark_mask = 0xff00, .table = 100 });
	rule_check(p, family, (struct rule){ .action = FR_ACT_BLACKHOLE, .iif = "v0" });
	assert_int_equal(rule_del(&p->a.rtnl, &local, &p->err), 1);
	assert_int_equal(rule_del(&p->a.rtnl, &local, &p->err), 0);
}

static void rule_of_both_families(void **state)
{
	struct rule bad = { .action = FR_ACT_TO_TBL, .priority = 9 }; /* to no table */
	struct pair *p = *state;

	rule_check_family(p, AF_INET);
	rule_check_family(p, AF_INET6);
	bad.family = AF_INET6;
	assert_int_equal(rule_add(&p->a.rtnl, &bad, &p->err), -EINVAL);
	assert_string_equal(p->err.object, "IPv6 rule 9");
}

/* ---- numbers of namespaces ---- */

static void number_tells_whose_and_whether_alive(void **state)
{
	struct pair *p = *state;
	int nsid = 0, third;

	assert_int_equal(nsid_alive(&p->a.rtnl, 7000, &p->err), 0);
	assert_int_equal(nsid_set(&p->a.rtnl, p->b.fd, 7000, &p->err), 0);
	assert_int_equal(nsid_get(&p->a.rtnl, p->b.fd, &nsid, &p->err), 0);
	assert_int_equal(nsid, 7000);
	assert_int_equal(nsid_alive(&p->a.rtnl, 7000, &p->err), 1);
	third = own_netns();
	assert_int_equal(nsid_get(&p->a.rtnl, third, &nsid, &p->err), 0);
	assert_true(nsid < 0);
	fd_close(third);
	assert_int_equal(p->err.kind, 0);
	assert_int_equal(nsid_set(&p->a.rtnl, p->b.fd, 7001, &p->err), -EEXIST);
	assert_string_equal(p->err.object, "number 7001 of a network namespace");
	assert_int_equal(nsid_get(&p->a.rtnl, -1, &nsid, &p->err), -EBADF);
}

/* The kernel takes a namespace in its own time. */
static void number_goes_with_its_namespace(void **state)
{
	struct pair *p = *state;
	struct place gone;
	int r = 1;

	place_make(&gone);
	assert_int_equal(nsid_set(&p->a.rtnl, gone.fd, 7002, &p->err), 0);
	nl_close(&gone.rtnl);
	fd_close(gone.fd);
	for (int i = 0; r == 1 && i < 1000; i++) {
		r = nsid_alive(&p->a.rtnl, 7002, &p->err);
		if (r == 1)
			usleep(1000);
	}
	assert_int_equal(r, 0);
}

/* ---- neighbours ---- */

static void neighbour_is_set_and_replaced(void **state)
{
	struct addr four = parse("169.254.17.1"), six = parse("fd00:169:254::1");
	struct pair *p = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(neigh_set(&p->a.rtnl, p->v0.index, &four, mac1, &p->err), 0);
		assert_int_equal(neigh_set(&p->a.rtnl, p->v0.index, &six, i ? mac0 : mac1, &p->err), 0);
	}
	assert_int_equal(neigh_set(&p->a.rtnl, 4711, &six, mac1, &p->err), -ENODEV);
	assert_string_equal(p->err.object, "neighbour fd00:169:254::1 of link #4711");
}

static void refused_check(struct an_error *err, int r)
{
	assert_int_equal(faults_clear() > 0 ? r : 0, -EPERM);
	assert_int_equal(err->err, EPERM);
	assert_string_not_equal(err->object, "");
	assert_string_not_equal(err->message, "");
	*err = (struct an_error){ 0 };
}

/* An error is written on failure only, and a failed send leaves the socket usable. */
static void refused_sends_are_reported_by_every_verb(void **state)
{
	struct addr addr = parse("10.9.0.1/24");
	struct route route = { .dst = addr_network(&addr), .table = 100, .type = RTN_BLACKHOLE };
	struct rule rule = { .family = AF_INET, .action = FR_ACT_BLACKHOLE, .priority = 9 };
	struct pair *p = *state;
	struct nl_sock *rtnl = &p->a.rtnl;
	int nsid;

#define REFUSED(call) (faults_set("sendmsg", 1, EPERM), refused_check(&p->err, call))
	REFUSED(link_get(rtnl, "v0", &p->v0, &p->err));
	REFUSED(link_dump(rtnl, false, see_link, NULL, &p->err));
	REFUSED(link_set_up(rtnl, p->v0.index, 0, &p->err));
	REFUSED(link_set_alias(rtnl, p->v0.index, "x", &p->err));
	REFUSED(link_del(rtnl, "v0", &p->err));
	REFUSED(address_add(rtnl, p->v0.index, &addr, 0, &p->err));
	REFUSED(address_dump(rtnl, AF_INET, see_address, NULL, &p->err));
	REFUSED(route_add(rtnl, &route, &p->err));
	REFUSED(route_dump(rtnl, AF_INET, see_route, NULL, &p->err));
	REFUSED(rule_add(rtnl, &rule, &p->err));
	REFUSED(rule_del(rtnl, &rule, &p->err));
	REFUSED(nsid_set(rtnl, p->b.fd, 1, &p->err));
	REFUSED(nsid_get(rtnl, p->b.fd, &nsid, &p->err));
	REFUSED(nsid_alive(rtnl, 1, &p->err));
	REFUSED(neigh_set(rtnl, p->v0.index, &addr, mac1, &p->err));
	assert_int_equal(link_get(rtnl, "v0", &p->v0, &p->err), 0);
	assert_int_equal(p->v0.mtu, 1450);
}

int main(void)
{
#define BARE(f) cmocka_unit_test_setup_teardown(f, setup_bare, teardown)
#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		BARE(link_veth_is_born_in_both_namespaces),
		BARE(link_veth_both_ends_come_up),
		BARE(link_veth_second_end_can_not_be_born_up),
		BARE(link_veth_half_up_is_taken_away),
		WITH(link_veth_refusals_name_the_links),
		WITH(link_alias_is_set_read_and_removed),
		WITH(link_changes_of_a_missing_device_name_it),
		WITH(link_dump_has_all_and_counts_if_asked),
		WITH(link_del_says_whether_there_was_one),
		WITH(address_of_both_families),
		WITH(route_of_both_families),
		WITH(route_by_a_hop_of_the_other_family),
		WITH(route_to_the_same_place_by_another_way_is_refused),
		WITH(rule_of_both_families),
		BARE(number_tells_whose_and_whether_alive),
		BARE(number_goes_with_its_namespace),
		WITH(neighbour_is_set_and_replaced),
		WITH(refused_sends_are_reported_by_every_verb),
	};

	if (isolate()) /* 77: skipped, to Meson */
		return getenv("ACTORNET_MUST_WORK") ? EXIT_FAILURE : 77;
	return cmocka_run_group_tests_name("rtnl", tests, NULL, NULL);
}
