/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast lane of flows that were judged, through the gateway.
 *
 * Theory of operation. Most packets belong to flows that the gateway's table has let through, and it would only do the
 * same with them again. So the chain "learn", which the judged packets of an actor pass, notes the flow for LANE_MS:
 * link, other end, protocol and ports. At the links' ingress, before everything else, the chains "leave" and "enter"
 * exchange the address of packets of such flows, and put the number of the other link into the packet's mark. A table
 * of family netdev beside it (only there rules can do that) hands what has a mark to that link: past connection
 * tracking, routing and the other hooks.
 *
 *   ingress of an*, -10   leave: inner source to outer, for the worker
 *   ingress of up0, -10   enter: outer destination to inner, for the actor
 *   ingress of both, 0    hand_over_up, hand_over_down, in the table beside it
 *   forward               learn
 *
 * It is a shortcut, not a gate: what it doesn't know goes the long way. That an actor is there is looked up for each
 * packet, so its release ends the lane of all its flows at once; who changes a policy flushes the lane's sets in the
 * same transaction. What is not plain goes the long way too: fragments, options, segments that begin or end a
 * connection, anything but TCP and UDP; and so does each flow every LANE_MS, by which connection tracking knows that it
 * lives. Without the gateway's table nothing is marked, without the one beside it nothing handed over. A packet handed
 * over is sealed like any other, for its frame has the address that it came with.
 *
 * Kernels before 6.18 can't hook a chain on links by the beginning of their name. With them there is no lane.
 */
#ifndef PLANE_LANE_H
#define PLANE_LANE_H

#include "nf/model.h"
#include "plane/layout.h"

/** lane_rules() - the part in the gateway's table, but for the jump to "learn". */
void lane_rules(struct nf_model *m, const struct plane *p);
/** lane_model() - the table beside it. */
void lane_model(struct nf_model *m);

#endif
