/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's program for what comes in. */
#include "plane/lane-code.h"
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <string.h>

/* A hop limit that ends here is the long way's to report. */
static void check_hop(struct program *p)
{
	program_load(p, BYTES_1, R2, PACKET, IP4_TTL);
	program_jump(p, BPF_JLT, PROTOCOL, FAMILY6, HOPS);
	program_load(p, BYTES_1, R2, PACKET, IP6_HOPS);
	program_label(p, HOPS);
	program_jump(p, BPF_JLE, R2, 1, OUT);
}

/* To OUT unless the entry is this flow's, and no older than it may be. */
static void check_entry(struct program *p)
{
	for (int i = 0; i < (int)sizeof(struct lane_flow); i += 8) {
		program_load(p, BYTES_8, R2, STACK, (int16_t)(FLOW + i));
		program_load(p, BYTES_8, R3, ENTRY, (int16_t)i);
		program_jump_by(p, BPF_JNE, R2, R3, OUT);
	}
	code_find_time(p);
	program_load(p, BYTES_8, R2, ENTRY, ENTRY_FIELD(until));
	program_jump_by(p, BPF_JGE, R0, R2, OUT);
}

/* To OUT if the actor's link, which is not up0, was shut since the entry was made. */
static void check_shut(struct program *p, const struct lane_maps *maps)
{
	code_load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, ACTORS);
	program_load(p, BYTES_4, R2, ENTRY, ENTRY_FIELD(link));
	program_label(p, ACTORS);
	program_math(p, BPF_AND, R2, LANE_LINKS - 1);
	program_store(p, BYTES_4, STACK, INDEX, R2);
	code_find_place(p, maps->shut, OUT);
	program_load(p, BYTES_8, R2, R0, 0);
	program_math(p, BPF_ADD, R2, LANE_NS);
	program_load(p, BYTES_8, R3, ENTRY, ENTRY_FIELD(until));
	program_jump_by(p, BPF_JLE, R3, R2, OUT);
}

/* The transport's checksum, which comes first: nothing else has been changed if the packet can't be written to. */
static void write_transport(struct program *p)
{
	const int udp = IP4_PAYLOAD + UDP_CHECKSUM, tcp = IP4_PAYLOAD + TCP_CHECKSUM;

	program_copy(p, R1, CONTEXT);
	program_set(p, R2, tcp);
	program_set(p, R5, BPF_F_PSEUDO_HDR);
	program_copy(p, R3, PROTOCOL);
	program_math(p, BPF_AND, R3, 0xff);
	program_jump(p, BPF_JEQ, R3, IPPROTO_TCP, TCP);
	program_set(p, R2, udp);
	program_set(p, R5, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
	program_label(p, TCP);
	program_jump(p, BPF_JLT, PROTOCOL, FAMILY6, LEGACY);
	program_math(p, BPF_ADD, R2, IP6_PAYLOAD - IP4_PAYLOAD);
	program_label(p, LEGACY);
	program_set(p, R3, 0); /* by a difference */
	program_load(p, BYTES_4, R4, ENTRY, ENTRY_FIELD(difference));
	program_call(p, BPF_FUNC_l4_csum_replace);
	program_jump(p, BPF_JNE, R0, 0, OUT);
}

/* One hop less. */
static void write_hop(struct program *p, int16_t place)
{
	program_load(p, BYTES_1, R2, PACKET, place);
	program_math(p, BPF_SUB, R2, 1);
	program_store(p, BYTES_1, PACKET, place, R2);
}

static void write_ipv4(struct program *p)
{
	write_hop(p, IP4_TTL);
	program_load(p, BYTES_2, R2, PACKET, IP4_CHECKSUM);
	program_math(p, BPF_XOR, R2, 0xffff);
	program_load(p, BYTES_4, R3, ENTRY, ENTRY_FIELD(difference_ip));
	program_math_by(p, BPF_ADD, R2, R3);
	code_fold(p, 1);
	program_math(p, BPF_XOR, R2, 0xffff);
	program_store(p, BYTES_2, PACKET, IP4_CHECKSUM, R2);
	code_load_context(p, R3, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R3, LAYOUT_UP_INDEX, WORKER4);
	code_copy(p, AT(PACKET, IP4_FROM), AT(ENTRY, ENTRY_FIELD(address)), 4);
	program_jump(p, BPF_JA, 0, 0, READY);
	program_label(p, WORKER4);
	code_copy(p, AT(PACKET, IP4_TO), AT(ENTRY, ENTRY_FIELD(address)), 4);
	program_jump(p, BPF_JA, 0, 0, READY);
}

static void write_ipv6(struct program *p)
{
	code_need(p, IP6_PAYLOAD, DROP);
	write_hop(p, IP6_HOPS);
	code_load_context(p, R3, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R3, LAYOUT_UP_INDEX, WORKER6);
	code_copy(p, AT(PACKET, IP6_FROM), AT(ENTRY, ENTRY_FIELD(address)), 16);
	program_jump(p, BPF_JA, 0, 0, READY);
	program_label(p, WORKER6);
	code_copy(p, AT(PACKET, IP6_TO), AT(ENTRY, ENTRY_FIELD(address)), 16);
}

/* The rest of what the long way would do; what has come so far is dropped rather than let go half done. */
static void write_packet(struct program *p)
{
	code_load_packet(p);
	code_need(p, IP4_PAYLOAD, DROP);
	code_copy(p, AT(PACKET, 0), AT(ENTRY, ENTRY_FIELD(macs)), 12);
	program_jump(p, BPF_JGE, PROTOCOL, FAMILY6, WRITE6);
	write_ipv4(p);
	program_label(p, WRITE6);
	write_ipv6(p);
	program_label(p, READY);
}

uint32_t lane_place(uint32_t link)
{
	return link & (LANE_LINKS - 1);
}

/* To the link's other end at once (redirect_peer), or by its queue (redirect). */
static void hand_over(struct program *p, int32_t function)
{
	program_load(p, BYTES_4, R1, ENTRY, ENTRY_FIELD(link));
	program_set(p, R2, 0);
	program_call(p, function);
	program_exit(p);
}

/* To OUT, if it is for the worker, unless the last that this processor sent there has arrived. It gets its stamp. */
static void check_arrived(struct program *p, const struct lane_maps *maps)
{
	code_load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R2, LAYOUT_UP_INDEX, ARRIVED);
	code_stamp(p, maps, QUEUE_FIELD(to_worker), OUT);
	program_load(p, BYTES_8, R3, R0, QUEUE_FIELD(arrived));
	program_jump_by(p, BPF_JNE, R2, R3, OUT);
	program_store(p, BYTES_4, CONTEXT, CONTEXT_FIELD(tc_index), R2);
	program_label(p, ARRIVED);
}

/*
 * To the other end at once: of up0, since nothing is before it; of an actor's link, if the packet was queued on this
 * processor behind all that this has sent to actors. Else by the link and its queue.
 */
static void send_on(struct program *p, const struct lane_maps *maps)
{
	code_load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, AT_ONCE);
	code_stamp(p, maps, QUEUE_FIELD(to_actors), BY_LINK);
	code_load_context(p, R3, CONTEXT_FIELD(tc_index));
	program_jump_by(p, BPF_JNE, R2, R3, BY_LINK);
	program_store_value(p, BYTES_4, CONTEXT, CONTEXT_FIELD(tc_index), 0); /* not for the actor to see */
	program_label(p, AT_ONCE);
	hand_over(p, BPF_FUNC_redirect_peer);
	program_label(p, BY_LINK);
	hand_over(p, BPF_FUNC_redirect);
}

void lane_pass(struct program *p, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	program_copy(p, CONTEXT, R1);
	code_load_context(p, R2, CONTEXT_FIELD(vlan_present));
	program_jump(p, BPF_JNE, R2, 0, OUT);
	code_load_context(p, R2, CONTEXT_FIELD(pkt_type));
	program_jump(p, BPF_JNE, R2, PACKET_HOST, OUT);
	code_read_flow(p);
	check_hop(p);
	code_load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_store(p, BYTES_4, STACK, FLOW_FIELD(link), R2);
	code_find_entry(p, maps);
	check_entry(p);
	check_shut(p, maps);
	check_arrived(p, maps);
	write_transport(p);
	write_packet(p);
	send_on(p, maps);
	code_end(p, OUT, TC_ACT_OK);
	code_end(p, DROP, TC_ACT_SHOT);
}
