/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast lane at links, with frames sent through it: by which link they come out, and what no frame given to
 * BPF_PROG_TEST_RUN can have. There is no long way here: what stays is lost.
 */
#include "lane-wire.h"
#include <linux/if_packet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static void send_frame(const struct flow *f, const struct frame *frame)
{
	const struct virtio_net_hdr head = wire_left(f);

	wire_send(wire_at(flow_ingress(f))->far, frame, &head);
}

/* Return: was it sent by the gateway's end, where it would be seen, as what leaves or as what comes in again? */
static bool comes_out_by_queue(const struct flow *f)
{
	const struct wire_end *out = wire_at(flow_egress(f));
	struct wire_arrival is;
	struct frame frame;

	while (wire_receive(f, out->near, 0, &is))
		;
	frame_come(f, &frame);
	send_frame(f, &frame);
	frame_pass(f, &frame);
	if (!wire_receive(f, out->far, WIRE_WAIT_MS, &is))
		fail_msg("nothing came out by %u", flow_egress(f));
	frame_assert_same(&is.frame, &frame);
	assert_int_equal(is.type, PACKET_HOST);
	assert_int_equal(is.mark, 0);
	assert_int_equal(is.head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
			 f->partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
	return wire_receive(f, out->near, 0, &is);
}

/* Past the queue, if nothing is in it. */
static void assert_comes_out(const struct flow *f)
{
	lab_empty_queues();
	assert_false(comes_out_by_queue(f));
}

static void prepare_as(bool counted)
{
	static enum { NOTHING, UNCOUNTED, COUNTED } attached;

	if (attached == (counted ? COUNTED : UNCOUNTED)) {
		lab_clear();
		return;
	}
	(counted ? lab_or_skip : lab_uncounted)(plane_of(0));
	lab_attach();
	wire_open();
	attached = counted ? COUNTED : UNCOUNTED;
}

static void prepare(void)
{
	prepare_as(true);
}

static void what_passes_comes_out_by_the_right_link_alone(void **state)
{
	struct wire_arrival any;

	(void)state;
	prepare();
	for (int i = 0; i < KINDS * LAB_SLOTS; i++) {
		struct flow f = flow_of(plane_of(0), i % KINDS);

		f.slot = lab_slots[i / KINDS];
		lab_keep_flow(&f);
		assert_comes_out(&f);
		for (int j = 0; j < WIRE_ENDS; j++)
			assert_false(wire_receive(&f, wire_at(wire_link(j))->far, 0, &any));
	}
}

static struct flow flow_bound(bool outward)
{
	struct flow f = flow_of(plane_of(0), 0);

	for (int kind = 1; f.outward != outward; kind++) {
		assert_true(kind < KINDS);
		f = flow_of(plane_of(0), kind);
	}
	return f;
}

static uint32_t way_of(const struct flow *f)
{
	return f->outward ? LANE_TO_WORKER : LANE_TO_ACTORS;
}

static const uint64_t numbers[] = { 0, 1, 7, 255, 256, 65535, LANE_NUMBERS - 1, LANE_NUMBERS };
#define N_NUMBERS (sizeof(numbers) / sizeof(*numbers))

/* Until the last one that was sent that way has come. What stays is lost here, or it would come out before the next. */
static void nothing_overtakes_what_is_on_its_way(void **state)
{
	(void)state;
	prepare();
	for (int i = 0; i < 2 * (int)N_NUMBERS; i++) {
		struct flow f = flow_bound(i % 2);
		const uint64_t number = numbers[i / 2];
		struct frame frame;

		lab_keep_flow(&f);
		lab_write_queue(way_of(&f), number, number);
		lab_write_queue(!way_of(&f), 5, 4); /* the other way's is no matter */
		assert_false(comes_out_by_queue(&f));
		for (uint64_t sent = 1; sent < LANE_NUMBERS; sent *= 3) {
			lab_write_queue(way_of(&f), (number + sent) & LANE_NUMBERS, number);
			frame_come(&f, &frame);
			send_frame(&f, &frame);
			f.word++;
			assert_comes_out(&f);
		}
	}
}

/* To the other end, as it is but that it is the other's, by the same queue as all that comes in. */
static void assert_sent(const struct flow *f, const struct frame *frame, int end)
{
	const struct wire_end *at = wire_at(wire_link(end));
	const struct virtio_net_hdr head = wire_left(f);
	struct wire_arrival is;

	wire_send(at->near, frame, &head);
	assert_true(wire_receive(f, at->far, WIRE_WAIT_MS, &is));
	frame_assert_same(&is.frame, frame);
	assert_int_equal(is.type, PACKET_HOST);
	assert_int_equal(is.mark, 0);
	for (int i = 0; i < WIRE_ENDS; i++)
		while (wire_receive(f, wire_at(wire_link(i))->near, 0, &is))
			;
}

/* Whatever it is, by any link. */
static void what_is_sent_has_its_number_and_comes_again(void **state)
{
	static const uint8_t group[] = { 0x33, 0x33, 0, 0, 0, 1 };

	(void)state;
	prepare();
	for (int i = 0; i < WIRE_ENDS * (int)N_NUMBERS; i++) {
		struct flow f = flow_bound(i % WIRE_ENDS == 0);
		const uint64_t before = numbers[i / WIRE_ENDS], after = (before + 1) & LANE_NUMBERS;
		struct frame frame;

		lab_write_queue(way_of(&f), before, before);
		lab_write_queue(!way_of(&f), 5, 4);
		frame_leave(&f, &frame);
		assert_sent(&f, &frame, i % WIRE_ENDS);
		assert_int_equal(lab_read_queue(way_of(&f)).sent, after);
		assert_int_equal(lab_read_queue(way_of(&f)).come, after);
		memcpy(frame.bytes, group, sizeof(group));
		assert_sent(&f, &frame, i % WIRE_ENDS);
		assert_int_equal(lab_read_queue(way_of(&f)).come, (after + 1) & LANE_NUMBERS);
		assert_int_equal(lab_read_queue(!way_of(&f)).sent, 5);
		assert_int_equal(lab_read_queue(!way_of(&f)).come, 4);
		assert_int_equal(lab_learn(&frame, 0, 0, wire_link(i % WIRE_ENDS)), lab_mark(after + 2));
	}
}

/* Only what this processor sent has come: another's number, which is some way from it, is no such one. */
static void a_mark_is_a_processors_own(void **state)
{
	(void)state;
	prepare();
	for (size_t i = 0; i < N_NUMBERS; i++) {
		struct flow f = flow_bound(true);
		struct frame frame, out;

		frame_leave(&f, &frame);
		lab_write_queue(LANE_TO_WORKER, numbers[i], 0);
		assert_int_equal(lab_pass_marked(&frame, LAYOUT_UP_INDEX, lab_mark(numbers[i]), &out),
				 LAB_REDIRECT);
		assert_int_equal(lab_read_queue(LANE_TO_WORKER).come, numbers[i]);
		assert_int_equal(
			lab_pass_marked(&frame, LAYOUT_UP_INDEX, lab_mark(numbers[i] + LANE_STEP), &out),
			LAB_REDIRECT);
		assert_int_not_equal(lab_read_queue(LANE_TO_WORKER).come, numbers[i]);
	}
}

/* A socket's mark stays in its namespace. */
static void nobody_else_can_mark_a_packet(void **state)
{
	const uint32_t mark = lab_mark(3), none = 0;

	(void)state;
	prepare();
	for (int i = 0; i < 2; i++) {
		struct flow f = flow_bound(i);
		const int fd = wire_at(flow_ingress(&f))->far;
		struct wire_arrival any;
		struct frame frame;

		lab_keep_flow(&f);
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
		assert_comes_out(&f);
		lab_clear();
		frame_come(&f, &frame);
		send_frame(&f, &frame); /* now it is lost, rather than handed back */
		assert_false(wire_receive(&f, fd, WIRE_LOST_MS, &any));
		for (uint32_t way = 0; way < LANE_WAYS; way++)
			assert_int_equal(lab_read_queue(way).come, 0);
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &none, sizeof(none)), 0);
	}
}

/* So that a link's own counters have what it sends; by the queue, so in order. */
static void where_it_is_not_counted_an_actors_end_is_handed_nothing(void **state)
{
	(void)state;
	prepare_as(false);
	for (int i = 0; i < KINDS * LAB_SLOTS; i++) {
		struct flow f = flow_of(plane_of(0), i % KINDS);

		f.slot = lab_slots[i / KINDS];
		lab_keep_flow(&f);
		lab_empty_queues();
		assert_int_equal(comes_out_by_queue(&f), !f.outward);
		assert_int_equal(lab_read_queue(LANE_TO_ACTORS).sent, 0);
	}
	for (int end = 0; end < WIRE_ENDS; end++) {
		const struct flow f = flow_bound(end == 0);
		struct frame frame;

		frame_leave(&f, &frame);
		assert_sent(&f, &frame, end);
	}
	assert_int_equal(lab_read_queue(LANE_TO_WORKER).sent, 1);
	assert_int_equal(lab_read_queue(LANE_TO_ACTORS).sent, 0);
}

/* As most do that a stack on the same machine sent. */
static void checksums_left_to_hardware_stay_so(void **state)
{
	(void)state;
	prepare();
	for (int i = 0; i < KINDS * LAB_SLOTS; i++) {
		struct flow f = flow_of(plane_of(0), i % KINDS);

		f.slot = lab_slots[i / KINDS];
		lab_keep_flow(&f);
		f.partial = true;
		assert_comes_out(&f);
	}
}

/* What was sent before the good one would come out before it. */
static void tagged_frames_stay(void **state)
{
	(void)state;
	prepare();
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		struct frame good;

		lab_keep_flow(&f);
		frame_come(&f, &good);
		for (int i = 0; i < FRAME_TAGS; i++) {
			struct frame bad;

			frame_tag(&good, i, &bad);
			send_frame(&f, &bad);
			f.word++;
			assert_comes_out(&f);
		}
	}
}

static void frames_cut_short_stay(void **state)
{
	(void)state;
	prepare();
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		struct frame frame;

		lab_keep_flow(&f);
		frame_come(&f, &frame);
		for (frame.len = FRAME_IP; frame.len < flow_headers(&f); frame.len++) {
			send_frame(&f, &frame);
			f.word++;
			assert_comes_out(&f);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_passes_comes_out_by_the_right_link_alone),
		cmocka_unit_test(checksums_left_to_hardware_stay_so),
		cmocka_unit_test(tagged_frames_stay),
		cmocka_unit_test(frames_cut_short_stay),
		cmocka_unit_test(nothing_overtakes_what_is_on_its_way),
		cmocka_unit_test(what_is_sent_has_its_number_and_comes_again),
		cmocka_unit_test(a_mark_is_a_processors_own),
		cmocka_unit_test(nobody_else_can_mark_a_packet),
		cmocka_unit_test(where_it_is_not_counted_an_actors_end_is_handed_nothing),
	};

	return cmocka_run_group_tests_name("lane-live", tests, NULL, NULL);
}
