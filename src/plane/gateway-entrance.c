/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's table where packets of actors come in: hook prerouting, before defragmentation. */
#include "plane/gateway-rules.h"
#include "plane/icmp.h"
#include <netinet/icmp6.h>

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
	RULE(m, "entrance", NULL, OPS(op_goto("examine")), "goto examine");
}

/* The rest: fragments, ICMP, and all that an actor may not send. */
static void add_examine_kinds(struct nf_model *m)
{
	RULE(m, "examine", "the kernel's own, from namespaces without a sandbox",
	     OPS(ICMPV6_TYPE, op_cmp_u8(NFT_CMP_EQ, R1, ND_ROUTER_SOLICIT), op_drop()),
	     "icmpv6 type nd-router-solicit drop");
	RULE(m, "examine", NULL,
	     OPS(ICMPV6_TYPE, op_lookup(R1, "neighbour6", 0), REASON(AN_REASON_NEIGHBOUR), op_goto("deny")),
	     "icmpv6 type @neighbour6 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_NEIGHBOUR));
	RULE(m, "examine", NULL,
	     OPS(IPV4, op_payload(NETWORK, 0, 1, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0x0f }, (const uint8_t[]){ 0 }, 1),
		 op_cmp_u8(NFT_CMP_NEQ, R1, 5), REASON(AN_REASON_OPTIONS), op_goto("deny")),
	     "ip hdrlength != 5 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_OPTIONS));
	RULE(m, "examine", NULL,
	     OPS(L4PROTO_NOT_IN("protocols"), REASON(AN_REASON_PROTOCOL), op_goto("deny")),
	     "meta l4proto != @protocols " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_PROTOCOL));
	/* nothing before the transport header but a fragment header, and nothing behind that */
	RULE(m, "examine", NULL,
	     OPS(IPV6, op_payload(NETWORK, 6, 1, R1), op_lookup(R1, "headers6", NFT_LOOKUP_F_INV),
		 REASON(AN_REASON_OPTIONS), op_goto("deny")),
	     "ip6 nexthdr != @headers6 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_OPTIONS));
	RULE(m, "examine", NULL,
	     OPS(IPV6, op_exthdr(IPPROTO_FRAGMENT, 0, 1, 0, R1), op_lookup(R1, "protocols", NFT_LOOKUP_F_INV),
		 REASON(AN_REASON_OPTIONS), op_goto("deny")),
	     "frag nexthdr != @protocols " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_OPTIONS));
}

/*
 * TCP and UDP that is whole was settled by the fast rules, or is denied for its source. So nothing gets to the end; the
 * hook's policy would drop it.
 */
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
	RULE(m, "examine", NULL,
	     OPS(IPV4, op_payload(NETWORK, 6, 2, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0x3f, 0xff }, (const uint8_t[]){ 0, 0 }, 2),
		 op_cmp(NFT_CMP_NEQ, R1, (const uint8_t[]){ 0, 0 }, 2), op_goto("fragment")),
	     "ip frag-off & 0x3fff != 0 goto fragment");
	RULE(m, "examine", NULL,
	     OPS(IPV6, op_payload(NETWORK, 6, 1, R1), op_cmp_u8(NFT_CMP_EQ, R1, IPPROTO_FRAGMENT),
		 op_goto("fragment")),
	     "ip6 nexthdr ipv6-frag goto fragment");
	RULE(m, "examine", NULL, OPS(L4PROTO_IN("icmps"), op_goto("examine_icmp")),
	     "meta l4proto @icmps goto examine_icmp");
}

/*
 * In pieces, after the source was found right, so that only actors have an element in the set. Nobody cuts an ICMP
 * error up but to hide from us what it is about.
 */
static void add_fragment(struct nf_model *m)
{
	RULE(m, "fragment", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_dynset_limit(R1, "frags", LAYOUT_FRAGS, LAYOUT_FRAGS_BURST),
		 op_goto("fragment_in")),
	     "add @frags { iif limit rate %d/second burst %d packets } goto fragment_in", LAYOUT_FRAGS,
	     LAYOUT_FRAGS_BURST);
	RULE(m, "fragment", NULL, OPS(REASON(AN_REASON_FRAGMENTS), op_goto("deny")), TEXT_REASON " goto deny",
	     NUM_REASON(AN_REASON_FRAGMENTS));
	/* A later one has no transport header: rules on that would read payload. */
	RULE(m, "fragment_in", NULL,
	     OPS(IPV4, op_payload(NETWORK, 6, 2, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0x1f, 0xff }, (const uint8_t[]){ 0, 0 }, 2),
		 op_cmp(NFT_CMP_NEQ, R1, (const uint8_t[]){ 0, 0 }, 2), op_accept()),
	     "ip frag-off & 0x1fff != 0 accept");
	RULE(m, "fragment_in", NULL,
	     OPS(IPV6, op_exthdr(IPPROTO_FRAGMENT, 2, 2, 0, R1),
		 op_bitwise(R1, (const uint8_t[]){ 0xff, 0xf8 }, (const uint8_t[]){ 0, 0 }, 2),
		 op_cmp(NFT_CMP_NEQ, R1, (const uint8_t[]){ 0, 0 }, 2), op_accept()),
	     "frag frag-off != 0 accept");
	RULE(m, "fragment_in", NULL, OPS(L4PROTO_IN("plain"), op_accept()), "meta l4proto @plain accept");
	RULE(m, "fragment_in", NULL, OPS(ICMP_TYPE, op_lookup(R1, "echo4", 0), op_accept()),
	     "icmp type @echo4 accept");
	RULE(m, "fragment_in", NULL, OPS(ICMPV6_TYPE, op_lookup(R1, "echo6", 0), op_accept()),
	     "icmpv6 type @echo6 accept");
	RULE(m, "fragment_in", NULL, OPS(REASON(AN_REASON_PROTOCOL), op_goto("deny")),
	     TEXT_REASON " goto deny", NUM_REASON(AN_REASON_PROTOCOL));
}

/* An ICMP error carries the header of the packet it is about: that one must have been sent to this actor. */
static void add_examine_icmp(struct nf_model *m, const struct plane *p)
{
	RULE(m, "examine_icmp", NULL, OPS(ICMP_TYPE, op_lookup(R1, "echo4", 0), op_accept()),
	     "icmp type @echo4 accept");
	RULE(m, "examine_icmp", NULL, OPS(ICMPV6_TYPE, op_lookup(R1, "echo6", 0), op_accept()),
	     "icmpv6 type @echo6 accept");
	icmp_entrance_rules(m, p);
	RULE(m, "examine_icmp", NULL,
	     OPS(ICMP_TYPE, op_lookup(R1, "errors4", 0), REASON(AN_REASON_FORGED), op_goto("deny")),
	     "icmp type @errors4 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_FORGED));
	RULE(m, "examine_icmp", NULL,
	     OPS(ICMPV6_TYPE, op_lookup(R1, "errors6", 0), REASON(AN_REASON_FORGED), op_goto("deny")),
	     "icmpv6 type @errors6 " TEXT_REASON " goto deny", NUM_REASON(AN_REASON_FORGED));
	RULE(m, "examine_icmp", NULL, OPS(REASON(AN_REASON_PROTOCOL), op_goto("deny")),
	     TEXT_REASON " goto deny", NUM_REASON(AN_REASON_PROTOCOL));
}

static void add_deny(struct nf_model *m)
{
	RULE(m, "deny", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_meta(NFT_META_MARK, R9), op_dynset_counter(R1, "denied")),
	     "add @denied { iif . meta mark counter }");
	RULE(m, "deny", NULL, OPS(op_drop()), "drop");
}

void gateway_entrance_rules(struct nf_model *m, const struct plane *p)
{
	add_entrance(m, p);
	add_examine_kinds(m);
	add_examine_source(m, p);
	add_fragment(m);
	add_examine_icmp(m, p);
	add_deny(m);
}
