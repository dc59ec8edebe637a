/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and prefixes. */
#include "base/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct addr parsed(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void test_text_survives_a_round_trip(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0",
		"1.2.3.4",
		"255.255.255.255",
		"10.0.0.0/8",
		"100.64.0.1/16",
		"1.2.3.4/0",
		"1.2.3.4/31",
		"::",
		"::1",
		"fd00::/64",
		"fd00::1/127",
		"::/0",
		"2001:db8:1:2:3:4:5:6",
		"::ffff:1.2.3.4",
	};
	char buf[ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr a = parsed(texts[i]);

		assert_string_equal(addr_format(&a, buf), texts[i]);
	}
}

static void test_full_prefix_is_not_shown(void **state)
{
	struct addr a4 = parsed("1.2.3.4/32"), a6 = parsed("fd00::1/128"), net = parsed("10.1.0.0/16");
	char buf[ADDR_TEXT];

	(void)state;
	assert_string_equal(addr_format(&a4, buf), "1.2.3.4");
	assert_string_equal(addr_format(&a6, buf), "fd00::1");
	assert_string_equal(addr_format_host(&net, buf), "10.1.0.0");
}

static void test_longest_text_fits(void **state)
{
	struct addr a = parsed("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/100");
	char buf[ADDR_TEXT];

	(void)state;
	assert_string_equal(addr_format(&a, buf), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/100");
}

static void test_what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"1.2.3",
		"1.2.3.4.5",
		"01.2.3.4",
		"1.2.3.256",
		"1.2.3.4/33",
		"1.2.3.4/",
		"1.2.3.4/-1",
		"1.2.3.4/+1",
		"1.2.3.4/08",
		" 1.2.3.4",
		"1.2.3.4 ",
		"1.2.3.4/24 ",
		"1.2.3.4/24/",
		"/24",
		"fd00::1%eth0",
		"fd00::1/129",
		"fd00:::1",
		"[fd00::1]",
		"g::",
		"0x1.2.3.4",
		"1.2.3.4\n",
		"fd00::1/64x",
		"12345::",
		"1.2.3.4/1e1",
		"a",
		"/",
		"1.2.3.4/99999999999999999999",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555555555555555555",
	};
	struct addr a, before = { .family = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		a = before;
		assert_int_equal(addr_parse(texts[i], &a), -EINVAL);
		assert_memory_equal(&a, &before, sizeof(a));
	}
}

static void test_numbers_are_host_order(void **state)
{
	struct addr a = addr_v4(0x0a010203, 24);
	char buf[ADDR_TEXT];

	(void)state;
	assert_string_equal(addr_format(&a, buf), "10.1.2.3/24");
	assert_int_equal(addr_size(AF_INET), 4);
	assert_int_equal(addr_size(AF_INET6), 16);
	assert_int_equal(addr_size(0), 0);
}

static void test_network_clears_the_host_bits(void **state)
{
	static const char *const pairs[][2] = {
		{ "10.1.2.3/8", "10.0.0.0/8" },
		{ "10.1.2.3/31", "10.1.2.2/31" },
		{ "10.1.2.3", "10.1.2.3" },
		{ "255.1.2.3/0", "0.0.0.0/0" },
		{ "10.1.255.3/23", "10.1.254.0/23" },
		{ "fd00:1:2:3::9/64", "fd00:1:2:3::/64" },
		{ "fd00::ffff/121", "fd00::ff80/121" },
		{ "fd00::1", "fd00::1" },
		{ "ffff::/0", "::/0" },
	};
	char buf[ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct addr a = parsed(pairs[i][0]), network = addr_network(&a);

		assert_string_equal(addr_format(&network, buf), pairs[i][1]);
	}
}

static void test_nth_counts_from_the_network(void **state)
{
	struct addr net4 = parsed("100.64.5.6/16"), net6 = parsed("fd00::7/64"), a;
	char buf[ADDR_TEXT];

	(void)state;
	a = addr_nth(&net4, 0);
	assert_string_equal(addr_format(&a, buf), "100.64.0.0");
	a = addr_nth(&net4, 258);
	assert_string_equal(addr_format(&a, buf), "100.64.1.2");
	a = addr_nth(&net4, 0xffff);
	assert_string_equal(addr_format(&a, buf), "100.64.255.255");
	a = addr_nth(&net6, 0x123456789abcdef0);
	assert_string_equal(addr_format(&a, buf), "fd00::1234:5678:9abc:def0");
	/* Within the low 64 bits, carries and all. */
	net6 = parsed("fd00::ff00/120");
	a = addr_nth(&net6, 0x100);
	assert_string_equal(addr_format(&a, buf), "fd00::1:0");
}

static void test_containment_and_overlap(void **state)
{
	struct addr net = parsed("10.0.0.0/8"), in = parsed("10.9.0.0/16"), out = parsed("11.0.0.0/16");
	struct addr all = parsed("0.0.0.0/0"), all6 = parsed("::/0"), none = { 0 };

	(void)state;
	assert_true(addr_contains(&net, &in));
	assert_true(addr_contains(&net, &net));
	assert_false(addr_contains(&in, &net));
	in = parsed("10.0.0.0/16");
	assert_true(addr_contains(&net, &in));
	assert_false(addr_contains(&in, &net));
	assert_false(addr_contains(&net, &out));
	assert_true(addr_contains(&all, &out));
	assert_false(addr_contains(&all6, &out));
	assert_false(addr_contains(&none, &none));
	assert_true(addr_overlaps(&in, &net));
	assert_true(addr_overlaps(&net, &in));
	assert_false(addr_overlaps(&net, &out));
	assert_false(addr_overlaps(&all6, &all));
}

static void test_equality_tells_prefixes_apart(void **state)
{
	struct addr a = parsed("10.0.0.1/8"), b = parsed("10.0.0.1/16"), c = parsed("10.0.0.2/8");
	struct addr zero4 = parsed("0.0.0.0"), zero6 = parsed("::");

	(void)state;
	assert_true(addr_equal(&a, &a));
	assert_false(addr_equal(&a, &b));
	assert_true(addr_same_host(&a, &b));
	assert_false(addr_same_host(&a, &c));
	assert_false(addr_same_host(&zero4, &zero6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_survives_a_round_trip),
		cmocka_unit_test(test_full_prefix_is_not_shown),
		cmocka_unit_test(test_longest_text_fits),
		cmocka_unit_test(test_what_is_no_address_is_refused),
		cmocka_unit_test(test_numbers_are_host_order),
		cmocka_unit_test(test_network_clears_the_host_bits),
		cmocka_unit_test(test_nth_counts_from_the_network),
		cmocka_unit_test(test_containment_and_overlap),
		cmocka_unit_test(test_equality_tells_prefixes_apart),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
