/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transports' checksums in the fast lane's program for what comes in: how they are changed, and where they will be
 * written.
 *
 * Whoever may open a packet socket in a slot may leave a packet's checksum to hardware and say where that is to be
 * written (PACKET_VNET_HDR): over a port or an address, after these were judged. No rule can see it, nor can a program
 * read it, but two of its functions tell: bpf_l4_csum_replace() changes a word in another way, or not at all, if the
 * checksum is left, and bpf_skb_change_tail() refuses to cut a packet before its end.
 */
#include "plane/lane-code.h"
#include <arpa/inet.h>
#include <errno.h>

#define IP_WORD (IP + 4) /* any of a header's */

/* struct transport - @sum: where in its header the checksum is; @flags: of bpf_l4_csum_replace() */
struct transport {
	uint8_t sum, len;
	int32_t flags;
};

static const struct transport tcp = { 16, TCP_LEN, BPF_F_PSEUDO_HDR };
static const struct transport udp = { 6, UDP_LEN, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 };

/* R0 = 0 once the word at a place is another by the difference that R4 is. */
static void change_word(struct program *p, int place, int32_t flags)
{
	program_copy(p, R1, CONTEXT);
	program_set(p, R2, place);
	program_set(p, R3, 0); /* by a difference */
	program_set(p, R5, flags);
	program_call(p, BPF_FUNC_l4_csum_replace);
}

/* To DROP unless what is left to hardware is written no sooner than at a place. */
static void check_end(struct program *p, int place)
{
	program_copy(p, R1, CONTEXT);
	program_set(p, R2, place + 1);
	program_set(p, R3, 0);
	program_call(p, BPF_FUNC_skb_change_tail);
	program_jump(p, BPF_JNE, R0, -EINVAL, DROP);
}

/* A checksum that is left is the pseudo header's sum, to which the difference was added. */
static void check_own(struct program *p, const struct lane_ip *ip, const struct transport *t, uint8_t done)
{
	const int place = ip->payload + t->sum;

	program_jump(p, BPF_JEQ, LINK, LAYOUT_UP_INDEX, done);
	code_load_packet(p);
	code_need(p, ip->payload + t->len, DROP);
	program_load(p, BYTES_8, R2, STACK, WORD);
	program_load(p, BYTES_4, R3, ENTRY, ENTRY_FIELD(difference));
	program_math_by(p, BPF_ADD, R2, R3);
	code_fold(p, 1);
	program_load(p, BYTES_2, R3, PACKET, (int16_t)place);
	program_jump_by(p, BPF_JNE, R2, R3, done);
	check_end(p, place);
}

static void write_sum(struct program *p, const struct lane_ip *ip, const struct transport *t, uint8_t done)
{
	const int place = ip->payload + t->sum;

	program_load(p, BYTES_2, R2, PACKET, (int16_t)place);
	program_store(p, BYTES_8, STACK, WORD, R2);
	if (t == &udp) { /* none: it would not be changed in either case */
		program_jump(p, BPF_JEQ, LINK, LAYOUT_UP_INDEX, OWN(ip, NO_SUM));
		program_jump(p, BPF_JEQ, R2, 0, OUT);
		program_label(p, OWN(ip, NO_SUM));
	}
	program_load(p, BYTES_4, R4, ENTRY, ENTRY_FIELD(difference));
	change_word(p, place, t->flags);
	program_jump(p, BPF_JNE, R0, 0, OUT);
	check_own(p, ip, t, done);
}

void code_write_sum(struct program *p, const struct lane_ip *ip)
{
	program_load(p, BYTES_8, R3, STACK, FLOW_FIELD(protocol));
	program_jump(p, BPF_JEQ, R3, ip->family | IPPROTO_TCP, OWN(ip, TCP));
	write_sum(p, ip, &udp, OWN(ip, SUMMED));
	program_jump(p, BPF_JA, 0, 0, OWN(ip, SUMMED));
	program_label(p, OWN(ip, TCP));
	write_sum(p, ip, &tcp, OWN(ip, SUMMED));
	program_label(p, OWN(ip, SUMMED));
}

/*
 * A kernel leaves the checksums of TCP and UDP, of whole packets: of fragments and ICMP none. What has options or is of
 * another protocol the table drops, and counts.
 */
static void check_left(struct program *p, const struct lane_ip *ip)
{
	static const uint8_t never[] = { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_FRAGMENT };

	code_check_ip(p, ip, GO_ON, DROP);
	program_load(p, BYTES_1, R2, PACKET, ip->protocol);
	program_jump(p, BPF_JEQ, R2, IPPROTO_TCP, OWN(ip, LEFT_TCP));
	program_jump(p, BPF_JEQ, R2, IPPROTO_UDP, OWN(ip, LEFT_UDP));
	for (size_t i = 0; i < sizeof(never); i++)
		program_jump(p, BPF_JEQ, R2, never[i], DROP);
	program_jump(p, BPF_JA, 0, 0, GO_ON);
	program_label(p, OWN(ip, LEFT_UDP));
	check_end(p, ip->payload + udp.sum);
	program_jump(p, BPF_JA, 0, 0, GO_ON);
	program_label(p, OWN(ip, LEFT_TCP));
	check_end(p, ip->payload + tcp.sum);
	program_jump(p, BPF_JA, 0, 0, GO_ON);
}

/* Whether one is left says a word that is not changed; it is put back. What has no header to look at is dropped. */
static void check_family(struct program *p, const struct lane_ip *ip)
{
	program_copy(p, R1, CONTEXT);
	program_set(p, R2, ip->payload);
	program_call(p, BPF_FUNC_skb_pull_data);
	code_load_packet(p);
	code_need(p, ip->payload, DROP);
	program_load(p, BYTES_2, R2, PACKET, IP_WORD);
	program_store(p, BYTES_8, STACK, WORD, R2);
	program_set(p, R4, 1);
	change_word(p, IP_WORD, 0);
	program_jump(p, BPF_JNE, R0, 0, DROP);
	code_load_packet(p);
	code_need(p, ip->payload, DROP);
	program_load(p, BYTES_8, R2, STACK, WORD);
	program_load(p, BYTES_2, R3, PACKET, IP_WORD);
	program_store(p, BYTES_2, PACKET, IP_WORD, R2);
	program_jump_by(p, BPF_JNE, R2, R3, GO_ON);
	check_left(p, ip);
}

/* A frame whose tag was taken off before has a second one if it has this type: what is in it would not be looked at. */
void code_check_sum(struct program *p)
{
	program_jump(p, BPF_JEQ, LINK, LAYOUT_UP_INDEX, GO_ON);
	code_load_context(p, R2, CONTEXT_FIELD(protocol));
	program_jump(p, BPF_JEQ, R2, htons(ETH_P_8021Q), DROP);
	program_jump(p, BPF_JEQ, R2, htons(ETH_P_8021AD), DROP);
	program_jump(p, BPF_JEQ, R2, htons(lane_ip6.ethertype), LEFT6);
	program_jump(p, BPF_JNE, R2, htons(lane_ip4.ethertype), GO_ON);
	check_family(p, &lane_ip4);
	program_label(p, LEFT6);
	check_family(p, &lane_ip6);
}
