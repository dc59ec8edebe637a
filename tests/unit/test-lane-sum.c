/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums that a packet socket leaves to hardware, with the place where they are to be written: an actor's packet
 * gets neither into the lane nor to the gateway's stack unless that is its own checksum's place.
 */
#include "lane-wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static void prepare(void)
{
	lab_or_skip(plane_of(0));
	lab_attach();
	wire_open();
}

/* What became of a frame: it was handed to the other link's far end, or left to the stack. hdr_len: see lane-wire.h. */
enum fate { LOST, PASSED, LEFT };

static enum fate fate_of(const struct flow *f, const struct frame *frame, const struct virtio_net_hdr *head,
			 int wait_ms)
{
	const struct wire_end *in = wire_at(flow_ingress(f)), *out = wire_at(flow_egress(f));
	struct wire_arrival is;

	lab_empty_queues();
	(head->hdr_len ? wire_send_paged : wire_send)(in->far, frame, head);
	if (wire_receive(f, out->far, wait_ms, &is))
		return PASSED;
	if (!wire_receive(f, wire_stack(f), 0, &is))
		return LOST;
	if (!head->hdr_len)
		frame_assert_same(&is.frame, frame);
	return LEFT;
}

/* A flow's packet whose own checksum is left does that; for the lane, and for the long way. */
static void assert_good(struct flow *f, bool kept)
{
	struct frame frame;
	struct virtio_net_hdr head;

	f->partial = true;
	frame_come(f, &frame);
	head = wire_left(f);
	assert_int_equal(fate_of(f, &frame, &head, kept ? WIRE_WAIT_MS : 0), kept ? PASSED : LEFT);
}

/* With another place for its checksum: where it ends is what counts. */
static void assert_bad(struct flow *f, uint32_t start, uint32_t offset, bool linear)
{
	struct virtio_net_hdr head = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .hdr_len = (uint16_t)(linear ? 0 : FRAME_IP),
				       .csum_start = (uint16_t)start,
				       .csum_offset = (uint16_t)offset };
	struct frame frame;
	enum fate fate;

	frame_come(f, &frame);
	fate = fate_of(f, &frame, &head, WIRE_LOST_MS);
	if (fate != LOST)
		fail_msg("checksum at %u + %u, its own is at %u: %s", start, offset, flow_checksum(f),
			 fate == PASSED ? "passed" : "left to the stack");
}

#define FIRST 20 /* to begin sooner is refused by the kernel's packet sockets */

/* Addresses, ports, half of itself; with the header where programs read it, or not. */
static void assert_no_other_place(struct flow *f, bool kept)
{
	for (uint32_t place = FIRST; place < flow_checksum(f); place++) {
		assert_bad(f, place % 2 ? FIRST : place, place % 2 ? place - FIRST : 0, place % 3);
		if (place % 8 == 0)
			assert_good(f, kept);
	}
	assert_good(f, kept);
}

/* To look for what must not come takes its time: one slot's flows do. */
static void nothing_else_is_overwritten(void **state)
{
	(void)state;
	prepare();
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		if (!f.outward)
			continue;
		lab_keep_flow(&f);
		assert_no_other_place(&f, true);
		lab_clear();
		assert_no_other_place(&f, false);
	}
}

static bool gets_to_the_stack(const struct flow *f, const struct frame *frame,
			      const struct virtio_net_hdr *head)
{
	struct wire_arrival is;

	wire_send(wire_at(flow_ingress(f))->far, frame, head);
	return wire_receive(f, wire_stack(f), 0, &is);
}

/* The kernel takes tags of priority alone off: one before programs see a frame, more of them after. */
static void tags_hide_nothing(void **state)
{
	(void)state;
	prepare();
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		struct virtio_net_hdr head;
		struct frame frame, tagged;

		if (!f.outward)
			continue;
		f.partial = true;
		head = wire_left(&f);
		frame_come(&f, &frame);
		for (int tags = 1; tags <= 3; tags++) {
			frame_tag(&frame, FRAME_PRIORITY, &tagged);
			frame = tagged;
			head.csum_start = (uint16_t)(head.csum_start + 4);
			assert_int_equal(gets_to_the_stack(&f, &frame, &head), tags == 1);
			head.csum_offset = (uint16_t)(head.csum_offset - 4);
			assert_false(gets_to_the_stack(&f, &frame, &head));
			head.csum_offset = (uint16_t)(head.csum_offset + 4);
		}
	}
}

/* What becomes of a flow's packet whose checksum is to be written so many bytes off its own place? */
static enum fate fate_off(struct flow f, int bytes)
{
	struct virtio_net_hdr head;
	struct frame frame;

	f.partial = true;
	head = wire_left(&f);
	head.csum_offset = (uint16_t)(head.csum_offset + bytes);
	frame_come(&f, &frame);
	return fate_of(&f, &frame, &head, WIRE_LOST_MS);
}

/* Behind it is payload, which may be what a tunnel carries; the worker's packets are not judged by bytes alone. */
static void other_places_are_none_of_ours(void **state)
{
	(void)state;
	prepare();
	for (int kind = 0; kind < KINDS; kind++) {
		const struct flow f = flow_of(plane_of(0), kind);
		const int bytes = f.outward ? 4 : -4;

		lab_clear();
		assert_int_equal(fate_off(f, bytes), LEFT);
		lab_keep_flow(&f);
		assert_int_equal(fate_off(f, bytes), PASSED);
	}
}

/* struct patch - a byte of the IP header; @fate: of what leaves its checksum; without that it is left to the stack */
struct patch {
	uint8_t family, at, value;
	enum fate fate;
};

/* Of fragments and ICMP none is left; options and other protocols are the table's to drop and to count. */
static void of_other_packets_none_is_left(void **state)
{
	static const struct patch patches[] = {
		{ AF_INET, 0, 0x46, LEFT },  { AF_INET, 0, 0x55, LEFT }, { AF_INET, 6, 0x20, LOST },
		{ AF_INET, 7, 1, LOST },     { AF_INET, 9, 1, LOST },	 { AF_INET, 9, 132, LEFT },
		{ AF_INET6, 0, 0x50, LEFT }, { AF_INET6, 6, 44, LOST },	 { AF_INET6, 6, 58, LOST },
		{ AF_INET6, 6, 60, LEFT },   { AF_INET6, 6, 0, LEFT },
	};

	(void)state;
	prepare();
	for (int kind = 0; kind < KINDS; kind++) {
		for (size_t i = 0; i < sizeof(patches) / sizeof(*patches); i++) {
			struct flow f = flow_of(plane_of(0), kind);
			struct virtio_net_hdr none = wire_left(&f), head;
			struct frame frame;

			if (!f.outward || f.family != patches[i].family)
				continue;
			f.partial = true;
			head = wire_left(&f);
			frame_come(&f, &frame);
			frame.bytes[FRAME_IP + patches[i].at] = patches[i].value;
			assert_int_equal(fate_of(&f, &frame, &head, WIRE_LOST_MS), patches[i].fate);
			assert_int_equal(fate_of(&f, &frame, &none, 0), LEFT);
		}
	}
}

/* The next frame that the gateway's stack gets, whatever it is. */
static bool stack_gets_any(const struct flow *f, const struct frame *frame)
{
	const struct virtio_net_hdr none = wire_left(f);
	struct virtio_net_hdr head; /* what is behind it is cut off */

	wire_send(wire_at(flow_ingress(f))->far, frame, &none);
	return recv(wire_stack(f), &head, sizeof(head), MSG_DONTWAIT) == sizeof(head);
}

/* Where there is no header to look at it can't be told either: too short, or there is no memory to get at it. */
static void without_a_header_nothing_goes_on(void **state)
{
	(void)state;
	prepare();
	for (int kind = 0; kind < KINDS; kind++) {
		const struct flow f = flow_of(plane_of(0), kind);
		struct frame frame;

		frame_come(&f, &frame);
		assert_true(stack_gets_any(&f, &frame));
		frame.len = flow_transport(&f) - 1;
		assert_int_equal(stack_gets_any(&f, &frame), !f.outward);
	}
}

/* It can't be told that its checksum is left. */
static void an_address_that_makes_no_difference_has_no_lane(void **state)
{
	struct flow f = flow_of(plane_of(0), 4);
	const uint16_t inner = frame_sum(0, f.plane->inner.bytes, 4);
	uint32_t without = 0;

	(void)state;
	prepare();
	assert_true(f.outward && f.family == AF_INET);
	for (f.slot = 1; f.slot < 65000; f.slot++) {
		const struct addr outer = layout_outer(f.plane, AF_INET, f.slot);
		const bool same = frame_sum(0, outer.bytes, 4) % 0xffff == inner % 0xffff;
		struct lane_entry entry;

		if (!same && f.slot % 9973 != 0)
			continue;
		lab_clear();
		lab_learn_flow(&f);
		assert_int_equal(lab_count(&entry), !same);
		without += same;
	}
	assert_int_equal(without, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_else_is_overwritten),
		cmocka_unit_test(tags_hide_nothing),
		cmocka_unit_test(other_places_are_none_of_ours),
		cmocka_unit_test(of_other_packets_none_is_left),
		cmocka_unit_test(without_a_header_nothing_goes_on),
		cmocka_unit_test(an_address_that_makes_no_difference_has_no_lane),
	};

	return cmocka_run_group_tests_name("lane-sum", tests, NULL, NULL);
}
