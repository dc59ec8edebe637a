/* SPDX-License-Identifier: Apache-2.0 */
/* Activation, release and slots on demand beside the seed's method, at several numbers of active actors. */
#include "bench.h"
#include "lab.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "netns/netns.h"
#include <errno.h>
#include <linux/membarrier.h>
#include <math.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ACTIVATION_POOL	 16 /* idle slots to keep ready */
#define ACTIVATION_TRIES 5  /* of ours beside one of the seed's */

/*
 * What the seed builds lets nothing through at first: the carrier of its links comes up in a work queue
 * (linkwatch) after the calls returned, and an ARP request lost meanwhile is repeated after a second. So it
 * is given a moment before the packet that shows that it works; the moment is not counted.
 */
#define ACTIVATION_SEED_MS 20

/**
 * struct activation_level - what was measured at one number of active actors
 * @activate, @release: microseconds of each call
 * @demand:             of an activation that finds no idle slot
 * @build, @remove:     the seed's
 * @..._round:          medians of the tries beside one of the seed's, for the ratios
 */
struct activation_level {
	struct series activate, release, demand, build, remove, demand_build;
	struct series activate_round, release_round, demand_round;
};

/**
 * struct activation - the bench under way
 * @checked, @lost_in, @lost_out: first packets after an activation: each way so many, and those that got lost
 * @lost_demand:                  how many of the lost ones met a slot made on demand
 * @leaked:                       packets that passed after a release
 */
struct activation {
	struct bench *bench;
	struct lab lab;
	const struct lab_place *worker;
	struct fleet fleet;
	struct seed seed;
	const struct lab_place *seed_worker;
	unsigned int checked, lost_in, lost_out, lost_demand, leaked;
	struct activation_level levels[BENCH_LEVELS];
};

/* The first packet in and the first one out after the activation. */
static int activation_check(struct activation *a, struct packet *p, int actor_ns, struct an_error *err)
{
	int in = packet_in(p, actor_ns, err);
	int out = in < 0 ? in : packet_out(p, actor_ns, 100, err);

	if (out < 0)
		return out;
	a->checked++;
	a->lost_in += !in;
	a->lost_out += !out;
	return 0;
}

/* One activation and its release, with a packet after each. */
static int activation_try(struct activation *a, struct series *activate, struct series *release,
			  struct an_error *err)
{
	_cleanup_fd_ int actor_ns = -1;
	struct packet packet;
	struct probe probe;
	double begin, end;
	int r;

	fleet_probe(&a->fleet, &probe);
	r = packet_open(&packet, &a->lab, a->worker, probe.ports[1].port, err);
	begin = bench_now_us();
	if (r == 0)
		r = an_actor_activate(a->fleet.worker, &probe.spec, &probe.info, err);
	end = bench_now_us();
	if (r >= 0)
		r = series_add(activate, end - begin);
	if (r == 0)
		r = actor_ns = netns_open(probe.info.netns, err);
	if (r >= 0)
		r = activation_check(a, &packet, actor_ns, err);
	begin = bench_now_us();
	if (r == 0)
		r = an_actor_release(a->fleet.worker, probe.name, 0, NULL, err);
	end = bench_now_us();
	if (r == 0 && release)
		r = series_add(release, end - begin);
	if (r == 0)
		r = packet_out(&packet, actor_ns, 0, err);
	if (r >= 0)
		a->leaked += (unsigned int)r;
	packet_close(&packet);
	return r < 0 ? r : 0;
}

static int activation_seed(struct activation *a, struct series *build, struct series *remove,
			   struct an_error *err)
{
	struct packet packet;
	double begin = bench_now_us(), end;
	int r = seed_build(&a->seed, err);

	end = bench_now_us();
	if (r == 0)
		r = series_add(build, end - begin);
	if (r == 0)
		r = packet_open(&packet, &a->lab, a->seed_worker, 80, err);
	if (r < 0)
		return r;
	poll(NULL, 0, ACTIVATION_SEED_MS);
	r = packet_out(&packet, a->seed.actor, 100, err);
	packet_close(&packet);
	if (r == 0)
		return error_set(err, AN_FAILED, ENETUNREACH, "the seed's network", "lets no packet through");
	begin = bench_now_us();
	if (r > 0)
		r = seed_remove(&a->seed, err);
	end = bench_now_us();
	return r < 0 ? r : series_add(remove, end - begin);
}

/* Some of ours, then one of the seed's; what was put off is done in between, outside the times. */
static int activation_round(struct activation *a, struct activation_level *level, bool demand,
			    struct an_error *err)
{
	struct series activate = { 0 }, release = { 0 }, ignored = { 0 };
	unsigned int lost = a->lost_in + a->lost_out;
	int r = 0;

	for (int i = 0; i < ACTIVATION_TRIES && r >= 0; i++) {
		r = activation_try(a, &activate, &release, err);
		if (r == 0)
			r = an_worker_dispatch(a->fleet.worker, 0, err);
		/* a slot is made under the lock that its predecessor is taken away under */
		if (r == 0 && demand)
			r = lab_drained(&a->lab, err);
	}
	if (demand)
		a->lost_demand += a->lost_in + a->lost_out - lost;
	if (r >= 0)
		r = activation_seed(a, demand ? &level->demand_build : &level->build,
				    demand ? &ignored : &level->remove, err);
	for (size_t i = 0; i < activate.n && r == 0; i++) {
		r = series_add(demand ? &level->demand : &level->activate, activate.v[i]);
		if (r == 0 && !demand)
			r = series_add(&level->release, release.v[i]);
	}
	if (r == 0)
		r = series_add(demand ? &level->demand_round : &level->activate_round,
			       series_median(&activate));
	if (r == 0 && !demand)
		r = series_add(&level->release_round, series_median(&release));
	series_fini(&activate);
	series_fini(&release);
	series_fini(&ignored);
	return r < 0 ? r : bench_stopped(err);
}

/* Take the idle slots there are, so that the next activation finds none. */
static int activation_drain(struct activation *a, struct an_error *err)
{
	struct an_worker_info info = { .size = sizeof(info) };
	int r = fleet_up(&a->fleet, a->worker, 0, err);

	if (r == 0)
		r = an_worker_info(a->fleet.worker, &info, err);
	for (uint32_t i = 0; i < info.idle && r >= 0; i++) {
		struct probe probe;

		fleet_probe(&a->fleet, &probe);
		r = an_actor_activate(a->fleet.worker, &probe.spec, NULL, err);
		if (r >= 0)
			r = an_actor_release(a->fleet.worker, probe.name, 0, NULL, err);
	}
	return r < 0 ? r : an_worker_dispatch(a->fleet.worker, 0, err);
}

static int activation_level(struct activation *a, unsigned int n, struct an_error *err)
{
	struct activation_level *level = &a->levels[n];
	int rounds = a->bench->spec->quick ? 8 : 100, r;

	r = fleet_up(&a->fleet, a->worker, ACTIVATION_POOL, err);
	if (r == 0)
		r = fleet_grow(&a->fleet, bench_levels[n] - 1, err);
	if (r == 0)
		r = lab_drained(&a->lab, err);
	for (int i = 0; i < rounds && r == 0; i++)
		r = activation_round(a, level, false, err);
	if (r == 0)
		r = activation_drain(a, err);
	for (int i = 0; i < rounds / 4 && r >= 0; i++)
		r = activation_round(a, level, true, err);
	return r < 0 ? r : 0;
}

static void activation_row(struct report *report, const char *name, const struct result *values,
			   double to_seed)
{
	struct result row = { .group = "activation",
			      .name = name,
			      .path = values->path,
			      .unit = "us",
			      .actors = values->actors,
			      .values = values->values,
			      .to_seed = to_seed,
			      .to_plain = NAN };

	report_result(report, &row);
}

static void activation_report(struct activation *a)
{
	static const char *const names[] = { "activate, two ports", "release", "activate, no slot idle" };
	double p50 = 0, p99 = 0, faster = INFINITY, release = 0, demand = 0;
	struct report *report = &a->bench->report;

	for (int n = 0; n < BENCH_LEVELS; n++) {
		struct activation_level *l = &a->levels[n];
		double ratios[] = { series_ratio(&l->build, &l->activate_round),
				    series_ratio(&l->remove, &l->release_round),
				    series_ratio(&l->demand_build, &l->demand_round) };
		const struct series *ours[] = { &l->activate, &l->release, &l->demand };
		const struct series *seeds[] = { &l->build, &l->remove, &l->demand_build };

		for (int i = 0; i < 3; i++) {
			struct result row = { .path = "ours", .actors = bench_levels[n], .values = ours[i] };

			activation_row(report, names[i], &row, ratios[i]);
			row.path = "seed";
			row.values = seeds[i];
			activation_row(report, names[i], &row, NAN);
		}
		p50 = series_worse(p50, series_median(&l->activate));
		p99 = series_worse(p99, series_percentile(&l->activate, 99));
		release = series_worse(release, series_percentile(&l->release, 99));
		demand = series_worse(demand, series_median(&l->demand));
		faster = -series_worse(-faster, -ratios[0]);
	}
	report_goal(report, &(struct goal){ "activation p50, worst level", "us", p50, 200, false });
	report_goal(report, &(struct goal){ "activation p99, worst level", "us", p99, 1000, false });
	report_goal(report,
		    &(struct goal){ "activation, times as fast as the seed's", "x", faster, 100, true });
	report_goal(report, &(struct goal){ "release p99, worst level", "us", release, 1000, false });
	report_goal(report, &(struct goal){ "slot on demand p50, worst level", "us", demand, 2000, false });
	report_goal(report,
		    &(struct goal){ "first packets in and out that did not pass", "packets",
				    a->checked ? (double)(a->lost_in + a->lost_out) : NAN, 0, false });
	report_goal(report, &(struct goal){ "packets that passed after a release", "packets",
					    a->checked ? (double)a->leaked : NAN, 0, false });
	report_note(
		report,
		"The very next packet after each of %u activations was sent in, and one out: %u in and %u out got "
		"lost, %u of them in slots made on demand.",
		a->checked, a->lost_in, a->lost_out, a->lost_demand);
}

/* What the seed's time is made of; membarrier(2) GLOBAL is one synchronize_rcu(). */
static void activation_explain(struct activation *a)
{
	struct series grace = { 0 };
	double build = series_median(&a->levels[0].build), remove = series_median(&a->levels[0].remove);
	bool usual = build > 9e3 && build < 55e3 && remove > 9e3 && remove < 65e3;

	for (int i = 0; i < 20; i++) {
		double begin = bench_now_us();

		if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0)
			break;
		series_add(&grace, bench_now_us() - begin);
	}
	report_note(
		&a->bench->report,
		"The seed's method took %.1f ms to build and %.1f ms to remove%s. It waits for RCU grace periods, "
		"one of which takes %.1f ms here.",
		build / 1e3, remove / 1e3,
		usual ? "" : " (about 22 and 27 ms are usual on two processors at HZ=250)",
		series_median(&grace) / 1e3);
	series_fini(&grace);
}

static int activation_open(struct activation *a, struct an_error *err)
{
	const struct lab_place *actor;
	int r = lab_open(&a->lab, err);

	if (r < 0)
		return r;
	a->seed_worker = lab_place(&a->lab, "seed", err);
	actor = a->seed_worker ? lab_alone(&a->lab, "seed-actor", err) : NULL;
	a->worker = actor ? lab_place(&a->lab, "worker", err) : NULL;
	return a->worker ? seed_open(&a->seed, a->seed_worker, actor, err) : -EIO;
}

static void activation_fini(struct activation *a)
{
	for (int n = 0; n < BENCH_LEVELS; n++) {
		struct activation_level *l = &a->levels[n];
		struct series *all[] = { &l->activate,	     &l->release,	&l->demand,
					 &l->build,	     &l->remove,	&l->demand_build,
					 &l->activate_round, &l->release_round, &l->demand_round };

		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			series_fini(all[i]);
	}
}

int bench_activation(struct bench *b, struct an_error *err)
{
	struct activation a = { .bench = b,
				.lab.client = -1,
				.seed = { .rtnl.fd = -1, .actor_rtnl.fd = -1, .nf.fd = -1 } };
	struct an_error down = { 0 };
	int r = activation_open(&a, err);

	for (unsigned int n = 0; n < BENCH_LEVELS && r == 0; n++)
		r = activation_level(&a, n, err);
	if (r == 0) {
		activation_report(&a);
		activation_explain(&a);
	}
	seed_close(&a.seed);
	if (fleet_down(&a.fleet, r < 0 ? &down : err) < 0 && r == 0)
		r = -EIO;
	lab_close(&a.lab);
	activation_fini(&a);
	return r;
}
