/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's table where packets leave, and for the gateway's own stack: hooks postrouting, input, output. */
#include "plane/gateway-rules.h"
#include "plane/icmp.h"
#include <netinet/tcp.h>

/*
 * The gateway's own stack. Nothing is for it: the rules of routing give its addresses to nobody (core/gateway.c), so
 * only what goes to many in IPv4 comes here.
 */
static void add_input(struct nf_model *m)
{
	RULE(m, "input", NULL, OPS(IIFNAME_SLOT, REASON(AN_REASON_GATEWAY), op_goto("refuse")),
	     "iifname \"" LAYOUT_SLOT_LINK "*\" " TEXT_REASON " goto refuse", NUM_REASON(AN_REASON_GATEWAY));
}

/*
 * It sends only what refuses and reports packets on their way through, whose source has been checked by then: resets,
 * unreachable and prohibited, too big, time exceeded. Anything else it could be made to send to a forged source, as a
 * parameter problem for options that the kernel reads before any hook.
 */
static void add_output(struct nf_model *m)
{
	RULE(m, "output", NULL,
	     OPS(L4PROTO(IPPROTO_TCP), op_payload(TRANSPORT, 13, 1, R1),
		 op_bitwise(R1, (const uint8_t[]){ TH_RST }, (const uint8_t[]){ 0 }, 1),
		 op_cmp_u8(NFT_CMP_NEQ, R1, 0), op_accept()),
	     "tcp flags rst accept");
	RULE(m, "output", NULL, OPS(ICMP_TYPE, op_lookup(R1, "reports4", 0), op_accept()),
	     "icmp type @reports4 accept");
	RULE(m, "output", NULL, OPS(ICMPV6_TYPE, op_lookup(R1, "reports6", 0), op_accept()),
	     "icmpv6 type @reports6 accept");
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
	RULE(m, "exit", "to no actor", OPS(op_counter(), op_drop()), "counter drop");
	RULE(m, "seal", NULL, OPS(IPV4, SET_SADDR_FIRST_SUM(LAYOUT_SEAL4)), NULL);
	RULE(m, "seal", NULL, OPS(IPV6, SET_SADDR6_FIRST(LAYOUT_SEAL6)), "meta nfproto ipv6 @nh,64,8 set %u",
	     LAYOUT_SEAL6);
	icmp_exit_rules(m, p);
}

void gateway_exit_rules(struct nf_model *m, const struct plane *p)
{
	add_input(m);
	add_output(m);
	add_exit(m, p);
}
