/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill -9 at any moment: the next `up` repairs what it meets, actors that were active stay whole, `down`
 * leaves nothing.
 * ACTORNET_SEED chooses other moments; the one that was used is told.
 */
#include "lab.h"
#include <actornet/worker.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define KILLS	    30
#define LONG_KILLS  600
#define KILL_MAX_US 25000

static const struct an_port ports[3] = {
	{ .protocol = IPPROTO_TCP, .port = 8080, .end_port = 8080, .actor_port = 80 },
	{ .protocol = IPPROTO_TCP, .port = 7000, .end_port = 7009, .actor_port = 7000 },
	{ .protocol = IPPROTO_UDP,
	  .family = AF_INET,
	  .address = { 10, 99, 0, 2 },
	  .port = 53,
	  .end_port = 53,
	  .actor_port = 53 },
};
static const struct an_actor_spec steady = {
	.size = sizeof(steady), .name = "steady", .ports = ports, .n_ports = 1
};
static const struct an_actor_spec busy = {
	.size = sizeof(busy), .name = "busy", .ports = ports + 1, .n_ports = 2
};

static unsigned int seed;
static char *untouched, *prepared;

static unsigned int kills(void)
{
	return getenv("ACTORNET_LONG") ? LONG_KILLS : KILLS;
}

/* The victims end with 1 where a call fails that must not, else they are killed. */
#define VICTIM_MUST(call)                                                                  \
	do {                                                                               \
		struct an_error err = { 0 };                                               \
		if ((call) < 0) {                                                          \
			fprintf(stderr, "# %s: %s: %s\n", #call, err.object, err.message); \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

/* Up to down, without end. */
static void live_all(void)
{
	for (;;) {
		const struct an_worker_spec spec = lab_spec(2, 8);
		struct an_worker *w;

		VICTIM_MUST(an_worker_up(&w, &spec, NULL, &err));
		VICTIM_MUST(an_actor_activate(w, &busy, NULL, &err));
		VICTIM_MUST(an_worker_dispatch(w, 0, &err));
		VICTIM_MUST(an_actor_release(w, busy.name, 0, NULL, &err));
		VICTIM_MUST(an_worker_dispatch(w, 0, &err));
		an_worker_close(w);
		VICTIM_MUST(an_worker_down(-1, NULL, &err));
	}
}

/* One actor comes, changes and goes, beside another that stays. */
static void live_busy(void)
{
	struct an_worker *w;

	VICTIM_MUST(an_worker_open(&w, -1, &err));
	an_actor_release(w, busy.name, 0, NULL, NULL); /* where the one before was killed */
	for (;;) {
		VICTIM_MUST(an_actor_activate(w, &busy, NULL, &err));
		VICTIM_MUST(an_actor_ports_set(w, busy.name, ports + 2, 1, &err));
		VICTIM_MUST(an_worker_dispatch(w, 0, &err));
		VICTIM_MUST(an_actor_ports_set(w, busy.name, ports + 1, 2, &err));
		VICTIM_MUST(an_actor_release(w, busy.name, 0, NULL, &err));
		VICTIM_MUST(an_worker_dispatch(w, 0, &err));
	}
}

static void kill_midway(void (*live)(void))
{
	const long pause_ns = (long)(1 + (unsigned int)rand_r(&seed) % KILL_MAX_US) * 1000;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		live();
		_exit(1);
	}
	nanosleep(&(struct timespec){ .tv_nsec = pause_ns }, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_up_repairs_and_down_leaves_nothing(void **state)
{
	(void)state;
	lab_or_skip();
	for (unsigned int i = 0; i < kills(); i++) {
		struct an_worker *w;

		kill_midway(live_all);
		if (i % 4 == 3) { /* without repair, too */
			lab_down(NULL);
		} else {
			w = lab_up(2, 8);
			assert_true(whole_pool(w));
			lab_activate(w, &busy);
			assert_true(whole_actor(w, &busy));
			lab_release(w, busy.name);
			lab_settle(w);
			assert_true(inventory_same(prepared, INVENTORY_WORKER));
			lab_down(w);
		}
		if (!inventory_same(untouched, INVENTORY_ALL))
			fail_msg("kill %u left something", i);
	}
}

/* Where it was killed the busy actor is whole, or activating it again makes it so. */
static void check_after_kill(void)
{
	struct an_error err = { 0 };
	struct an_worker *w;
	int r;

	assert_int_equal(an_worker_open(&w, -1, NULL), 0);
	assert_true(whole_actor(w, &steady));
	r = an_actor_activate(w, &busy, NULL, &err);
	if (r == -EEXIST) { /* killed between two changes of its ports */
		lab_release(w, busy.name);
		r = an_actor_activate(w, &busy, NULL, &err);
	}
	if (r < 0)
		fail_msg("%s: %s", err.object, err.message);
	assert_true(whole_actor(w, &busy));
	lab_release(w, busy.name);
	lab_settle(w);
	an_worker_close(w);
}

static void test_other_actors_stay_whole(void **state)
{
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	w = lab_up(2, 8);
	lab_activate(w, &steady);
	lab_settle(w);
	an_worker_close(w);
	for (unsigned int i = 0; i < kills(); i++) {
		kill_midway(live_busy);
		if (i % 2)
			check_after_kill();
		w = lab_up(2, 8);
		assert_true(whole_actor(w, &steady));
		assert_true(whole_pool(w));
		an_worker_close(w);
	}
	w = lab_up(2, 8);
	if (an_actor_release(w, busy.name, 0, NULL, NULL) == 0)
		lab_settle(w);
	lab_release(w, steady.name);
	lab_settle(w);
	assert_true(inventory_same(prepared, INVENTORY_WORKER));
	lab_down(w);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
}

static int setup(void **state)
{
	const char *chosen = getenv("ACTORNET_SEED");
	struct an_worker *w;
	int r = lab_make();

	(void)state;
	if (r != 0)
		return r < 0 ? r : 0;
	seed = chosen ? (unsigned int)strtoul(chosen, NULL, 10) : (unsigned int)time(NULL);
	fprintf(stderr, "# ACTORNET_SEED=%u\n", seed);
	w = lab_up(2, 8);
	prepared = inventory_take(INVENTORY_WORKER);
	lab_down(w);
	untouched = inventory_take(INVENTORY_ALL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up_repairs_and_down_leaves_nothing),
		cmocka_unit_test(test_other_actors_stay_whole),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
