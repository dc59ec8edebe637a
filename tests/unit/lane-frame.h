/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of one packet, as it comes into the gateway and as it leaves by the long way; every checksum from scratch. */
#ifndef UNIT_LANE_FRAME_H
#define UNIT_LANE_FRAME_H

#include "plane/layout.h"

#define FRAME_MAX 256
#define FRAME_IP  14 /* where the IP header begins */

/**
 * struct flow - a packet, and which flow it is of
 * @family, @protocol: AF_INET or AF_INET6, IPPROTO_TCP or IPPROTO_UDP
 * @outward:  from the actor to the worker; else the other way
 * @slot:     the actor's
 * @remote:   the address that is not the actor's
 * @hops:     hop limit that it comes in with
 * @payload:  bytes behind the transport's header
 * @word:     the first two of them, host byte order: a checksum can be made what it is to be
 * @id:       IPv4's identification, for the same
 * @no_checksum: of UDP
 * @partial:  the checksum is only the pseudo header's, the rest is left to hardware
 */
struct flow {
	const struct plane *plane;
	uint8_t family, protocol;
	bool outward;
	uint32_t slot;
	struct addr remote;
	uint16_t actor_port, remote_port;
	uint8_t hops;
	uint32_t payload;
	uint16_t word, id;
	bool no_checksum, partial;
};

/** plane_of() - one of PLANES workers, the usual one first. It is overwritten by the next call. */
#define PLANES 3
const struct plane *plane_of(int n);
/** flow_of() - of slot 2, of one of KINDS: both families, both transports, both ways. */
#define KINDS 8
struct flow flow_of(const struct plane *p, int kind);

struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t len;
};

/** flow_ingress(), flow_egress() - number of the gateway's link that it comes in by, and leaves by. */
uint32_t flow_ingress(const struct flow *f);
uint32_t flow_egress(const struct flow *f);
/** flow_transport() - where the transport's header begins in the frame. */
uint32_t flow_transport(const struct flow *f);
/** flow_checksum() - where its checksum is. */
uint32_t flow_checksum(const struct flow *f);
/** flow_headers() - bytes that are not payload. */
uint32_t flow_headers(const struct flow *f);

/** frame_come() - as it comes in; frame_leave() - as it leaves by the long way, frame_pass() by the lane. */
void frame_come(const struct flow *f, struct frame *ret);
void frame_leave(const struct flow *f, struct frame *ret);
void frame_pass(const struct flow *f, struct frame *ret);
/** frame_sum() - the one's complement sum of bytes, not inverted, added to @sum; an odd one has a 0 behind it. */
uint16_t frame_sum(uint32_t sum, const uint8_t *bytes, uint32_t n);
/** frame_word(), frame_set_word() - 16 bits in network byte order. */
uint16_t frame_word(const struct frame *f, uint32_t at);
void frame_set_word(struct frame *f, uint32_t at, uint16_t word);
/** frame_assert_same() - every byte. */
void frame_assert_same(const struct frame *is, const struct frame *want);

#define FRAME_TAGS     3 /* one network, one of a provider's, none but a priority */
#define FRAME_PRIORITY 2
/** frame_tag() - the same with tag @i (IEEE 802.1Q). */
void frame_tag(const struct frame *frame, int i, struct frame *ret);

#endif
