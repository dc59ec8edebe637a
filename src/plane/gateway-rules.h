/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gateway's table share: each adds the rules of its hooks. */
#ifndef PLANE_GATEWAY_RULES_H
#define PLANE_GATEWAY_RULES_H

#include "plane/gateway.h"
#include "plane/match.h"
#include <actornet/actor.h>
#include <assert.h>

/* The number of the link to the worker, as nft text has it. */
#define UP     "2"
#define IIF_UP "iif " UP
#define OIF_UP "oif " UP
static_assert(LAYOUT_UP_INDEX == 2, "as in the text");

/* A refusal: the reason goes into the mark, the packet to the chain that counts it and drops or rejects. */
#define REASON(reason)	   MARK_SET(GATEWAY_REASON + (reason))
#define TEXT_REASON	   "meta mark set 0x%x"
#define NUM_REASON(reason) (unsigned int)(GATEWAY_REASON + (reason))

/* ICMP and ICMPv6 types: of whole packets and first fragments, others have no such header. */
#define ICMP_TYPE   IPV4, L4PROTO(IPPROTO_ICMP), op_payload(TRANSPORT, 0, 1, R1)
#define ICMPV6_TYPE IPV6, L4PROTO(IPPROTO_ICMPV6), op_payload(TRANSPORT, 0, 1, R1)

/** gateway_entrance_rules() - what an actor sends, before anything else: who it is, and kinds of packets. */
void gateway_entrance_rules(struct nf_model *m, const struct plane *p);
/** gateway_forward_rules() - what passes between worker and actor. */
void gateway_forward_rules(struct nf_model *m, const struct plane *p);
/** gateway_egress_rules() - what an actor begins: floor, limits, egress sets. */
void gateway_egress_rules(struct nf_model *m, const struct plane *p);
/** gateway_exit_rules() - what leaves, and the gateway's own stack. */
void gateway_exit_rules(struct nf_model *m, const struct plane *p);

#endif
