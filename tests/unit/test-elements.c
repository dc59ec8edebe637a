/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor is in the tables, and what turns one set of ports into another: pure, no kernel. */
#include "plane/elements.h"
#include "plane/gateway.h"
#include "plane/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct plane sample(bool ipv6)
{
	struct plane p = { .id = "f0000001", .ipv6 = ipv6 };

	assert_int_equal(addr_parse("100.64.0.0/16", &p.range), 0);
	assert_int_equal(addr_parse("fd12::/64", &p.range6), 0);
	return p;
}

static struct actor actor_with(const char *const *ports)
{
	struct actor a = { .name = "web", .n = 7, .policy = 1, .egress = AN_EGRESS_ALL, .since = 1700000000 };

	for (; *ports; ports++)
		assert_int_equal(an_port_parse(*ports, &a.ports[a.n_ports++], NULL), 0);
	return a;
}

static size_t count(const struct elements *e, const struct nf_set *set)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n; i++)
		n += e->list[i].set == set;
	return n;
}

static void test_actor_reads_as_it_was_written(void **state)
{
	const char *const none[] = { NULL };
	const struct plane p = sample(true);
	const struct actor a = actor_with(none);
	struct elements e = { .n = 0 };
	struct actor back;

	(void)state;
	elements_actor(&e, &p, &a);
	assert_ptr_equal(e.list[0].set, &gateway_actors);
	elements_actor_read(&e.list[0].elem, &back);
	assert_string_equal(back.name, "web");
	assert_int_equal(back.n, 7);
	assert_int_equal(back.egress, AN_EGRESS_ALL);
	assert_int_equal(back.since, 1700000000);
	assert_int_equal(back.policy, 1);
	elements_fini(&e);
}

static void test_lost_actor_is_known_and_nothing_else(void **state)
{
	const char *const none[] = { NULL };
	const struct plane p = sample(true);
	struct actor a = actor_with(none), back;
	struct elements e = { .n = 0 };

	(void)state;
	a.policy = 0;
	elements_actor(&e, &p, &a);
	assert_int_equal(e.n, 1);
	elements_actor_read(&e.list[0].elem, &back);
	assert_int_equal(back.policy, 0);
	elements_fini(&e);
}

static void test_port_reads_as_it_was_written(void **state)
{
	const char *const ports[] = { "80", "5000-5009:6000/udp", "10.0.0.1:81", "[fd00::1]:82:83/tcp",
				      NULL };
	const struct plane p = sample(true);
	const struct actor a = actor_with(ports);
	struct elements e = { .n = 0 };
	size_t seen = 0;

	(void)state;
	elements_ports(&e, &p, &a);
	for (size_t i = 0; i < e.n; i++) {
		struct an_port port;
		uint32_t n, nth;

		if (e.list[i].set != &gateway_ports)
			continue;
		elements_port_read(&e.list[i].elem, &n, &nth, &port);
		assert_int_equal(n, 7);
		assert_memory_equal(&port, &a.ports[nth], sizeof(port));
		seen++;
	}
	assert_int_equal(seen, a.n_ports);
	elements_fini(&e);
}

static void test_without_ipv6_there_is_none_of_it(void **state)
{
	const char *const ports[] = { "80", "5000-5009/udp", NULL };
	const struct plane with = sample(true), without = sample(false);
	const struct actor a = actor_with(ports);
	struct elements e = { .n = 0 }, e6 = { .n = 0 };

	(void)state;
	elements_ports(&e, &without, &a);
	elements_ports(&e6, &with, &a);
	assert_int_equal(count(&e, &worker_ports4), 11);
	assert_int_equal(count(&e, &worker_ports6), 0);
	assert_int_equal(count(&e, &gateway_open6), 0);
	assert_int_equal(count(&e6, &worker_ports6), 11);
	assert_int_equal(count(&e6, &worker_mapped), 11);
	elements_fini(&e);
	elements_fini(&e6);
}

/* Two public ports that lead to one of the actor's open it once. */
static void test_port_of_the_actor_is_opened_once(void **state)
{
	const char *const ports[] = { "8001:80", "8002:80", NULL };
	const struct plane p = sample(false);
	const struct actor a = actor_with(ports);
	struct elements e = { .n = 0 };

	(void)state;
	elements_ports(&e, &p, &a);
	assert_int_equal(count(&e, &worker_ports4), 2);
	assert_int_equal(count(&e, &gateway_open4), 1);
	elements_fini(&e);
}

struct changes {
	size_t added, deleted;
};

static void added(const struct element *e, void *data)
{
	(void)e;
	((struct changes *)data)->added++;
}

static void deleted(const struct element *e, void *data)
{
	(void)e;
	((struct changes *)data)->deleted++;
}

static void test_only_what_differs_changes(void **state)
{
	const char *const before[] = { "80", "443:8443", NULL }, *const after[] = { "80", "443:9443", NULL };
	const struct plane p = sample(false);
	const struct actor a = actor_with(before), b = actor_with(after);
	struct elements x = { .n = 0 }, y = { .n = 0 };
	struct changes c = { 0, 0 };

	(void)state;
	elements_ports(&x, &p, &a);
	elements_ports(&y, &p, &b);
	elements_diff(&x, &x, added, deleted, &c);
	assert_int_equal(c.added + c.deleted, 0);
	/* the port map, the open port, and the record; that 443 is mapped stays so */
	elements_diff(&x, &y, added, deleted, &c);
	assert_int_equal(c.added, 3);
	assert_int_equal(c.deleted, 3);
	elements_fini(&x);
	elements_fini(&y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actor_reads_as_it_was_written),
		cmocka_unit_test(test_lost_actor_is_known_and_nothing_else),
		cmocka_unit_test(test_port_reads_as_it_was_written),
		cmocka_unit_test(test_without_ipv6_there_is_none_of_it),
		cmocka_unit_test(test_port_of_the_actor_is_opened_once),
		cmocka_unit_test(test_only_what_differs_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
