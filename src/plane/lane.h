/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast lane: for a millisecond the gateway remembers what became of a packet, and does the same with the next ones
 * of its flow.
 *
 * Theory of operation. Nearly all packets belong to flows that were judged before, and the gateway's tables would only
 * do the same with them again. Two BPF programs, shared by all its links, remember it, and two at the worker's end of
 * its own link help them:
 *
 *   lane_learn   where packets leave the gateway: notes, for LANE_NS, what was done with one that the table marked as
 *                of a judged flow (GATEWAY_JUDGED): which link it came in by and left by, MACs, the address it got
 *   lane_pass    where they come in: a packet of a flow that was noted is given the same and handed to that link,
 *                past connection tracking, routing and all hooks; everything else goes the long way
 *   lane_arrive  at the worker's end, where packets come in: notes their stamps
 *   lane_stamp   and where they leave: stamps them
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
 * Nothing overtakes. What a link sends waits in the processor's queue. What passes is spared that and comes in at the
 * link's other end at once, but only if all that this processor sent there has arrived. Packets to the worker are
 * stamped with their number by lane_learn, and lane_arrive notes the last one's; until that has come, a packet goes
 * the long way. An actor's end is the actor's, where nothing is noted; but a queue keeps its order: what was sent to
 * actors before a packet was queued at the worker's end has arrived when that packet comes out of the queue. So
 * lane_stamp stamps it there with the number of the last one sent, and if that is another by then it is handed to the
 * link, and its queue. A stamp has 16 bits: if just 65,536 packets were sent meanwhile, one may overtake. In a frame
 * that nothing stamped it is 0. What gets lost, or is handed to another processor (RPS), makes packets go the long
 * way until the next one arrives.
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

#define LANE_NS	     1000000 /* how long a verdict is remembered */
#define LANE_ENTRIES 1024    /* of a processor's memory; a power of two */
#define LANE_LINKS   4096    /* of struct lane_maps.shut; a power of two */
#define LANE_STEP    40503   /* from a processor's stamps to the next one's: 2^16 by the golden ratio */
#define LANE_INGRESS 1	     /* number of the links' shared block for what comes in */
#define LANE_EGRESS  2	     /* and for what leaves */

/**
 * struct lane_flow - a flow as its packets come in; network byte order but for the link
 * @link:     they come in by
 * @protocol: IPPROTO_TCP or IPPROTO_UDP, and 4 or 6 above it (<< 8)
 * @from, @to: addresses; of IPv4 in the first 4 bytes, the rest is 0
 * @ports:    source, destination
 */
struct lane_flow {
	uint32_t link, protocol;
	uint8_t from[16], to[16];
	uint32_t ports, unused;
};

/**
 * struct lane_entry - a place in the memory; all zero: nothing was noted
 * @until:      time of the monotonic clock, ns
 * @link:       they leave by
 * @difference: what the change of address adds to the transport's checksum, as bpf_csum_diff() has it
 * @difference_ip: the same, with the hop limit's, to the header checksum of IPv4; 16 bits
 * @macs:       destination, source
 * @address:    to be put in: for the worker the source, sealed (LAYOUT_SEAL4_LANE); for an actor the destination
 */
struct lane_entry {
	struct lane_flow flow;
	uint64_t until;
	uint32_t link, difference, difference_ip;
	uint8_t macs[12], address[16];
};

/**
 * struct lane_queue - what a processor has sent by its queue
 * @to_worker, @to_actors: packets, by up0, by slots' links
 * @arrived: stamp of the last one that came in at the worker's end
 */
struct lane_queue {
	uint64_t to_worker, to_actors, arrived;
};

/**
 * struct lane_maps - what the programs share
 * @memory, @queue: descriptors of arrays that each processor has one of: LANE_ENTRIES times struct lane_entry, one
 *                  struct lane_queue
 * @shut:           of one array for all, LANE_LINKS times a time of the monotonic clock, ns: what was noted of a link
 *                  before is forgotten; of links that have a place together, too
 * @seed:           any number: where flows have their places is nobody's to find out
 */
struct lane_maps {
	int memory, queue, shut;
	uint32_t seed;
};

/** lane_place() - of an actor's link in @shut. */
uint32_t lane_place(uint32_t link);

/** lane_pass() - the program for what comes in. */
void lane_pass(struct program *p, const struct lane_maps *maps);
/** lane_learn() - the program for what leaves. */
void lane_learn(struct program *p, const struct plane *plane, const struct lane_maps *maps);
/** lane_arrive() - the program for what comes in at the worker's end; lane_stamp() - for what leaves there. */
void lane_arrive(struct program *p, const struct lane_maps *maps);
void lane_stamp(struct program *p, const struct lane_maps *maps);

#endif
