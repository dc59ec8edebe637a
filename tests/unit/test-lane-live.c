/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast lane at links, with frames sent through it: by which link they come out, and what no frame given to
 * BPF_PROG_TEST_RUN can have. There is no long way here: what stays is lost.
 */
#include "lane-lab.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 2000

/* The worker's, the slots'; at the far ends, and at the gateway's. */
#define ENDS (1 + LAB_SLOTS)
static int sockets[ENDS], taps[ENDS];

static int end_of(uint32_t link)
{
	for (int i = 0; i < LAB_SLOTS; i++)
		if (link == LAYOUT_SLOT_INDEX + lab_slots[i])
			return 1 + i;
	return 0;
}

static void send_from(int fd, const struct flow *f, const struct frame *frame)
{
	struct virtio_net_hdr head = { .flags = 0 };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)frame->bytes, frame->len } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (f->partial)
		head = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.csum_start = (uint16_t)flow_transport(f),
						.csum_offset =
							(uint16_t)(flow_checksum(f) - flow_transport(f)) };
	assert_int_equal(sendmsg(fd, &message, 0), sizeof(head) + frame->len);
}

static void send_frame(const struct flow *f, const struct frame *frame)
{
	send_from(sockets[end_of(flow_ingress(f))], f, frame);
}

/* Is it one that was sent here, not what the kernel says by itself? All have this one's ports. */
static bool is_ours(const struct flow *f, const struct frame *frame)
{
	const uint32_t ports = flow_transport(f);

	return frame->len >= ports + 4 &&
	       frame_word(frame, ports) + frame_word(frame, ports + 2) == 8080 + 54321;
}

struct arrival {
	struct virtio_net_hdr head;
	struct frame frame;
	bool outgoing; /* at a tap */
};

/* The next of ours at a socket. Return: false if there is none within that time. */
static bool receive(const struct flow *f, int fd, int wait_ms, struct arrival *ret)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct sockaddr_ll from;
	struct iovec parts[2] = { { &ret->head, sizeof(ret->head) }, { ret->frame.bytes, FRAME_MAX } };

	for (;;) {
		struct msghdr message = {
			.msg_iov = parts, .msg_iovlen = 2, .msg_name = &from, .msg_namelen = sizeof(from)
		};
		ssize_t n = recvmsg(fd, &message, 0);

		ret->frame.len = n < 0 ? 0 : (uint32_t)((size_t)n - sizeof(ret->head));
		ret->outgoing = n >= 0 && from.sll_pkttype == PACKET_OUTGOING;
		if (n >= 0 && is_ours(f, &ret->frame))
			return true;
		if (n < 0 && (errno != EAGAIN || poll(&p, 1, wait_ms) <= 0))
			return false;
	}
}

/* Return: was it handed to the gateway's end and sent by that? */
static bool comes_out_by_queue(const struct flow *f)
{
	const int out = end_of(flow_egress(f));
	bool queued = false;
	struct arrival is;
	struct frame frame;

	frame_come(f, &frame);
	send_frame(f, &frame);
	frame_pass(f, &frame);
	if (!receive(f, sockets[out], WAIT_MS, &is))
		fail_msg("nothing came out by %u", flow_egress(f));
	frame_assert_same(&is.frame, &frame);
	assert_int_equal(is.head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
			 f->partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
	while (receive(f, taps[out], 0, &is))
		queued = queued || is.outgoing;
	return queued;
}

/* Past the queue, if nothing is in it. */
static void assert_comes_out(const struct flow *f)
{
	const struct lane_queue empty = lab_empty(0, 0);

	lab_write_queue(&empty);
	lab_write_far(&empty);
	assert_false(comes_out_by_queue(f));
}

static void prepare(void)
{
	static bool attached;

	if (attached) {
		lab_clear();
		return;
	}
	lab_or_skip(plane_of(0));
	attached = true;
	lab_attach();
	for (int i = 0; i < ENDS; i++) {
		const uint32_t link = i == 0 ? LAYOUT_UP_INDEX : LAYOUT_SLOT_INDEX + lab_slots[i - 1];

		sockets[i] = lab_socket(link);
		taps[i] = lab_tap(link);
	}
}

static void what_passes_comes_out_by_the_right_link_alone(void **state)
{
	struct arrival any;

	(void)state;
	prepare();
	for (int i = 0; i < KINDS * LAB_SLOTS; i++) {
		struct flow f = flow_of(plane_of(0), i % KINDS);

		f.slot = lab_slots[i / KINDS];
		lab_keep_flow(&f);
		assert_comes_out(&f);
		for (int j = 0; j < ENDS; j++)
			assert_false(receive(&f, sockets[j], 0, &any));
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

/* What is left to the long way is lost here; else it would come out before the next. */
static void assert_stays(struct flow *f, const struct lane_queue *queue)
{
	struct frame frame;

	lab_write_queue(queue);
	frame_come(f, &frame);
	send_frame(f, &frame);
	f->word++;
	assert_comes_out(f);
}

static const uint64_t counts[] = { 0, 1, 7, 255, 256, 65534, 65535, 65536, 1234567890123 };
#define N_COUNTS (sizeof(counts) / sizeof(*counts))

/* Until the last one that was sent there has arrived. */
static void nothing_overtakes_what_is_on_its_way_to_the_worker(void **state)
{
	struct flow f;

	(void)state;
	prepare();
	f = flow_bound(true);
	lab_keep_flow(&f);
	for (size_t i = 0; i < N_COUNTS; i++) {
		const struct lane_queue empty = lab_empty(counts[i], 99);

		lab_write_queue(&empty);
		assert_false(comes_out_by_queue(&f));
		assert_int_equal(lab_read_queue().to_worker, counts[i]);
		assert_int_equal(lab_read_far().arrived, empty.arrived);
		for (uint64_t sent = 1; sent < 65536; sent += sent < 16 ? 1 : 4093) {
			struct lane_queue waiting = empty;

			waiting.to_worker += sent;
			assert_stays(&f, &waiting);
		}
	}
}

/* What was sent since the packet was stamped is still before it. What was sent to others is no actor's to know. */
static void nothing_overtakes_what_is_on_its_way_to_an_actor(void **state)
{
	struct flow f;

	(void)state;
	prepare();
	f = flow_bound(false);
	lab_keep_flow(&f);
	for (size_t i = 0; i < N_COUNTS; i++) {
		const struct lane_queue queue = { 99, counts[i], 1 };

		lab_write_far(&queue);
		lab_write_queue(&queue);
		assert_false(comes_out_by_queue(&f));
		assert_int_equal(lab_read_queue().to_actors, counts[i]);
		assert_int_equal(lab_read_far().arrived, 0);
		for (uint64_t sent = 1; sent < 65536; sent += sent < 16 ? 1 : 4093) {
			const struct lane_queue before = { 99, counts[i] - sent, 1 };

			lab_write_queue(&queue);
			lab_write_far(&before);
			assert_true(comes_out_by_queue(&f));
			assert_int_equal(lab_read_queue().to_actors, counts[i] + 1);
			assert_int_equal(lab_read_far().arrived, 0);
		}
	}
}

/* Whatever it is; to the worker with its number, which is noted there. */
static void what_is_sent_is_counted_and_stamped(void **state)
{
	struct flow f;

	(void)state;
	prepare();
	f = flow_bound(true);
	for (size_t i = 0; i < N_COUNTS; i++) {
		const struct lane_queue before = lab_empty(counts[i], 7), after = lab_empty(counts[i] + 1, 7);
		struct frame frame;
		struct arrival is;

		lab_write_queue(&before);
		lab_write_far(&before);
		frame_leave(&f, &frame);
		send_from(taps[0], &f, &frame);
		assert_true(receive(&f, sockets[0], WAIT_MS, &is));
		frame_assert_same(&is.frame, &frame);
		assert_int_equal(lab_read_queue().to_worker, counts[i] + 1);
		assert_int_equal(lab_read_queue().to_actors, 7);
		assert_int_equal(lab_read_far().arrived, after.arrived);
		for (int j = 0; j < LAB_SLOTS; j++)
			lab_learn(&frame, 0, LAYOUT_UP_INDEX, LAYOUT_SLOT_INDEX + lab_slots[j]);
		assert_int_equal(lab_read_queue().to_worker, counts[i] + 1);
		assert_int_equal(lab_read_queue().to_actors, 7 + LAB_SLOTS);
		while (receive(&f, taps[0], 0, &is))
			;
	}
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
		cmocka_unit_test(nothing_overtakes_what_is_on_its_way_to_the_worker),
		cmocka_unit_test(nothing_overtakes_what_is_on_its_way_to_an_actor),
		cmocka_unit_test(what_is_sent_is_counted_and_stamped),
	};

	return cmocka_run_group_tests_name("lane-live", tests, NULL, NULL);
}
