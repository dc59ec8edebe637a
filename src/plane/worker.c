/* SPDX-License-Identifier: Apache-2.0 */
/* Sets, chains and rules of the worker's table. */
#include "plane/worker.h"
#include "plane/match.h"
#include <linux/netfilter/nf_nat.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>

#define V4    NF_TYPE_IPV4_ADDR
#define V6    NF_TYPE_IPV6_ADDR
#define PROTO NF_TYPE_INET_PROTO
#define PORT  NF_TYPE_INET_SERVICE

#define T(...)              \
	{                   \
		__VA_ARGS__ \
	}
#define SET(set, keys) const struct nf_set worker_##set = { .name = #set, .key = keys }
#define MAP(set, keys, values) \
	const struct nf_set worker_##set = { .name = #set, .key = keys, .value = values }

MAP(ports4, T(PROTO, PORT), T(V4, PORT));
MAP(ports6, T(PROTO, PORT), T(V6, PORT));
MAP(at4, T(V4, PROTO, PORT), T(V4, PORT));
MAP(at6, T(V6, PROTO, PORT), T(V6, PORT));
SET(at_ports, T(PROTO, PORT, NF_TYPE_MARK));
MAP(all4, T(PROTO), T(V4));
MAP(all6, T(PROTO), T(V6));
SET(own, T(PROTO, PORT));
SET(mapped, T(PROTO, PORT));
SET(mapped_at4, T(V4, PROTO, PORT));
SET(mapped_at6, T(V6, PROTO, PORT));
SET(resolver4, T(V4, PROTO, PORT));
SET(resolver6, T(V6, PROTO, PORT));
MAP(dns4, T(V4, PROTO, PORT), T(V4));
MAP(dns6, T(V6, PROTO, PORT), T(V6));
/* One element an actor, made by a rule; the kernel collects those without a flow. */
#define COUNT(set, keys) \
	const struct nf_set worker_##set = { .name = #set, .key = keys, .flags = NFT_SET_EVAL, .size = 65535 }
COUNT(flows4, T(V4));
COUNT(flows6, T(V6));
COUNT(inflows4, T(V4));
COUNT(inflows6, T(V6));

static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

#define LINK		    LAYOUT_WORKER_LINK
#define FIB_LOCAL(addr)	    op_fib_type(addr, R1), op_cmp_u32(NFT_CMP_EQ, R1, RTN_LOCAL)
#define FIB_NOT_LOCAL(addr) op_fib_type(addr, R1), op_cmp_u32(NFT_CMP_NEQ, R1, RTN_LOCAL)

static void add_sets(struct nf_model *m)
{
	const struct nf_set *const sets[] = {
		&worker_ports4,	    &worker_ports6, &worker_at4,       &worker_at6,	  &worker_all4,
		&worker_all6,	    &worker_own,    &worker_mapped,    &worker_dns4,	  &worker_mapped_at4,
		&worker_mapped_at6, &worker_dns6,   &worker_resolver4, &worker_resolver6, &worker_at_ports,
		&worker_flows4,	    &worker_flows6, &worker_inflows4,  &worker_inflows6,
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		model_set(m, sets[i]);
}

static void add_chains(struct nf_model *m)
{
	static const struct nf_chain chains[] = {
		{ .name = "unseal",
		  .type = "filter",
		  .hook = NF_INET_INGRESS,
		  .policy = NF_DROP,
		  .device = LINK },
		{ .name = "ports",
		  .type = "nat",
		  .hook = NF_INET_PRE_ROUTING,
		  .priority = -101,
		  .policy = NF_ACCEPT },
		{ .name = "own_ports",
		  .type = "nat",
		  .hook = NF_INET_LOCAL_OUT,
		  .priority = -101,
		  .policy = NF_ACCEPT },
		{ .name = "masq",
		  .type = "nat",
		  .hook = NF_INET_POST_ROUTING,
		  .priority = 99,
		  .policy = NF_ACCEPT },
		{ .name = "input",
		  .type = "filter",
		  .hook = NF_INET_LOCAL_IN,
		  .priority = 0,
		  .policy = NF_ACCEPT },
		{ .name = "from_gateway" },
		{ .name = "astray" },
		{ .name = "limit_flows" },
		{ .name = "limit_inflows" },
		{ .name = "forward",
		  .type = "filter",
		  .hook = NF_INET_FORWARD,
		  .priority = 0,
		  .policy = NF_ACCEPT },
	};

	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		model_chain(m, &chains[i]);
}

static void add_unseal(struct nf_model *m, const struct plane *p)
{
	RULE(m, "unseal", "the fast lane's",
	     OPS(IPV4, LOAD_SADDR_FIRST, op_cmp_u8(NFT_CMP_EQ, R1, LAYOUT_SEAL4_LANE),
		 SET_SADDR_FIRST(p->range.bytes[0]), op_accept()),
	     "meta nfproto ipv4 @nh,96,8 %u @nh,96,8 set %u accept", LAYOUT_SEAL4_LANE, p->range.bytes[0]);
	RULE(m, "unseal", "unseal",
	     OPS(IPV4, LOAD_SADDR_FIRST, op_cmp_u8(NFT_CMP_EQ, R1, LAYOUT_SEAL4),
		 SET_SADDR_FIRST_SUM(p->range.bytes[0]), op_accept()),
	     NULL);
	RULE(m, "unseal", "unseal",
	     OPS(IPV6, LOAD_SADDR6_FIRST, op_cmp_u8(NFT_CMP_EQ, R1, LAYOUT_SEAL6),
		 SET_SADDR6_FIRST(p->range6.bytes[0]), op_accept()),
	     "meta nfproto ipv6 @nh,64,8 %u @nh,64,8 set %u accept", LAYOUT_SEAL6, p->range6.bytes[0]);
}

/* What comes from the gateway: DNS to the resolver, the rest where it wants to. */
static void add_ports_egress(struct nf_model *m, const struct plane *p)
{
	RULE(m, "ports", NULL,
	     OPS(IIF(p->link), IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup_map(R1, "dns4", R1),
		 op_dnat(NFPROTO_IPV4, R1, 0)),
	     "iif %u dnat ip to ip daddr . meta l4proto . th dport map @dns4", p->link);
	RULE(m, "ports", NULL,
	     OPS(IIF(p->link), IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup_map(R1, "dns6", R1),
		 op_dnat(NFPROTO_IPV6, R1, 0)),
	     "iif %u dnat ip6 to ip6 daddr . meta l4proto . th dport map @dns6", p->link);
	RULE(m, "ports", NULL, OPS(IIF(p->link), IPV4, LOAD_DADDR, op_dnat(NFPROTO_IPV4, R1, 0)),
	     "iif %u dnat ip to ip daddr", p->link);
	RULE(m, "ports", NULL, OPS(IIF(p->link), IPV6, LOAD_DADDR6, op_dnat(NFPROTO_IPV6, R1, 0)),
	     "iif %u dnat ip6 to ip6 daddr", p->link);
}

/* The port maps, the more specific first; @match is what nft puts before them. */
static void add_port_maps(struct nf_model *m, const char *chain)
{
	RULE(m, chain, NULL,
	     OPS(IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup_map(R1, "at4", R1),
		 op_dnat(NFPROTO_IPV4, R1, R9)),
	     "dnat ip to ip daddr . meta l4proto . th dport map @at4");
	RULE(m, chain, NULL,
	     OPS(IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup_map(R1, "at6", R1),
		 op_dnat(NFPROTO_IPV6, R1, R2)),
	     "dnat ip6 to ip6 daddr . meta l4proto . th dport map @at6");
	RULE(m, chain, NULL,
	     OPS(IPV4, LOAD_PROTO_DPORT, op_lookup_map(R1, "ports4", R1), op_dnat(NFPROTO_IPV4, R1, R9)),
	     "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports4");
	RULE(m, chain, NULL,
	     OPS(IPV6, LOAD_PROTO_DPORT, op_lookup_map(R1, "ports6", R1), op_dnat(NFPROTO_IPV6, R1, R2)),
	     "meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6");
}

static void add_ports(struct nf_model *m, const struct plane *p)
{
	add_ports_egress(m, p);
	RULE(m, "ports", NULL, OPS(FIB_NOT_LOCAL(NFTA_FIB_F_DADDR), op_accept()),
	     "fib daddr type != local accept");
	/*
	 * a segment from the middle of a flow is no beginning: it may be meant for the actor that had the
	 * port before
	 */
	RULE(m, "ports", NULL,
	     OPS(L4PROTO(IPPROTO_TCP), op_payload(TRANSPORT, 13, 1, R1),
		 op_bitwise(R1, (const uint8_t[]){ TH_FIN | TH_SYN | TH_RST | TH_ACK },
			    (const uint8_t[]){ 0 }, 1),
		 op_cmp_u8(NFT_CMP_NEQ, R1, TH_SYN), op_accept()),
	     "tcp flags & (fin | syn | rst | ack) != syn accept");
	add_port_maps(m, "ports");
	RULE(m, "ports", NULL, OPS(LOAD_PROTO_DPORT, op_lookup(R1, "own", 0), op_accept()),
	     "meta l4proto . th dport @own accept");
	RULE(m, "ports", NULL,
	     OPS(IPV4, op_meta(NFT_META_L4PROTO, R1), op_lookup_map(R1, "all4", R1),
		 op_dnat(NFPROTO_IPV4, R1, 0)),
	     "meta nfproto ipv4 dnat ip to meta l4proto map @all4");
	RULE(m, "ports", NULL,
	     OPS(IPV6, op_meta(NFT_META_L4PROTO, R1), op_lookup_map(R1, "all6", R1),
		 op_dnat(NFPROTO_IPV6, R1, 0)),
	     "meta nfproto ipv6 dnat ip6 to meta l4proto map @all6");
}

/* From the worker to its own address: not to loopback, which stays the worker's. */
static void add_own_ports(struct nf_model *m)
{
	const struct addr loopback = addr_v4(0x7f000000, 32);
	const struct addr loopback6 = { AF_INET6, 128, { [15] = 1 } };

	RULE(m, "own_ports", NULL, OPS(OIF_NOT(LAYOUT_LO_INDEX), op_accept()), "oif != 1 accept");
	RULE(m, "own_ports", NULL,
	     OPS(IPV4, LOAD_DADDR,
		 op_bitwise(R1, (const uint8_t[]){ 0xff, 0, 0, 0 }, (const uint8_t[4]){ 0 }, 4),
		 op_cmp_addr(NFT_CMP_EQ, R1, &loopback), op_accept()),
	     "ip daddr & 255.0.0.0 == 127.0.0.0 accept");
	RULE(m, "own_ports", NULL,
	     OPS(IPV6, LOAD_DADDR6, op_cmp_addr(NFT_CMP_EQ, R1, &loopback6), op_accept()),
	     "ip6 daddr ::1 accept");
	add_port_maps(m, "own_ports");
}

#define FROM_ACTOR_OUT	    IIF(p->link), OIF_NOT(p->link)
#define TEXT_FROM_ACTOR_OUT "iif %u oif != %u"
#define NUM_FROM_ACTOR_OUT  p->link, p->link

static void add_masquerade(struct nf_model *m, const struct plane *p)
{
	const uint8_t min[2] = { (uint8_t)(p->nat_min >> 8), (uint8_t)p->nat_min };
	const uint8_t max[2] = { (uint8_t)(p->nat_max >> 8), (uint8_t)p->nat_max };

	for (size_t i = 0; i < sizeof(protocols); i++)
		RULE(m, "masq", NULL,
		     OPS(FROM_ACTOR_OUT, L4PROTO(protocols[i]), op_immediate(R1, min, 2),
			 op_immediate(R2, max, 2),
			 op_masq(R1, R2, NF_NAT_RANGE_PROTO_RANDOM_FULLY | NF_NAT_RANGE_PROTO_SPECIFIED)),
		     TEXT_FROM_ACTOR_OUT " meta l4proto %s masquerade to :%u-%u fully-random",
		     NUM_FROM_ACTOR_OUT, protocols[i] == IPPROTO_TCP ? "tcp" : "udp", p->nat_min, p->nat_max);
	RULE(m, "masq", NULL, OPS(FROM_ACTOR_OUT, op_masq(0, 0, 0)), TEXT_FROM_ACTOR_OUT " masquerade",
	     NUM_FROM_ACTOR_OUT);
	RULE(m, "masq", "the worker's own, to an actor",
	     OPS(OIF(p->link), FIB_LOCAL(NFTA_FIB_F_SADDR), op_masq(0, 0, 0)),
	     "oif %u fib saddr type local masquerade", p->link);
}

/* To the worker's own stack. */
static void add_input(struct nf_model *m, const struct plane *p)
{
	const uint8_t nat_min[2] = { (uint8_t)(p->nat_min >> 8), (uint8_t)p->nat_min };
	const uint8_t nat_max[2] = { (uint8_t)(p->nat_max >> 8), (uint8_t)p->nat_max };

	RULE(m, "input", NULL, OPS(IIF(p->link), op_goto("from_gateway")), "iif %u goto from_gateway",
	     p->link);
	/* the worker's stack would reset a live flow of an actor's */
	RULE(m, "input", "stray",
	     OPS(CT_STATE(CT_INVALID), LOAD_PROTO_DPORT, op_lookup(R1, "mapped", 0), op_counter(), op_drop()),
	     "ct state invalid meta l4proto . th dport @mapped counter drop");
	RULE(m, "input", "stray",
	     OPS(CT_STATE(CT_INVALID), IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup(R1, "mapped_at4", 0),
		 op_counter(), op_drop()),
	     "ct state invalid ip daddr . meta l4proto . th dport @mapped_at4 counter drop");
	RULE(m, "input", "stray",
	     OPS(CT_STATE(CT_INVALID), IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup(R1, "mapped_at6", 0),
		 op_counter(), op_drop()),
	     "ct state invalid ip6 daddr . meta l4proto . th dport @mapped_at6 counter drop");
	/* TCP alone has segments that fit no state: invalid UDP is damaged, and answered by nobody */
	RULE(m, "input", "stray",
	     OPS(CT_STATE(CT_INVALID), L4PROTO(IPPROTO_TCP), op_payload(TRANSPORT, 2, 2, R1),
		 op_cmp(NFT_CMP_GTE, R1, nat_min, 2), op_cmp(NFT_CMP_LTE, R1, nat_max, 2), op_counter(),
		 op_drop()),
	     "ct state invalid tcp dport %u-%u counter drop", p->nat_min, p->nat_max);
	RULE(m, "from_gateway", NULL, OPS(CT_STATE(CT_ESTABLISHED | CT_RELATED), op_accept()),
	     "ct state established,related accept");
	RULE(m, "from_gateway", "a resolver on the worker itself",
	     OPS(IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup(R1, "resolver4", 0), op_goto("limit_flows")),
	     "ip daddr . meta l4proto . th dport @resolver4 goto limit_flows");
	RULE(m, "from_gateway", "a resolver on the worker itself",
	     OPS(IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup(R1, "resolver6", 0), op_goto("limit_flows")),
	     "ip6 daddr . meta l4proto . th dport @resolver6 goto limit_flows");
	RULE(m, "from_gateway", NULL,
	     OPS(L4PROTO(IPPROTO_TCP), op_counter(), op_reject(NFT_REJECT_TCP_RST, 0)),
	     "meta l4proto tcp counter reject with tcp reset");
	RULE(m, "from_gateway", NULL, OPS(op_counter(), REJECT_PROHIBITED),
	     "counter reject with icmpx admin-prohibited");
}

/* What was not forwarded before `up` is not forwarded after it, though the uplink's forwarding is on now. */
static void add_guard(struct nf_model *m, const struct plane *p, enum guard guard, uint8_t family)
{
	const char *text = family == NFPROTO_IPV4 ? "ipv4" : "ipv6";

	if (guard == GUARD_UPLINK)
		RULE(m, "forward", "not ours",
		     OPS(op_meta(NFT_META_NFPROTO, R1), op_cmp_u8(NFT_CMP_EQ, R1, family), IIFNAME(p->uplink),
			 op_counter(), op_drop()),
		     "meta nfproto %s iifname \"%s\" counter drop", text, p->uplink);
	if (guard == GUARD_ALL)
		RULE(m, "forward", "not ours",
		     OPS(op_meta(NFT_META_NFPROTO, R1), op_cmp_u8(NFT_CMP_EQ, R1, family), op_counter(),
			 op_drop()),
		     "meta nfproto %s counter drop", text);
}

/* What an actor sends is forwarded by the uplink alone. By another link (the worker's routes say so) it is refused. */
static void add_astray(struct nf_model *m)
{
	RULE(m, "astray", NULL, OPS(CT_STATE(CT_INVALID | CT_UNTRACKED), op_counter(), op_drop()),
	     "ct state invalid,untracked counter drop");
	RULE(m, "astray", NULL, OPS(L4PROTO(IPPROTO_TCP), op_counter(), op_reject(NFT_REJECT_TCP_RST, 0)),
	     "meta l4proto tcp counter reject with tcp reset");
	RULE(m, "astray", NULL, OPS(op_counter(), REJECT_PROHIBITED),
	     "counter reject with icmpx admin-prohibited");
}

#define COUNT_RULE(m, chain, family, load, set, text)                                                       \
	RULE(m, chain, NULL, OPS(family, load, op_dynset_count(R1, set, LAYOUT_WORKER_FLOWS), op_accept()), \
	     "add @" set " { " text " ct count %d } accept", LAYOUT_WORKER_FLOWS)

/*
 * The gateway may have lost flows that live here, so what this conntrack has of an actor is limited too: below the
 * limit a rule goes on, else the last one drops. Only the first packet of a flow is counted. Those of a flow that is
 * never answered are new to conntrack for good, but its entry is confirmed by then.
 */
static void add_limits(struct nf_model *m)
{
	RULE(m, "limit_flows", "was counted", OPS(CT_STATUS(IPS_CONFIRMED), op_accept()),
	     "ct status confirmed accept");
	COUNT_RULE(m, "limit_flows", IPV4, LOAD_SADDR, "flows4", "ip saddr");
	COUNT_RULE(m, "limit_flows", IPV6, LOAD_SADDR6, "flows6", "ip6 saddr");
	RULE(m, "limit_flows", NULL, OPS(op_counter(), op_drop()), "counter drop");
	RULE(m, "limit_inflows", "was counted", OPS(CT_STATUS(IPS_CONFIRMED), op_accept()),
	     "ct status confirmed accept");
	COUNT_RULE(m, "limit_inflows", IPV4, LOAD_DADDR, "inflows4", "ip daddr");
	COUNT_RULE(m, "limit_inflows", IPV6, LOAD_DADDR6, "inflows6", "ip6 daddr");
	RULE(m, "limit_inflows", NULL, OPS(op_counter(), op_drop()), "counter drop");
}

/* Invalid and untracked segments of an actor would leave without masquerade: they get to no accept. */
static void add_forward(struct nf_model *m, const struct plane *p)
{
	if (p->uplink_index)
		RULE(m, "forward", NULL,
		     OPS(IIF(p->link), OIF(p->uplink_index), CT_STATE(CT_ESTABLISHED | CT_RELATED),
			 op_accept()),
		     "iif %u oif %u ct state established,related accept", p->link, p->uplink_index);
	RULE(m, "forward", NULL, OPS(OIF(p->link), CT_STATE(CT_ESTABLISHED | CT_RELATED), op_accept()),
	     "oif %u ct state established,related accept", p->link);
	RULE(m, "forward", "the uplink may have been made anew",
	     OPS(IIF(p->link), OIFNAME(p->uplink), CT_STATE(CT_ESTABLISHED | CT_RELATED), op_accept()),
	     "iif %u oifname \"%s\" ct state established,related accept", p->link, p->uplink);
	RULE(m, "forward", NULL,
	     OPS(IIF(p->link), OIFNAME(p->uplink), CT_STATE(CT_NEW), op_goto("limit_flows")),
	     "iif %u oifname \"%s\" ct state new goto limit_flows", p->link, p->uplink);
	RULE(m, "forward", NULL, OPS(OIF(p->link), CT_STATUS(IPS_DST_NAT), op_goto("limit_inflows")),
	     "oif %u ct status dnat goto limit_inflows", p->link);
	RULE(m, "forward", NULL, OPS(OIF(p->link), op_counter(), op_drop()), "oif %u counter drop", p->link);
	RULE(m, "forward", NULL, OPS(IIF(p->link), op_goto("astray")), "iif %u goto astray", p->link);
	add_astray(m);
	add_guard(m, p, p->guard4, NFPROTO_IPV4);
	add_guard(m, p, p->guard6, NFPROTO_IPV6);
}

void worker_model(struct nf_model *m, const struct plane *p)
{
	model_init(m, NFPROTO_INET, LAYOUT_TABLE);
	add_sets(m);
	add_chains(m);
	add_unseal(m, p);
	add_ports(m, p);
	add_own_ports(m);
	add_masquerade(m, p);
	add_input(m, p);
	add_forward(m, p);
	add_limits(m);
}
