/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's table: who an actor is, and what it may do.
 *
 * Theory of operation. All actors send from the same inner address; what tells them apart is the link they come in
 * by. At the very first hook the inner source becomes the actor's outer address, at the very last one the outer
 * destination becomes the inner address again; between the two, conntrack, routing and policy see outer addresses
 * only. The rules are constant: an activation adds elements to the sets, a release takes them out.
 *
 *   prerouting -450   entrance: inner source to outer, marked; what is not the actor's own is dropped.
 *                     Before defragmentation (-400), else fragments of two actors would be joined.
 *   input 0, output 0 the gateway's own stack: gets nothing, and sends only what refuses and reports actors' packets
 *   forward 0         judge: floor, limits, then the actor's egress set, once a flow (conntrack mark = generation
 *                     of the policy that let it through)
 *   postrouting 300   exit: outer destination to inner; what goes to the worker is sealed
 *
 * A packet that this table did not mark is routed nowhere (rules of struct rule in core), so without the table
 * nothing passes. The seal (layout.h) is one that only the worker's table takes off, so without that nothing passes
 * either.
 */
#ifndef PLANE_GATEWAY_H
#define PLANE_GATEWAY_H

#include "nf/model.h"
#include "plane/layout.h"

/* Identity: link to outer address, outer addresses in use. */
extern const struct nf_set gateway_outer4, gateway_outer6, gateway_known4, gateway_known6;
/*
 * Policy: link to the number of its egress set, link to the mark of the policy in force, link and mark of flows judged
 * by it. No verdicts, though nft has maps of those: with each new one the kernel validates all others again, so an
 * activation would cost more with each actor (30 us more at 1,000).
 */
extern const struct nf_set gateway_egress, gateway_current, gateway_judged;
/* Inbound: outer address, protocol and port; outer addresses with all ports open. */
extern const struct nf_set gateway_open4, gateway_open6, gateway_open_all4, gateway_open_all6;
/* The worker's own addresses; its resolvers as address, protocol, port. */
extern const struct nf_set gateway_local4, gateway_local6, gateway_resolver4, gateway_resolver6;
/* Limits and counters, filled by the rules. */
extern const struct nf_set gateway_frags, gateway_flows, gateway_inflows, gateway_rates, gateway_denied;
/*
 * Book-keeping that no rule reads: actors by the hash of their name, their ports; slots that were put into the pool,
 * and which of them were taken since. What is idle is in the first and not in the second.
 */
extern const struct nf_set gateway_actors, gateway_ports, gateway_idle, gateway_claimed;

/* Firewall mark while a packet is on its way to being refused: enum an_reason above this. */
#define GATEWAY_REASON 0x100

/* Firewall mark while a packet is on its way to its egress set: enum an_egress above this. */
#define GATEWAY_EGRESS 0x200

/* Firewall mark of a packet of a flow that was judged before: the fast lane may learn from it. */
#define GATEWAY_JUDGED 0x400

/* Mark of flows judged by the first policy of a slot. */
#define GATEWAY_FIRST_POLICY 1

/** gateway_model() - the table of a worker, with the constant elements but not the actors'. */
void gateway_model(struct nf_model *m, const struct plane *p);

#endif
