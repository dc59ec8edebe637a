/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lane's programs in the kernel, and frames for them by BPF_PROG_TEST_RUN: the links that they are said to come
 * in by are there, nothing is sent. One processor, since the memory is each processor's own. The links' far ends are in
 * another namespace, all in one.
 */
#ifndef UNIT_LANE_LAB_H
#define UNIT_LANE_LAB_H

#include "lane-frame.h"
#include "plane/lane.h"

#define LAB_STRANGER 3 /* a link of the gateway's that is neither up0 nor a slot's, with up0's MAC address */
#define LAB_MTU	     9000 /* so that half of it is more than a page */
#define LAB_REDIRECT 7	  /* TC_ACT_REDIRECT */

/** lab_slots - those with a link; the last is beyond the range of a /16, so it shares slot 1's outer IPv4 address */
#define LAB_SLOTS 5
extern const uint32_t lab_slots[LAB_SLOTS];

/** lab_make() - links and memory, once a program. Return: 0, 1 if it can't be done here, -1 if it must be. */
int lab_make(void);
/** lab_or_skip() - at the head of each test: the programs of this plane, an empty memory. */
void lab_or_skip(const struct plane *plane);
/** lab_uncounted() - the same, as they are where the kernel doesn't count what is handed over. */
void lab_uncounted(const struct plane *plane);

/** lab_learn() - show a frame that leaves to lane_learn, which must have it come in again as it is. Return: its mark */
uint32_t lab_learn(const struct frame *frame, uint32_t mark, uint32_t ingress, uint32_t egress);
/** lab_learn_flow() - as the long way would. */
void lab_learn_flow(const struct flow *f);
/** lab_pass() - one that comes in to lane_pass, with nothing on its way. Return: the verdict. */
uint32_t lab_pass(const struct frame *frame, uint32_t ingress, struct frame *ret);
/** lab_pass_marked() - one with a mark, and what is on its way is left alone. Return: the verdict. */
uint32_t lab_pass_marked(const struct frame *frame, uint32_t ingress, uint32_t mark, struct frame *ret);
/** lab_assert_stays() - it is left to the long way, as it came. */
void lab_assert_stays(const struct frame *frame, uint32_t ingress);
/** lab_assert_flow_passes() - it is redirected, and is as the long way would leave it. */
void lab_assert_flow_passes(const struct flow *f);

/** lab_read(), lab_write() - the memory of this processor. */
void lab_read(struct lane_entry memory[static LANE_ENTRIES]);
void lab_write(const struct lane_entry memory[static LANE_ENTRIES]);
/** lab_read_queue(), lab_write_queue() - numbers of what it has sent one way (LANE_TO_*). */
struct lane_queue lab_read_queue(uint32_t way);
void lab_write_queue(uint32_t way, uint64_t sent, uint64_t come);
/** lab_empty_queues() - nothing is on its way. */
void lab_empty_queues(void);
/** lab_mark() - of a packet with this number, by this processor. */
uint32_t lab_mark(uint64_t number);
/** lab_shut() - an actor's link, now. */
void lab_shut(uint32_t link);
/** lab_clear() - as at first, but for the queue. */
void lab_clear(void);
/** lab_count() - places in use. @ret: one of them, if there is any. */
uint32_t lab_count(struct lane_entry *ret);
/**
 * lab_keep_flow() - it is learned, for ever, and at every place: whatever comes in finds this one
 * So no test need be fast, and a flow that is taken for this one is so whatever its place is.
 */
void lab_keep_flow(const struct flow *f);

/** lab_attach() - set the links up, with both programs as they are now. */
void lab_attach(void);
/**
 * lab_socket() - a packet socket at the gateway's end of a link: all that comes in and leaves there (ETH_P_ALL), or
 * what of a protocol the gateway's stack gets
 * Its frames have a struct virtio_net_hdr in front, and the mark is told (SO_RCVMARK).
 */
int lab_socket(uint32_t link, uint16_t protocol);
/** lab_far_socket() - the same at the far end, of all. */
int lab_far_socket(uint32_t link);

#endif
