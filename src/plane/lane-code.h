/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fast lane's programs have in common: where things are, and the steps that more than one of them takes. Each
 * function here appends a step to a program.
 */
#ifndef PLANE_LANE_CODE_H
#define PLANE_LANE_CODE_H

#include "plane/lane.h"
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stddef.h>

/* Places of fields in a frame. */
enum {
	IP = ETH_HLEN,
	IP4_FRAGMENT = IP + 6,
	IP4_TTL = IP + 8,
	IP4_PROTOCOL = IP + 9,
	IP4_CHECKSUM = IP + 10,
	IP4_FROM = IP + 12,
	IP4_TO = IP + 16,
	IP4_PAYLOAD = IP + 20,
	IP6_NEXT = IP + 6,
	IP6_HOPS = IP + 7,
	IP6_FROM = IP + 8,
	IP6_TO = IP + 24,
	IP6_PAYLOAD = IP + 40,
	TCP_FLAGS = 13, /* of its header */
	TCP_CHECKSUM = 16,
	TCP_LEN = 20,
	UDP_CHECKSUM = 6,
	UDP_LEN = 8,
};

#define FAMILY4 (4 << 8) /* in lane_flow.protocol */
#define FAMILY6 (6 << 8)

/* Registers for the length of a program. */
#define CONTEXT	 R6
#define PACKET	 R7
#define PROTOCOL R8
#define ENTRY	 R9
#define STACK	 R10

/* The stack, from its end. */
enum {
	FLOW = -(int)sizeof(struct lane_flow),
	INNER = FLOW - 16, /* the actor's two addresses */
	OUTER = INNER - 16,
	ADDRESS = OUTER - 16, /* as struct lane_entry */
	NOW = ADDRESS - 8,
	DIFFERENCE = NOW - 4,
	DIFFERENCE_IP = DIFFERENCE - 4,
	INDEX = DIFFERENCE_IP - 8,
	STEP = INDEX - 8,
};

#define FLOW_FIELD(field)   (int16_t)(FLOW + (int)offsetof(struct lane_flow, field))
#define ENTRY_FIELD(field)  (int16_t) offsetof(struct lane_entry, field)
#define QUEUE_FIELD(field)  (int16_t) offsetof(struct lane_queue, field)
#define CONTEXT_FIELD(name) (int16_t) offsetof(struct __sk_buff, name)

enum label {
	OUT = 1,
	DROP,
	V4,
	KEYED,
	PLAIN4,
	PLAIN6,
	HOPS,
	TCP,
	LEGACY,
	WORKER4,
	WORKER6,
	WRITE6,
	READY,
	CONSTANTS6,
	CONSTANTS,
	OUTER6,
	OUTERS,
	OUTWARD,
	SEALED,
	NOTED,
	ARRIVED,
	AT_ONCE,
	BY_LINK,
	SENT,
	SENT_UP,
	ACTORS,
};

/* Where bytes are: an offset from what a register points to. */
struct place {
	uint8_t base;
	int16_t offset;
};

#define AT(base, offset) ((struct place){ base, (int16_t)(offset) })

/** code_load_context() - @to = a field of the packet's context (CONTEXT_FIELD). */
void code_load_context(struct program *p, uint8_t to, int16_t field);
/** code_load_packet() - PACKET and R5 = its begin and end, anew after each call that may have moved it. */
void code_load_packet(struct program *p);
/** code_need() - is so much of it there to be read? The verifier wants to see that. R4 is lost. */
void code_need(struct program *p, int bytes, uint8_t otherwise);
/** code_copy() - @n bytes, 4 by 4. R2 is lost. */
void code_copy(struct program *p, struct place to, struct place from, int n);
/** code_fold() - R2 = a sum folded to 16 bits. R3 is lost. */
void code_fold(struct program *p, int times);
/** code_find_time() - NOW and R0 = the monotonic clock, ns. */
void code_find_time(struct program *p);
/** code_read_flow() - the packet's flow onto the stack, but for its link; to OUT with what takes no lane. */
void code_read_flow(struct program *p);
/** code_find_place() - R0 = the place of an array that INDEX says. */
void code_find_place(struct program *p, int array_fd, uint8_t otherwise);
/** code_find_entry() - ENTRY = the flow's place in the memory. */
void code_find_entry(struct program *p, const struct lane_maps *maps);
/** code_find_queue() - R0 = what is known of this processor's queue (struct lane_queue). */
void code_find_queue(struct program *p, const struct lane_maps *maps, uint8_t otherwise);
/** code_count() - one more in a field of that (QUEUE_FIELD). R2 is lost. */
void code_count(struct program *p, int16_t field);
/**
 * code_stamp() - R2 = 16 bits of a count in the queue (QUEUE_FIELD); each processor's begin elsewhere. R0 = the queue.
 */
void code_stamp(struct program *p, const struct lane_maps *maps, int16_t field, uint8_t otherwise);
/** code_end() - here it ends, with a verdict. */
void code_end(struct program *p, uint8_t label, int32_t verdict);

#endif
