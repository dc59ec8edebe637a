/* SPDX-License-Identifier: Apache-2.0 */
/* Rules on the headers within ICMP errors. */
#include "plane/icmp.h"
#include "plane/gateway.h"
#include "plane/match.h"
#include <actornet/actor.h>
#include <stdio.h>

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
#define FORGED	       MARK_SET(GATEWAY_REASON + AN_REASON_FORGED), op_goto("deny")

static const char *hex(const struct addr *a, char buf[static 40])
{
	size_t size = addr_size(a->family);

	buf[0] = '0';
	buf[1] = 'x';
	for (size_t i = 0; i < size; i++)
		snprintf(buf + 2 + 2 * i, 3, "%02x", a->bytes[i]);
	return buf;
}

void icmp_forged_rules(struct nf_model *m, const struct plane *p)
{
	char buf[40];

	RULE(m, "examine_icmp", NULL,
	     OPS(IS_ERROR4, op_payload(TRANSPORT, EMBEDDED_DADDR, 4, R1),
		 op_cmp_addr(NFT_CMP_NEQ, R1, &p->inner), FORGED),
	     "icmp type @errors4 @th,%d,32 != %s meta mark set 0x%x goto deny", EMBEDDED_DADDR * 8,
	     hex(&p->inner, buf), (unsigned int)(GATEWAY_REASON + AN_REASON_FORGED));
	RULE(m, "examine_icmp", NULL,
	     OPS(IS_ERROR6, op_payload(TRANSPORT, EMBEDDED_DADDR6, 16, R1),
		 op_cmp_addr(NFT_CMP_NEQ, R1, &p->inner6), FORGED),
	     "icmpv6 type @errors6 @th,%d,128 != %s meta mark set 0x%x goto deny", EMBEDDED_DADDR6 * 8,
	     hex(&p->inner6, buf), (unsigned int)(GATEWAY_REASON + AN_REASON_FORGED));
}

void icmp_entrance_rules(struct nf_model *m)
{
	RULE(m, "examine_icmp", NULL,
	     OPS(IS_ERROR4, op_meta(NFT_META_IIF, R1), op_lookup_map(R1, "outer4", R1),
		 WRITE4(EMBEDDED_DADDR)),
	     NULL);
	RULE(m, "examine_icmp", NULL,
	     OPS(IS_ERROR6, op_meta(NFT_META_IIF, R1), op_lookup_map(R1, "outer6", R1),
		 WRITE6(EMBEDDED_DADDR6)),
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
