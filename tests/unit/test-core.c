/* SPDX-License-Identifier: Apache-2.0 */
/* What the library checks and reads without asking the kernel. */
#include "core/ports.h"
#include "core/preflight.h"
#include "core/record.h"
#include "core/resolver.h"
#include "netns/netns.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned int read_resolvers(const char *text, struct addr list[static LAYOUT_RESOLVERS])
{
	char path[] = "/tmp/actornet-test-XXXXXX";
	int fd = mkstemp(path);
	unsigned int n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	n = resolver_read(path, list);
	unlink(path);
	return n;
}

static void test_resolvers_that_are_this_host_are_left_out(void **state)
{
	static const char *const local[] = { "127.0.0.1", "127.0.0.53",	      "::1",	       "0.0.0.0",
					     "::",	  "::ffff:127.0.0.1", "::ffff:0.0.0.0" };
	struct addr list[LAYOUT_RESOLVERS];
	char text[128], shown[ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++) {
		snprintf(text, sizeof(text),
			 "nameserver %s\nnameserver 192.0.2.1\nnameserver ::ffff:192.0.2.2\n", local[i]);
		assert_int_equal(read_resolvers(text, list), 2);
		assert_string_equal(addr_format(&list[0], shown), "192.0.2.1");
		assert_string_equal(addr_format(&list[1], shown), "::ffff:192.0.2.2");
	}
}

static const struct plane sample = {
	.inner = { AF_INET, 30, { 169, 254, 17, 2 } },
	.inner6 = { AF_INET6, 126, { 0xfd, [15] = 2 } },
	.range = { AF_INET, 16, { 100, 64 } },
	.range6 = { AF_INET6, 64, { 0xfd, 1 } },
	.nat_min = 20000,
	.nat_max = 29999,
};

static void test_gateways_record_has_the_families_that_belong_there(void **state)
{
	static const char *const wrong[][2] = { { " in=", " in=fd00::2/126 x=" },
						{ " in6=", " in6=10.0.0.2/30 x=" },
						{ " out=", " out=fd00::/64 x=" },
						{ " out6=", " out6=10.0.0.0/16 x=" } };
	char text[RECORD_TEXT], changed[2 * RECORD_TEXT];
	struct plane p = { .mtu = 1 };

	(void)state;
	record_gateway_format(&sample, text);
	assert_int_equal(record_gateway_parse(text, &p, NULL), 0);
	assert_true(addr_equal(&p.range6, &sample.range6));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *at = strstr(text, wrong[i][0]);

		assert_non_null(at);
		snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, wrong[i][1],
			 at + strlen(wrong[i][0]));
		assert_int_equal(record_gateway_parse(changed, &p, NULL), -EINVAL);
	}
}

/* The limit of an element's comment, where the worker's record is kept too. */
static void test_longest_record_of_a_worker_fits_a_comment(void **state)
{
	const struct record_worker longest = {
		UINT32_MAX, UINT32_MAX, UINT32_MAX, "fifteen-letters", { 255, 255, 255, 255 }
	};
	char text[RECORD_TEXT];

	(void)state;
	assert_true(strlen(record_worker_format(&longest, text)) < sizeof(((struct nf_elem *)0)->comment));
}

static int check_spec(const char *inner, const char *inner6, const char *range, const char *range6,
		      struct an_error *err)
{
	const struct an_worker_spec spec = { .size = sizeof(spec),
					     .slots = AN_KEEP,
					     .max = AN_KEEP,
					     .inner = inner,
					     .inner6 = inner6,
					     .range = range,
					     .range6 = range6 };

	return preflight_spec(&spec, err);
}

static void test_prefixes_that_no_host_can_have_are_refused(void **state)
{
	static const char *const inner[] = { "224.0.0.2/30", "0.0.0.2/30", "127.0.0.2/30",
					     "255.255.255.2/30" };
	static const char *const inner6[] = { "ff02::2/126", "::2/126", "fe80::2/126",
					      "::ffff:10.0.0.2/126" };
	static const char *const range[] = { "224.0.0.0/16", "0.0.0.0/16", "127.1.0.0/16", "169.254.0.0/16",
					     "255.255.255.0/24" };
	static const char *const range6[] = { "ff02::/64", "::/64", "fe80::/64" };
	struct an_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
		assert_int_equal(check_spec(inner[i], NULL, NULL, NULL, &err), -EINVAL);
	assert_int_equal(err.kind, AN_USAGE);
	assert_string_equal(err.message, "is not a unicast prefix");
	for (size_t i = 0; i < sizeof(inner6) / sizeof(*inner6); i++)
		assert_int_equal(check_spec(NULL, inner6[i], NULL, NULL, &err), -EINVAL);
	for (size_t i = 0; i < sizeof(range) / sizeof(*range); i++)
		assert_int_equal(check_spec(NULL, NULL, range[i], NULL, &err), -EINVAL);
	for (size_t i = 0; i < sizeof(range6) / sizeof(*range6); i++)
		assert_int_equal(check_spec(NULL, NULL, NULL, range6[i], &err), -EINVAL);
	assert_int_equal(
		check_spec("10.1.2.3/24", "2001:db8::5/120", "198.18.0.0/24", "2001:db8:1::/64", &err), 0);
}

static void test_wrong_family_names_the_other_option(void **state)
{
	struct an_error err = { 0 };

	(void)state;
	assert_int_equal(check_spec(NULL, NULL, "fd00::/64", NULL, &err), -EINVAL);
	assert_string_equal(err.remedy, "give it as --range6");
	assert_int_equal(check_spec(NULL, "10.0.0.2/30", NULL, NULL, &err), -EINVAL);
	assert_string_equal(err.remedy, "give it as --inner");
}

static void test_numbers_are_held_against_the_workers(void **state)
{
	const struct record_worker there = { .idle_target = 4, .max = 8 }, none = { .max = 0 };
	struct an_worker_spec spec = { .size = sizeof(spec), .slots = 9, .max = AN_KEEP };

	(void)state;
	assert_int_equal(preflight_numbers(&spec, &there, NULL), -EINVAL);
	assert_int_equal(preflight_numbers(&spec, &none, NULL), 0);
	spec.max = 9;
	assert_int_equal(preflight_numbers(&spec, &there, NULL), 0);
	spec.max = 3;
	assert_int_equal(preflight_numbers(&spec, &none, NULL), -EINVAL);
	spec.slots = AN_KEEP;
	assert_int_equal(preflight_numbers(&spec, &there, NULL), -EINVAL);
	assert_int_equal(preflight_numbers(&spec, &none, NULL), 0); /* 16 is a wish, not a word given */
}

static void test_ports_at_impossible_addresses_are_refused(void **state)
{
	static const char *const wrong[] = { "127.0.0.1:80",	   "0.0.0.1:80",      "224.0.0.1:80",
					     "255.255.255.255:80", "169.254.17.1:80", "100.64.9.9:80",
					     "[::1]:80",	   "[ff02::1]:80",    "[fd00::1]:80",
					     "[fd01::9]:80",	   "192.0.2.255:80" };
	struct an_worker w = { .plane = sample,
			       .addresses = { { .addr = { AF_INET, 24, { 192, 0, 2, 7 } } } },
			       .n_addresses = 1 };
	struct an_error err;
	struct an_port port;

	(void)state;
	w.plane.ipv6 = true;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(an_port_parse(wrong[i], &port, NULL), 0);
		assert_int_equal(ports_valid(&w, &port, 1, &err), -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
		assert_true(err.remedy[0]);
	}
	assert_int_equal(an_port_parse("192.0.2.7:80", &port, NULL), 0);
	assert_int_equal(ports_valid(&w, &port, 1, &err), 0);
	assert_int_equal(an_port_parse("192.0.2.8:80", &port, NULL), 0); /* may come yet */
	assert_int_equal(ports_valid(&w, &port, 1, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolvers_that_are_this_host_are_left_out),
		cmocka_unit_test(test_gateways_record_has_the_families_that_belong_there),
		cmocka_unit_test(test_longest_record_of_a_worker_fits_a_comment),
		cmocka_unit_test(test_prefixes_that_no_host_can_have_are_refused),
		cmocka_unit_test(test_wrong_family_names_the_other_option),
		cmocka_unit_test(test_numbers_are_held_against_the_workers),
		cmocka_unit_test(test_ports_at_impossible_addresses_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
