/* SPDX-License-Identifier: Apache-2.0 */
/* Rules on the headers within ICMP errors. */
#include "plane/icmp.h"
#include "plane/gateway.h"
#include "plane/match.h"

/* Offsets from the ICMP header: 8 bytes of its own, then the embedded header. RFC 792, RFC 4443. */
#define EMBEDDED_SADDR	(8 + 12)
#define EMBEDDED_DADDR	(8 + 16)
#define EMBEDDED_CSUM	(8 + 10)
#define EMBEDDED_SADDR6 (8 + 8)
#define EMBEDDED_DADDR6 (8 + 24)
#define ICMPV6_CSUM	2

#define IS_ERROR4      IPV4, L4PROTO(IPPROTO_ICMP), op_payload(TRANSPORT, 0, 1, R1), op_lookup(R1, "errors4", 0)
#define IS_ERROR6      IPV6, L4PROTO(IPPROTO_ICMPV6), op_payload(TRANSPORT, 0, 1, R1), op_lookup(R1, "errors6", 0)
#define WRITE4(offset) op_payload_set(TRANSPORT, offset, 4, R1, NFT_PAYLOAD_CSUM_INET, EMBEDDED_CSUM, 0)
#define WRITE6(offset) op_payload_set(TRANSPORT, offset, 16, R1, NFT_PAYLOAD_CSUM_INET, ICMPV6_CSUM, 0)

void icmp_entrance_rules(struct nf_model *m, const struct plane *p)
{
	RULE(m, "examine_icmp", NULL,
	     OPS(IS_ERROR4, op_payload(TRANSPORT, EMBEDDED_DADDR, 4, R1),
		 op_cmp_addr(NFT_CMP_EQ, R1, &p->inner), op_meta(NFT_META_IIF, R1),
		 op_lookup_map(R1, "outer4", R1), WRITE4(EMBEDDED_DADDR), op_accept()),
	     NULL);
	RULE(m, "examine_icmp", NULL,
	     OPS(IS_ERROR6, op_payload(TRANSPORT, EMBEDDED_DADDR6, 16, R1),
		 op_cmp_addr(NFT_CMP_EQ, R1, &p->inner6), op_meta(NFT_META_IIF, R1),
		 op_lookup_map(R1, "outer6", R1), WRITE6(EMBEDDED_DADDR6), op_accept()),
	     NULL);
}

void icmp_exit_rules(struct nf_model *m, const struct plane *p)
{
	RULE(m, "exit_icmp", NULL,
	     OPS(IS_ERROR4, op_payload(TRANSPORT, EMBEDDED_SADDR, 4, R1), op_lookup(R1, "known4", 0),
		 op_immediate(R1, p->inner.bytes, 4), WRITE4(EMBEDDED_SADDR)),
	     NULL);
	RULE(m, "exit_icmp", NULL,
	     OPS(IS_ERROR6, op_payload(TRANSPORT, EMBEDDED_SADDR6, 16, R1), op_lookup(R1, "known6", 0),
		 op_immediate(R1, p->inner6.bytes, 16), WRITE6(EMBEDDED_SADDR6)),
	     NULL);
}
