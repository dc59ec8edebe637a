/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's figures: percentiles, paired ratios, and goals that are met or missed. */
#include "bench/bench.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill(struct series *s, const double *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(series_add(s, values[i]), 0);
}

static void test_percentile_is_nearest_rank(void **state)
{
	struct series s = { 0 };

	(void)state;
	for (int i = 100; i > 0; i--)
		assert_int_equal(series_add(&s, i), 0);
	assert_true(series_percentile(&s, 99) == 99);
	assert_true(series_percentile(&s, 100) == 100);
	assert_true(series_percentile(&s, 0) == 1);
	assert_true(series_median(&s) == 50.5);
	assert_true(s.v[0] == 100); /* the order stays as it was taken */
	series_fini(&s);
}

static void test_empty_series_has_no_figures(void **state)
{
	struct series s = { 0 };

	(void)state;
	assert_true(isnan(series_percentile(&s, 50)));
	assert_true(isnan(series_median(&s)));
	assert_true(isnan(series_ratio(&s, &s)));
}

/* A drift that hits both alike must not show: 10x at each moment, though the medians' ratio is another. */
static void test_ratio_is_of_neighbours(void **state)
{
	struct series a = { 0 }, b = { 0 };

	(void)state;
	fill(&a, (const double[]){ 10, 200, 30 }, 3);
	fill(&b, (const double[]){ 1, 20, 3, 999 }, 4);
	assert_true(series_ratio(&a, &b) == 10);
	series_fini(&a);
	series_fini(&b);
}

static void test_worse_keeps_what_is_missing(void **state)
{
	(void)state;
	assert_true(series_worse(1, 2) == 2);
	assert_true(series_worse(2, 1) == 2);
	assert_true(isnan(series_worse(NAN, 1)));
	assert_true(isnan(series_worse(1, NAN)));
}

static void test_goal_missed_is_counted(void **state)
{
	const struct bench_spec spec = { 0 };
	struct report r;

	(void)state;
	assert_int_equal(report_init(&r, &spec), 0);
	report_goal(&r, &(struct goal){ "at most", "us", 200, 200, false });
	report_goal(&r, &(struct goal){ "at least", "x", 100, 100, true });
	assert_int_equal(r.missed, 0);
	report_goal(&r, &(struct goal){ "at most", "us", 201, 200, false });
	report_goal(&r, &(struct goal){ "at least", "x", 99, 100, true });
	report_goal(&r, &(struct goal){ "never measured", "x", NAN, 100, false });
	assert_int_equal(r.missed, 3);
	assert_int_equal(json_array_size(r.goals), 5);
	report_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percentile_is_nearest_rank),
		cmocka_unit_test(test_empty_series_has_no_figures),
		cmocka_unit_test(test_ratio_is_of_neighbours),
		cmocka_unit_test(test_worse_keeps_what_is_missing),
		cmocka_unit_test(test_goal_missed_is_counted),
	};

	return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
