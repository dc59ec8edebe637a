/* SPDX-License-Identifier: Apache-2.0 */
/* Packet sockets at the lab's links. */
#include "lane-wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cmocka.h>

static struct wire_end ends[WIRE_ENDS];

uint32_t wire_link(int end)
{
	return end == 0 ? LAYOUT_UP_INDEX : LAYOUT_SLOT_INDEX + lab_slots[end - 1];
}

const struct wire_end *wire_at(uint32_t link)
{
	for (int i = 0; i < WIRE_ENDS; i++)
		if (link == wire_link(i))
			return &ends[i];
	fail_msg("no end at link %u", link);
	return NULL;
}

int wire_stack(const struct flow *f)
{
	return wire_at(flow_ingress(f))->stack[f->family == AF_INET6];
}

void wire_open(void)
{
	static bool open;

	for (int i = 0; !open && i < WIRE_ENDS; i++) {
		const uint32_t link = wire_link(i);

		ends[i] = (struct wire_end){ .far = lab_far_socket(link),
					     .near = lab_socket(link, ETH_P_ALL),
					     .stack = { lab_socket(link, ETH_P_IP),
							lab_socket(link, ETH_P_IPV6) } };
	}
	open = true;
}

struct virtio_net_hdr wire_left(const struct flow *f)
{
	if (!f->partial)
		return (struct virtio_net_hdr){ .flags = 0 };
	return (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					.csum_start = (uint16_t)flow_transport(f),
					.csum_offset = (uint16_t)(flow_checksum(f) - flow_transport(f)) };
}

static void send_padded(int fd, const struct frame *frame, const struct virtio_net_hdr *head, size_t n)
{
	static uint8_t padding[LAB_MTU / 2];
	struct iovec parts[3] = { { (void *)(uintptr_t)head, sizeof(*head) },
				  { (void *)(uintptr_t)frame->bytes, frame->len },
				  { padding, n } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };

	assert_true(n <= sizeof(padding));
	assert_int_equal(sendmsg(fd, &message, 0), sizeof(*head) + frame->len + n);
}

void wire_send(int fd, const struct frame *frame, const struct virtio_net_hdr *head)
{
	send_padded(fd, frame, head, 0);
}

void wire_send_paged(int fd, const struct frame *frame, const struct virtio_net_hdr *head)
{
	send_padded(fd, frame, head, LAB_MTU / 2);
}

/* Is it one that was sent here, not what the kernel says by itself? */
static bool is_ours(const struct flow *f, const struct frame *frame)
{
	const uint32_t ports = flow_transport(f);

	return frame->len >= ports + 4 &&
	       frame_word(frame, ports) + frame_word(frame, ports + 2) == f->actor_port + f->remote_port;
}

static uint32_t mark_of(struct msghdr *message)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(message);
	uint32_t mark;

	assert_non_null(c);
	assert_int_equal(c->cmsg_type, SO_MARK);
	memcpy(&mark, CMSG_DATA(c), sizeof(mark));
	return mark;
}

bool wire_receive(const struct flow *f, int fd, int wait_ms, struct wire_arrival *ret)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct sockaddr_ll from;
	struct iovec parts[2] = { { &ret->head, sizeof(ret->head) }, { ret->frame.bytes, FRAME_MAX } };

	for (;;) {
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(uint32_t))];
		struct msghdr message = { .msg_iov = parts,
					  .msg_iovlen = 2,
					  .msg_name = &from,
					  .msg_namelen = sizeof(from),
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(fd, &message, 0);

		ret->frame.len = n < 0 ? 0 : (uint32_t)((size_t)n - sizeof(ret->head));
		ret->type = n < 0 ? 0 : from.sll_pkttype;
		ret->mark = n < 0 ? 0 : mark_of(&message);
		if (n >= 0 && is_ours(f, &ret->frame))
			return true;
		if (n < 0 && (errno != EAGAIN || poll(&p, 1, wait_ms) <= 0))
			return false;
	}
}
