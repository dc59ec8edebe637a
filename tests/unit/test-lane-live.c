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

static void send_frame(const struct flow *f, const struct frame *frame)
{
	struct virtio_net_hdr head = { .flags = 0 };
	struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)(uintptr_t)frame->bytes, frame->len } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (f->partial)
		head = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						.csum_start = (uint16_t)flow_transport(f),
						.csum_offset =
							(uint16_t)(flow_checksum(f) - flow_transport(f)) };
	assert_int_equal(sendmsg(sockets[end_of(flow_ingress(f))], &message, 0), sizeof(head) + frame->len);
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
	frame_leave(f, &frame);
	if (!receive(f, sockets[out], WAIT_MS, &is))
		fail_msg("nothing came out by %u", flow_egress(f));
	frame_assert_same(&is.frame, &frame);
	assert_int_equal(is.head.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
			 f->partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
	while (receive(f, taps[out], 0, &is))
		queued = queued || is.outgoing;
	return queued;
}

/* To an actor always by the queue; to the worker past it, if nothing is in it. */
static void assert_comes_out(const struct flow *f)
{
	static const struct lane_queue empty = { .sent = 0 };

	lab_write_queue(&empty);
	assert_int_equal(comes_out_by_queue(f), flow_egress(f) != LAYOUT_UP_INDEX);
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

static struct flow flow_outward(void)
{
	struct flow f = flow_of(plane_of(0), 0);

	for (int kind = 1; flow_egress(&f) != LAYOUT_UP_INDEX; kind++) {
		assert_true(kind < KINDS);
		f = flow_of(plane_of(0), kind);
	}
	return f;
}

static void nothing_overtakes_what_is_on_its_way_to_the_worker(void **state)
{
	static const struct lane_queue waiting = { .sent = 5, .arrived = 4, .last = UINT64_MAX / 2 },
				       lost = { .sent = 5, .arrived = 4, .last = 1 },
				       empty = { .sent = 5, .arrived = 5, .last = UINT64_MAX / 2 };
	struct frame frame;
	struct flow f;

	(void)state;
	prepare();
	f = flow_outward();
	lab_keep_flow(&f);
	lab_write_queue(&waiting);
	assert_true(comes_out_by_queue(&f));
	lab_write_queue(&empty);
	assert_false(comes_out_by_queue(&f));
	assert_int_equal(lab_read_queue().sent, 6);
	assert_int_equal(lab_read_queue().arrived, 5);
	assert_true(comes_out_by_queue(&f));
	frame_leave(&f, &frame);
	lab_write_queue(&lost); /* long ago: the next one to be sent finds that out */
	assert_true(comes_out_by_queue(&f));
	lab_learn(&frame, 0, 0, LAYOUT_UP_INDEX);
	assert_true(comes_out_by_queue(&f));
	lab_arrive(&frame);
	assert_false(comes_out_by_queue(&f));
}

static void what_is_sent_and_arrives_is_counted(void **state)
{
	static const struct lane_queue none = { .sent = 0 };
	struct frame frame;
	struct flow f;

	(void)state;
	prepare();
	f = flow_outward();
	frame_leave(&f, &frame);
	for (uint64_t n = 1; n <= 3; n++) {
		/* the last one was a moment ago, however long this test is kept waiting */
		const struct lane_queue before = { n - 1, 2 * (n - 1), UINT64_MAX / 2 };

		lab_write_queue(&before);
		lab_learn(&frame, 0, 0, LAYOUT_UP_INDEX); /* whatever it is */
		lab_arrive(&frame);
		lab_arrive(&frame);
		assert_int_equal(lab_read_queue().sent, n);
		assert_int_equal(lab_read_queue().arrived, 2 * n);
		assert_true(lab_read_queue().last < UINT64_MAX / 2);
	}
	lab_learn(&frame, 0, LAYOUT_UP_INDEX, LAYOUT_SLOT_INDEX + lab_slots[0]); /* not to the worker */
	assert_int_equal(lab_read_queue().sent, 3);
	lab_write_queue(&none);
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
		cmocka_unit_test(what_is_sent_and_arrives_is_counted),
	};

	return cmocka_run_group_tests_name("lane-live", tests, NULL, NULL);
}
