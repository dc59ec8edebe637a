/* SPDX-License-Identifier: Apache-2.0 */
/* Frames sent and received at both ends of the lab's links, with what a packet socket says beside them. */
#ifndef UNIT_LANE_WIRE_H
#define UNIT_LANE_WIRE_H

#include "lane-lab.h"
#include <linux/virtio_net.h>

#define WIRE_ENDS    (1 + LAB_SLOTS) /* up0's, the slots' */
#define WIRE_WAIT_MS 2000	     /* for what must come */
#define WIRE_LOST_MS 20		     /* for what must not */

/** struct wire_end - sockets at a link: at the far end, at the gateway's, and what the gateway's stack gets of it */
struct wire_end {
	int far, near, stack[2]; /* of IPv4, IPv6 */
};

/** wire_open() - at all links, which must be up; again: nothing. */
void wire_open(void);
/** wire_at() - a link's. */
const struct wire_end *wire_at(uint32_t link);
/** wire_stack() - what the gateway's stack gets of a flow. */
int wire_stack(const struct flow *f);
/** wire_link() - number of the link of an end, 0 to WIRE_ENDS - 1. */
uint32_t wire_link(int end);

/** wire_left() - for a packet whose own checksum is left to hardware, if the flow's is (struct flow.partial). */
struct virtio_net_hdr wire_left(const struct flow *f);
/** wire_send() - by one of the sockets. */
void wire_send(int fd, const struct frame *frame, const struct virtio_net_hdr *head);
/** wire_send_paged() - with padding that makes it too long for one page: of it, hdr_len bytes are in the first part. */
void wire_send_paged(int fd, const struct frame *frame, const struct virtio_net_hdr *head);

struct wire_arrival {
	struct virtio_net_hdr head;
	struct frame frame;
	uint8_t type; /* PACKET_HOST, ... */
	uint32_t mark;
};

/** wire_receive() - the next one with the flow's ports. Return: false if there is none within that time. */
bool wire_receive(const struct flow *f, int fd, int wait_ms, struct wire_arrival *ret);

#endif
