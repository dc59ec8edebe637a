/* SPDX-License-Identifier: Apache-2.0 */
/* Many at once: no slot is given twice, none is lost; and long runs that must not grow. */
#include "lab.h"
#include <actornet/worker.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#define PROCESSES    4
#define NAMES	     50
#define THREADS	     100
#define CYCLES	     2000
#define LONG_CYCLES  10000
#define RSS_SLACK_KB 512

static char *untouched;

/* Activate; is the slot ours alone? Let go of it. Return: of the process. */
static int live(unsigned int process)
{
	struct an_error err = { 0 };
	struct an_worker *w;
	int r = an_worker_open(&w, -1, &err);

	for (unsigned int i = 0; r >= 0 && i < NAMES; i++) {
		const struct an_port port = { .protocol = IPPROTO_TCP,
					      .port = (uint16_t)(5000 + process * NAMES + i),
					      .end_port = (uint16_t)(5000 + process * NAMES + i),
					      .actor_port = 80 };
		struct an_actor_info info = { .size = sizeof(info) }, other = info;
		char name[32];
		const struct an_actor_spec spec = { .size = sizeof(spec),
						    .name = name,
						    .ports = &port,
						    .n_ports = 1,
						    .flags = i % 3 ? 0 : AN_ACTOR_SANDBOXED };

		snprintf(name, sizeof(name), "p%u-%u", process, i);
		r = an_actor_activate(w, &spec, &info, &err);
		if (r != 1)
			break;
		printf("%llu\n", (unsigned long long)info.generation);
		if (an_actor_show(w, name, &other, &err) < 0 || strcmp(other.slot, info.slot) != 0 ||
		    !whole_actor(w, &spec)) {
			r = -EIO;
			break;
		}
		r = an_actor_release(w, name, 0, NULL, &err);
		if (r >= 0 && i % 2)
			r = an_worker_dispatch(w, 500, &err);
	}
	if (r >= 0)
		r = an_worker_dispatch(w, 0, &err);
	if (r < 0)
		fprintf(stderr, "# process %u: %d: %s: %s\n", process, r, err.object, err.message);
	return r < 0;
}

/* Numbers on the pipe, one a line, each once. Return: how many. */
static unsigned int read_numbers(FILE *in)
{
	static unsigned long numbers[PROCESSES * NAMES];
	unsigned int n = 0;

	while (n < PROCESSES * NAMES && fscanf(in, "%lu", &numbers[n]) == 1) {
		for (unsigned int i = 0; i < n; i++)
			assert_int_not_equal(numbers[i], numbers[n]);
		n++;
	}
	return n;
}

static void test_no_slot_is_given_twice(void **state)
{
	struct an_worker *w;
	int pipes[2], status;
	FILE *in;

	(void)state;
	lab_or_skip();
	w = lab_up(8, 16);
	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			dup2(pipes[1], STDOUT_FILENO);
			status = live(i);
			fflush(stdout);
			_exit(status);
		}
	}
	close(pipes[1]);
	in = fdopen(pipes[0], "r");
	assert_non_null(in);
	assert_int_equal(read_numbers(in), PROCESSES * NAMES);
	fclose(in);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_true(whole_pool(w));
	lab_down(w);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
}

static pthread_barrier_t start;

static void *activate_one(void *data)
{
	const struct an_actor_spec spec = { .size = sizeof(spec), .name = data };
	struct an_error err = { 0 };
	struct an_worker *w = NULL;
	int r;

	pthread_barrier_wait(&start);
	r = an_worker_open(&w, -1, &err);
	if (r == 0)
		r = an_actor_activate(w, &spec, NULL, &err);
	if (r < 0)
		fprintf(stderr, "# %s: %s: %s\n", spec.name, err.object, err.message);
	an_worker_close(w);
	return r == 1 ? data : NULL;
}

static void test_a_hundred_at_once(void **state)
{
	static char names[THREADS][16];
	pthread_t threads[THREADS];
	struct an_worker *w;
	void *done;

	(void)state;
	lab_or_skip();
	w = lab_up(32, 200);
	assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		snprintf(names[i], sizeof(names[i]), "thread%u", i);
		assert_int_equal(pthread_create(&threads[i], NULL, activate_one, names[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &done), 0);
		assert_ptr_equal(done, names[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		const struct an_actor_spec spec = { .size = sizeof(spec), .name = names[i] };

		assert_true(whole_actor(w, &spec));
	}
	assert_true(whole_pool(w));
	lab_down(w);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
}

/*
 * As many actors as are allowed: the pool stays short, and whoever waits for work must not be told that
 * there is some.
 */
static void test_at_the_limit_nothing_is_left_to_do(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct an_actor_spec spec = { .size = sizeof(spec) };
	struct an_error err = { 0 };
	struct an_worker *w;
	struct pollfd busy;

	(void)state;
	lab_or_skip();
	w = lab_up(2, 4);
	busy = (struct pollfd){ .fd = an_worker_fd(w), .events = POLLIN };
	for (size_t i = 0; i < 4; i++) {
		spec.name = names[i];
		lab_activate(w, &spec);
	}
	assert_int_equal(poll(&busy, 1, 0), 1);
	assert_int_equal(an_worker_dispatch(w, 0, &err), 0);
	assert_int_equal(poll(&busy, 1, 0), 0);
	spec.name = "e";
	assert_int_equal(an_actor_activate(w, &spec, NULL, &err), -ENOSPC);
	assert_int_equal(err.kind, AN_NO_SLOT);
	lab_release(w, names[0]);
	assert_int_equal(poll(&busy, 1, 0), 1);
	lab_activate(w, &spec); /* without a dispatch before */
	assert_true(whole_actor(w, &spec));
	lab_settle(w);
	assert_int_equal(poll(&busy, 1, 0), 0);
	lab_down(w);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
}

static int fail_cb(const struct an_actor_info *info, void *data)
{
	(void)info;
	(void)data;
	return 1;
}

/* A handle of before a `down` would bind its actor to a slot number that is another one's by now. */
static void test_a_handle_ends_with_its_worker(void **state)
{
	const struct an_actor_spec old = { .size = sizeof(old), .name = "old" },
				   new = { .size = sizeof(new), .name = "new" };
	struct an_actor_info info = { .size = sizeof(info) };
	struct an_worker_info worker = { .size = sizeof(worker) };
	struct an_error err = { 0 };
	struct an_worker *stale, *w;

	(void)state;
	lab_or_skip();
	stale = lab_up(2, 8);
	lab_activate(stale, &old);
	assert_int_equal(an_worker_down(-1, NULL, NULL), 1);
	w = lab_up(2, 8);
	lab_activate(w, &new);
	assert_int_equal(an_actor_activate(stale, &old, NULL, &err), -ENOENT);
	assert_int_equal(err.kind, AN_NOT_PREPARED);
	assert_int_equal(an_actor_release(stale, "old", 0, NULL, NULL), -ENOENT);
	assert_int_equal(an_actor_ports_set(stale, "old", NULL, 0, NULL), -ENOENT);
	assert_int_equal(an_actor_show(stale, "old", &info, NULL), -ENOENT);
	assert_int_equal(an_actor_netns(stale, "old", NULL), -ENOENT);
	assert_int_equal(an_actor_list(stale, fail_cb, NULL, NULL), -ENOENT);
	assert_int_equal(an_worker_info(stale, &worker, NULL), -ENOENT);
	assert_int_equal(an_worker_dispatch(stale, 0, NULL), -ENOENT);
	assert_true(whole_actor(w, &new));
	assert_true(whole_pool(w));
	an_worker_close(stale);
	lab_down(w);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
}

static unsigned int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void cycle(struct an_worker *w, unsigned int n)
{
	const struct an_port port = {
		.protocol = IPPROTO_TCP, .port = 8080, .end_port = 8083, .actor_port = 80
	};
	const struct an_actor_spec spec = {
		.size = sizeof(spec), .name = "again", .ports = &port, .n_ports = 1
	};

	for (unsigned int i = 0; i < n; i++) {
		lab_activate(w, &spec);
		lab_release(w, spec.name);
		lab_settle(w);
	}
}

static void test_nothing_grows(void **state)
{
	const unsigned int n = getenv("ACTORNET_LONG") ? LONG_CYCLES : CYCLES;
	struct an_worker *w;
	unsigned int descriptors;
	char *before;
	long resident;

	(void)state;
	lab_or_skip();
	w = lab_up(4, 16);
	cycle(w, n / 10);
	before = inventory_take(INVENTORY_WORKER);
	descriptors = count_descriptors();
	resident = resident_kb();
	cycle(w, n);
	assert_int_equal(count_descriptors(), descriptors);
	fprintf(stderr, "# %u cycles: %ld KiB more\n", n, resident_kb() - resident);
#ifndef __SANITIZE_ADDRESS__ /* it keeps freed memory for a while */
	assert_true(resident_kb() - resident < RSS_SLACK_KB);
#endif
	assert_true(inventory_same(before, INVENTORY_WORKER));
	assert_true(whole_pool(w));
	free(before);
	lab_down(w);
	assert_true(inventory_same(untouched, INVENTORY_ALL));
}

static int setup(void **state)
{
	int r = lab_make();

	(void)state;
	if (r != 0)
		return r < 0 ? r : 0;
	lab_down(lab_up(1, 8));
	untouched = inventory_take(INVENTORY_ALL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_slot_is_given_twice),
		cmocka_unit_test(test_a_hundred_at_once),
		cmocka_unit_test(test_at_the_limit_nothing_is_left_to_do),
		cmocka_unit_test(test_a_handle_ends_with_its_worker),
		cmocka_unit_test(test_nothing_grows),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
