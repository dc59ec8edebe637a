/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's program for what leaves. */
#include "plane/gateway.h"
#include "plane/lane-code.h"
#include <arpa/inet.h>
#include <linux/pkt_cls.h>
#include <string.h>

/* The two constants of a family onto the stack: the actor's address, the outer range. */
static void put_addresses(struct program *p, const struct plane *plane, const struct lane_ip *ip)
{
	const bool v4 = ip == &lane_ip4;

	code_put(p, AT(STACK, INNER), v4 ? plane->inner.bytes : plane->inner6.bytes, ip->len);
	code_put(p, AT(STACK, OUTER), v4 ? plane->range.bytes : plane->range6.bytes, ip->len);
}

/* OUTER = the outer address of the slot whose link it leaves by: layout_outer(). */
static void put_outer(struct program *p, const struct plane *plane, const struct lane_ip *ip)
{
	const int16_t last = (int16_t)(OUTER + ip->len - 4); /* of a range of IPv6 it is 0: that is a /64 */

	program_copy(p, R2, LINK);
	program_math(p, BPF_SUB, R2, LAYOUT_SLOT_INDEX + 1);
	if (ip == &lane_ip4)
		program_math(p, BPF_MOD, R2, (int32_t)layout_slots(plane));
	program_load(p, BYTES_4, R3, STACK, last);
	program_network(p, R3, 32);
	program_math_by(p, BPF_ADD, R2, R3);
	program_math(p, BPF_ADD, R2, LAYOUT_FIRST_SLOT);
	program_network(p, R2, 32);
	program_store(p, BYTES_4, STACK, last, R2);
}

static int32_t hop_difference(void)
{
	return htons((uint16_t) ~(1 << 8));
}

/* What a change of address adds to checksums, and with the hop limit's to that of an IPv4 header. */
static void note_difference(struct program *p, int from, int to, int len)
{
	program_copy(p, R1, STACK);
	program_math(p, BPF_ADD, R1, from);
	program_set(p, R2, len);
	program_copy(p, R3, STACK);
	program_math(p, BPF_ADD, R3, to);
	program_set(p, R4, len);
	program_set(p, R5, 0);
	program_call(p, BPF_FUNC_csum_diff);
	program_copy(p, R2, R0);
	code_fold(p, 3);
	program_store(p, BYTES_4, STACK, DIFFERENCE, R2);
	program_math(p, BPF_ADD, R2, hop_difference());
	code_fold(p, 1);
	program_store(p, BYTES_4, STACK, DIFFERENCE_IP, R2);
}

/* To an actor: it came for the outer address and has the inner one. */
static void note_inward(struct program *p, const struct plane *plane, const struct lane_ip *ip)
{
	put_outer(p, plane, ip);
	code_copy(p, AT(STACK, FLOW_FIELD(addresses) + ip->len), AT(STACK, OUTER), ip->len);
	code_copy(p, AT(STACK, ADDRESS), AT(STACK, INNER), ip->len);
	note_difference(p, OUTER, INNER, ip->len);
}

/*
 * To the worker: it came from the inner address and has the outer one, sealed, of which no checksum is to know. It is
 * handed to the other end at once, so no part of the kernel makes a checksum anew in between (fragments, segments). An
 * address that makes no difference to checksums has no lane: none could be told that is left to hardware (lane-sum.c).
 */
static void note_outward(struct program *p, const struct lane_ip *ip)
{
	const struct place from = AT(STACK, FLOW_FIELD(addresses));

	code_copy(p, AT(STACK, ADDRESS), from, ip->len);
	if (ip == &lane_ip4)
		program_store_value(p, BYTES_1, STACK, ADDRESS, LAYOUT_SEAL4_LANE);
	program_load(p, BYTES_1, R3, STACK, OUTER);
	code_copy(p, AT(STACK, OUTER), from, ip->len);
	program_store(p, BYTES_1, STACK, OUTER, R3);
	code_copy(p, from, AT(STACK, INNER), ip->len);
	note_difference(p, INNER, OUTER, ip->len);
	program_load(p, BYTES_4, R2, STACK, DIFFERENCE);
	program_jump(p, BPF_JEQ, R2, 0, OUT);
	program_jump(p, BPF_JEQ, R2, 0xffff, OUT);
}

/* All that was found out into its place. */
static void write_entry(struct program *p, const struct lane_ip *ip)
{
	code_copy(p, AT(ENTRY, ENTRY_FIELD(flow)), AT(STACK, FLOW), 8 * code_words(ip));
	program_load(p, BYTES_8, R2, STACK, NOW);
	program_math(p, BPF_ADD, R2, LANE_NS);
	program_store(p, BYTES_8, ENTRY, ENTRY_FIELD(until), R2);
	program_store(p, BYTES_4, ENTRY, ENTRY_FIELD(link), LINK);
	code_copy(p, AT(ENTRY, ENTRY_FIELD(difference)), AT(STACK, DIFFERENCE), 4);
	code_copy(p, AT(ENTRY, ENTRY_FIELD(difference_ip)), AT(STACK, DIFFERENCE_IP), 4);
	code_copy(p, AT(ENTRY, ENTRY_FIELD(address)), AT(STACK, ADDRESS), ip->len);
}

static void learn(struct program *p, const struct plane *plane, const struct lane_maps *maps,
		  const struct lane_ip *ip)
{
	code_read_flow(p, ip);
	put_addresses(p, plane, ip);
	code_load_context(p, R2, CONTEXT_FIELD(ingress_ifindex));
	program_store(p, BYTES_4, STACK, FLOW_FIELD(link), R2);
	program_jump(p, BPF_JEQ, LINK, LAYOUT_UP_INDEX, OWN(ip, OUTWARD));
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, OUT);
	note_inward(p, plane, ip);
	program_jump(p, BPF_JA, 0, 0, OWN(ip, READY));
	program_label(p, OWN(ip, OUTWARD));
	program_jump(p, BPF_JLE, R2, LAYOUT_SLOT_INDEX, OUT);
	note_outward(p, ip);
	program_label(p, OWN(ip, READY));
	code_find_time(p);
	code_find_entry(p, maps, ip);
	write_entry(p, ip);
}

/* With its number, whatever it is, it comes in again by the link that it leaves by, and lane_pass hands it on. */
static void send_again(struct program *p, const struct lane_maps *maps)
{
	if (!maps->hand_to_actors)
		program_jump(p, BPF_JNE, LINK, LAYOUT_UP_INDEX, BY_LINK);
	code_find_step(p);
	code_find_queue(p, maps, false, BY_LINK);
	program_load(p, BYTES_8, R2, R0, QUEUE_FIELD(sent));
	program_math(p, BPF_ADD, R2, 1);
	program_math(p, BPF_AND, R2, LANE_NUMBERS);
	program_store(p, BYTES_8, R0, QUEUE_FIELD(sent), R2);
	program_load(p, BYTES_8, R3, STACK, STEP);
	program_math_by(p, BPF_ADD, R2, R3);
	program_math(p, BPF_OR, R2, ~LANE_NUMBERS); /* never 0 */
	program_store(p, BYTES_4, CONTEXT, CONTEXT_FIELD(mark), R2);
	program_copy(p, R1, LINK);
	code_hand_over(p, BPF_FUNC_redirect, BPF_F_INGRESS);
}

void lane_learn(struct program *p, const struct plane *plane, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	code_begin(p);
	code_load_context(p, R2, CONTEXT_FIELD(mark));
	program_jump(p, BPF_JNE, R2, GATEWAY_JUDGED, OUT);
	code_families(p);
	learn(p, plane, maps, &lane_ip4);
	program_jump(p, BPF_JA, 0, 0, OUT);
	program_label(p, V6);
	learn(p, plane, maps, &lane_ip6);
	program_label(p, OUT);
	send_again(p, maps);
	code_end(p, BY_LINK, TC_ACT_OK);
}
