/* SPDX-License-Identifier: Apache-2.0 */
/* A worker prepared with a thousand slots, and taken down. */
#include "bench.h"
#include "lab.h"

#include <errno.h>
#include <math.h>

#define LIFECYCLE_SLOTS 1000

static int lifecycle_round(struct lab *lab, const struct lab_place *place, struct series times[3],
			   struct an_error *err)
{
	struct fleet fleet = { 0 };
	double begin = bench_now_us(), up, down;
	int r = fleet_up(&fleet, place, LIFECYCLE_SLOTS, err);

	up = bench_now_us();
	if (r == 0)
		r = series_add(&times[0], (up - begin) / 1e3);
	begin = bench_now_us();
	if (r == 0)
		r = fleet_down(&fleet, err);
	down = bench_now_us();
	if (r == 0)
		r = series_add(&times[1], (down - begin) / 1e3);
	if (r == 0)
		r = lab_drained(lab, err);
	if (r == 0)
		r = series_add(&times[2], (bench_now_us() - down) / 1e3);
	return r < 0 ? r : bench_stopped(err);
}

int bench_lifecycle(struct bench *b, struct an_error *err)
{
	static const struct goal goals[3] = { { "up with 1,000 slots", "ms", 0, 3000, false },
					      { "down with 1,000 slots", "ms", 0, 2000, false },
					      { "namespaces gone after down", "ms", 0, 1000, false } };
	struct series times[3] = { 0 };
	struct lab lab;
	const struct lab_place *place = NULL;
	int rounds = b->spec->quick ? 1 : 5, r = lab_open(&lab, err);

	if (r == 0)
		place = lab_place(&lab, "worker", err);
	if (r == 0 && !place)
		r = -EIO;
	for (int i = 0; i < rounds && r == 0; i++)
		r = lifecycle_round(&lab, place, times, err);
	for (int i = 0; i < 3 && r == 0; i++) {
		struct result row = { .group = "activation",
				      .name = goals[i].text,
				      .path = "ours",
				      .unit = "ms",
				      .values = &times[i],
				      .to_seed = NAN,
				      .to_plain = NAN };
		struct goal goal = goals[i];

		report_result(&b->report, &row);
		goal.value = series_median(&times[i]);
		report_goal(&b->report, &goal);
	}
	for (int i = 0; i < 3; i++)
		series_fini(&times[i]);
	lab_close(&lab);
	return r;
}
