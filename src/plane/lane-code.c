/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of the fast lane's programs. */
#include "plane/lane-code.h"
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/tcp.h>
#include <string.h>

const struct lane_ip lane_ip4 = {
	.ethertype = ETH_P_IP,
	.protocol = IP + 9,
	.hops = IP + 8,
	.from = IP + 12,
	.payload = IP + 20,
	.len = 4,
	.family = 4 << 8,
	.labels = LABELS,
};

const struct lane_ip lane_ip6 = {
	.ethertype = ETH_P_IPV6,
	.protocol = IP + 6,
	.hops = IP + 7,
	.from = IP + 8,
	.payload = IP + 40,
	.len = 16,
	.family = 6 << 8,
	.labels = LABELS + OWN_LABELS,
};

void code_begin(struct program *p)
{
	program_copy(p, CONTEXT, R1);
	code_load_context(p, LINK, CONTEXT_FIELD(ifindex));
}

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

void code_put(struct program *p, struct place to, const uint8_t *bytes, int n)
{
	for (int i = 0; i < n; i += 4) {
		int32_t word;

		memcpy(&word, bytes + i, 4);
		program_store_value(p, BYTES_4, to.base, (int16_t)(to.offset + i), word);
	}
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

void code_families(struct program *p)
{
	code_load_packet(p);
	code_load_context(p, R2, CONTEXT_FIELD(protocol));
	program_jump(p, BPF_JEQ, R2, htons(lane_ip6.ethertype), V6);
	program_jump(p, BPF_JNE, R2, htons(lane_ip4.ethertype), OUT);
}

void code_check_ip(struct program *p, const struct lane_ip *ip, uint8_t odd, uint8_t fragment)
{
	program_load(p, BYTES_1, R2, PACKET, IP);
	if (ip == &lane_ip6) {
		program_math(p, BPF_AND, R2, 0xf0);
		program_jump(p, BPF_JNE, R2, 0x60, odd);
		return;
	}
	program_jump(p, BPF_JNE, R2, 0x45, odd);
	program_load(p, BYTES_2, R2, PACKET, IP4_FRAGMENT);
	program_math(p, BPF_AND, R2, htons(0x3fff));
	program_jump(p, BPF_JNE, R2, 0, fragment);
}

/* UDP, or a segment from the middle of a connection. R3 = which. */
static void check_transport(struct program *p, const struct lane_ip *ip)
{
	program_load(p, BYTES_1, R3, PACKET, ip->protocol);
	program_jump(p, BPF_JEQ, R3, IPPROTO_UDP, OWN(ip, PLAIN));
	program_jump(p, BPF_JNE, R3, IPPROTO_TCP, OUT);
	code_need(p, ip->payload + TCP_LEN, OUT);
	program_load(p, BYTES_1, R2, PACKET, (int16_t)(ip->payload + TCP_FLAGS));
	program_math(p, BPF_AND, R2, TH_FIN | TH_SYN | TH_RST | TH_ACK);
	program_jump(p, BPF_JNE, R2, TH_ACK, OUT);
	program_label(p, OWN(ip, PLAIN));
}

void code_read_flow(struct program *p, const struct lane_ip *ip)
{
	code_need(p, ip->payload + UDP_LEN, OUT);
	code_check_ip(p, ip, OUT, OUT);
	check_transport(p, ip);
	program_math(p, BPF_OR, R3, ip->family);
	program_store(p, BYTES_8, STACK, FLOW_FIELD(protocol), R3);
	code_copy(p, AT(STACK, FLOW_FIELD(ports)), AT(PACKET, ip->payload), 4);
	code_copy(p, AT(STACK, FLOW_FIELD(addresses)), AT(PACKET, ip->from), 2 * ip->len);
}

int code_words(const struct lane_ip *ip)
{
	return ((int)offsetof(struct lane_flow, addresses) + 2 * ip->len) / 8;
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
void code_find_entry(struct program *p, const struct lane_maps *maps, const struct lane_ip *ip)
{
	program_set(p, R2, (int32_t)maps->seed);
	for (int i = 0; i < code_words(ip); i++) {
		program_load(p, BYTES_8, R3, STACK, FLOW_WORD(i));
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

static_assert(LANE_TO_ACTORS == 0 && LANE_TO_WORKER == 1, "a bit says which");

/* The difference of two numbers, less one, has its highest bit set if they are the same. */
void code_find_queue(struct program *p, const struct lane_maps *maps, bool across, uint8_t otherwise)
{
	program_copy(p, R2, LINK);
	program_math(p, BPF_XOR, R2, LAYOUT_UP_INDEX);
	program_math(p, BPF_SUB, R2, 1);
	program_math(p, BPF_RSH, R2, 63);
	if (across)
		program_math(p, BPF_XOR, R2, 1);
	program_store(p, BYTES_4, STACK, INDEX, R2);
	code_find_place(p, maps->queues, otherwise);
}

void code_find_step(struct program *p)
{
	program_call(p, BPF_FUNC_get_smp_processor_id);
	program_math(p, BPF_MUL, R0, LANE_STEP);
	program_store(p, BYTES_8, STACK, STEP, R0);
}

void code_hand_over(struct program *p, int32_t function, int32_t flags)
{
	program_set(p, R2, flags);
	program_call(p, function);
	program_exit(p);
}

void code_end(struct program *p, uint8_t label, int32_t verdict)
{
	program_label(p, label);
	program_set(p, R0, verdict);
	program_exit(p);
}
