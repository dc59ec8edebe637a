/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast lane: for a millisecond the gateway remembers what became of a packet, and does the same with the next ones
 * of its flow.
 *
 * Theory of operation. Nearly all packets belong to flows that were judged before, and the gateway's tables would only
 * do the same with them again. Two BPF programs, shared by all its links, remember it:
 *
 *   lane_learn   where packets leave the gateway: notes, for LANE_NS, what was done with one that the table marked as
 *                of a judged flow (GATEWAY_JUDGED): which link it came in by and left by, the address it got
 *   lane_pass    where they come in: a packet of a flow that was noted is given the same and handed to that link,
 *                past connection tracking, routing and all hooks; everything else goes the long way
 *
 * It is a memory of the table's verdicts, not a gate beside it: what the table would no longer let through is not
 * noted again, so a millisecond after a new policy or the loss of the table the lane is shut. A release, or the end
 * of a port, shuts it at once. What passes leaves as it would by the long way: hop limit and checksums included (only
 * that there are two ways to write a checksum of zero, and the seal in IPv4 is another, layout.h). What is not whole
 * and plain goes the long way: fragments, options, segments that begin or end a connection, frames with a tag or not
 * addressed to this link, anything but TCP and UDP; and each flow does once a millisecond, by which connection
 * tracking knows that it lives. Lengths and checksums are for the next stack to check, the worker's or the actor's,
 * as they would be again after the gateway's.
 *
 * Nothing overtakes. What passes comes in at the link's other end at once, while what a link sends waits in the
 * processor's queue until then. So lane_learn sends nothing out: it gives each packet a number for a mark and has it
 * come in again by the link that it leaves by, through the same queue; lane_pass notes the number, and hands it to the
 * other end. A packet may pass only if the last one has come that this processor sent that way. A mark says which
 * packets those are: no other has one, since marks don't get from one namespace to another. What gets lost makes
 * packets go the long way until the next one has come. RPS, which nobody turns on in the gateway, would cost their
 * order.
 *
 * Each processor has a memory of its own, so nothing in it changes while it is read: packets are handled where no other
 * packet's handling comes between, on one processor (soft interrupts). Flows whose places in it collide
 * take turns on the long way.
 *
 * Sources: bpf-helpers(7), tc-bpf(8), RFC 1624 (checksums changed by a difference).
 */
#ifndef PLANE_LANE_H
#define PLANE_LANE_H

#include "bpf/program.h"
#include "plane/layout.h"

#define LANE_NS	     1000000	/* how long a verdict is remembered */
#define LANE_ENTRIES 1024	/* of a processor's memory; a power of two */
#define LANE_LINKS   4096	/* of struct lane_maps.shut; a power of two */
#define LANE_NUMBERS 0x7fffffff /* of packets: 31 bits */
#define LANE_STEP    1327217885 /* from a processor's numbers to the next one's: 2^31 by the golden ratio */
#define LANE_INGRESS 1		/* number of the links' shared block for what comes in */
#define LANE_EGRESS  2		/* and for what leaves */

/**
 * struct lane_flow - a flow as its packets come in; network byte order but for the link
 * @link:      they come in by
 * @ports:     source, destination
 * @protocol:  IPPROTO_TCP or IPPROTO_UDP, and 4 or 6 above it (<< 8)
 * @addresses: source, destination: of IPv4 the first 8 bytes, what is behind them counts for nothing
 */
struct lane_flow {
	uint32_t link, ports;
	uint64_t protocol;
	uint8_t addresses[32];
};

/**
 * struct lane_entry - a place in the memory; all zero: nothing was noted
 * @address:    to be put in: for the worker the source, sealed (LAYOUT_SEAL4_LANE); for an actor the destination
 * @until:      time of the monotonic clock, ns
 * @link:       they leave by
 * @difference: what the change of address adds to the transport's checksum, 16 bits
 * @difference_ip: the same, with the hop limit's, to the header checksum of IPv4
 */
struct lane_entry {
	uint8_t address[16];
	uint64_t until;
	uint32_t link, difference, difference_ip, unused;
	struct lane_flow flow;
};

/**
 * struct lane_queue - numbers of packets that a processor has sent one way
 * @sent: the last one's
 * @come: the last one's that has come in again
 */
struct lane_queue {
	uint64_t sent, come;
};

enum { LANE_TO_ACTORS, LANE_TO_WORKER, LANE_WAYS };

/**
 * struct lane_maps - what the programs share
 * @memory, @queues: descriptors of arrays that each processor has one of: LANE_ENTRIES times struct lane_entry,
 *                   LANE_WAYS times struct lane_queue
 * @shut:           of one array for all, LANE_LINKS times a time of the monotonic clock, ns: what was noted of a link
 *                  before is forgotten; of links that have a place together, too
 * @seed:           any number: where flows have their places is nobody's to find out
 * @hand_to_actors: the kernel counts what is handed to a link's other end. Where it doesn't, an actor's end
 *                  is handed nothing: links send it all
 */
struct lane_maps {
	int memory, queues, shut;
	uint32_t seed;
	bool hand_to_actors;
};

/** lane_place() - of an actor's link in @shut. */
uint32_t lane_place(uint32_t link);

/** lane_pass() - the program for what comes in. */
void lane_pass(struct program *p, const struct lane_maps *maps);
/** lane_learn() - the program for what leaves. */
void lane_learn(struct program *p, const struct plane *plane, const struct lane_maps *maps);

#endif
