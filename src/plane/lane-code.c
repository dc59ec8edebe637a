/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of the fast lane's programs. */
#include "plane/lane-code.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>

void code_load_context(struct program *p, uint8_t to, int16_t field)
{
	program_load(p, BYTES_4, to, CONTEXT, field);
}

void code_load_packet(struct program *p)
{
	code_load_context(p, PACKET, CONTEXT_FIELD(data));
	code_load_context(p, R5, CONTEXT_FIELD(data_end));
}

void code_need(struct program *p, int bytes, uint8_t otherwise)
{
	program_copy(p, R4, PACKET);
	program_math(p, BPF_ADD, R4, bytes);
	program_jump_by(p, BPF_JGT, R4, R5, otherwise);
}

void code_copy(struct program *p, struct place to, struct place from, int n)
{
	for (int i = 0; i < n; i += 4) {
		program_load(p, BYTES_4, R2, from.base, (int16_t)(from.offset + i));
		program_store(p, BYTES_4, to.base, (int16_t)(to.offset + i), R2);
	}
}

void code_fold(struct program *p, int times)
{
	for (int i = 0; i < times; i++) {
		program_copy(p, R3, R2);
		program_math(p, BPF_RSH, R3, 16);
		program_math(p, BPF_AND, R2, 0xffff);
		program_math_by(p, BPF_ADD, R2, R3);
	}
}

void code_find_time(struct program *p)
{
	program_call(p, BPF_FUNC_ktime_get_ns);
	program_store(p, BYTES_8, STACK, NOW, R0);
}

/* UDP, or a segment from the middle of a connection. @payload: where the transport's header begins. */
static void read_transport(struct program *p, int payload, uint8_t plain)
{
	program_load(p, BYTES_4, R2, PACKET, (int16_t)payload);
	program_store(p, BYTES_4, STACK, FLOW_FIELD(ports), R2);
	program_jump(p, BPF_JEQ, PROTOCOL, IPPROTO_UDP, plain);
	program_jump(p, BPF_JNE, PROTOCOL, IPPROTO_TCP, OUT);
	code_need(p, payload + TCP_LEN, OUT);
	program_load(p, BYTES_1, R2, PACKET, (int16_t)(payload + TCP_FLAGS));
	program_math(p, BPF_AND, R2, TH_FIN | TH_SYN | TH_RST | TH_ACK);
	program_jump(p, BPF_JNE, R2, TH_ACK, OUT);
	program_label(p, plain);
}

static void read_ipv6(struct program *p)
{
	code_need(p, IP6_PAYLOAD + UDP_LEN, OUT);
	program_load(p, BYTES_1, R2, PACKET, IP);
	program_math(p, BPF_AND, R2, 0xf0);
	program_jump(p, BPF_JNE, R2, 0x60, OUT);
	program_load(p, BYTES_1, PROTOCOL, PACKET, IP6_NEXT);
	code_copy(p, AT(STACK, FLOW_FIELD(from)), AT(PACKET, IP6_FROM), 32);
	read_transport(p, IP6_PAYLOAD, PLAIN6);
	program_math(p, BPF_OR, PROTOCOL, FAMILY6);
}

/* A whole one without options. */
static void read_ipv4(struct program *p)
{
	code_need(p, IP4_PAYLOAD + UDP_LEN, OUT);
	program_load(p, BYTES_1, R2, PACKET, IP);
	program_jump(p, BPF_JNE, R2, 0x45, OUT);
	program_load(p, BYTES_2, R2, PACKET, IP4_FRAGMENT);
	program_math(p, BPF_AND, R2, htons(0x3fff));
	program_jump(p, BPF_JNE, R2, 0, OUT);
	program_load(p, BYTES_1, PROTOCOL, PACKET, IP4_PROTOCOL);
	code_copy(p, AT(STACK, FLOW_FIELD(from)), AT(PACKET, IP4_FROM), 4);
	code_copy(p, AT(STACK, FLOW_FIELD(to)), AT(PACKET, IP4_TO), 4);
	read_transport(p, IP4_PAYLOAD, PLAIN4);
	program_math(p, BPF_OR, PROTOCOL, FAMILY4);
}

void code_read_flow(struct program *p)
{
	for (int i = 0; i < (int)sizeof(struct lane_flow); i += 8)
		program_store_value(p, BYTES_8, STACK, (int16_t)(FLOW + i), 0);
	code_load_packet(p);
	code_load_context(p, R2, CONTEXT_FIELD(protocol));
	program_jump(p, BPF_JEQ, R2, htons(ETH_P_IP), V4);
	program_jump(p, BPF_JNE, R2, htons(ETH_P_IPV6), OUT);
	read_ipv6(p);
	program_jump(p, BPF_JA, 0, 0, KEYED);
	program_label(p, V4);
	read_ipv4(p);
	program_label(p, KEYED);
	program_store(p, BYTES_4, STACK, FLOW_FIELD(protocol), PROTOCOL);
}

void code_find_place(struct program *p, int array_fd, uint8_t otherwise)
{
	program_map(p, R1, array_fd);
	program_copy(p, R2, STACK);
	program_math(p, BPF_ADD, R2, INDEX);
	program_call(p, BPF_FUNC_map_lookup_elem);
	program_jump(p, BPF_JEQ, R0, 0, otherwise);
}

/* A multiplication mixes upwards, the shift brings that down again. */
void code_find_entry(struct program *p, const struct lane_maps *maps)
{
	program_set(p, R2, (int32_t)maps->seed);
	for (int i = 0; i < (int)sizeof(struct lane_flow); i += 8) {
		program_load(p, BYTES_8, R3, STACK, (int16_t)(FLOW + i));
		program_math_by(p, BPF_XOR, R2, R3);
		program_math(p, BPF_MUL, R2, 0x5bd1e995);
		program_copy(p, R3, R2);
		program_math(p, BPF_RSH, R3, 29);
		program_math_by(p, BPF_XOR, R2, R3);
	}
	program_math(p, BPF_AND, R2, LANE_ENTRIES - 1);
	program_store(p, BYTES_4, STACK, INDEX, R2);
	code_find_place(p, maps->memory, OUT);
	program_copy(p, ENTRY, R0);
}

void code_find_queue(struct program *p, const struct lane_maps *maps, uint8_t otherwise)
{
	program_store_value(p, BYTES_4, STACK, INDEX, 0);
	code_find_place(p, maps->queue, otherwise);
}

void code_count(struct program *p, int16_t field)
{
	program_load(p, BYTES_8, R2, R0, field);
	program_math(p, BPF_ADD, R2, 1);
	program_store(p, BYTES_8, R0, field, R2);
}

void code_stamp(struct program *p, const struct lane_maps *maps, int16_t field, uint8_t otherwise)
{
	program_call(p, BPF_FUNC_get_smp_processor_id);
	program_math(p, BPF_MUL, R0, LANE_STEP);
	program_store(p, BYTES_8, STACK, STEP, R0);
	code_find_queue(p, maps, otherwise);
	program_load(p, BYTES_8, R2, R0, field);
	program_load(p, BYTES_8, R3, STACK, STEP);
	program_math_by(p, BPF_ADD, R2, R3);
	program_math(p, BPF_AND, R2, 0xffff);
}

void code_end(struct program *p, uint8_t label, int32_t verdict)
{
	program_label(p, label);
	program_set(p, R0, verdict);
	program_exit(p);
}
