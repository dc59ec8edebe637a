/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fast lane's programs have in common: where things are, and the steps that both take. Each function here
 * appends a step to a program. The families' packets are handled apart, by the same steps with other numbers.
 */
#ifndef PLANE_LANE_CODE_H
#define PLANE_LANE_CODE_H

#include "plane/lane.h"
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stddef.h>

/* Places of fields in a frame, in a transport's header. */
enum {
	IP = ETH_HLEN,
	IP4_FRAGMENT = IP + 6,
	IP4_CHECKSUM = IP + 10,
	TCP_FLAGS = 13,
	TCP_LEN = 20,
	UDP_LEN = 8,
};

/**
 * struct lane_ip - what is particular to a family; places are in a frame
 * @protocol, @hops, @from, @payload: the protocol's byte, the hop limit's, the source's first, the transport's first
 * @len:       bytes of an address; the destination is behind the source
 * @family:    4 or 6, in lane_flow.protocol
 * @labels:    its own begin behind this
 */
struct lane_ip {
	uint16_t ethertype;
	int16_t protocol, hops, from, payload;
	int len, family;
	uint8_t labels;
};

extern const struct lane_ip lane_ip4, lane_ip6;

/* Registers for the length of a program. LINK: number of the packet's link. */
#define CONTEXT R6
#define PACKET	R7
#define LINK	R8
#define ENTRY	R9
#define STACK	R10

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
	WORD = STEP - 8,
};

#define FLOW_WORD(i)	    (int16_t)(FLOW + 8 * (i)) /* 8 bytes each */
#define FLOW_FIELD(field)   (int16_t)(FLOW + (int)offsetof(struct lane_flow, field))
#define ENTRY_FIELD(field)  (int16_t) offsetof(struct lane_entry, field)
#define QUEUE_FIELD(field)  (int16_t) offsetof(struct lane_queue, field)
#define CONTEXT_FIELD(name) (int16_t) offsetof(struct __sk_buff, name)

enum label {
	OUT = 1,
	DROP,
	V6,
	COME,
	BY_LINK,
	GO_ON,
	LEFT6,
	LABELS, /* from here on one of each a family: OWN() */
	PLAIN = 0,
	ACTORS,
	TCP,
	NO_SUM,
	SUMMED,
	LEFT_TCP,
	LEFT_UDP,
	INWARD,
	OUTWARD,
	READY,
	OWN_LABELS,
};

#define OWN(ip, label) (uint8_t)((ip)->labels + (label))

/* Where bytes are: an offset from what a register points to. */
struct place {
	uint8_t base;
	int16_t offset;
};

#define AT(base, offset) ((struct place){ base, (int16_t)(offset) })

/** code_begin() - CONTEXT and LINK, for good. */
void code_begin(struct program *p);
/** code_load_context() - @to = a field of the packet's context (CONTEXT_FIELD). */
void code_load_context(struct program *p, uint8_t to, int16_t field);
/** code_load_packet() - PACKET and R5 = its begin and end, anew after each call that may have moved it. */
void code_load_packet(struct program *p);
/** code_need() - is so much of it there to be read? The verifier wants to see that. R4 is lost. */
void code_need(struct program *p, int bytes, uint8_t otherwise);
/** code_put() - constant bytes, 4 by 4. */
void code_put(struct program *p, struct place to, const uint8_t *bytes, int n);
/** code_copy() - @n bytes, 4 by 4. R2 is lost. */
void code_copy(struct program *p, struct place to, struct place from, int n);
/** code_fold() - R2 = a sum folded to 16 bits. R3 is lost. */
void code_fold(struct program *p, int times);
/** code_find_time() - NOW and R0 = the monotonic clock, ns. */
void code_find_time(struct program *p);
/** code_families() - to V6 with a packet of IPv6, to OUT with one of neither. PACKET, R5 as code_load_packet(). */
void code_families(struct program *p);
/** code_check_ip() - to @odd unless it is IPv4 without options, or IPv6; to @fragment with one of IPv4. R2 is lost. */
void code_check_ip(struct program *p, const struct lane_ip *ip, uint8_t odd, uint8_t fragment);
/** code_read_flow() - the packet's flow onto the stack, but for its link; to OUT with what takes no lane. */
void code_read_flow(struct program *p, const struct lane_ip *ip);
/** code_words() - of a flow: so much of it, 8 bytes each, says all of this family's. */
int code_words(const struct lane_ip *ip);
/** code_find_place() - R0 = the place of an array that INDEX says. */
void code_find_place(struct program *p, int array_fd, uint8_t otherwise);
/** code_find_entry() - ENTRY = the flow's place in the memory. */
void code_find_entry(struct program *p, const struct lane_maps *maps, const struct lane_ip *ip);
/** code_find_queue() - R0 = the queue of what leaves by the packet's link, or by the other side's (@across). */
void code_find_queue(struct program *p, const struct lane_maps *maps, bool across, uint8_t otherwise);
/** code_find_step() - STEP = what this processor adds to numbers of packets. R0 is lost. */
void code_find_step(struct program *p);
/** code_write_sum() - the transport's checksum; to OUT, and nothing is changed, if the packet can't be written to. */
void code_write_sum(struct program *p, const struct lane_ip *ip);
/** code_check_sum() - to GO_ON; to DROP with an actor's packet that has something else overwritten by its checksum. */
void code_check_sum(struct program *p);
/** code_hand_over() - the end: to the link whose number R1 is, by a function for that (BPF_FUNC_redirect*). */
void code_hand_over(struct program *p, int32_t function, int32_t flags);
/** code_end() - here it ends, with a verdict. */
void code_end(struct program *p, uint8_t label, int32_t verdict);

#endif
