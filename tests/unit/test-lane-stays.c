/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fast lane leaves to the long way, as it came. Each frame here differs a little from one of a flow that is
 * remembered at every place of the memory, and right after each the good one passes.
 */
#include "lane-lab.h"
#include "plane/gateway.h"
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The verdict on what stays: a tag that is still there is an actor's second one (lane-sum.c). */
static uint32_t verdict_on(const struct frame *frame, uint32_t ingress)
{
	const uint16_t type = frame_word(frame, 12);

	return ingress != LAYOUT_UP_INDEX && (type == ETH_P_8021Q || type == ETH_P_8021AD) ? TC_ACT_SHOT
											   : TC_ACT_OK;
}

static void assert_stays(const struct flow *f, const struct frame *frame, uint32_t ingress)
{
	struct frame out;

	assert_int_equal(lab_pass(frame, ingress, &out), verdict_on(frame, ingress));
	frame_assert_same(&out, frame);
	lab_assert_flow_passes(f);
}

/* -- Frames of another sort --------------------------------------------------------------------------------------- */

enum part { FRAME, IP, TRANSPORT };

/**
 * struct patch - bytes that make a good frame one that takes no lane
 * @family, @protocol: of what; 0: of any
 * @at: in that part
 */
struct patch {
	uint8_t family, protocol;
	enum part part;
	uint8_t at, n, bytes[6];
};

static const struct patch patches[] = {
	/* ARP, tagged, MPLS, PPPoE, a length instead of a type */
	{ 0, 0, FRAME, 12, 2, { 0x08, 0x06 } },
	{ 0, 0, FRAME, 12, 2, { 0x81, 0x00 } },
	{ 0, 0, FRAME, 12, 2, { 0x88, 0xa8 } },
	{ 0, 0, FRAME, 12, 2, { 0x88, 0x47 } },
	{ 0, 0, FRAME, 12, 2, { 0x88, 0x64 } },
	{ 0, 0, FRAME, 12, 2, { 0x00, 0x2e } },
	/* the other family's */
	{ AF_INET, 0, FRAME, 12, 2, { 0x86, 0xdd } },
	{ AF_INET6, 0, FRAME, 12, 2, { 0x08, 0x00 } },
	/* options, a header too short, other versions */
	{ AF_INET, 0, IP, 0, 1, { 0x46 } },
	{ AF_INET, 0, IP, 0, 1, { 0x4f } },
	{ AF_INET, 0, IP, 0, 1, { 0x44 } },
	{ AF_INET, 0, IP, 0, 1, { 0x65 } },
	{ AF_INET, 0, IP, 0, 1, { 0x05 } },
	{ AF_INET6, 0, IP, 0, 1, { 0x40 } },
	{ AF_INET6, 0, IP, 0, 1, { 0x45 } },
	{ AF_INET6, 0, IP, 0, 1, { 0x72 } },
	/* fragments: the first, one from the middle, the last */
	{ AF_INET, 0, IP, 6, 2, { 0x20, 0x00 } },
	{ AF_INET, 0, IP, 6, 2, { 0x60, 0x00 } },
	{ AF_INET, 0, IP, 6, 2, { 0x20, 0x01 } },
	{ AF_INET, 0, IP, 6, 2, { 0x00, 0x01 } },
	{ AF_INET, 0, IP, 6, 2, { 0x1f, 0xff } },
	{ AF_INET, 0, IP, 6, 2, { 0x01, 0x00 } },
	/* ICMP, IPv6 in it, GRE, SCTP, UDP-Lite */
	{ AF_INET, 0, IP, 9, 1, { 1 } },
	{ AF_INET, 0, IP, 9, 1, { 41 } },
	{ AF_INET, 0, IP, 9, 1, { 47 } },
	{ AF_INET, 0, IP, 9, 1, { 132 } },
	{ AF_INET, 0, IP, 9, 1, { 136 } },
	/* hop-by-hop, routing, fragment, ESP, AH, ICMPv6, none, destination options, SCTP */
	{ AF_INET6, 0, IP, 6, 1, { 0 } },
	{ AF_INET6, 0, IP, 6, 1, { 43 } },
	{ AF_INET6, 0, IP, 6, 1, { 44 } },
	{ AF_INET6, 0, IP, 6, 1, { 50 } },
	{ AF_INET6, 0, IP, 6, 1, { 51 } },
	{ AF_INET6, 0, IP, 6, 1, { 58 } },
	{ AF_INET6, 0, IP, 6, 1, { 59 } },
	{ AF_INET6, 0, IP, 6, 1, { 60 } },
	{ AF_INET6, 0, IP, 6, 1, { 132 } },
	/* what begins or ends a connection */
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { TH_SYN } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { TH_SYN | TH_ACK } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { TH_FIN } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { TH_FIN | TH_ACK } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { TH_RST } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { TH_RST | TH_ACK } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { TH_PUSH } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { 0 } },
	{ 0, IPPROTO_TCP, TRANSPORT, 13, 1, { 0xff } },
};

#define N_PATCHES (sizeof(patches) / sizeof(*patches))

/* Return: is it one for such a flow? */
static bool apply(const struct patch *patch, const struct flow *f, const struct frame *good,
		  struct frame *ret)
{
	const uint32_t begins[] = { [FRAME] = 0, [IP] = FRAME_IP, [TRANSPORT] = flow_transport(f) };

	if ((patch->family && patch->family != f->family) ||
	    (patch->protocol && patch->protocol != f->protocol))
		return false;
	*ret = *good;
	memcpy(ret->bytes + begins[patch->part] + patch->at, patch->bytes, patch->n);
	return true;
}

static void frames_of_another_sort_stay(void **state)
{
	struct frame good, bad;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_keep_flow(&f);
		frame_come(&f, &good);
		for (size_t i = 0; i < N_PATCHES; i++)
			if (apply(&patches[i], &f, &good, &bad))
				assert_stays(&f, &bad, flow_ingress(&f));
	}
}

static void frames_of_another_sort_are_not_learned(void **state)
{
	struct lane_entry entry;
	struct frame good, bad;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_clear();
		frame_leave(&f, &good);
		for (size_t i = 0; i < N_PATCHES; i++)
			if (apply(&patches[i], &f, &good, &bad))
				lab_learn(&bad, GATEWAY_JUDGED, flow_ingress(&f), flow_egress(&f));
		assert_int_equal(lab_count(&entry), 0);
		lab_learn_flow(&f);
		assert_int_equal(lab_count(&entry), 1);
	}
}

static void tagged_frames_stay(void **state)
{
	struct frame good;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_keep_flow(&f);
		frame_come(&f, &good);
		for (int i = 0; i < FRAME_TAGS; i++) {
			struct frame bad;

			frame_tag(&good, i, &bad);
			assert_stays(&f, &bad, flow_ingress(&f));
		}
	}
}

static void hop_limits_that_end_here_stay(void **state)
{
	struct frame frame;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind), ends = f;

		lab_keep_flow(&f);
		for (ends.hops = 0; ends.hops < 2; ends.hops++) {
			frame_come(&ends, &frame);
			assert_stays(&f, &frame, flow_ingress(&f));
		}
	}
}

static void frames_for_another_link_stay(void **state)
{
	static const uint8_t macs[][6] = {
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01 },
		{ 0x33, 0x33, 0x00, 0x00, 0x00, 0x01 }, { 0x02, 0xa8, 0x1e, 0x00, 0x00, 0x02 },
		{ 0x02, 0xa8, 0x1e, 0x00, 0x00, 0x03 }, { 0 }
	};
	struct frame good, bad;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_keep_flow(&f);
		frame_come(&f, &good);
		for (size_t i = 0; i < sizeof(macs) / sizeof(*macs); i++) {
			bad = good;
			memcpy(bad.bytes, macs[i], sizeof(macs[i]));
			assert_stays(&f, &bad, flow_ingress(&f));
		}
	}
}

/* The same frame by another link that has the MAC address, too. */
static void frames_by_another_link_stay(void **state)
{
	struct frame frame;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_keep_flow(&f);
		frame_come(&f, &frame);
		for (int i = 0; i < LAB_SLOTS; i++)
			if (f.outward && lab_slots[i] != f.slot)
				assert_stays(&f, &frame, LAYOUT_SLOT_INDEX + lab_slots[i]);
		assert_stays(&f, &frame, LAB_STRANGER);
	}
}

/* BPF_PROG_TEST_RUN takes no frame without all of its IP header (EINVAL). */
static uint32_t shortest(const struct flow *f)
{
	return flow_transport(f);
}

/* What is cut within its payload is still the flow's; the long way is always right. */
static void frames_cut_short_stay(void **state)
{
	struct frame good, want, bad, out;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_keep_flow(&f);
		frame_come(&f, &good);
		frame_pass(&f, &want);
		for (uint32_t n = shortest(&f); n < good.len; n++) {
			bad = good;
			bad.len = n;
			if (n < flow_headers(&f) || lab_pass(&bad, flow_ingress(&f), &out) == TC_ACT_OK) {
				assert_stays(&f, &bad, flow_ingress(&f));
				continue;
			}
			want.len = n;
			frame_assert_same(&out, &want);
		}
	}
}

static void frames_cut_short_are_not_learned(void **state)
{
	struct lane_entry entry;
	struct frame frame;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_clear();
		frame_leave(&f, &frame);
		for (frame.len = shortest(&f); frame.len < flow_headers(&f); frame.len++)
			lab_learn(&frame, GATEWAY_JUDGED, flow_ingress(&f), flow_egress(&f));
		assert_int_equal(lab_count(&entry), 0);
		lab_learn_flow(&f);
		assert_int_equal(lab_count(&entry), 1);
	}
}

/* -- Every byte -------------------------------------------------------------------------------------------------- */

/**
 * enum rule - of a bit, if it is another
 * @STAYS:  the frame stays
 * @PASSES: it may pass, the bit is as it came
 * @LOST:   so, and the bit is as the long way has it
 * @HOPS:   so, less one, unless the hops end here
 * @SUM:    so, and the checksum is as wrong as it came
 */
enum rule { STAYS, PASSES, LOST, HOPS, SUM };

static enum rule rule4(uint32_t at, uint8_t bits)
{
	switch (at) {
	case 1: /* DSCP, ECN */
	case 2: /* length */
	case 3:
	case 4: /* identification */
	case 5:
		return PASSES;
	case 6: /* reserved and DF; but not MF or the offset */
		return bits & 0x3f ? STAYS : PASSES;
	case 8:
		return HOPS;
	case 10:
	case 11:
		return SUM;
	default: /* version and header length, offset, protocol, addresses */
		return STAYS;
	}
}

static enum rule rule6(uint32_t at, uint8_t bits)
{
	switch (at) {
	case 0: /* version and traffic class */
		return bits & 0xf0 ? STAYS : PASSES;
	case 1: /* traffic class, flow label */
	case 2:
	case 3:
	case 4: /* length */
	case 5:
		return PASSES;
	case 7:
		return HOPS;
	default: /* next header, addresses */
		return STAYS;
	}
}

/* @at: in the frame. */
static enum rule rule_of(const struct flow *f, uint32_t at, uint8_t bits)
{
	const uint32_t transport = flow_transport(f), sum = flow_checksum(f);

	if (at < FRAME_IP)
		return at >= 6 && at < 12 ? LOST : STAYS; /* source; destination, type */
	if (at < transport)
		return (f->family == AF_INET ? rule4 : rule6)(at - FRAME_IP, bits);
	if (at < transport + 4)
		return STAYS; /* ports */
	if (at == sum || at == sum + 1)
		return SUM;
	if (f->protocol == IPPROTO_TCP && at == transport + 13)
		return bits & (TH_SYN | TH_FIN | TH_RST | TH_ACK) ? STAYS : PASSES;
	return PASSES;
}

/* The checksum at @at moves by what it moves by in a good frame: RFC 1624, equation 3. */
static uint16_t moved(const struct flow *f, const struct frame *bad, uint32_t at)
{
	const bool udp = f->protocol == IPPROTO_UDP && at == flow_checksum(f);
	struct frame in, out;
	uint8_t words[6];
	uint16_t sum;

	frame_come(f, &in);
	frame_pass(f, &out);
	if (udp && frame_word(bad, at) == 0)
		return 0;
	for (int i = 0; i < 2; i++) {
		words[i] = (uint8_t)~bad->bytes[at + (uint32_t)i];
		words[2 + i] = in.bytes[at + (uint32_t)i];
		words[4 + i] = (uint8_t)~out.bytes[at + (uint32_t)i];
	}
	sum = (uint16_t)~frame_sum(0, words, sizeof(words));
	return udp && sum == 0 ? 0xffff : sum;
}

/* What must come of a frame whose byte at @at is another. */
static void expect(const struct flow *f, const struct frame *bad, uint32_t at, enum rule rule,
		   struct frame *ret)
{
	const uint32_t word = at - (at - FRAME_IP) % 2;

	frame_pass(f, ret);
	if (rule == PASSES)
		ret->bytes[at] = bad->bytes[at];
	else if (rule == HOPS)
		ret->bytes[at] = (uint8_t)(bad->bytes[at] - 1);
	else if (rule == SUM)
		frame_set_word(ret, word, moved(f, bad, word));
}

static void check_byte(const struct flow *f, const struct frame *bad, uint32_t at, uint8_t bits)
{
	enum rule rule = rule_of(f, at, bits);
	struct frame out, want;
	uint32_t verdict;

	if (rule == HOPS && bad->bytes[at] < 2)
		rule = STAYS;
	verdict = lab_pass(bad, flow_ingress(f), &out);
	if (verdict == LAB_REDIRECT && rule != STAYS) {
		expect(f, bad, at, rule, &want);
		frame_assert_same(&out, &want);
		return;
	}
	if (verdict != verdict_on(bad, flow_ingress(f)))
		fail_msg("byte %u, %#x made %#x: verdict %u", at, bad->bytes[at] ^ bits, bad->bytes[at],
			 verdict);
	frame_assert_same(&out, bad);
}

/* Single bits among them. */
static void any_value_of_any_byte_is_the_flows_or_stays(void **state)
{
	struct frame good, bad;

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		f.hops = 3; /* a single bit makes 2 of it, or 1 */
		lab_keep_flow(&f);
		frame_come(&f, &good);
		for (uint32_t at = 0; at < flow_transport(&f) + 20; at++) {
			for (int bits = 1; bits < 256; bits++) {
				bad = good;
				bad.bytes[at] ^= (uint8_t)bits;
				check_byte(&f, &bad, at, (uint8_t)bits);
			}
			lab_assert_flow_passes(&f);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_another_sort_stay),
		cmocka_unit_test(frames_of_another_sort_are_not_learned),
		cmocka_unit_test(tagged_frames_stay),
		cmocka_unit_test(hop_limits_that_end_here_stay),
		cmocka_unit_test(frames_for_another_link_stay),
		cmocka_unit_test(frames_by_another_link_stay),
		cmocka_unit_test(frames_cut_short_stay),
		cmocka_unit_test(frames_cut_short_are_not_learned),
		cmocka_unit_test(any_value_of_any_byte_is_the_flows_or_stays),
	};

	return cmocka_run_group_tests_name("lane-stays", tests, NULL, NULL);
}
