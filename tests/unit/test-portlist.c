/* SPDX-License-Identifier: Apache-2.0 */
/* Ports in whatever pieces, against a map of each number. */
#include "core/portlist.h"
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct an_port port(uint16_t from, uint16_t to, uint16_t actor)
{
	return (struct an_port){ .protocol = IPPROTO_TCP, .port = from, .end_port = to, .actor_port = actor };
}

static void pieces_cover_what_they_make_up(void **state)
{
	const struct an_port list[] = { port(82, 82, 182), port(80, 81, 180), port(65535, 65535, 9) };
	struct an_port wanted = port(80, 82, 180);

	(void)state;
	assert_true(portlist_covers(list, 3, &wanted));
	assert_false(portlist_covers(list, 1, &wanted));
	wanted.end_port = 83;
	assert_false(portlist_covers(list, 3, &wanted));
	wanted = port(80, 82, 181); /* elsewhere */
	assert_false(portlist_covers(list, 3, &wanted));
	wanted = port(80, 82, 180);
	wanted.protocol = IPPROTO_UDP;
	assert_false(portlist_covers(list, 3, &wanted));
	wanted.protocol = IPPROTO_TCP;
	wanted.family = AF_INET;
	assert_false(portlist_covers(list, 3, &wanted));
	wanted = port(65535, 65535, 9);
	assert_true(portlist_covers(list, 3, &wanted));
}

static void gaps_are_found_one_after_the_other(void **state)
{
	const struct an_port list[] = { port(12, 13, 12), port(16, 16, 16), port(14, 15, 99) };
	const struct an_port all = port(10, 20, 10);
	uint32_t from = all.port, to = 0;

	(void)state;
	assert_true(portlist_gap(list, 3, &all, &from, &to));
	assert_int_equal(from, 10);
	assert_int_equal(to, 11);
	from = to + 1;
	assert_true(portlist_gap(list, 3, &all, &from, &to)); /* 14 and 15 lead elsewhere */
	assert_int_equal(from, 14);
	assert_int_equal(to, 15);
	from = to + 1;
	assert_true(portlist_gap(list, 3, &all, &from, &to));
	assert_int_equal(from, 17);
	assert_int_equal(to, 20);
	from = to + 1;
	assert_false(portlist_gap(list, 3, &all, &from, &to));
}

static void cut_leaves_the_rest(void **state)
{
	struct an_port list[AN_SPECS_MAX] = { port(1, 1, 1), port(80, 89, 180), port(7, 7, 7) };
	struct an_port whole = port(80, 82, 180), middle = port(85, 86, 185), end = port(89, 89, 189);
	size_t n = 3;

	(void)state;
	assert_int_equal(portlist_cut(list, &n, 1, &middle), 0);
	assert_int_equal(n, 4);
	assert_memory_equal(&list[1], &(struct an_port[]){ port(80, 84, 180) }, sizeof(*list));
	assert_memory_equal(&list[2], &(struct an_port[]){ port(87, 89, 187) }, sizeof(*list));
	assert_int_equal(list[3].port, 7);
	assert_int_equal(portlist_cut(list, &n, 2, &end), 0);
	assert_memory_equal(&list[2], &(struct an_port[]){ port(87, 88, 187) }, sizeof(*list));
	assert_int_equal(portlist_cut(list, &n, 1, &whole), 0);
	assert_memory_equal(&list[1], &(struct an_port[]){ port(83, 84, 183) }, sizeof(*list));
	assert_int_equal(portlist_cut(list, &n, 0, &list[0]), 0);
	assert_int_equal(n, 3);
	assert_int_equal(list[2].port, 7);
}

static void cut_of_a_full_list_changes_nothing(void **state)
{
	struct an_port list[AN_SPECS_MAX], before[AN_SPECS_MAX], middle = port(5, 5, 5);
	size_t n = AN_SPECS_MAX;

	(void)state;
	for (uint16_t i = 0; i < AN_SPECS_MAX; i++)
		list[i] = port((uint16_t)(10 * i + 1), (uint16_t)(10 * i + 9), (uint16_t)(10 * i + 1));
	memcpy(before, list, sizeof(list));
	assert_int_equal(portlist_cut(list, &n, 0, &middle), -ENOSPC);
	assert_int_equal(n, AN_SPECS_MAX);
	assert_memory_equal(before, list, sizeof(list));
	middle = port(1, 5, 1);
	assert_int_equal(portlist_cut(list, &n, 0, &middle), 0);
}

#define NUMBERS 64

/* Random lists: what gaps say, number by number. */
static void gaps_agree_with_a_map_of_numbers(void **state)
{
	(void)state;
	srandom(1);
	for (int round = 0; round < 2000; round++) {
		struct an_port list[NUMBERS], all = port(1, NUMBERS - 1, 1);
		bool mapped[NUMBERS + 1] = { false }, told[NUMBERS + 1] = { false };
		uint32_t from = all.port, to = 0;
		size_t n = 0;

		for (uint16_t at = 1; at < NUMBERS - 1;) {
			uint16_t end = (uint16_t)(at + random() % 5);

			end = end < NUMBERS ? end : NUMBERS - 1;
			if (random() % 2) {
				list[n++] = port(at, end, at);
				memset(mapped + at, 1, end - at + 1U);
			}
			at = (uint16_t)(end + 1);
		}
		while (portlist_gap(list, n, &all, &from, &to)) {
			assert_true(from <= to && to <= all.end_port);
			memset(told + from, 1, to - from + 1U);
			from = to + 1;
		}
		for (uint16_t i = 1; i < NUMBERS; i++)
			assert_int_equal(told[i], !mapped[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_cover_what_they_make_up),
		cmocka_unit_test(gaps_are_found_one_after_the_other),
		cmocka_unit_test(cut_leaves_the_rest),
		cmocka_unit_test(cut_of_a_full_list_changes_nothing),
		cmocka_unit_test(gaps_agree_with_a_map_of_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
