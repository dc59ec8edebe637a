/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane's programs, run by the kernel on single frames: what passes is as the long way leaves it, or stays. */
#include "base/clock.h"
#include "lane-lab.h"
#include "plane/gateway.h"
#include <linux/pkt_cls.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define TRIES 200 /* of what is right only if no more than LANE_NS goes by */

/* As it is meant to be: learned, and passed at once. What is passed must be right each time. */
static void assert_learned_flow_passes(const struct flow *f)
{
	struct frame in, out, want;

	frame_come(f, &in);
	frame_pass(f, &want);
	for (int i = 0; i < TRIES; i++) {
		uint32_t verdict;

		lab_learn_flow(f);
		verdict = lab_pass(&in, flow_ingress(f), &out);
		if (verdict == LAB_REDIRECT) {
			frame_assert_same(&out, &want);
			return;
		}
		assert_int_equal(verdict, TC_ACT_OK);
		frame_assert_same(&out, &in);
	}
	fail_msg("a learned flow did not pass in %d tries", TRIES);
}

static void what_passes_is_as_the_long_way_leaves_it(void **state)
{
	(void)state;
	for (int n = 0; n < PLANES; n++) {
		lab_or_skip(plane_of(n));
		for (int i = 0; i < KINDS * LAB_SLOTS; i++) {
			struct flow f = flow_of(plane_of(n), i % KINDS);
			struct lane_entry entry;

			f.slot = lab_slots[i / KINDS];
			lab_clear();
			assert_learned_flow_passes(&f);
			assert_int_equal(lab_count(&entry), 1);
			assert_int_equal(entry.flow.link, flow_ingress(&f));
			assert_int_equal(entry.link, flow_egress(&f));
		}
	}
}

static void any_length_passes(void **state)
{
	static const uint32_t lengths[] = { 12, 13, 63, 100, 101, 140, 141 };

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
			f.payload = lengths[i];
			assert_learned_flow_passes(&f);
		}
		for (f.payload = 0; f.payload < 12; f.payload++)
			assert_learned_flow_passes(&f);
	}
}

/* The word that makes a checksum @want, if with 0 in the word's place it is @is. */
static uint16_t word_for(uint16_t want, uint16_t is)
{
	const uint8_t words[] = { (uint8_t)(~want >> 8), (uint8_t)~want, (uint8_t)(is >> 8), (uint8_t)is };

	return frame_sum(0, words, sizeof(words));
}

/* Checksums of the frame as it comes, or as it leaves, become @want, as far as the protocol has such a one. */
static void make_checksums(struct flow *f, bool leaving, uint16_t want)
{
	struct frame frame;

	f->word = f->id = 0;
	(leaving ? frame_pass : frame_come)(f, &frame);
	f->word = word_for(want, frame_word(&frame, flow_checksum(f)));
	f->id = word_for(want, frame_word(&frame, FRAME_IP + 10));
	(leaving ? frame_pass : frame_come)(f, &frame);
	if (f->protocol == IPPROTO_UDP && want == 0)
		want = 0xffff;
	assert_int_equal(frame_word(&frame, flow_checksum(f)), want);
}

static void checksums_at_their_limits_are_right(void **state)
{
	static const uint16_t values[] = { 0, 1, 0xff, 0x100, 0x101, 0xfeff, 0xff00, 0xff01, 0xfffe };

	(void)state;
	for (int n = 0; n < PLANES * KINDS; n++) {
		const struct plane *p = plane_of(n / KINDS);
		struct flow f = flow_of(p, n % KINDS);

		lab_or_skip(p);
		lab_keep_flow(&f);
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			make_checksums(&f, false, values[i]);
			lab_assert_flow_passes(&f);
			make_checksums(&f, true, values[i]);
			lab_assert_flow_passes(&f);
		}
		for (uint32_t i = 0; i < 0x10000; i += 59) {
			f.word = (uint16_t)i;
			f.id = (uint16_t)(i * 31);
			lab_assert_flow_passes(&f);
		}
	}
}

/* From an actor it goes the long way: it can't be told whether its checksum is left to hardware. */
static void udp_without_a_checksum_stays_without(void **state)
{
	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		struct frame in;

		if (f.protocol != IPPROTO_UDP)
			continue;
		lab_keep_flow(&f);
		f.no_checksum = true;
		frame_come(&f, &in);
		if (f.outward)
			lab_assert_stays(&in, flow_ingress(&f));
		else
			lab_assert_flow_passes(&f);
	}
}

static void any_hop_limit_above_1_passes(void **state)
{
	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_keep_flow(&f);
		for (int hops = 2; hops < 256; hops++) {
			f.hops = (uint8_t)hops;
			lab_assert_flow_passes(&f);
		}
	}
}

/* -- What is not learned --------------------------------------------------------------------------------------- */

static void assert_not_learned(const struct flow *f, const struct frame *leaving, uint32_t mark,
			       uint32_t ingress, uint32_t egress)
{
	struct lane_entry entry;
	struct frame in;

	frame_come(f, &in);
	lab_learn(leaving, mark, ingress, egress);
	lab_assert_stays(&in, flow_ingress(f));
	if (lab_count(&entry) != 0)
		fail_msg("mark %#x, from %u to %u: learned", mark, ingress, egress);
}

static void nothing_is_learned_without_the_mark(void **state)
{
	static const uint32_t marks[] = { 0,
					  1,
					  LAYOUT_MARK,
					  GATEWAY_REASON,
					  GATEWAY_REASON + 3,
					  GATEWAY_EGRESS,
					  GATEWAY_EGRESS + 1,
					  GATEWAY_JUDGED - 1,
					  GATEWAY_JUDGED + 1,
					  GATEWAY_JUDGED | GATEWAY_REASON,
					  GATEWAY_JUDGED | 0x80000000,
					  UINT32_MAX };

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		struct frame leaving;

		frame_leave(&f, &leaving);
		for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
			assert_not_learned(&f, &leaving, marks[i], flow_ingress(&f), flow_egress(&f));
		assert_learned_flow_passes(&f);
		lab_clear();
	}
}

static void nothing_is_learned_but_between_a_slot_and_the_worker(void **state)
{
	const uint32_t slot1 = LAYOUT_SLOT_INDEX + 1, slot2 = LAYOUT_SLOT_INDEX + 2;
	const uint32_t to_worker[] = { 0, LAYOUT_LO_INDEX, LAYOUT_UP_INDEX, LAB_STRANGER, LAYOUT_SLOT_INDEX };
	const uint32_t to_slot[] = { 0, LAYOUT_LO_INDEX, LAB_STRANGER, LAYOUT_SLOT_INDEX, slot1, slot2 };

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		struct frame leaving;

		frame_leave(&f, &leaving);
		for (size_t i = 0; f.outward && i < sizeof(to_worker) / sizeof(*to_worker); i++)
			assert_not_learned(&f, &leaving, GATEWAY_JUDGED, to_worker[i], LAYOUT_UP_INDEX);
		for (size_t i = 0; !f.outward && i < sizeof(to_slot) / sizeof(*to_slot); i++)
			assert_not_learned(&f, &leaving, GATEWAY_JUDGED, to_slot[i], slot2);
		assert_learned_flow_passes(&f);
		lab_clear();
	}
}

/* -- For how long ------------------------------------------------------------------------------------------------ */

static void what_was_learned_is_forgotten_in_time(void **state)
{
	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		const struct timespec over = { .tv_nsec = LANE_NS + 1 };
		struct lane_entry entry;
		struct frame in;
		uint64_t before;

		lab_clear();
		frame_come(&f, &in);
		assert_learned_flow_passes(&f);
		assert_int_equal(nanosleep(&over, NULL), 0);
		lab_assert_stays(&in, flow_ingress(&f));
		before = clock_ns();
		lab_learn_flow(&f);
		assert_int_equal(lab_count(&entry), 1);
		assert_in_range(entry.until, before + LANE_NS, clock_ns() + LANE_NS);
		assert_learned_flow_passes(&f); /* and learned again */
	}
}

static void a_link_that_was_shut_lets_nothing_pass_until_it_is_learned_again(void **state)
{
	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);
		struct frame in;

		lab_clear();
		frame_come(&f, &in);
		lab_shut(LAYOUT_SLOT_INDEX + f.slot + 1); /* a neighbour's */
		assert_learned_flow_passes(&f);
		lab_keep_flow(&f);
		lab_shut(LAYOUT_SLOT_INDEX + f.slot + 1);
		lab_assert_flow_passes(&f);
		assert_learned_flow_passes(&f);
		lab_shut(LAYOUT_SLOT_INDEX + f.slot);
		lab_assert_stays(
			&in,
			flow_ingress(&f)); /* within its millisecond: 1 of many may be late, and stays too */
		assert_learned_flow_passes(&f);
	}
}

/* Else a flow that never pauses would never be judged again. */
static void passing_prolongs_nothing(void **state)
{
	static struct lane_entry before[LANE_ENTRIES], after[LANE_ENTRIES];

	(void)state;
	lab_or_skip(plane_of(0));
	for (int kind = 0; kind < KINDS; kind++) {
		struct flow f = flow_of(plane_of(0), kind);

		lab_keep_flow(&f);
		lab_read(before);
		lab_assert_flow_passes(&f);
		lab_read(after);
		assert_memory_equal(before, after, sizeof(before));
	}
}

static void only_the_time_that_was_noted_counts(void **state)
{
	static struct lane_entry memory[LANE_ENTRIES];
	struct flow f = flow_of(plane_of(0), 0);
	const uint64_t second = 1000000000;
	struct frame in;

	(void)state;
	lab_or_skip(plane_of(0));
	frame_come(&f, &in);
	lab_keep_flow(&f);
	lab_read(memory);
	for (int i = 0; i < LANE_ENTRIES; i++)
		memory[i].until = clock_ns() + 60 * second;
	lab_write(memory);
	lab_assert_flow_passes(&f);
	for (int i = 0; i < LANE_ENTRIES; i++)
		memory[i].until = clock_ns();
	lab_write(memory);
	lab_assert_stays(&in, flow_ingress(&f));
}

/* -- Which flow --------------------------------------------------------------------------------------------------- */

#define MANY (4 * LANE_ENTRIES)

static struct flow nth_flow(const struct plane *p, uint32_t n)
{
	struct flow f = flow_of(p, (int)(n % KINDS));
	const uint32_t mixed = n * 2654435761U;

	f.slot = lab_slots[n / KINDS % LAB_SLOTS];
	f.remote = addr_nth(&f.remote, mixed >> 28);
	f.actor_port = (uint16_t)(1024 + n % 1000);
	f.remote_port = (uint16_t)(20000 + n);
	return f;
}

/* Where the flow's packets go to, of those that are remembered. Return: 0 if it isn't. */
static uint32_t remembered_link(const struct lane_entry *memory, const struct flow *f)
{
	const uint32_t ports = htonl(f->outward ? (uint32_t)f->actor_port << 16 | f->remote_port
						: (uint32_t)f->remote_port << 16 | f->actor_port);

	for (int i = 0; i < LANE_ENTRIES; i++)
		if (memory[i].flow.ports == ports && memory[i].flow.link == flow_ingress(f))
			return memory[i].link;
	return 0;
}

static void keep_all(struct lane_entry memory[static LANE_ENTRIES])
{
	lab_read(memory);
	for (int i = 0; i < LANE_ENTRIES; i++)
		if (memory[i].until != 0)
			memory[i].until = UINT64_MAX;
	lab_write(memory);
}

/* More than there is room for: a place has the last that was learned there. */
static void no_flow_is_taken_for_another(void **state)
{
	static struct lane_entry memory[LANE_ENTRIES];
	const struct plane *p = plane_of(0);
	struct frame in, out, want;
	struct lane_entry entry;
	uint32_t passed = 0;

	(void)state;
	lab_or_skip(p);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct flow f = nth_flow(p, i);

		lab_learn_flow(&f);
	}
	keep_all(memory);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct flow f = nth_flow(p, i);

		frame_come(&f, &in);
		frame_pass(&f, &want);
		if (lab_pass(&in, flow_ingress(&f), &out) == LAB_REDIRECT) {
			frame_assert_same(&out, &want);
			assert_int_equal(remembered_link(memory, &f), flow_egress(&f));
			passed++;
		} else {
			frame_assert_same(&out, &in);
			assert_int_equal(remembered_link(memory, &f), 0);
			assert_int_not_equal(i, MANY - 1);
		}
	}
	assert_int_equal(passed, lab_count(&entry));
	assert_in_range(passed, LANE_ENTRIES * 9 / 10, LANE_ENTRIES); /* evenly spread: 98 % */
}

/* The same while it is learned: neighbours in time, one of which takes the other's place now and then. */
static void flows_learned_in_turn_pass_as_themselves(void **state)
{
	const struct plane *p = plane_of(1);

	(void)state;
	lab_or_skip(p);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct flow f = nth_flow(p, i);

		assert_learned_flow_passes(&f);
		for (uint32_t j = i > 16 ? i - 16 : 0; j < i; j++) {
			const struct flow earlier = nth_flow(p, j);
			struct frame in, out, want;

			frame_come(&earlier, &in);
			frame_pass(&earlier, &want);
			if (lab_pass(&in, flow_ingress(&earlier), &out) == LAB_REDIRECT)
				frame_assert_same(&out, &want);
			else
				frame_assert_same(&out, &in);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_passes_is_as_the_long_way_leaves_it),
		cmocka_unit_test(any_length_passes),
		cmocka_unit_test(checksums_at_their_limits_are_right),
		cmocka_unit_test(udp_without_a_checksum_stays_without),
		cmocka_unit_test(any_hop_limit_above_1_passes),
		cmocka_unit_test(nothing_is_learned_without_the_mark),
		cmocka_unit_test(nothing_is_learned_but_between_a_slot_and_the_worker),
		cmocka_unit_test(what_was_learned_is_forgotten_in_time),
		cmocka_unit_test(a_link_that_was_shut_lets_nothing_pass_until_it_is_learned_again),
		cmocka_unit_test(passing_prolongs_nothing),
		cmocka_unit_test(only_the_time_that_was_noted_counts),
		cmocka_unit_test(no_flow_is_taken_for_another),
		cmocka_unit_test(flows_learned_in_turn_pass_as_themselves),
	};

	return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
