/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every public call with its first, second, … last kernel call failing: a call that fails leaves everything as it was
 * (or, where it can't, may be repeated), says why, and works when it is called again.
 */
#include "base/clock.h"
#include "base/error.h"
#include "faults.h"
#include "lab.h"
#include <actornet/worker.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

static struct an_worker *worker;

/**
 * struct trial - a public call under test
 * @begin: bring about what the call starts from
 * @run:   the call
 * @check: is what it promises true? After a success
 * @end:   undo it
 * @pure:  changes nothing, even where it succeeds
 * @goes_on: may leave a part done where it fails
 * @slow:   not repeated after each failure: that it gets one call further the next time says as much
 * @stride: unless ACTORNET_LONG is set only every so manieth call fails; 0: each
 * @after:  calls before this one are those of another trial
 */
struct trial {
	void (*begin)(void);
	int (*run)(struct an_error *err);
	bool (*check)(void);
	void (*end)(void);
	bool pure, goes_on, slow;
	unsigned int stride, after;
};

#define SLOW_REPEATS 16 /* a slow one is repeated after every 16th failure all the same */

static const int errnums[] = { EIO, ENOBUFS, EPERM, ENOMEM };

#define N_ERRNUMS (sizeof(errnums) / sizeof(errnums[0]))

static void explained(unsigned int n, int errnum, const struct an_error *err)
{
	char words[ERROR_TEXT];

	error_text(errnum, words);
	if (!err->kind || !err->object[0] ||
	    !(strstr(err->message, words) || (errnum == ENOBUFS && strstr(err->message, "overrun"))))
		fail_msg("call %u, %s: object '%s', message '%s'", n, words, err->object, err->message);
}

static char *before; /* kept where the last failure left everything as it was */

/* Once with call @n failing. Return: was there such a call? */
static bool try_one(const struct trial *t, unsigned int n, int errnum)
{
	const unsigned long home = lab_netns();
	struct an_error err = { 0 };
	int r;

	t->begin();
	if (!before)
		before = inventory_take(INVENTORY_ALL);
	faults_set(NULL, n, errnum);
	r = t->run(&err);
	if (faults_clear() < n)
		n = 0;
	assert_int_equal(lab_netns(), home);
	if (n == 0 && r < 0)
		fail_msg("without a fault: %s: %s", err.object, err.message);
	if (r < 0)
		explained(n, errnum, &err);
	if ((r < 0 ? !t->goes_on : t->pure) && !inventory_same(before, INVENTORY_ALL))
		fail_msg("call %u, errno %d: not as it was (%d, %s: %s)", n, errnum, r, err.object,
			 err.message);
	if (r < 0 && t->slow && !t->goes_on && n % SLOW_REPEATS != 0)
		return true;
	free(before);
	before = NULL;
	if (r < 0 && t->slow && n % SLOW_REPEATS != 0)
		return true;
	if (r < 0) {
		r = t->run(&err);
		if (r < 0)
			fail_msg("again after call %u, errno %d: %s: %s", n, errnum, err.object, err.message);
	}
	if (t->check && !t->check())
		fail_msg("after call %u, errno %d: it says that it worked, and it did not", n, errnum);
	t->end();
	return n > 0;
}

/* Return: how many calls there are. */
static unsigned int try_all(const struct trial *t)
{
	const bool thorough = getenv("ACTORNET_LONG") != NULL;
	const uint64_t start = clock_us();
	const unsigned int stride = thorough || !t->stride ? 1 : t->stride;
	unsigned int n = thorough ? 1 : 1 + t->after;

	lab_or_skip();
	for (; try_one(t, n, errnums[n % N_ERRNUMS]); n += stride) {
		for (size_t i = 1; thorough && i < N_ERRNUMS; i++)
			try_one(t, n, errnums[(n + i) % N_ERRNUMS]);
	}
	fprintf(stderr, "# %u kernel calls, %llu ms\n", n - 1,
		(unsigned long long)(clock_us() - start) / 1000);
	assert_true(n > 1);
	return n - 1;
}

static void nothing(void)
{
}

/* -- The worker ---------------------------------------------------------------------------------------------------- */

static char *untouched;

static int run_up_slots(uint32_t slots, unsigned int flags, struct an_error *err)
{
	struct an_worker_spec spec = lab_spec(slots, 8);

	spec.flags = flags;
	return an_worker_up(NULL, &spec, NULL, err);
}

static int run_up(struct an_error *err)
{
	return run_up_slots(1, 0, err);
}

static int run_up_more(struct an_error *err)
{
	return run_up_slots(3, 0, err);
}

static int run_dry(struct an_error *err)
{
	return run_up_slots(1, AN_UP_DRY_RUN, err);
}

/* The worker's side is always the same. */
static char *prepared;

static bool check_up(void)
{
	struct an_error err = { 0 };
	struct an_worker *w;
	bool whole;

	assert_int_equal(an_worker_open(&w, -1, &err), 0);
	whole = whole_pool(w) && inventory_same(prepared, INVENTORY_WORKER);
	an_worker_close(w);
	return whole;
}

static void end_up(void)
{
	lab_down(NULL);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
}

static void test_up(void **state)
{
	(void)state;
	try_all(&(struct trial){
		.begin = nothing, .run = run_up, .check = check_up, .end = end_up, .slow = true });
}

static void test_dry_run(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = nothing, .run = run_dry, .end = nothing, .pure = true });
}

static struct an_port web = { .protocol = IPPROTO_TCP, .port = 8080, .end_port = 8080, .actor_port = 80 };
static struct an_port ports[3] = {
	{ .protocol = IPPROTO_TCP, .port = 7000, .end_port = 7004, .actor_port = 7000 },
	{ .protocol = IPPROTO_UDP, .port = 53, .end_port = 53, .actor_port = 53 },
	{ .protocol = IPPROTO_TCP,
	  .family = AF_INET,
	  .address = { 10, 99, 0, 2 },
	  .port = 81,
	  .end_port = 81,
	  .actor_port = 8081 },
};

static struct an_actor_spec there = { .size = sizeof(there), .name = "there", .ports = &web, .n_ports = 1 };
static struct an_actor_spec wanted = {
	.size = sizeof(wanted), .name = "wanted", .ports = ports, .n_ports = 3
};
static struct an_actor_spec sandboxed = { .size = sizeof(sandboxed),
					  .name = "sandboxed",
					  .ports = ports,
					  .n_ports = 1,
					  .flags = AN_ACTOR_SANDBOXED };
static struct an_actor_spec everything = {
	.size = sizeof(everything), .name = "everything", .egress = AN_EGRESS_ALL, .flags = AN_ACTOR_ALL_PORTS
};

/* A prepared worker with one actor and two idle slots. */
static void begin_prepared(void)
{
	if (worker)
		return;
	worker = lab_up(2, 8);
	lab_activate(worker, &there);
	lab_settle(worker);
}

static int teardown_prepared(void **state)
{
	(void)state;
	free(before);
	before = NULL;
	an_worker_close(worker);
	worker = NULL;
	return an_worker_down(-1, NULL, NULL) < 0;
}

static bool check_there(void)
{
	return whole_actor(worker, &there) && whole_pool(worker);
}

static int run_up_same(struct an_error *err)
{
	return run_up_slots(2, 0, err);
}

static int run_up_fewer(struct an_error *err)
{
	return run_up_slots(1, 0, err);
}

static void end_resized(void)
{
	struct an_error err = { 0 };

	assert_int_equal(run_up_slots(2, 0, &err), 0);
}

/* Calls of an `up` that has nothing to do; the last of them come after the slots. */
static unsigned int calls_again;

#define AFTER_SLOTS 24

static void test_up_again(void **state)
{
	(void)state;
	calls_again = try_all(&(struct trial){ .begin = begin_prepared,
					       .run = run_up_same,
					       .check = check_there,
					       .end = nothing,
					       .pure = true });
}

static void test_up_with_more_slots(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared,
				 .run = run_up_more,
				 .check = check_there,
				 .end = end_resized,
				 .slow = true,
				 .after = calls_again > AFTER_SLOTS ? calls_again - AFTER_SLOTS : 0 });
}

static void test_up_with_fewer_slots(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared,
				 .run = run_up_fewer,
				 .check = check_there,
				 .end = end_resized,
				 .after = calls_again > AFTER_SLOTS ? calls_again - AFTER_SLOTS : 0 });
}

static void test_dry_run_of_a_prepared_worker(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared,
				 .run = run_dry,
				 .check = check_there,
				 .end = nothing,
				 .pure = true });
}

/* Someone's `nft flush ruleset`; after a failed repair there may be nothing to flush. */
static void flush(struct side *side)
{
	int r;

	txn_table_del(&side->txn);
	r = txn_commit(&side->txn, &side->nf, NULL, NULL);
	assert_true(r == 0 || r == -ENOENT);
}

static void begin_flushed(void)
{
	begin_prepared();
	flush(WORKER_SIDE(worker));
}

static void begin_flushed_gateway(void)
{
	begin_prepared();
	flush(GATEWAY_SIDE(worker));
}

static void test_up_repairs_the_workers_table(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_flushed,
				 .run = run_up_same,
				 .check = check_there,
				 .end = nothing,
				 .goes_on = true,
				 .slow = true,
				 .stride = 4 });
}

static void test_up_repairs_the_gateways_table(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_flushed_gateway,
				 .run = run_up_same,
				 .check = check_there,
				 .end = end_resized,
				 .goes_on = true,
				 .slow = true,
				 .stride = 4 });
}

static int run_open(struct an_error *err)
{
	struct an_worker *w;
	int r = an_worker_open(&w, -1, err);

	if (r == 0)
		an_worker_close(w);
	return r;
}

static int run_info(struct an_error *err)
{
	struct an_worker_info info = { .size = sizeof(info) };

	return an_worker_info(worker, &info, err);
}

static void test_open(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared, .run = run_open, .end = nothing, .pure = true });
}

static void test_info(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared, .run = run_info, .end = nothing, .pure = true });
}

static int run_down(struct an_error *err)
{
	return an_worker_down(-1, NULL, err);
}

static void begin_down(void)
{
	begin_prepared();
	an_worker_close(worker);
	worker = NULL;
}

static bool check_down(void)
{
	return inventory_same(untouched, INVENTORY_ALL);
}

static void test_down(void **state)
{
	(void)state;
	try_all(&(struct trial){
		.begin = begin_down, .run = run_down, .check = check_down, .end = nothing, .goes_on = true });
}

/* -- Actors -------------------------------------------------------------------------------------------------------- */

static int run_activate(struct an_error *err)
{
	return an_actor_activate(worker, &wanted, NULL, err);
}

static bool check_activate(void)
{
	return whole_actor(worker, &wanted) && whole_actor(worker, &there) && whole_pool(worker);
}

static void end_activate(void)
{
	lab_release(worker, wanted.name);
	lab_settle(worker);
}

static void test_activate(void **state)
{
	(void)state;
	try_all(&(struct trial){
		.begin = begin_prepared, .run = run_activate, .check = check_activate, .end = end_activate });
}

/* No idle slot: one is made. */
static void begin_empty_pool(void)
{
	if (!worker) {
		worker = lab_up(0, 8);
		lab_activate(worker, &there);
	}
	lab_settle(worker);
}

static void test_activate_on_demand(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_empty_pool,
				 .run = run_activate,
				 .check = check_activate,
				 .end = end_activate });
}

static int run_again(struct an_error *err)
{
	return an_actor_activate(worker, &there, NULL, err);
}

static void test_activate_again(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared,
				 .run = run_again,
				 .check = check_there,
				 .end = nothing,
				 .pure = true });
}

static int run_sandboxed(struct an_error *err)
{
	return an_actor_activate(worker, &sandboxed, NULL, err);
}

static bool check_sandboxed(void)
{
	return whole_actor(worker, &sandboxed) && whole_pool(worker);
}

static void end_sandboxed(void)
{
	lab_release(worker, sandboxed.name);
	lab_settle(worker);
}

static void test_activate_for_a_sandbox(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared,
				 .run = run_sandboxed,
				 .check = check_sandboxed,
				 .end = end_sandboxed });
}

static int run_everything(struct an_error *err)
{
	return an_actor_activate(worker, &everything, NULL, err);
}

static bool check_everything(void)
{
	return whole_actor(worker, &everything) && whole_pool(worker);
}

static void end_everything(void)
{
	lab_release(worker, everything.name);
	lab_settle(worker);
}

static void test_activate_with_all_ports(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared,
				 .run = run_everything,
				 .check = check_everything,
				 .end = end_everything });
}

static void test_activate_repairs_the_workers_table(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_flushed,
				 .run = run_activate,
				 .check = check_activate,
				 .end = end_activate,
				 .goes_on = true });
}

static void begin_release(void)
{
	begin_prepared();
	lab_activate(worker, &wanted);
	lab_settle(worker);
}

static int run_release(struct an_error *err)
{
	return an_actor_release(worker, wanted.name, 0, NULL, err);
}

static bool check_release(void)
{
	struct actor a;

	lab_settle(worker);
	return find_actor(worker, wanted.name, &a, NULL) == 0 && whole_actor(worker, &there) &&
	       whole_pool(worker);
}

static void test_release(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_release,
				 .run = run_release,
				 .check = check_release,
				 .end = nothing,
				 .goes_on = true });
}

static int run_ports_set(struct an_error *err)
{
	return an_actor_ports_set(worker, wanted.name, ports + 1, 2, err);
}

static bool check_ports_set(void)
{
	const struct an_actor_spec spec = {
		.size = sizeof(spec), .name = wanted.name, .ports = ports + 1, .n_ports = 2
	};

	return whole_actor(worker, &spec) && whole_pool(worker);
}

static void test_ports_set(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_release,
				 .run = run_ports_set,
				 .check = check_ports_set,
				 .end = end_activate });
}

static int run_ports_del(struct an_error *err)
{
	return an_actor_ports_del(worker, wanted.name, ports, 1, err);
}

static void test_ports_del(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_release,
				 .run = run_ports_del,
				 .check = check_ports_set,
				 .end = end_activate });
}

static void begin_ports_add(void)
{
	begin_release();
	assert_int_equal(run_ports_del(NULL), 1);
	lab_settle(worker);
}

static int run_ports_add(struct an_error *err)
{
	return an_actor_ports_add(worker, wanted.name, ports, 1, err);
}

static bool check_ports_add(void)
{
	const struct an_port moved[3] = { ports[1], ports[2], ports[0] };
	const struct an_actor_spec spec = {
		.size = sizeof(spec), .name = wanted.name, .ports = moved, .n_ports = 3
	};

	return whole_actor(worker, &spec) && whole_pool(worker);
}

static void test_ports_add(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_ports_add,
				 .run = run_ports_add,
				 .check = check_ports_add,
				 .end = end_activate });
}

static int run_show(struct an_error *err)
{
	struct an_actor_info info = { .size = sizeof(info) };

	return an_actor_show(worker, there.name, &info, err);
}

static void test_show(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared, .run = run_show, .end = nothing, .pure = true });
}

static int count_one(const struct an_actor_info *info, void *data)
{
	(void)info;
	(*(unsigned int *)data)++;
	return 0;
}

static int run_list(struct an_error *err)
{
	unsigned int count = 0;
	int r = an_actor_list(worker, count_one, &count, err);

	assert_int_equal(count, r == 0 ? 1 : 0);
	return r;
}

static void test_list(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared, .run = run_list, .end = nothing, .pure = true });
}

static int run_netns(struct an_error *err)
{
	int fd = an_actor_netns(worker, there.name, err);

	if (fd >= 0)
		close(fd);
	return fd;
}

static void test_netns(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_prepared, .run = run_netns, .end = nothing, .pure = true });
}

static void begin_dispatch(void)
{
	begin_prepared();
	lab_activate(worker, &wanted);
	lab_release(worker, wanted.name);
}

static int run_dispatch(struct an_error *err)
{
	return an_worker_dispatch(worker, 0, err);
}

static bool check_dispatch(void)
{
	struct pollfd busy = { .fd = an_worker_fd(worker), .events = POLLIN };

	return check_there() && worker->n_idle == 2 && poll(&busy, 1, 0) == 0;
}

static void test_dispatch(void **state)
{
	(void)state;
	try_all(&(struct trial){ .begin = begin_dispatch,
				 .run = run_dispatch,
				 .check = check_dispatch,
				 .end = nothing,
				 .goes_on = true });
}

/* What the worker is before, and what `up` makes of it. */
static int setup(void **state)
{
	struct an_worker *w;
	int r = lab_make();

	(void)state;
	if (r != 0)
		return r < 0 ? r : 0;
	w = lab_up(1, 8);
	lab_down(w);
	untouched = inventory_take(INVENTORY_ALL);
	return 0;
}

static void test_down_restores_what_up_found(void **state)
{
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	w = lab_up(2, 8);
	lab_activate(w, &there);
	prepared = inventory_take(INVENTORY_WORKER);
	lab_down(w);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
	assert_false(strcmp(prepared, untouched) == 0);
	w = lab_up(1, 8);
	free(prepared);
	prepared = inventory_take(INVENTORY_WORKER);
	lab_down(w);
}

#define TRIAL(f)                                     \
	{                                            \
#f, f, NULL, teardown_prepared, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_down_restores_what_up_found),
		TRIAL(test_up),
		TRIAL(test_dry_run),
		TRIAL(test_up_again),
		TRIAL(test_up_with_more_slots),
		TRIAL(test_up_with_fewer_slots),
		TRIAL(test_dry_run_of_a_prepared_worker),
		TRIAL(test_up_repairs_the_workers_table),
		TRIAL(test_up_repairs_the_gateways_table),
		TRIAL(test_open),
		TRIAL(test_info),
		TRIAL(test_activate),
		TRIAL(test_activate_on_demand),
		TRIAL(test_activate_again),
		TRIAL(test_activate_for_a_sandbox),
		TRIAL(test_activate_with_all_ports),
		TRIAL(test_activate_repairs_the_workers_table),
		TRIAL(test_release),
		TRIAL(test_ports_set),
		TRIAL(test_ports_add),
		TRIAL(test_ports_del),
		TRIAL(test_show),
		TRIAL(test_list),
		TRIAL(test_netns),
		TRIAL(test_dispatch),
		TRIAL(test_down),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
