/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's program for what leaves. */
#include "plane/gateway.h"
#include "plane/lane-code.h"
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <string.h>

/* Constant bytes onto the stack, 4 by 4. */
static void put(struct program *p, int offset, const uint8_t *bytes, int n)
{
	for (int i = 0; i < n; i += 4) {
		int32_t word;

		memcpy(&word, bytes + i, 4);
		program_store_value(p, BYTES_4, STACK, (int16_t)(offset + i), word);
	}
}

/* The two constants of a family onto the stack: the actor's address, the outer range. */
static void put_addresses(struct program *p, const struct plane *plane)
{
	for (int i = 0; i < 16; i += 8) {
		program_store_value(p, BYTES_8, STACK, (int16_t)(INNER + i), 0);
		program_store_value(p, BYTES_8, STACK, (int16_t)(OUTER + i), 0);
	}
	program_jump(p, BPF_JGE, PROTOCOL, FAMILY6, CONSTANTS6);
	put(p, INNER, plane->inner.bytes, 4);
	put(p, OUTER, plane->range.bytes, 4);
	program_jump(p, BPF_JA, 0, 0, CONSTANTS);
	program_label(p, CONSTANTS6);
	put(p, INNER, plane->inner6.bytes, 16);
	put(p, OUTER, plane->range6.bytes, 16);
	program_label(p, CONSTANTS);
}

/* OUTER = the outer address of the slot whose link it leaves by: layout_outer(). */
static void put_outer(struct program *p, const struct plane *plane)
{
	code_load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_math(p, BPF_SUB, R2, LAYOUT_SLOT_INDEX + 1);
	program_jump(p, BPF_JGE, PROTOCOL, FAMILY6, OUTER6);
	program_math(p, BPF_MOD, R2, (int32_t)layout_slots(plane));
	program_load(p, BYTES_4, R3, STACK, OUTER);
	program_network(p, R3, 32);
	program_math_by(p, BPF_ADD, R2, R3);
	program_math(p, BPF_ADD, R2, LAYOUT_FIRST_SLOT);
	program_network(p, R2, 32);
	program_store(p, BYTES_4, STACK, OUTER, R2);
	program_jump(p, BPF_JA, 0, 0, OUTERS);
	program_label(p, OUTER6);
	program_math(p, BPF_ADD, R2, LAYOUT_FIRST_SLOT);
	program_network(p, R2, 32);
	program_store(p, BYTES_4, STACK, OUTER + 12, R2); /* the range's is 0: it is a /64 */
	program_label(p, OUTERS);
}

static int32_t hop_difference(void)
{
	return htons((uint16_t) ~(1 << 8));
}

/* What a change of address adds to checksums; @more: to that of an IPv4 header. Bytes that are 0 add nothing. */
static void note_difference(struct program *p, int from, int to, int32_t more)
{
	program_copy(p, R1, STACK);
	program_math(p, BPF_ADD, R1, from);
	program_set(p, R2, 16);
	program_copy(p, R3, STACK);
	program_math(p, BPF_ADD, R3, to);
	program_set(p, R4, 16);
	program_set(p, R5, 0);
	program_call(p, BPF_FUNC_csum_diff);
	program_store(p, BYTES_4, STACK, DIFFERENCE, R0);
	program_copy(p, R2, R0);
	program_math(p, BPF_ADD, R2, more);
	code_fold(p, 3);
	program_store(p, BYTES_4, STACK, DIFFERENCE_IP, R2);
}

/* To an actor: it came for the outer address and has the inner one. */
static void note_inward(struct program *p, const struct plane *plane)
{
	put_outer(p, plane);
	code_copy(p, AT(STACK, FLOW_FIELD(to)), AT(STACK, OUTER), 16);
	code_copy(p, AT(STACK, ADDRESS), AT(STACK, INNER), 16);
	note_difference(p, OUTER, INNER, hop_difference());
}

/*
 * To the worker: it came from the inner address and has the outer one, sealed, of which no checksum is to know. It is
 * handed to the other end at once, so no part of the kernel makes a checksum anew in between (fragments, segments).
 */
static void note_outward(struct program *p)
{
	code_copy(p, AT(STACK, ADDRESS), AT(STACK, FLOW_FIELD(from)), 16);
	program_jump(p, BPF_JGE, PROTOCOL, FAMILY6, SEALED);
	program_store_value(p, BYTES_1, STACK, ADDRESS, LAYOUT_SEAL4_LANE);
	program_label(p, SEALED);
	program_load(p, BYTES_1, R3, STACK, OUTER);
	code_copy(p, AT(STACK, OUTER), AT(STACK, FLOW_FIELD(from)), 16);
	program_store(p, BYTES_1, STACK, OUTER, R3);
	code_copy(p, AT(STACK, FLOW_FIELD(from)), AT(STACK, INNER), 16);
	note_difference(p, INNER, OUTER, hop_difference());
}

/* All that was found out into its place. */
static void write_entry(struct program *p)
{
	code_copy(p, AT(ENTRY, ENTRY_FIELD(flow)), AT(STACK, FLOW), sizeof(struct lane_flow));
	program_load(p, BYTES_8, R2, STACK, NOW);
	program_math(p, BPF_ADD, R2, LANE_NS);
	program_store(p, BYTES_8, ENTRY, ENTRY_FIELD(until), R2);
	code_load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_store(p, BYTES_4, ENTRY, ENTRY_FIELD(link), R2);
	code_copy(p, AT(ENTRY, ENTRY_FIELD(difference)), AT(STACK, DIFFERENCE), 4);
	code_copy(p, AT(ENTRY, ENTRY_FIELD(difference_ip)), AT(STACK, DIFFERENCE_IP), 4);
	code_copy(p, AT(ENTRY, ENTRY_FIELD(macs)), AT(PACKET, 0), 12);
	code_copy(p, AT(ENTRY, ENTRY_FIELD(address)), AT(STACK, ADDRESS), 16);
}

/* What leaves, whatever it is, is one more in the queue; to the worker it has a stamp, which an actor is not to see. */
static void count_sent(struct program *p, const struct lane_maps *maps)
{
	code_find_queue(p, maps, OUT);
	code_load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R2, LAYOUT_UP_INDEX, SENT_UP);
	code_count(p, QUEUE_FIELD(to_actors));
	program_store_value(p, BYTES_4, CONTEXT, CONTEXT_FIELD(tc_index), 0);
	program_jump(p, BPF_JA, 0, 0, SENT);
	program_label(p, SENT_UP);
	code_count(p, QUEUE_FIELD(to_worker));
	code_stamp(p, maps, QUEUE_FIELD(to_worker), OUT);
	program_store(p, BYTES_4, CONTEXT, CONTEXT_FIELD(tc_index), R2);
	program_label(p, SENT);
}

void lane_learn(struct program *p, const struct plane *plane, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	program_copy(p, CONTEXT, R1);
	count_sent(p, maps);
	code_load_context(p, R2, CONTEXT_FIELD(mark));
	program_jump(p, BPF_JNE, R2, GATEWAY_JUDGED, OUT);
	code_read_flow(p);
	put_addresses(p, plane);
	code_load_context(p, R2, CONTEXT_FIELD(ingress_ifindex));
	program_store(p, BYTES_4, STACK, FLOW_FIELD(link), R2);
	code_load_context(p, R3, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R3, LAYOUT_UP_INDEX, OUTWARD);
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, OUT);
	note_inward(p, plane);
	program_jump(p, BPF_JA, 0, 0, NOTED);
	program_label(p, OUTWARD);
	program_jump(p, BPF_JLE, R2, LAYOUT_SLOT_INDEX, OUT);
	note_outward(p);
	program_label(p, NOTED);
	code_find_time(p);
	code_find_entry(p, maps);
	write_entry(p);
	code_end(p, OUT, TC_ACT_UNSPEC); /* any other verdict would clear the stamp */
}
