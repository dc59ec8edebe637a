/* SPDX-License-Identifier: Apache-2.0 */
/* Chains and rules of the gateway's table. */
#include "plane/gateway.h"
#include "plane/icmp.h"
#include "plane/match.h"
#include "plane/special.h"
#include <actornet/actor.h>
#include <assert.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

/* Numbers of links, as nft text has them. */
#define LO_INDEX 1
#define LO	 "1"
#define UP	 "2"
#define IIF_UP	 "iif " UP
#define OIF_UP	 "oif " UP
static_assert(LAYOUT_UP_INDEX == 2, "as in the text");

#define MLD2_REPORT 143 /* RFC 3810; not in netinet/icmp6.h */

/* Constant sets that only the rules here use. */
static const struct nf_set plain = { .name = "plain", .key = { NF_TYPE_INET_PROTO } };
static const struct nf_set protocols = { .name = "protocols", .key = { NF_TYPE_INET_PROTO } };
static const struct nf_set icmps = { .name = "icmps", .key = { NF_TYPE_INET_PROTO } };
static const struct nf_set neighbour6 = { .name = "neighbour6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set noise6 = { .name = "noise6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set types4 = { .name = "types4", .key = { NF_TYPE_ICMP_TYPE } };
static const struct nf_set types6 = { .name = "types6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set errors4 = { .name = "errors4", .key = { NF_TYPE_ICMP_TYPE } };
static const struct nf_set errors6 = { .name = "errors6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set chains = { .name = "chains",
				      .key = { NF_TYPE_MARK },
				      .value = { NF_TYPE_VERDICT } };
static const struct nf_set floor4 = { .name = "floor4",
				      .key = { NF_TYPE_IPV4_ADDR },
				      .flags = NFT_SET_INTERVAL };
static const struct nf_set floor6 = { .name = "floor6",
				      .key = { NF_TYPE_IPV6_ADDR },
				      .flags = NFT_SET_INTERVAL };
static const struct nf_set private4 = { .name = "private4",
					.key = { NF_TYPE_IPV4_ADDR },
					.flags = NFT_SET_INTERVAL };
static const struct nf_set private6 = { .name = "private6",
					.key = { NF_TYPE_IPV6_ADDR },
					.flags = NFT_SET_INTERVAL };

/* A refusal: the reason goes into the mark, the packet to the chain that counts it and drops or rejects. */
#define REASON(reason)	   MARK_SET(GATEWAY_REASON + (reason))
#define TEXT_REASON	   "meta mark set 0x%x"
#define NUM_REASON(reason) (unsigned int)(GATEWAY_REASON + (reason))

static void fill_u8(struct nf_model *m, const struct nf_set *set, const uint8_t *values, size_t n)
{
	model_set(m, set);
	for (size_t i = 0; i < n; i++) {
		struct nf_elem e = { .key_len = 0 };

		elem_key_u8(&e, values[i]);
		model_fill(m, set->name, &e);
	}
}

#define FILL_U8(m, set, ...) \
	fill_u8(m, set, (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))

static void fill_prefixes(struct nf_model *m, const struct nf_set *set, const char *const *prefixes)
{
	model_set(m, set);
	for (; *prefixes; prefixes++) {
		struct addr a;
		struct nf_elem e;

		if (addr_parse(*prefixes, &a) < 0)
			continue; /* constants; tests/unit/test-plane.c parses them all */
		e = elem_prefix(&a);
		model_fill(m, set->name, &e);
	}
}

/* Ranges that are particular to this worker join the floor: other actors, the link to the gateway, the inner net. */
static void fill_floor(struct nf_model *m, const struct plane *p)
{
	const struct addr inner = addr_network(&p->inner), inner6 = addr_network(&p->inner6);
	const struct addr link_local = { AF_INET, 16, { 169, 254 } };
	struct nf_elem e;

	fill_prefixes(m, &floor4, special_floor4);
	fill_prefixes(m, &floor6, special_floor6);
	e = elem_prefix(&p->range);
	model_fill(m, floor4.name, &e);
	if (!addr_contains(&link_local, &inner)) {
		e = elem_prefix(&inner);
		model_fill(m, floor4.name, &e);
	}
	e = elem_prefix(&p->range6);
	model_fill(m, floor6.name, &e);
	e = elem_prefix(&inner6);
	model_fill(m, floor6.name, &e);
}

static void fill_chains(struct nf_model *m)
{
	static const char *const names[] = {
		[AN_EGRESS_INTERNET] = "egress_internet",
		[AN_EGRESS_ALL] = "egress_all",
		[AN_EGRESS_NONE] = "egress_none",
	};

	model_set(m, &chains);
	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct nf_elem e = { .key_len = 0 };

		elem_key_u32(&e, GATEWAY_EGRESS + i);
		elem_goto(&e, names[i]);
		model_fill(m, chains.name, &e);
	}
}

static void add_sets(struct nf_model *m, const struct plane *p)
{
	const struct nf_set *const dynamic[] = {
		&gateway_outer4,    &gateway_outer6, &gateway_known4,  &gateway_known6,	   &gateway_egress,
		&gateway_current,   &gateway_judged, &gateway_open4,   &gateway_open6,	   &gateway_open_all4,
		&gateway_open_all6, &gateway_local4, &gateway_local6,  &gateway_resolver4, &gateway_resolver6,
		&gateway_frags,	    &gateway_flows,  &gateway_inflows, &gateway_rates,	   &gateway_denied,
		&gateway_actors,    &gateway_ports,  &gateway_idle,    &gateway_claimed,
	};

	for (size_t i = 0; i < sizeof(dynamic) / sizeof(*dynamic); i++)
		model_set(m, dynamic[i]);
	FILL_U8(m, &plain, IPPROTO_TCP, IPPROTO_UDP);
	FILL_U8(m, &protocols, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6);
	FILL_U8(m, &icmps, IPPROTO_ICMP, IPPROTO_ICMPV6);
	FILL_U8(m, &noise6, ND_ROUTER_SOLICIT, MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION, MLD2_REPORT);
	FILL_U8(m, &neighbour6, ND_ROUTER_ADVERT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT, ND_REDIRECT,
		MLD_LISTENER_QUERY);
	FILL_U8(m, &types4, ICMP_ECHOREPLY, ICMP_DEST_UNREACH, ICMP_ECHO, ICMP_TIME_EXCEEDED,
		ICMP_PARAMETERPROB);
	FILL_U8(m, &types6, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED, ICMP6_PARAM_PROB,
		ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY);
	FILL_U8(m, &errors4, ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB);
	FILL_U8(m, &errors6, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED, ICMP6_PARAM_PROB);
	fill_floor(m, p);
	fill_prefixes(m, &private4, special_private4);
	fill_prefixes(m, &private6, special_private6);
	fill_chains(m);
}

static void add_chains(struct nf_model *m)
{
	static const struct nf_chain list[] = {
		{ .name = "entrance",
		  .type = "filter",
		  .hook = NF_INET_PRE_ROUTING,
		  .priority = -450,
		  .policy = NF_ACCEPT },
		{ .name = "examine" },
		{ .name = "examine_icmp" },
		{ .name = "deny" },
		{ .name = "input",
		  .type = "filter",
		  .hook = NF_INET_LOCAL_IN,
		  .priority = 0,
		  .policy = NF_DROP },
		{ .name = "forward",
		  .type = "filter",
		  .hook = NF_INET_FORWARD,
		  .priority = 0,
		  .policy = NF_DROP },
		{ .name = "inbound" },
		{ .name = "let_in" },
		{ .name = "inbound_refuse" },
		{ .name = "judge" },
		{ .name = "floor" },
		{ .name = "pass" },
		{ .name = "egress_none" },
		{ .name = "egress_all" },
		{ .name = "egress_internet" },
		{ .name = "refuse" },
		{ .name = "exit",
		  .type = "filter",
		  .hook = NF_INET_POST_ROUTING,
		  .priority = 300,
		  .policy = NF_ACCEPT },
		{ .name = "exit_icmp" },
		{ .name = "seal" },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		model_chain(m, &list[i]);
}

/* From an actor: nearly all packets are settled by one of the two fast rules. */
static void add_entrance(struct nf_model *m, const struct plane *p)
{
	char inner[ADDR_TEXT], inner6[ADDR_TEXT];

	addr_format_host(&p->inner, inner);
	addr_format_host(&p->inner6, inner6);
	RULE(m, "entrance", NULL, OPS(IIF(LAYOUT_UP_INDEX), op_accept()), IIF_UP " accept");
	/* whole, without options, TCP or UDP, from the actor's own address */
	RULE(m, "entrance", NULL,
	     OPS(IPV4, op_payload(NETWORK, 0, 1, R1), op_cmp_u8(NFT_CMP_EQ, R1, 0x45),
		 op_payload(NETWORK, 4, 4, R1), /* as one word: what the kernel reads and masks in place */
		 op_bitwise(R1, (const uint8_t[]){ 0, 0, 0x3f, 0xff }, (const uint8_t[4]){ 0 }, 4),
		 op_cmp(NFT_CMP_EQ, R1, (const uint8_t[4]){ 0 }, 4), L4PROTO_IN("plain"), LOAD_SADDR,
		 op_cmp_addr(NFT_CMP_EQ, R1, &p->inner), op_meta(NFT_META_IIF, R1),
		 op_lookup_map(R1, "outer4", R1), SET_SADDR, MARK_SET(LAYOUT_MARK), op_accept()),
	     "meta nfproto ipv4 @nh,0,8 0x45 @nh,32,32 & 0x3fff == 0 meta l4proto @plain ip saddr %s "
	     "ip saddr set iif map @outer4 meta mark set %d accept",
	     inner, LAYOUT_MARK);
	RULE(m, "entrance", NULL,
	     OPS(IPV6, op_payload(NETWORK, 6, 1, R1), op_lookup(R1, "plain", 0), LOAD_SADDR6,
		 op_cmp_addr(NFT_CMP_EQ, R1, &p->inner6), op_meta(NFT_META_IIF, R1),
		 op_lookup_map(R1, "outer6", R1), SET_SADDR6, MARK_SET(LAYOUT_MARK), op_accept()),
	     "ip6 nexthdr @plain ip6 saddr %s  ip6 saddr set iif map @outer6 meta mark set %d accept", inner6,
	     LAYOUT_MARK);
	RULE(m, "entrance", NULL, OPS(IIF(LO_INDEX), op_accept()), "iif " LO " accept");
	RULE(m, "entrance", NULL, OPS(op_goto("examine")), "goto examine");
}

#define ICMPV6_TYPE IPV6, L4PROTO(IPPROTO_ICMPV6), op_payload(TRANSPORT, 0, 1, R1)
#define ICMP_TYPE   IPV4, L4PROTO(IPPROTO_ICMP), op_payload(TRANSPORT, 0, 1, R1)
#define FRAGMENTS_OVER \
	op_meta(NFT_META_IIF, R1), op_dynset_limit(R1, "frags", LAYOUT_FRAGS, LAYOUT_FRAGS_BURST)
#define TEXT_FRAGMENTS_OVER "add @frags { iif limit rate over %d/second burst %d packets }"

/* The rest: fragments, ICMP, and all that an actor may not send. */
static void add_examine_kinds(struct nf_model *m)
{
	RULE(m, "examine", "the kernel's own, from namespaces without a sandbox",
	     OPS(ICMPV6_TYPE, op_lookup(R1, "noise6", 0), op_drop()), "icmpv6 type @noise6 drop");
	RULE(m, "examine", NULL,
	     OPS(ICMPV6_TYPE, op_lookup(R1, "neighbour6", 0), REASON(AN_REASON_NEIGHBOUR), op_goto("deny")),
	     "icmpv6 type @neighbour6 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_NEIGHBOUR));
	RULE(m, "examine", NULL,
	     OPS(IPV4, op_payload(NETWORK, 0, 1, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0x0f }, (const uint8_t[]){ 0 }, 1),
		 op_cmp_u8(NFT_CMP_NEQ, R1, 5), REASON(AN_REASON_OPTIONS), op_goto("deny")),
	     "ip hdrlength != 5 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_OPTIONS));
	RULE(m, "examine", NULL,
	     OPS(IPV6, op_exthdr(IPPROTO_ROUTING, 0, 1, NFT_EXTHDR_F_PRESENT, R1),
		 op_cmp_u8(NFT_CMP_EQ, R1, 1), REASON(AN_REASON_OPTIONS), op_goto("deny")),
	     "exthdr rt exists " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_OPTIONS));
	RULE(m, "examine", NULL,
	     OPS(L4PROTO_NOT_IN("protocols"), REASON(AN_REASON_PROTOCOL), op_goto("deny")),
	     "meta l4proto != @protocols " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_PROTOCOL));
	RULE(m, "examine", NULL,
	     OPS(IPV4, op_payload(NETWORK, 6, 2, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0x3f, 0xff }, (const uint8_t[]){ 0, 0 }, 2),
		 op_cmp(NFT_CMP_NEQ, R1, (const uint8_t[]){ 0, 0 }, 2), FRAGMENTS_OVER,
		 REASON(AN_REASON_FRAGMENTS), op_goto("deny")),
	     "ip frag-off & 0x3fff != 0 " TEXT_FRAGMENTS_OVER " " TEXT_REASON " goto deny", LAYOUT_FRAGS,
	     LAYOUT_FRAGS_BURST, NUM_REASON(AN_REASON_FRAGMENTS));
	RULE(m, "examine", NULL,
	     OPS(IPV6, op_exthdr(IPPROTO_FRAGMENT, 0, 1, NFT_EXTHDR_F_PRESENT, R1),
		 op_cmp_u8(NFT_CMP_EQ, R1, 1), FRAGMENTS_OVER, REASON(AN_REASON_FRAGMENTS), op_goto("deny")),
	     "exthdr frag exists " TEXT_FRAGMENTS_OVER " " TEXT_REASON " goto deny", LAYOUT_FRAGS,
	     LAYOUT_FRAGS_BURST, NUM_REASON(AN_REASON_FRAGMENTS));
}

static void add_examine_source(struct nf_model *m, const struct plane *p)
{
	char inner[ADDR_TEXT], inner6[ADDR_TEXT];

	addr_format_host(&p->inner, inner);
	addr_format_host(&p->inner6, inner6);
	RULE(m, "examine", NULL,
	     OPS(IPV4, LOAD_SADDR, op_cmp_addr(NFT_CMP_EQ, R1, &p->inner), op_meta(NFT_META_IIF, R1),
		 op_lookup_map(R1, "outer4", R1), SET_SADDR, MARK_SET(LAYOUT_MARK)),
	     "ip saddr %s  ip saddr set iif map @outer4 meta mark set %d", inner, LAYOUT_MARK);
	RULE(m, "examine", NULL,
	     OPS(IPV6, LOAD_SADDR6, op_cmp_addr(NFT_CMP_EQ, R1, &p->inner6), op_meta(NFT_META_IIF, R1),
		 op_lookup_map(R1, "outer6", R1), SET_SADDR6, MARK_SET(LAYOUT_MARK)),
	     "ip6 saddr %s  ip6 saddr set iif map @outer6 meta mark set %d", inner6, LAYOUT_MARK);
	RULE(m, "examine", NULL, OPS(MARK_NOT(LAYOUT_MARK), REASON(AN_REASON_SPOOF), op_goto("deny")),
	     "meta mark != %d " TEXT_REASON " goto deny", LAYOUT_MARK, NUM_REASON(AN_REASON_SPOOF));
	/* A later fragment has no ICMP header: rules on it would read payload. */
	RULE(m, "examine", NULL,
	     OPS(IPV4, op_payload(NETWORK, 6, 2, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0x1f, 0xff }, (const uint8_t[]){ 0, 0 }, 2),
		 op_cmp(NFT_CMP_NEQ, R1, (const uint8_t[]){ 0, 0 }, 2), op_accept()),
	     "ip frag-off & 0x1fff != 0 accept");
	RULE(m, "examine", NULL,
	     OPS(IPV6, op_exthdr(IPPROTO_FRAGMENT, 2, 2, 0, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0xff, 0xf8 }, (const uint8_t[]){ 0, 0 }, 2),
		 op_cmp(NFT_CMP_NEQ, R1, (const uint8_t[]){ 0, 0 }, 2), op_accept()),
	     "frag frag-off != 0 accept");
	RULE(m, "examine", NULL, OPS(L4PROTO_IN("icmps"), op_goto("examine_icmp")),
	     "meta l4proto @icmps goto examine_icmp");
	RULE(m, "examine", NULL, OPS(op_accept()), "accept");
}

/* An ICMP error carries the header of the packet it is about: that one must have been sent to this actor. */
static void add_examine_icmp(struct nf_model *m, const struct plane *p)
{
	RULE(m, "examine_icmp", NULL,
	     OPS(ICMP_TYPE, op_lookup(R1, "types4", NFT_LOOKUP_F_INV), REASON(AN_REASON_PROTOCOL),
		 op_goto("deny")),
	     "icmp type != @types4 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_PROTOCOL));
	RULE(m, "examine_icmp", NULL,
	     OPS(ICMPV6_TYPE, op_lookup(R1, "types6", NFT_LOOKUP_F_INV), REASON(AN_REASON_PROTOCOL),
		 op_goto("deny")),
	     "icmpv6 type != @types6 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_PROTOCOL));
	icmp_forged_rules(m, p);
	icmp_entrance_rules(m);
	RULE(m, "examine_icmp", NULL, OPS(op_accept()), "accept");
}

static void add_deny(struct nf_model *m)
{
	RULE(m, "deny", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_meta(NFT_META_MARK, R9), op_dynset_counter(R1, "denied")),
	     "add @denied { iif . meta mark counter }");
	RULE(m, "deny", NULL, OPS(op_drop()), "drop");
}

static void add_input(struct nf_model *m)
{
	RULE(m, "input", NULL, OPS(IIF(LO_INDEX), op_accept()), "iif " LO " accept");
	RULE(m, "input", NULL, OPS(IIFNAME_SLOT, REASON(AN_REASON_GATEWAY), op_goto("refuse")),
	     "iifname \"" LAYOUT_SLOT_LINK "*\" " TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_GATEWAY));
	RULE(m, "input", NULL, OPS(IIF(LAYOUT_UP_INDEX), CT_STATE(CT_ESTABLISHED | CT_RELATED), op_accept()),
	     IIF_UP " ct state established,related accept");
}

/*
 * The first rules settle nearly all packets: a flow was judged when it began, and has the mark of what let it through.
 * That includes flows that only ever go one way, which conntrack calls new for good. Without an entry, as of an
 * invalid segment, there is no mark.
 */
static void add_forward(struct nf_model *m)
{
	RULE(m, "forward", NULL,
	     OPS(OIF(LAYOUT_UP_INDEX), op_meta(NFT_META_IIF, R1), op_ct(NFT_CT_MARK, R9),
		 op_lookup(R1, "judged", 0), op_accept()),
	     OIF_UP " iif . ct mark @judged accept");
	RULE(m, "forward", NULL,
	     OPS(IIF(LAYOUT_UP_INDEX), OIF_NOT(LAYOUT_UP_INDEX), CT_STATE(CT_ESTABLISHED | CT_RELATED),
		 op_accept()),
	     IIF_UP " oif != " UP " ct state established,related accept");
	RULE(m, "forward", NULL,
	     OPS(IIF(LAYOUT_UP_INDEX), op_meta(NFT_META_OIF, R1), op_ct(NFT_CT_MARK, R9),
		 op_lookup(R1, "judged", 0), op_accept()),
	     IIF_UP " oif . ct mark @judged accept");
	RULE(m, "forward", NULL, OPS(CT_STATE(CT_INVALID), REASON(AN_REASON_INVALID), op_goto("deny")),
	     "ct state invalid " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_INVALID));
	RULE(m, "forward", NULL, OPS(IIFNAME_SLOT, op_goto("judge")),
	     "iifname \"" LAYOUT_SLOT_LINK "*\" goto judge");
	RULE(m, "forward", NULL, OPS(IIF(LAYOUT_UP_INDEX), OIF_NOT(LAYOUT_UP_INDEX), op_goto("inbound")),
	     IIF_UP " oif != " UP " goto inbound");
}

/* New flows to an actor. */
static void add_inbound(struct nf_model *m, const struct plane *p)
{
	const struct addr worker = layout_link_worker(p, AF_INET), worker6 = layout_link_worker(p, AF_INET6);
	char text[ADDR_TEXT], text6[ADDR_TEXT];

	RULE(m, "inbound", NULL,
	     OPS(op_meta(NFT_META_OIF, R1), op_dynset_count(R1, "inflows", LAYOUT_FLOWS),
		 REASON(AN_REASON_INFLOWS), op_goto("inbound_refuse")),
	     "add @inflows { oif ct count over %d } " TEXT_REASON " goto inbound_refuse", LAYOUT_FLOWS,
	     NUM_REASON(AN_REASON_INFLOWS));
	RULE(m, "inbound", "the worker's own: readiness",
	     OPS(IPV4, LOAD_SADDR, op_cmp_addr(NFT_CMP_EQ, R1, &worker), op_goto("let_in")),
	     "ip saddr %s goto let_in", addr_format_host(&worker, text));
	RULE(m, "inbound", "the worker's own: readiness",
	     OPS(IPV6, LOAD_SADDR6, op_cmp_addr(NFT_CMP_EQ, R1, &worker6), op_goto("let_in")),
	     "ip6 saddr %s goto let_in", addr_format_host(&worker6, text6));
	RULE(m, "inbound", NULL,
	     OPS(IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup(R1, "open4", 0), op_goto("let_in")),
	     "ip daddr . meta l4proto . th dport @open4 goto let_in");
	RULE(m, "inbound", NULL,
	     OPS(IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup(R1, "open6", 0), op_goto("let_in")),
	     "ip6 daddr . meta l4proto . th dport @open6 goto let_in");
	RULE(m, "inbound", NULL,
	     OPS(IPV4, LOAD_DADDR, op_lookup(R1, "open_all4", 0), L4PROTO_IN("plain"), op_goto("let_in")),
	     "ip daddr @open_all4 meta l4proto @plain goto let_in");
	RULE(m, "inbound", NULL,
	     OPS(IPV6, LOAD_DADDR6, op_lookup(R1, "open_all6", 0), L4PROTO_IN("plain"), op_goto("let_in")),
	     "ip6 daddr @open_all6 meta l4proto @plain goto let_in");
	RULE(m, "inbound", NULL, OPS(REASON(AN_REASON_PORT), op_goto("inbound_refuse")),
	     TEXT_REASON " goto inbound_refuse", NUM_REASON(AN_REASON_PORT));
	RULE(m, "let_in", NULL,
	     OPS(op_meta(NFT_META_OIF, R1), op_lookup_map(R1, "current", R1), op_ct_set(NFT_CT_MARK, R1),
		 op_accept()),
	     "ct mark set oif map @current accept");
	RULE(m, "inbound_refuse", NULL,
	     OPS(op_meta(NFT_META_OIF, R1), op_meta(NFT_META_MARK, R9), op_dynset_counter(R1, "denied")),
	     "add @denied { oif . meta mark counter }");
	RULE(m, "inbound_refuse", NULL, OPS(REJECT_RESET), "meta l4proto tcp reject with tcp reset");
	RULE(m, "inbound_refuse", NULL, OPS(REJECT_PROHIBITED), "reject with icmpx admin-prohibited");
}

/* What an actor begins, and what it sends in flows that were not judged by its present policy. */
static void add_judge(struct nf_model *m)
{
	RULE(m, "judge", NULL, OPS(OIF_NOT(LAYOUT_UP_INDEX), REASON(AN_REASON_FLOOR), op_goto("refuse")),
	     "oif != " UP " " TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_FLOOR));
	RULE(m, "judge", NULL, OPS(CT_STATE(CT_ESTABLISHED | CT_RELATED), CT_REPLY, op_accept()),
	     "ct state established,related ct direction reply accept");
	RULE(m, "judge", NULL, OPS(L4PROTO_IN("icmps"), CT_STATE(CT_RELATED), op_accept()),
	     "meta l4proto @icmps ct state related accept");
	RULE(m, "judge", NULL, OPS(op_jump("floor")), "jump floor");
	RULE(m, "judge", NULL,
	     OPS(CT_STATE(CT_NEW), op_meta(NFT_META_IIF, R1),
		 op_dynset_limit(R1, "rates", LAYOUT_RATE, LAYOUT_RATE_BURST), REASON(AN_REASON_RATE),
		 op_goto("refuse")),
	     "ct state new add @rates { iif limit rate over %d/second burst %d packets } " TEXT_REASON
	     " goto refuse",
	     LAYOUT_RATE, LAYOUT_RATE_BURST, NUM_REASON(AN_REASON_RATE));
	RULE(m, "judge", NULL,
	     OPS(CT_STATE(CT_NEW), op_meta(NFT_META_IIF, R1), op_dynset_count(R1, "flows", LAYOUT_FLOWS),
		 REASON(AN_REASON_FLOWS), op_goto("refuse")),
	     "ct state new add @flows { iif ct count over %d } " TEXT_REASON " goto refuse", LAYOUT_FLOWS,
	     NUM_REASON(AN_REASON_FLOWS));
	RULE(m, "judge", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_lookup_map(R1, "egress", R1), op_meta_set(NFT_META_MARK, R1)),
	     "meta mark set iif map @egress");
	RULE(m, "judge", NULL, OPS(op_meta(NFT_META_MARK, R1), op_lookup_map(R1, "chains", NFT_REG_VERDICT)),
	     "meta mark vmap @chains");
	RULE(m, "judge", NULL, OPS(REASON(AN_REASON_POLICY), op_goto("refuse")), TEXT_REASON " goto refuse",
	     NUM_REASON(AN_REASON_POLICY));
}

#define FLOOR_RULE(m, family, load, set, text)                                                     \
	RULE(m, "floor", NULL,                                                                     \
	     OPS(family, load, op_lookup(R1, set, 0), REASON(AN_REASON_FLOOR), op_goto("refuse")), \
	     text " @" set " " TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_FLOOR))

/* What no policy opens; a resolver there is for the policy to decide. */
static void add_floor(struct nf_model *m)
{
	RULE(m, "floor", NULL,
	     OPS(IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup(R1, "resolver4", 0), op_return()),
	     "ip daddr . meta l4proto . th dport @resolver4 return");
	RULE(m, "floor", NULL,
	     OPS(IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup(R1, "resolver6", 0), op_return()),
	     "ip6 daddr . meta l4proto . th dport @resolver6 return");
	FLOOR_RULE(m, IPV4, LOAD_DADDR, "floor4", "ip daddr");
	FLOOR_RULE(m, IPV4, LOAD_DADDR, "local4", "ip daddr");
	FLOOR_RULE(m, IPV6, LOAD_DADDR6, "floor6", "ip6 daddr");
	FLOOR_RULE(m, IPV6, LOAD_DADDR6, "local6", "ip6 daddr");
}

#define PRIVATE_RULE(m, family, load, set, text)                                                    \
	RULE(m, "egress_internet", NULL,                                                            \
	     OPS(family, load, op_lookup(R1, set, 0), REASON(AN_REASON_POLICY), op_goto("refuse")), \
	     text " @" set " " TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_POLICY))

static void add_egress(struct nf_model *m)
{
	/* the generation of the policy that let a flow through stays with the flow */
	RULE(m, "pass", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_lookup_map(R1, "current", R1), op_ct_set(NFT_CT_MARK, R1),
		 op_accept()),
	     "ct mark set iif map @current accept");
	RULE(m, "egress_none", NULL, OPS(REASON(AN_REASON_POLICY), op_goto("refuse")),
	     TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_POLICY));
	RULE(m, "egress_all", NULL, OPS(op_goto("pass")), "goto pass");
	RULE(m, "egress_internet", NULL,
	     OPS(IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup(R1, "resolver4", 0), op_goto("pass")),
	     "ip daddr . meta l4proto . th dport @resolver4 goto pass");
	RULE(m, "egress_internet", NULL,
	     OPS(IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup(R1, "resolver6", 0), op_goto("pass")),
	     "ip6 daddr . meta l4proto . th dport @resolver6 goto pass");
	PRIVATE_RULE(m, IPV4, LOAD_DADDR, "private4", "ip daddr");
	PRIVATE_RULE(m, IPV6, LOAD_DADDR6, "private6", "ip6 daddr");
	RULE(m, "egress_internet", NULL, OPS(op_goto("pass")), "goto pass");
	RULE(m, "refuse", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_meta(NFT_META_MARK, R9), op_dynset_counter(R1, "denied")),
	     "add @denied { iif . meta mark counter }");
	RULE(m, "refuse", NULL, OPS(REJECT_RESET), "meta l4proto tcp reject with tcp reset");
	RULE(m, "refuse", NULL, OPS(REJECT_PROHIBITED), "reject with icmpx admin-prohibited");
}

#define SET_INNER(addr) op_immediate(R1, (addr)->bytes, addr_size((addr)->family) == 4 ? 4 : 16)

static void add_exit(struct nf_model *m, const struct plane *p)
{
	char inner[ADDR_TEXT], inner6[ADDR_TEXT];

	addr_format_host(&p->inner, inner);
	addr_format_host(&p->inner6, inner6);
	RULE(m, "exit", NULL, OPS(OIF(LAYOUT_UP_INDEX), op_goto("seal")), OIF_UP " goto seal");
	RULE(m, "exit", NULL, OPS(L4PROTO_IN("icmps"), op_jump("exit_icmp")),
	     "meta l4proto @icmps jump exit_icmp");
	RULE(m, "exit", NULL,
	     OPS(IPV4, LOAD_DADDR, op_lookup(R1, "known4", 0), SET_INNER(&p->inner), SET_DADDR, op_accept()),
	     "ip daddr @known4 ip daddr set %s accept", inner);
	RULE(m, "exit", NULL,
	     OPS(IPV6, LOAD_DADDR6, op_lookup(R1, "known6", 0), SET_INNER(&p->inner6), SET_DADDR6,
		 op_accept()),
	     "ip6 daddr @known6 ip6 daddr set %s accept", inner6);
	RULE(m, "exit", NULL, OPS(OIF(LO_INDEX), op_accept()), "oif " LO " accept");
	RULE(m, "exit", "to no actor", OPS(op_counter(), op_drop()), "counter drop");
	RULE(m, "seal", NULL, OPS(IPV4, SET_SADDR_FIRST(LAYOUT_SEAL4)), NULL);
	RULE(m, "seal", NULL, OPS(IPV6, SET_SADDR6_FIRST(LAYOUT_SEAL6)), NULL);
	icmp_exit_rules(m, p);
}

void gateway_model(struct nf_model *m, const struct plane *p)
{
	model_init(m, NFPROTO_INET, LAYOUT_TABLE);
	add_sets(m, p);
	add_chains(m);
	add_entrance(m, p);
	add_examine_kinds(m);
	add_examine_source(m, p);
	add_examine_icmp(m, p);
	add_deny(m);
	add_input(m);
	add_forward(m);
	add_inbound(m, p);
	add_judge(m);
	add_floor(m);
	add_egress(m);
	add_exit(m, p);
}
