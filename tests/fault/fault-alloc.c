/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of a public call failing in turn (the linker wraps the allocator): as a kernel call that fails. */
#include "lab.h"
#include <errno.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

/* Which one fails, from 1; 0: none, and none is counted. */
static unsigned int fail_at, seen;

static bool fails(void)
{
	if (!fail_at || ++seen != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, n, size);
}

static struct an_worker *worker;
static const struct an_port ports[2] = {
	{ .protocol = IPPROTO_TCP, .port = 7000, .end_port = 7039, .actor_port = 7000 },
	{ .protocol = IPPROTO_UDP, .port = 53, .end_port = 53, .actor_port = 53 },
};
static const struct an_actor_spec wanted = {
	.size = sizeof(wanted), .name = "wanted", .ports = ports, .n_ports = 2
};
static const struct an_actor_spec fewer = {
	.size = sizeof(fewer), .name = "wanted", .ports = ports + 1, .n_ports = 1
};
static const struct an_actor_spec everything = { .size = sizeof(everything),
						 .name = "everything",
						 .flags = AN_ACTOR_ALL_PORTS };

/**
 * struct trial - a public call under test, on a handle of its own so that its lists are empty and must grow
 * @goes_on: may leave a part done where it fails
 */
struct trial {
	int (*run)(struct an_error *err);
	bool (*check)(void);
	void (*end)(void);
	bool goes_on;
};

static void reopen(void)
{
	struct an_error err = { 0 };

	an_worker_close(worker);
	if (an_worker_open(&worker, -1, &err) < 0)
		fail_msg("%s: %s", err.object, err.message);
}

static bool try_one(const struct trial *t, unsigned int n)
{
	struct an_error err = { 0 };
	char *before;
	int r;

	reopen();
	before = inventory_take(INVENTORY_ALL);
	fail_at = n;
	seen = 0;
	r = t->run(&err);
	fail_at = 0;
	if (r < 0 && (r != -ENOMEM || !err.object[0] || !err.message[0]))
		fail_msg("allocation %u: %d, object '%s', message '%s'", n, r, err.object, err.message);
	if (r < 0 && !t->goes_on && !inventory_same(before, INVENTORY_ALL))
		fail_msg("allocation %u: not as it was", n);
	free(before);
	if (r < 0 && t->run(&err) < 0)
		fail_msg("again after allocation %u: %s: %s", n, err.object, err.message);
	if (!t->check())
		fail_msg("after allocation %u: it says that it worked, and it did not", n);
	t->end();
	return seen >= n;
}

static void try_all(const struct trial *t)
{
	unsigned int n = 1;

	lab_or_skip();
	worker = lab_up(2, 8);
	while (try_one(t, n))
		n++;
	fprintf(stderr, "# %u allocations\n", n - 1);
	assert_true(n > 1);
	lab_down(worker);
	worker = NULL;
}

static int run_activate(struct an_error *err)
{
	return an_actor_activate(worker, &wanted, NULL, err);
}

static bool check_activate(void)
{
	return whole_actor(worker, &wanted) && whole_pool(worker);
}

static void end_activate(void)
{
	lab_release(worker, wanted.name);
	lab_settle(worker);
}

static void test_activate(void **state)
{
	(void)state;
	try_all(&(struct trial){ .run = run_activate, .check = check_activate, .end = end_activate });
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
	try_all(&(struct trial){ .run = run_everything, .check = check_everything, .end = end_everything });
}

/* Begins and ends without the actor; the calls before the one under test are whole. */
static int run_ports_set(struct an_error *err)
{
	const unsigned int at = fail_at;
	int r;

	fail_at = 0;
	lab_activate(worker, &wanted);
	fail_at = at;
	r = an_actor_ports_set(worker, wanted.name, ports + 1, 1, err);
	fail_at = 0;
	if (r < 0) {
		assert_true(whole_actor(worker, &wanted));
		lab_release(worker, wanted.name);
		lab_settle(worker);
	}
	return r;
}

static bool check_ports_set(void)
{
	return whole_actor(worker, &fewer) && whole_pool(worker);
}

static void test_ports_set(void **state)
{
	(void)state;
	try_all(&(struct trial){
		.run = run_ports_set, .check = check_ports_set, .end = end_activate, .goes_on = true });
}

static int run_release(struct an_error *err)
{
	const unsigned int at = fail_at;
	struct actor a;
	int r;

	fail_at = 0;
	if (find_actor(worker, wanted.name, &a, NULL) == 0)
		lab_activate(worker, &wanted);
	fail_at = at;
	r = an_actor_release(worker, wanted.name, 0, NULL, err);
	return r < 0 ? r : an_worker_dispatch(worker, 0, err);
}

static bool check_release(void)
{
	struct actor a;

	lab_settle(worker);
	return find_actor(worker, wanted.name, &a, NULL) == 0;
}

static void nothing(void)
{
}

static void test_release(void **state)
{
	(void)state;
	try_all(&(struct trial){
		.run = run_release, .check = check_release, .end = nothing, .goes_on = true });
}

static int setup(void **state)
{
	(void)state;
	return lab_make() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_activate),
		cmocka_unit_test(test_activate_with_all_ports),
		cmocka_unit_test(test_ports_set),
		cmocka_unit_test(test_release),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
