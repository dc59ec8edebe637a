/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's program for what comes in. */
#include "plane/lane-code.h"
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <string.h>

/* A hop limit that ends here is the long way's to report. */
static void check_hop(struct program *p, const struct lane_ip *ip)
{
	program_load(p, BYTES_1, R2, PACKET, ip->hops);
	program_jump(p, BPF_JLE, R2, 1, OUT);
}

/* To OUT unless the entry is this flow's, and no older than it may be. */
static void check_entry(struct program *p, const struct lane_ip *ip)
{
	for (int i = 0; i < code_words(ip); i++) {
		program_load(p, BYTES_8, R2, STACK, FLOW_WORD(i));
		program_load(p, BYTES_8, R3, ENTRY, (int16_t)(ENTRY_FIELD(flow) + 8 * i));
		program_jump_by(p, BPF_JNE, R2, R3, OUT);
	}
	code_find_time(p);
	program_load(p, BYTES_8, R2, ENTRY, ENTRY_FIELD(until));
	program_jump_by(p, BPF_JGE, R0, R2, OUT);
}

/* To OUT if the actor's link, which is not up0, was shut since the entry was made. */
static void check_shut(struct program *p, const struct lane_maps *maps, const struct lane_ip *ip)
{
	program_copy(p, R2, LINK);
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, OWN(ip, ACTORS));
	program_load(p, BYTES_4, R2, ENTRY, ENTRY_FIELD(link));
	program_label(p, OWN(ip, ACTORS));
	program_math(p, BPF_AND, R2, LANE_LINKS - 1);
	program_store(p, BYTES_4, STACK, INDEX, R2);
	code_find_place(p, maps->shut, OUT);
	program_load(p, BYTES_8, R2, R0, 0);
	program_math(p, BPF_ADD, R2, LANE_NS);
	program_load(p, BYTES_8, R3, ENTRY, ENTRY_FIELD(until));
	program_jump_by(p, BPF_JLE, R3, R2, OUT);
}

/* To OUT unless all that this processor sent that way by the queue has come. */
static void check_queue(struct program *p, const struct lane_maps *maps)
{
	code_find_queue(p, maps, true, OUT);
	program_load(p, BYTES_8, R2, R0, QUEUE_FIELD(sent));
	program_load(p, BYTES_8, R3, R0, QUEUE_FIELD(come));
	program_jump_by(p, BPF_JNE, R2, R3, OUT);
}

/* One hop less. */
static void write_hop(struct program *p, const struct lane_ip *ip)
{
	program_load(p, BYTES_1, R2, PACKET, ip->hops);
	program_math(p, BPF_SUB, R2, 1);
	program_store(p, BYTES_1, PACKET, ip->hops, R2);
}

static void write_ip_checksum(struct program *p)
{
	program_load(p, BYTES_2, R2, PACKET, IP4_CHECKSUM);
	program_math(p, BPF_XOR, R2, 0xffff);
	program_load(p, BYTES_4, R3, ENTRY, ENTRY_FIELD(difference_ip));
	program_math_by(p, BPF_ADD, R2, R3);
	code_fold(p, 1);
	program_math(p, BPF_XOR, R2, 0xffff);
	program_store(p, BYTES_2, PACKET, IP4_CHECKSUM, R2);
}

/* What is put in place of one of the addresses, and the MACs of the link that it leaves by. */
static void write_addresses(struct program *p, const struct lane_ip *ip, bool inward)
{
	const int16_t at = (int16_t)(inward ? ip->from + ip->len : ip->from);

	uint8_t macs[2 * ETH_ALEN];

	memcpy(macs, inward ? layout_mac_inner : layout_mac_worker, ETH_ALEN);
	memcpy(macs + ETH_ALEN, inward ? layout_mac_gateway : layout_mac_up, ETH_ALEN);
	code_put(p, AT(PACKET, 0), macs, sizeof(macs));
	code_copy(p, AT(PACKET, at), AT(ENTRY, ENTRY_FIELD(address)), ip->len);
}

/* The rest of what the long way would do; what has come so far is dropped rather than let go half done. */
static void write_packet(struct program *p, const struct lane_ip *ip)
{
	code_load_packet(p);
	code_need(p, ip->payload, DROP);
	write_hop(p, ip);
	if (ip == &lane_ip4)
		write_ip_checksum(p);
	program_jump(p, BPF_JEQ, LINK, LAYOUT_UP_INDEX, OWN(ip, INWARD));
	write_addresses(p, ip, false);
	program_jump(p, BPF_JA, 0, 0, OWN(ip, READY));
	program_label(p, OWN(ip, INWARD));
	write_addresses(p, ip, true);
	program_label(p, OWN(ip, READY));
}

uint32_t lane_place(uint32_t link)
{
	return link & (LANE_LINKS - 1);
}

static void pass(struct program *p, const struct lane_maps *maps, const struct lane_ip *ip)
{
	code_read_flow(p, ip);
	check_hop(p, ip);
	program_store(p, BYTES_4, STACK, FLOW_FIELD(link), LINK);
	code_find_entry(p, maps, ip);
	check_entry(p, ip);
	check_shut(p, maps, ip);
	check_queue(p, maps);
	code_write_sum(p, ip);
	write_packet(p, ip);
	program_load(p, BYTES_4, R1, ENTRY, ENTRY_FIELD(link));
	if (!maps->hand_to_actors)
		program_jump(p, BPF_JEQ, LINK, LAYOUT_UP_INDEX, BY_LINK);
	code_hand_over(p, BPF_FUNC_redirect_peer, 0);
}

/* What lane_learn had come in again: on to the link's other end. */
static void come_again(struct program *p, const struct lane_maps *maps)
{
	code_find_step(p);
	code_find_queue(p, maps, false, DROP);
	code_load_context(p, R2, CONTEXT_FIELD(mark));
	program_load(p, BYTES_8, R3, STACK, STEP);
	program_math_by(p, BPF_SUB, R2, R3);
	program_math(p, BPF_AND, R2, LANE_NUMBERS);
	program_store(p, BYTES_8, R0, QUEUE_FIELD(come), R2);
	program_store_value(p, BYTES_4, CONTEXT, CONTEXT_FIELD(mark), 0);
	program_copy(p, R1, CONTEXT);
	program_set(p, R2,
		    PACKET_HOST); /* it is another host's at this end; kernels before 6.15 leave it that */
	program_call(p, BPF_FUNC_skb_change_type);
	program_copy(p, R1, LINK);
	code_hand_over(p, BPF_FUNC_redirect_peer, 0);
}

void lane_pass(struct program *p, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	code_begin(p);
	code_load_context(p, R2, CONTEXT_FIELD(mark));
	program_jump(p, BPF_JNE, R2, 0, COME);
	code_load_context(p, R2, CONTEXT_FIELD(vlan_present));
	program_jump(p, BPF_JNE, R2, 0, OUT);
	code_load_context(p, R2, CONTEXT_FIELD(pkt_type));
	program_jump(p, BPF_JNE, R2, PACKET_HOST, OUT);
	code_families(p);
	pass(p, maps, &lane_ip4);
	program_label(p, V6);
	pass(p, maps, &lane_ip6);
	program_label(p, COME);
	come_again(p, maps);
	if (!maps->hand_to_actors) {
		program_label(p, BY_LINK);
		code_hand_over(p, BPF_FUNC_redirect, 0);
	}
	program_label(p, OUT);
	code_check_sum(p);
	code_end(p, GO_ON, TC_ACT_OK);
	code_end(p, DROP, TC_ACT_SHOT);
}
