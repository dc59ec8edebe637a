/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of rtnl, byte by byte, worked out by hand from the uapi headers: linux/netlink.h (header,
 * flags), linux/rtnetlink.h, if_link.h, veth.h, if_addr.h, neighbour.h, fib_rules.h, inet_diag.h. All fields
 * are in host order but addresses and ports; the numbers below are written for little endian.
 */
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/neigh.h"
#include "rtnl/route.h"
#include "rtnl/rule.h"
#include "rtnl/sockdiag.h"

/* cmocka.h wants these first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define U16(x) (x) & 0xff, ((x) >> 8) & 0xff
#define U32(x) U16((x)&0xffffU), U16(((x) >> 16) & 0xffffU)
/* struct nlmsghdr: length, type, flags, sequence number and port id, which the transport fills in. */
#define HEAD(len, type, flags) U32(len), U16(type), U16(flags), U32(0U), U32(0U)
#define ATTR(len, type)	       U16(len), U16(type)

/* One attribute a line. */
/* clang-format off */

#define CREATE_EXCL    0x600 /* NLM_F_CREATE | NLM_F_EXCL */
#define CREATE_REPLACE 0x500 /* NLM_F_CREATE | NLM_F_REPLACE */

static _Alignas(4) char buf[512];

static struct msg *start(void)
{
	static struct msg m;

	msg_init(&m, buf, sizeof(buf));
	return &m;
}

static void check(struct msg *m, const uint8_t *want, size_t len)
{
	assert_int_equal(msg_finish(m), 0);
	assert_int_equal(m->len, len);
	assert_memory_equal(m->buf, want, len);
}

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* ip link add an7 mtu 1500 address 02:… arp off state dormant numtxqueues 1 … up type veth peer eth0 … netns FD */
static void veth(void **state)
{
	static const struct link_veth spec = {
		.name = "an7",
		.peer = "eth0",
		.netns_fd = -1,
		.peer_netns_fd = 9,
		.mtu = 1500,
		.queues = 1,
		.mac = { 2, 0xa8, 0x1e, 0, 0, 1 },
		.peer_mac = { 2, 0xa8, 0x1e, 0, 0, 2 },
		.noarp = true,
		.up = true,
		.dormant = true,
	};
	static const uint8_t want[] = {
		HEAD(180, 16, CREATE_EXCL),                    /* RTM_NEWLINK */
		/* ifinfomsg: AF_UNSPEC; flags, change: NOARP|UP */
		0, 0, U16(0), U32(0U), U32(0x81U), U32(0x81U),
		ATTR(8, 3), 'a', 'n', '7', 0,                  /* IFLA_IFNAME */
		ATTR(10, 1), 2, 0xa8, 0x1e, 0, 0, 1, 0, 0,     /* IFLA_ADDRESS, padded */
		ATTR(8, 4), U32(1500U),                        /* IFLA_MTU */
		ATTR(8, 31), U32(1U),                          /* IFLA_NUM_TX_QUEUES */
		ATTR(8, 32), U32(1U),                          /* IFLA_NUM_RX_QUEUES */
		ATTR(5, 16), 5, 0, 0, 0,                       /* IFLA_OPERSTATE: IF_OPER_DORMANT, padded */
		ATTR(96, 18),                                  /* IFLA_LINKINFO */
		ATTR(9, 1), 'v', 'e', 't', 'h', 0, 0, 0, 0,    /* IFLA_INFO_KIND, padded */
		ATTR(80, 2),                                   /* IFLA_INFO_DATA */
		ATTR(76, 1),                                   /* VETH_INFO_PEER */
		0, 0, U16(0), U32(0U), U32(0U), U32(0U),       /* ifinfomsg: no flags */
		ATTR(9, 3), 'e', 't', 'h', '0', 0, 0, 0, 0,    /* IFLA_IFNAME, padded */
		ATTR(10, 1), 2, 0xa8, 0x1e, 0, 0, 2, 0, 0,     /* IFLA_ADDRESS, padded */
		ATTR(8, 4), U32(1500U),                        /* IFLA_MTU */
		ATTR(8, 31), U32(1U),                          /* IFLA_NUM_TX_QUEUES */
		ATTR(8, 32), U32(1U),                          /* IFLA_NUM_RX_QUEUES */
		ATTR(8, 28), U32(9U),                          /* IFLA_NET_NS_FD */
	};
	struct msg *m = start();

	(void)state;
	link_build_veth(m, &spec);
	check(m, want, sizeof(want));
}

/* The end that shall be up goes first, and the other one's flags go without IFF_UP. */
static void veth_with_its_peer_up(void **state)
{
	static const struct link_veth spec = {
		.name = "an7",
		.peer = "e",
		.netns_fd = -1,
		.peer_netns_fd = 9,
		.mac = { 2, 0, 0, 0, 0, 1 },
		.peer_mac = { 2, 0, 0, 0, 0, 2 },
		.noarp = true,
		.up = true,
		.peer_up = true,
	};
	static const uint8_t want[] = {
		HEAD(120, 16, CREATE_EXCL),
		0, 0, U16(0), U32(0U), U32(0x01U), U32(0x01U),              /* UP */
		ATTR(6, 3), 'e', 0, 0, 0,
		ATTR(10, 1), 2, 0, 0, 0, 0, 2, 0, 0,
		ATTR(8, 28), U32(9U),
		ATTR(60, 18),
		ATTR(9, 1), 'v', 'e', 't', 'h', 0, 0, 0, 0,
		ATTR(44, 2),
		ATTR(40, 1), 0, 0, U16(0), U32(0U), U32(0x80U), U32(0x80U), /* NOARP */
		ATTR(8, 3), 'a', 'n', '7', 0,
		ATTR(10, 1), 2, 0, 0, 0, 0, 1, 0, 0,
	};
	struct msg *m = start();

	(void)state;
	link_build_veth(m, &spec);
	check(m, want, sizeof(want));
}

/* ip address add 169.254.17.2/30 dev 3 noprefixroute; ip address del 169.254.17.2/30 dev 3 */
static void address_ipv4(void **state)
{
	static const uint8_t add[] = {
		HEAD(48, 20, CREATE_EXCL),   /* RTM_NEWADDR */
		2, 30, 0, 0, U32(3U),        /* ifaddrmsg: AF_INET, prefix, flags, scope, index */
		ATTR(8, 2), 169, 254, 17, 2, /* IFA_LOCAL */
		ATTR(8, 1), 169, 254, 17, 2, /* IFA_ADDRESS */
		ATTR(8, 8), U32(0x200U),     /* IFA_FLAGS: NOPREFIXROUTE */
	};
	static const uint8_t del[] = {
		HEAD(40, 21, 0),
		2, 30, 0, 0, U32(3U), /* RTM_DELADDR */
		ATTR(8, 2), 169, 254, 17, 2,
		ATTR(8, 1), 169, 254, 17, 2,
	};
	struct addr addr = parse("169.254.17.2/30");
	struct msg *m = start();

	(void)state;
	address_build(m, RTM_NEWADDR, 3, &addr, IFA_F_NOPREFIXROUTE);
	check(m, add, sizeof(add));
	m = start();
	address_build(m, RTM_DELADDR, 3, &addr, 0);
	check(m, del, sizeof(del));
}

/* ip address add fd00:169:254::2/126 dev 3 nodad */
static void address_ipv6(void **state)
{
	static const uint8_t want[] = {
		HEAD(72, 20, CREATE_EXCL),
		10, 126, 0, 0, U32(3U),
		ATTR(20, 2), 0xfd, 0, 1, 0x69, 2, 0x54, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		ATTR(20, 1), 0xfd, 0, 1, 0x69, 2, 0x54, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		ATTR(8, 8), U32(0x02U), /* IFA_F_NODAD, unasked */
	};
	struct addr addr = parse("fd00:169:254::2/126");
	struct msg *m = start();

	(void)state;
	address_build(m, RTM_NEWADDR, 3, &addr, 0);
	check(m, want, sizeof(want));
}

/*
 * ip route add default via 169.254.17.1 dev 3 onlink src 169.254.17.2 metric 5; then its deletion, in table
 * 70000
 */
static void route_with_all(void **state)
{
	static const uint8_t add[] = {
		HEAD(60, 24, CREATE_EXCL),          /* RTM_NEWROUTE */
		/* rtmsg: AF_INET, dst 0, src 0, tos, main, protocol, universe, unicast, RTNH_F_ONLINK */
		2, 0, 0, 0, 254, 97, 0, 1, U32(4U),
		ATTR(8, 5), 169, 254, 17, 1,        /* RTA_GATEWAY */
		ATTR(8, 7), 169, 254, 17, 2,        /* RTA_PREFSRC */
		ATTR(8, 4), U32(3U),                /* RTA_OIF */
		ATTR(8, 6), U32(5U),                /* RTA_PRIORITY */
	};
	static const uint8_t del[] = {
		HEAD(68, 25, 0),                   /* RTM_DELROUTE */
		/* table: see RTA_TABLE; any protocol; RT_SCOPE_NOWHERE: any */
		2, 0, 0, 0, 0, 0, 255, 1, U32(4U),
		ATTR(8, 5), 169, 254, 17, 1,
		ATTR(8, 7), 169, 254, 17, 2,
		ATTR(8, 4), U32(3U),
		ATTR(8, 15), U32(70000U),          /* RTA_TABLE */
		ATTR(8, 6), U32(5U),
	};
	struct route route = { .dst = parse("0.0.0.0/0"),
			       .gateway = parse("169.254.17.1"),
			       .index = 3,
			       .metric = 5,
			       .prefsrc = parse("169.254.17.2"),
			       .table = RT_TABLE_MAIN,
			       .onlink = true };
	struct msg *m = start();

	(void)state;
	route_build(m, RTM_NEWROUTE, &route);
	check(m, add, sizeof(add));
	route.table = 70000;
	m = start();
	route_build(m, RTM_DELROUTE, &route);
	check(m, del, sizeof(del));
}

/* ip route add 100.64.0.0/16 dev 3 (link scope); ip -6 route add blackhole ::/0 table 100 */
static void route_on_link_and_to_nowhere(void **state)
{
	static const uint8_t on_link[] = {
		HEAD(44, 24, CREATE_EXCL),
		2, 16, 0, 0, 254, 97, 253, 1, U32(0U),
		ATTR(8, 1), 100, 64, 0, 0, /* RTA_DST */
		ATTR(8, 4), U32(3U),
	};
	static const uint8_t nowhere[] = {
		HEAD(28, 24, CREATE_EXCL),
		10, 0, 0, 0, 100, 97, 0, 6, U32(0U), /* RTN_BLACKHOLE */
	};
	struct route route = { .dst = parse("100.64.0.0/16"), .index = 3, .table = RT_TABLE_MAIN };
	struct msg *m = start();

	(void)state;
	route_build(m, RTM_NEWROUTE, &route);
	check(m, on_link, sizeof(on_link));
	route = (struct route){ .dst = parse("::/0"), .table = 100, .type = RTN_BLACKHOLE };
	m = start();
	route_build(m, RTM_NEWROUTE, &route);
	check(m, nowhere, sizeof(nowhere));
}

/* ip route add 100.64.0.0/16 via inet6 fe80::1 dev 3 */
static void route_by_a_hop_of_the_other_family(void **state)
{
	static const uint8_t want[] = {
		HEAD(68, 24, CREATE_EXCL),
		2, 16, 0, 0, 254, 97, 0, 1, U32(0U),
		ATTR(8, 1), 100, 64, 0, 0,
		/* RTA_VIA, padded */
		ATTR(22, 18), U16(10), 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
		ATTR(8, 4), U32(3U),
	};
	struct route route = {
		.dst = parse("100.64.0.0/16"), .gateway = parse("fe80::1"), .index = 3, .table = RT_TABLE_MAIN
	};
	struct msg *m = start();

	(void)state;
	route_build(m, RTM_NEWROUTE, &route);
	check(m, want, sizeof(want));
}

/*
 * ip rule add pref 9 iif actornet0 blackhole protocol 97: but for FRA_PROTOCOL what ip(8) 6.1
 * sends
 */
static void rule_by_link(void **state)
{
	static const uint8_t want[] = {
		HEAD(60, 32, CREATE_EXCL),                                         /* RTM_NEWRULE */
		/* fib_rule_hdr: AF_INET, table, FR_ACT_BLACKHOLE, flags */
		2, 0, 0, 0, 0, 0, 0, 6, U32(0U),
		ATTR(8, 6), U32(9U),                                               /* FRA_PRIORITY */
		ATTR(5, 21), 97, 0, 0, 0,                                          /* FRA_PROTOCOL, padded */
		/* FRA_IIFNAME, padded */
		ATTR(14, 3), 'a', 'c', 't', 'o', 'r', 'n', 'e', 't', '0', 0, 0, 0,
	};
	struct rule rule = {
		.family = AF_INET, .action = FR_ACT_BLACKHOLE, .priority = 9, .iif = "actornet0"
	};
	struct msg *m = start();

	(void)state;
	rule_build(m, RTM_NEWRULE, &rule);
	check(m, want, sizeof(want));
}

/* ip -6 rule add pref 12 fwmark 1/1 lookup 70000; ip rule del pref 0 lookup local */
static void rule_mark_and_table(void **state)
{
	static const uint8_t mark[] = {
		HEAD(68, 32, CREATE_EXCL),
		10, 0, 0, 0, 0, 0, 0, 1, U32(0U), /* FR_ACT_TO_TBL */
		ATTR(8, 6), U32(12U),
		ATTR(5, 21), 97, 0, 0, 0,
		ATTR(8, 15), U32(70000U),         /* FRA_TABLE */
		ATTR(8, 10), U32(1U),             /* FRA_FWMARK */
		ATTR(8, 16), U32(1U),             /* FRA_FWMASK */
	};
	static const uint8_t local[] = {
		HEAD(36, 33, 0),
		2, 0, 0, 0, 255, 0, 0, 1, U32(0U), /* RTM_DELRULE, RT_TABLE_LOCAL, any protocol */
		ATTR(8, 6), U32(0U),
	};
	struct rule rule = { .family = AF_INET6,
			     .action = FR_ACT_TO_TBL,
			     .priority = 12,
			     .table = 70000,
			     .mark = 1,
			     .mark_mask = 1 };
	struct msg *m = start();

	(void)state;
	rule_build(m, RTM_NEWRULE, &rule);
	check(m, mark, sizeof(mark));
	rule = (struct rule){ .family = AF_INET, .action = FR_ACT_TO_TBL, .table = RT_TABLE_LOCAL };
	m = start();
	rule_build(m, RTM_DELRULE, &rule);
	check(m, local, sizeof(local));
}

/* ip neighbour replace 169.254.17.1 dev 3 lladdr 02:a8:1e:00:00:01 nud permanent */
static void neighbour(void **state)
{
	static const uint8_t mac[] = { 2, 0xa8, 0x1e, 0, 0, 1 };
	static const uint8_t want[] = {
		HEAD(48, 28, CREATE_REPLACE),              /* RTM_NEWNEIGH */
		/* ndmsg: AF_INET, index, NUD_PERMANENT, flags, type */
		2, 0, U16(0), U32(3U), U16(0x80), 0, 0,
		ATTR(8, 1), 169, 254, 17, 1,               /* NDA_DST */
		ATTR(10, 2), 2, 0xa8, 0x1e, 0, 0, 1, 0, 0, /* NDA_LLADDR, padded */
	};
	struct addr addr = parse("169.254.17.1");
	struct msg *m = start();

	(void)state;
	neigh_build(m, 3, &addr, mac);
	check(m, want, sizeof(want));
}

#define NO_ADDR	  U32(0U), U32(0U), U32(0U), U32(0U)
#define NO_COOKIE U32(0xffffffffU), U32(0xffffffffU)

/* inet_diag_req_v2: the port is TCP's source and UDP's destination. */
static void socket_lookup(void **state)
{
	static const uint8_t tcp[] = {
		HEAD(72, 20, 0),
		2, 6, 0, 0, U32(0x400U),                         /* AF_INET, TCP; states: 1 << TCP_LISTEN */
		0x1f, 0x90, 0, 0,                                /* ports 8080, 0 */
		10, 1, 2, 3, U32(0U), U32(0U), U32(0U), NO_ADDR, /* idiag_src, idiag_dst */
		U32(0U), NO_COOKIE,
	};
	static const uint8_t udp[] = {
		HEAD(72, 20, 0),
		10, 17, 0, 0, U32(0x80U), /* AF_INET6, UDP; 1 << TCP_CLOSE */
		0, 0, 0x1f, 0x90, NO_ADDR, 0xfd, 0, 0, 0, U32(0U), U32(0U), 0, 0, 0, 1, U32(7U), NO_COOKIE,
	};
	const struct sockdiag_place four = { parse("10.1.2.3"), 8080, 0 }, six = { parse("fd00::1"), 8080, 7 };
	struct msg *m = start();

	(void)state;
	sockdiag_build(m, IPPROTO_TCP, &four);
	check(m, tcp, sizeof(tcp));
	m = start();
	sockdiag_build(m, IPPROTO_UDP, &six);
	check(m, udp, sizeof(udp));
}

/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(veth),
		cmocka_unit_test(veth_with_its_peer_up),
		cmocka_unit_test(address_ipv4),
		cmocka_unit_test(address_ipv6),
		cmocka_unit_test(route_with_all),
		cmocka_unit_test(route_on_link_and_to_nowhere),
		cmocka_unit_test(route_by_a_hop_of_the_other_family),
		cmocka_unit_test(rule_by_link),
		cmocka_unit_test(rule_mark_and_table),
		cmocka_unit_test(neighbour),
		cmocka_unit_test(socket_lookup),
	};

	return cmocka_run_group_tests_name("rtnl-golden", tests, NULL, NULL);
}
