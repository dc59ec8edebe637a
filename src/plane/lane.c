/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of the fast lane. */
#include "plane/lane.h"
#include "plane/gateway.h"
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

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
	NOTED,
	BY_LINK,
	SENT,
	RECENT,
	ACTORS,
};

static void load_context(struct program *p, uint8_t to, int16_t field)
{
	program_load(p, BYTES_4, to, CONTEXT, field);
}

/* Where bytes are: an offset from what a register points to. */
struct place {
	uint8_t base;
	int16_t offset;
};

#define AT(base, offset) ((struct place){ base, (int16_t)(offset) })

/* Copy @n bytes, 4 by 4. */
static void copy(struct program *p, struct place to, struct place from, int n)
{
	for (int i = 0; i < n; i += 4) {
		program_load(p, BYTES_4, R2, from.base, (int16_t)(from.offset + i));
		program_store(p, BYTES_4, to.base, (int16_t)(to.offset + i), R2);
	}
}

/* Constant bytes onto the stack, 4 by 4. */
static void put(struct program *p, int offset, const uint8_t *bytes, int n)
{
	for (int i = 0; i < n; i += 4) {
		int32_t word;

		memcpy(&word, bytes + i, 4);
		program_store_value(p, BYTES_4, STACK, (int16_t)(offset + i), word);
	}
}

/* Is so much of the packet there to be read? The verifier wants to see that. R5 is the packet's end. */
static void need(struct program *p, int bytes, uint8_t otherwise)
{
	program_copy(p, R4, PACKET);
	program_math(p, BPF_ADD, R4, bytes);
	program_jump_by(p, BPF_JGT, R4, R5, otherwise);
}

static void load_packet(struct program *p)
{
	load_context(p, PACKET, CONTEXT_FIELD(data));
	load_context(p, R5, CONTEXT_FIELD(data_end));
}

/* UDP, or a segment from the middle of a connection. @payload: where the transport's header begins. */
static void read_transport(struct program *p, int payload, uint8_t plain)
{
	program_load(p, BYTES_4, R2, PACKET, (int16_t)payload);
	program_store(p, BYTES_4, STACK, FLOW_FIELD(ports), R2);
	program_jump(p, BPF_JEQ, PROTOCOL, IPPROTO_UDP, plain);
	program_jump(p, BPF_JNE, PROTOCOL, IPPROTO_TCP, OUT);
	need(p, payload + TCP_LEN, OUT);
	program_load(p, BYTES_1, R2, PACKET, (int16_t)(payload + TCP_FLAGS));
	program_math(p, BPF_AND, R2, TH_FIN | TH_SYN | TH_RST | TH_ACK);
	program_jump(p, BPF_JNE, R2, TH_ACK, OUT);
	program_label(p, plain);
}

static void read_ipv6(struct program *p)
{
	need(p, IP6_PAYLOAD + UDP_LEN, OUT);
	program_load(p, BYTES_1, R2, PACKET, IP);
	program_math(p, BPF_AND, R2, 0xf0);
	program_jump(p, BPF_JNE, R2, 0x60, OUT);
	program_load(p, BYTES_1, PROTOCOL, PACKET, IP6_NEXT);
	copy(p, AT(STACK, FLOW_FIELD(from)), AT(PACKET, IP6_FROM), 32);
	read_transport(p, IP6_PAYLOAD, PLAIN6);
	program_math(p, BPF_OR, PROTOCOL, FAMILY6);
}

/* A whole one without options. */
static void read_ipv4(struct program *p)
{
	need(p, IP4_PAYLOAD + UDP_LEN, OUT);
	program_load(p, BYTES_1, R2, PACKET, IP);
	program_jump(p, BPF_JNE, R2, 0x45, OUT);
	program_load(p, BYTES_2, R2, PACKET, IP4_FRAGMENT);
	program_math(p, BPF_AND, R2, htons(0x3fff));
	program_jump(p, BPF_JNE, R2, 0, OUT);
	program_load(p, BYTES_1, PROTOCOL, PACKET, IP4_PROTOCOL);
	copy(p, AT(STACK, FLOW_FIELD(from)), AT(PACKET, IP4_FROM), 4);
	copy(p, AT(STACK, FLOW_FIELD(to)), AT(PACKET, IP4_TO), 4);
	read_transport(p, IP4_PAYLOAD, PLAIN4);
	program_math(p, BPF_OR, PROTOCOL, FAMILY4);
}

/* The flow of the packet onto the stack, but for its link; to OUT with what takes no lane. */
static void read_flow(struct program *p)
{
	for (int i = 0; i < (int)sizeof(struct lane_flow); i += 8)
		program_store_value(p, BYTES_8, STACK, (int16_t)(FLOW + i), 0);
	load_packet(p);
	load_context(p, R2, CONTEXT_FIELD(protocol));
	program_jump(p, BPF_JEQ, R2, htons(ETH_P_IP), V4);
	program_jump(p, BPF_JNE, R2, htons(ETH_P_IPV6), OUT);
	read_ipv6(p);
	program_jump(p, BPF_JA, 0, 0, KEYED);
	program_label(p, V4);
	read_ipv4(p);
	program_label(p, KEYED);
	program_store(p, BYTES_4, STACK, FLOW_FIELD(protocol), PROTOCOL);
}

/* R0 = the place of an array that INDEX says. */
static void find_place(struct program *p, int array_fd, uint8_t otherwise)
{
	program_map(p, R1, array_fd);
	program_copy(p, R2, STACK);
	program_math(p, BPF_ADD, R2, INDEX);
	program_call(p, BPF_FUNC_map_lookup_elem);
	program_jump(p, BPF_JEQ, R0, 0, otherwise);
}

/* ENTRY = the flow's place in the memory. A multiplication mixes upwards, the shift brings that down again. */
static void find_entry(struct program *p, const struct lane_maps *maps)
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
	find_place(p, maps->memory, OUT);
	program_copy(p, ENTRY, R0);
}

/* R0 = what is known of the queue to the worker. */
static void find_queue(struct program *p, const struct lane_maps *maps, uint8_t otherwise)
{
	program_store_value(p, BYTES_4, STACK, INDEX, 0);
	find_place(p, maps->queue, otherwise);
}

/* One more. R2 is lost. */
static void count(struct program *p, int16_t field)
{
	program_load(p, BYTES_8, R2, R0, field);
	program_math(p, BPF_ADD, R2, 1);
	program_store(p, BYTES_8, R0, field, R2);
}

static void find_time(struct program *p)
{
	program_call(p, BPF_FUNC_ktime_get_ns);
	program_store(p, BYTES_8, STACK, NOW, R0);
}

/* To OUT unless the entry is this flow's, and no older than it may be. */
static void check_entry(struct program *p)
{
	for (int i = 0; i < (int)sizeof(struct lane_flow); i += 8) {
		program_load(p, BYTES_8, R2, STACK, (int16_t)(FLOW + i));
		program_load(p, BYTES_8, R3, ENTRY, (int16_t)i);
		program_jump_by(p, BPF_JNE, R2, R3, OUT);
	}
	find_time(p);
	program_load(p, BYTES_8, R2, ENTRY, ENTRY_FIELD(until));
	program_jump_by(p, BPF_JGE, R0, R2, OUT);
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

/* R2 = a sum folded to 16 bits. R3 is lost. */
static void fold(struct program *p, int times)
{
	for (int i = 0; i < times; i++) {
		program_copy(p, R3, R2);
		program_math(p, BPF_RSH, R3, 16);
		program_math(p, BPF_AND, R2, 0xffff);
		program_math_by(p, BPF_ADD, R2, R3);
	}
}

static void write_ipv4(struct program *p)
{
	write_hop(p, IP4_TTL);
	program_load(p, BYTES_2, R2, PACKET, IP4_CHECKSUM);
	program_math(p, BPF_XOR, R2, 0xffff);
	program_load(p, BYTES_4, R3, ENTRY, ENTRY_FIELD(difference_ip));
	program_math_by(p, BPF_ADD, R2, R3);
	fold(p, 1);
	program_math(p, BPF_XOR, R2, 0xffff);
	program_store(p, BYTES_2, PACKET, IP4_CHECKSUM, R2);
	load_context(p, R3, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R3, LAYOUT_UP_INDEX, WORKER4);
	copy(p, AT(PACKET, IP4_FROM), AT(ENTRY, ENTRY_FIELD(address)), 4);
	program_jump(p, BPF_JA, 0, 0, READY);
	program_label(p, WORKER4);
	copy(p, AT(PACKET, IP4_TO), AT(ENTRY, ENTRY_FIELD(address)), 4);
	program_jump(p, BPF_JA, 0, 0, READY);
}

static void write_ipv6(struct program *p)
{
	need(p, IP6_PAYLOAD, DROP);
	write_hop(p, IP6_HOPS);
	load_context(p, R3, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R3, LAYOUT_UP_INDEX, WORKER6);
	copy(p, AT(PACKET, IP6_FROM), AT(ENTRY, ENTRY_FIELD(address)), 16);
	program_jump(p, BPF_JA, 0, 0, READY);
	program_label(p, WORKER6);
	copy(p, AT(PACKET, IP6_TO), AT(ENTRY, ENTRY_FIELD(address)), 16);
}

/* The rest of what the long way would do; what has come so far is dropped rather than let go half done. */
static void write_packet(struct program *p)
{
	load_packet(p);
	need(p, IP4_PAYLOAD, DROP);
	copy(p, AT(PACKET, 0), AT(ENTRY, ENTRY_FIELD(macs)), 12);
	program_jump(p, BPF_JGE, PROTOCOL, FAMILY6, WRITE6);
	write_ipv4(p);
	program_label(p, WRITE6);
	write_ipv6(p);
	program_label(p, READY);
}

static void end(struct program *p, uint8_t label, int32_t verdict)
{
	program_label(p, label);
	program_set(p, R0, verdict);
	program_exit(p);
}

/* A hop limit that ends here is the long way's to report. */
static void check_hop(struct program *p)
{
	program_load(p, BYTES_1, R2, PACKET, IP4_TTL);
	program_jump(p, BPF_JLT, PROTOCOL, FAMILY6, HOPS);
	program_load(p, BYTES_1, R2, PACKET, IP6_HOPS);
	program_label(p, HOPS);
	program_jump(p, BPF_JLE, R2, 1, OUT);
}

/* To OUT if the actor's link, which is not up0, was shut since the entry was made. */
static void check_shut(struct program *p, const struct lane_maps *maps)
{
	load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, ACTORS);
	program_load(p, BYTES_4, R2, ENTRY, ENTRY_FIELD(link));
	program_label(p, ACTORS);
	program_math(p, BPF_AND, R2, LANE_LINKS - 1);
	program_store(p, BYTES_4, STACK, INDEX, R2);
	find_place(p, maps->shut, OUT);
	program_load(p, BYTES_8, R2, R0, 0);
	program_math(p, BPF_ADD, R2, LANE_NS);
	program_load(p, BYTES_8, R3, ENTRY, ENTRY_FIELD(until));
	program_jump_by(p, BPF_JLE, R3, R2, OUT);
}

uint32_t lane_place(uint32_t link)
{
	return link & (LANE_LINKS - 1);
}

static void hand_over(struct program *p, int32_t function)
{
	program_load(p, BYTES_4, R1, ENTRY, ENTRY_FIELD(link));
	program_set(p, R2, 0);
	program_call(p, function);
	program_exit(p);
}

/* To the worker at once if nothing is before it, else by the link and its queue. */
static void send_on(struct program *p, const struct lane_maps *maps)
{
	load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R2, LAYOUT_UP_INDEX, BY_LINK);
	find_queue(p, maps, BY_LINK);
	program_load(p, BYTES_8, R2, R0, QUEUE_FIELD(sent));
	program_load(p, BYTES_8, R3, R0, QUEUE_FIELD(arrived));
	program_jump_by(p, BPF_JNE, R2, R3, BY_LINK);
	count(p, QUEUE_FIELD(sent));
	hand_over(p, BPF_FUNC_redirect_peer);
	program_label(p, BY_LINK);
	hand_over(p, BPF_FUNC_redirect);
}

void lane_pass(struct program *p, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	program_copy(p, CONTEXT, R1);
	load_context(p, R2, CONTEXT_FIELD(vlan_present));
	program_jump(p, BPF_JNE, R2, 0, OUT);
	load_context(p, R2, CONTEXT_FIELD(pkt_type));
	program_jump(p, BPF_JNE, R2, PACKET_HOST, OUT);
	read_flow(p);
	check_hop(p);
	load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_store(p, BYTES_4, STACK, FLOW_FIELD(link), R2);
	find_entry(p, maps);
	check_entry(p);
	check_shut(p, maps);
	write_transport(p);
	write_packet(p);
	send_on(p, maps);
	end(p, OUT, TC_ACT_OK);
	end(p, DROP, TC_ACT_SHOT);
}

/* What the seal, and one hop less, add to a header checksum, as network byte order has it in memory. */
static int32_t seal_difference(const struct plane *plane)
{
	return htons(LAYOUT_SEAL4 << 8) + htons((uint16_t) ~(plane->range.bytes[0] << 8));
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
	fold(p, 3);
	program_store(p, BYTES_4, STACK, DIFFERENCE_IP, R2);
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
	load_context(p, R2, CONTEXT_FIELD(ifindex));
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

/* To an actor: it came for the outer address and has the inner one. */
static void note_inward(struct program *p, const struct plane *plane)
{
	put_outer(p, plane);
	copy(p, AT(STACK, FLOW_FIELD(to)), AT(STACK, OUTER), 16);
	copy(p, AT(STACK, ADDRESS), AT(STACK, INNER), 16);
	note_difference(p, OUTER, INNER, hop_difference());
}

/* To the worker: it came from the inner address and has the outer one, sealed, which checksums know nothing of. */
static void note_outward(struct program *p, const struct plane *plane)
{
	copy(p, AT(STACK, ADDRESS), AT(STACK, FLOW_FIELD(from)), 16);
	program_load(p, BYTES_1, R3, STACK, OUTER);
	copy(p, AT(STACK, OUTER), AT(STACK, FLOW_FIELD(from)), 16);
	program_store(p, BYTES_1, STACK, OUTER, R3);
	copy(p, AT(STACK, FLOW_FIELD(from)), AT(STACK, INNER), 16);
	note_difference(p, INNER, OUTER, seal_difference(plane) + hop_difference());
}

/* All that was found out into its place. */
static void write_entry(struct program *p)
{
	copy(p, AT(ENTRY, ENTRY_FIELD(flow)), AT(STACK, FLOW), sizeof(struct lane_flow));
	program_load(p, BYTES_8, R2, STACK, NOW);
	program_math(p, BPF_ADD, R2, LANE_NS);
	program_store(p, BYTES_8, ENTRY, ENTRY_FIELD(until), R2);
	load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_store(p, BYTES_4, ENTRY, ENTRY_FIELD(link), R2);
	copy(p, AT(ENTRY, ENTRY_FIELD(difference)), AT(STACK, DIFFERENCE), 4);
	copy(p, AT(ENTRY, ENTRY_FIELD(difference_ip)), AT(STACK, DIFFERENCE_IP), 4);
	copy(p, AT(ENTRY, ENTRY_FIELD(macs)), AT(PACKET, 0), 12);
	copy(p, AT(ENTRY, ENTRY_FIELD(address)), AT(STACK, ADDRESS), 16);
}

/* What leaves by up0, whatever it is, is one more in the queue. What has not arrived for so long never will. */
static void count_sent(struct program *p, const struct lane_maps *maps)
{
	load_context(p, R2, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, SENT);
	find_queue(p, maps, OUT);
	program_load(p, BYTES_8, R3, R0, QUEUE_FIELD(last));
	program_math(p, BPF_ADD, R3, LANE_NS);
	program_load(p, BYTES_8, R4, STACK, NOW);
	program_store(p, BYTES_8, R0, QUEUE_FIELD(last), R4);
	program_jump_by(p, BPF_JLT, R4, R3, RECENT);
	program_load(p, BYTES_8, R2, R0, QUEUE_FIELD(sent));
	program_store(p, BYTES_8, R0, QUEUE_FIELD(arrived), R2);
	program_label(p, RECENT);
	count(p, QUEUE_FIELD(sent));
	program_label(p, SENT);
}

void lane_learn(struct program *p, const struct plane *plane, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	program_copy(p, CONTEXT, R1);
	find_time(p);
	count_sent(p, maps);
	load_context(p, R2, CONTEXT_FIELD(mark));
	program_jump(p, BPF_JNE, R2, GATEWAY_JUDGED, OUT);
	read_flow(p);
	put_addresses(p, plane);
	load_context(p, R2, CONTEXT_FIELD(ingress_ifindex));
	program_store(p, BYTES_4, STACK, FLOW_FIELD(link), R2);
	load_context(p, R3, CONTEXT_FIELD(ifindex));
	program_jump(p, BPF_JEQ, R3, LAYOUT_UP_INDEX, OUTWARD);
	program_jump(p, BPF_JNE, R2, LAYOUT_UP_INDEX, OUT);
	note_inward(p, plane);
	program_jump(p, BPF_JA, 0, 0, NOTED);
	program_label(p, OUTWARD);
	program_jump(p, BPF_JLE, R2, LAYOUT_SLOT_INDEX, OUT);
	note_outward(p, plane);
	program_label(p, NOTED);
	find_entry(p, maps);
	write_entry(p);
	end(p, OUT, TC_ACT_OK);
}

void lane_arrive(struct program *p, const struct lane_maps *maps)
{
	memset(p, 0, sizeof(*p));
	find_queue(p, maps, OUT);
	count(p, QUEUE_FIELD(arrived));
	end(p, OUT, TC_ACT_OK);
}
