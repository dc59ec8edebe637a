/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's table between worker and actor: hook forward. */
#include "plane/gateway-rules.h"

/*
 * The first rules settle nearly all packets: a flow was judged when it began, and has the mark of what let it through.
 * That includes flows that only ever go one way, which conntrack calls new for good. Without an entry, as of an
 * invalid segment, there is no mark. From them the fast lane learns (lane.h): they mark the packet.
 */
#define JUDGED	    MARK_SET(GATEWAY_JUDGED), op_accept()
#define TEXT_JUDGED "meta mark set 0x%x accept"

static void add_forward(struct nf_model *m)
{
	RULE(m, "forward", NULL,
	     OPS(OIF(LAYOUT_UP_INDEX), op_meta(NFT_META_IIF, R1), op_ct(NFT_CT_MARK, R9),
		 op_lookup(R1, "judged", 0), JUDGED),
	     OIF_UP " iif . ct mark @judged " TEXT_JUDGED, GATEWAY_JUDGED);
	RULE(m, "forward", NULL,
	     OPS(IIF(LAYOUT_UP_INDEX), OIF_NOT(LAYOUT_UP_INDEX), CT_STATE(CT_ESTABLISHED | CT_RELATED),
		 JUDGED),
	     IIF_UP " oif != " UP " ct state established,related " TEXT_JUDGED, GATEWAY_JUDGED);
	RULE(m, "forward", NULL,
	     OPS(IIF(LAYOUT_UP_INDEX), op_meta(NFT_META_OIF, R1), op_ct(NFT_CT_MARK, R9),
		 op_lookup(R1, "judged", 0), JUDGED),
	     IIF_UP " oif . ct mark @judged " TEXT_JUDGED, GATEWAY_JUDGED);
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
		 op_goto("inbound_port")),
	     "add @inflows { oif ct count %d } goto inbound_port", LAYOUT_FLOWS);
	RULE(m, "inbound", NULL, OPS(REASON(AN_REASON_INFLOWS), op_goto("inbound_refuse")),
	     TEXT_REASON " goto inbound_refuse", NUM_REASON(AN_REASON_INFLOWS));
	RULE(m, "inbound_port", "the worker's own: readiness",
	     OPS(IPV4, LOAD_SADDR, op_cmp_addr(NFT_CMP_EQ, R1, &worker), op_goto("let_in")),
	     "ip saddr %s goto let_in", addr_format_host(&worker, text));
	RULE(m, "inbound_port", "the worker's own: readiness",
	     OPS(IPV6, LOAD_SADDR6, op_cmp_addr(NFT_CMP_EQ, R1, &worker6), op_goto("let_in")),
	     "ip6 saddr %s goto let_in", addr_format_host(&worker6, text6));
	RULE(m, "inbound_port", NULL,
	     OPS(IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup(R1, "open4", 0), op_goto("let_in")),
	     "ip daddr . meta l4proto . th dport @open4 goto let_in");
	RULE(m, "inbound_port", NULL,
	     OPS(IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup(R1, "open6", 0), op_goto("let_in")),
	     "ip6 daddr . meta l4proto . th dport @open6 goto let_in");
	RULE(m, "inbound_port", NULL,
	     OPS(IPV4, LOAD_DADDR, op_lookup(R1, "open_all4", 0), L4PROTO_IN("plain"), op_goto("let_in")),
	     "ip daddr @open_all4 meta l4proto @plain goto let_in");
	RULE(m, "inbound_port", NULL,
	     OPS(IPV6, LOAD_DADDR6, op_lookup(R1, "open_all6", 0), L4PROTO_IN("plain"), op_goto("let_in")),
	     "ip6 daddr @open_all6 meta l4proto @plain goto let_in");
	RULE(m, "inbound_port", NULL, OPS(REASON(AN_REASON_PORT), op_goto("inbound_refuse")),
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

void gateway_forward_rules(struct nf_model *m, const struct plane *p)
{
	add_forward(m);
	add_inbound(m, p);
}
