/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that begin with their size, between a caller and a library of different age. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sized.h"
#include <errno.h>

struct old {
	size_t size;
	uint32_t must, option;
};

struct present {
	size_t size;
	uint32_t must, option;
	uint64_t later;
};

struct new
{
	size_t size;
	uint32_t must, option;
	uint64_t later, latest;
};

#define LEAST SIZED_TO(struct present, must)

static void take_leaves_the_default_of_what_is_missing(void **state)
{
	struct { /* what stands behind an old struct is none of ours */
		struct old old;
		uint64_t beyond;
	} caller = { { sizeof(struct old), 1, 2 }, 99 };
	struct present own = { .size = sizeof(own), .later = 7 };

	(void)state;
	assert_int_equal(sized_take(&own, &caller, LEAST, "spec", NULL), 0);
	assert_int_equal(own.size, sizeof(own));
	assert_int_equal(own.must, 1);
	assert_int_equal(own.option, 2);
	assert_int_equal(own.later, 7);
}

static void take_refuses_what_it_does_not_know_of(void **state)
{
	struct new caller = { sizeof(caller), 1, 2, 3, 0 };
	struct present own = { .size = sizeof(own) };
	struct an_error err = { 0 };

	(void)state;
	assert_int_equal(sized_take(&own, &caller, LEAST, "spec", &err), 0);
	assert_int_equal(own.size, sizeof(own));
	assert_int_equal(own.later, 3);
	assert_int_equal(err.kind, 0);
	caller.latest = 1ULL << 63; /* its last byte */
	assert_int_equal(sized_take(&own, &caller, LEAST, "spec", &err), -E2BIG);
	assert_int_equal(err.kind, AN_USAGE);
	assert_string_equal(err.object, "spec");
}

static void take_refuses_what_is_too_small(void **state)
{
	struct present caller = { .size = LEAST }, own = { .size = sizeof(own) };
	struct an_error err = { 0 };

	(void)state;
	assert_int_equal(sized_take(&own, &caller, LEAST, "spec", NULL), 0);
	caller.size--;
	assert_int_equal(sized_take(&own, &caller, LEAST, "spec", &err), -EINVAL);
	assert_int_equal(err.kind, AN_USAGE);
	caller.size = 0;
	assert_int_equal(sized_take(&own, &caller, LEAST, "spec", NULL), -EINVAL);
	assert_int_equal(sized_take(&own, NULL, LEAST, "spec", NULL), -EINVAL);
}

static void give_writes_no_more_than_there_is_room_for(void **state)
{
	const struct present own = { sizeof(own), 1, 2, 3 };
	struct {
		struct old old;
		uint64_t beyond;
	} caller = { { sizeof(struct old), 0, 0 }, 99 };
	struct new newer = { .size = sizeof(newer), .latest = 99 };

	(void)state;
	sized_give(&caller, &own);
	assert_int_equal(caller.old.size, sizeof(struct old));
	assert_int_equal(caller.old.option, 2);
	assert_int_equal(caller.beyond, 99);
	sized_give(&newer, &own);
	assert_int_equal(newer.size, sizeof(newer));
	assert_int_equal(newer.later, 3);
	assert_int_equal(newer.latest, 0);
}

static void check_takes_anything_with_a_size(void **state)
{
	struct present caller = { .size = sizeof(size_t) };

	(void)state;
	assert_int_equal(sized_check(&caller, NULL), 0);
	assert_int_equal(sized_check(NULL, NULL), 0);
	caller.size = sizeof(size_t) - 1;
	assert_int_equal(sized_check(&caller, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take_leaves_the_default_of_what_is_missing),
		cmocka_unit_test(take_refuses_what_it_does_not_know_of),
		cmocka_unit_test(take_refuses_what_is_too_small),
		cmocka_unit_test(give_writes_no_more_than_there_is_room_for),
		cmocka_unit_test(check_takes_anything_with_a_size),
	};

	return cmocka_run_group_tests_name("sized", tests, NULL, NULL);
}
