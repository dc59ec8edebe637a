/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's table where an actor begins something: floor, limits, egress sets. */
#include "plane/gateway-rules.h"

/*
 * What an actor begins, and what it sends in flows that were not judged by its present policy: its ICMP errors about
 * such flows too.
 */
static void add_judge(struct nf_model *m)
{
	/* not to another actor, though it be a resolver that the floor leaves to the policy */
	RULE(m, "judge", NULL, OPS(OIF_NOT(LAYOUT_UP_INDEX), REASON(AN_REASON_FLOOR), op_goto("refuse")),
	     "oif != " UP " " TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_FLOOR));
	RULE(m, "judge", NULL, OPS(CT_STATE(CT_ESTABLISHED | CT_RELATED), CT_REPLY, op_accept()),
	     "ct state established,related ct direction reply accept");
	RULE(m, "judge", NULL, OPS(op_jump("floor")), "jump floor");
	RULE(m, "judge", NULL, OPS(CT_STATE(CT_NEW), op_jump("limits")), "ct state new jump limits");
	RULE(m, "judge", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_lookup_map(R1, "egress", R1), op_meta_set(NFT_META_MARK, R1)),
	     "meta mark set iif map @egress");
	RULE(m, "judge", NULL, OPS(op_meta(NFT_META_MARK, R1), op_lookup_map(R1, "chains", NFT_REG_VERDICT)),
	     "meta mark vmap @chains");
	RULE(m, "judge", NULL, OPS(REASON(AN_REASON_POLICY), op_goto("refuse")), TEXT_REASON " goto refuse",
	     NUM_REASON(AN_REASON_POLICY));
}

/* Below the limit a rule goes on, else the next one refuses: also where a set has no room for one more actor. */
static void add_limits(struct nf_model *m)
{
	RULE(m, "limits", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_dynset_limit(R1, "rates", LAYOUT_RATE, LAYOUT_RATE_BURST),
		 op_goto("limit_flows")),
	     "add @rates { iif limit rate %d/second burst %d packets } goto limit_flows", LAYOUT_RATE,
	     LAYOUT_RATE_BURST);
	RULE(m, "limits", NULL, OPS(REASON(AN_REASON_RATE), op_goto("refuse")), TEXT_REASON " goto refuse",
	     NUM_REASON(AN_REASON_RATE));
	RULE(m, "limit_flows", NULL,
	     OPS(op_meta(NFT_META_IIF, R1), op_dynset_count(R1, "flows", LAYOUT_FLOWS), op_return()),
	     "add @flows { iif ct count %d } return", LAYOUT_FLOWS);
	RULE(m, "limit_flows", NULL, OPS(REASON(AN_REASON_FLOWS), op_goto("refuse")),
	     TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_FLOWS));
}

#define FLOOR_RULE(m, family, load, set, text)                                                     \
	RULE(m, "floor", NULL,                                                                     \
	     OPS(family, load, op_lookup(R1, set, 0), REASON(AN_REASON_FLOOR), op_goto("refuse")), \
	     text " @" set " " TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_FLOOR))

/* What no policy opens; a resolver there is for the policy to decide. */
static void add_floor(struct nf_model *m, const struct plane *p)
{
	char gateway[ADDR_TEXT], gateway6[ADDR_TEXT];

	addr_format_host(&p->gateway, gateway);
	addr_format_host(&p->gateway6, gateway6);
	RULE(m, "floor", NULL,
	     OPS(IPV4, LOAD_DADDR, AND_PROTO_DPORT, op_lookup(R1, "resolver4", 0), op_return()),
	     "ip daddr . meta l4proto . th dport @resolver4 return");
	RULE(m, "floor", NULL,
	     OPS(IPV6, LOAD_DADDR6, AND_PROTO_DPORT6, op_lookup(R1, "resolver6", 0), op_return()),
	     "ip6 daddr . meta l4proto . th dport @resolver6 return");
	RULE(m, "floor", NULL,
	     OPS(IPV4, LOAD_DADDR, op_cmp_addr(NFT_CMP_EQ, R1, &p->gateway), REASON(AN_REASON_GATEWAY),
		 op_goto("refuse")),
	     "ip daddr %s " TEXT_REASON " goto refuse", gateway, NUM_REASON(AN_REASON_GATEWAY));
	RULE(m, "floor", NULL,
	     OPS(IPV6, LOAD_DADDR6, op_cmp_addr(NFT_CMP_EQ, R1, &p->gateway6), REASON(AN_REASON_GATEWAY),
		 op_goto("refuse")),
	     "ip6 daddr %s " TEXT_REASON " goto refuse", gateway6, NUM_REASON(AN_REASON_GATEWAY));
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

void gateway_egress_rules(struct nf_model *m, const struct plane *p)
{
	add_judge(m);
	add_limits(m);
	add_floor(m, p);
	add_egress(m);
}
