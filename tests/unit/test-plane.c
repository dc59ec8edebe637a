/* SPDX-License-Identifier: Apache-2.0 */
/* The tables as data: held against nft's own translation of the same lines. */
#include "isolate.h"
#include "nft-compare.h"
#include "plane/gateway.h"
#include "plane/slotns.h"
#include "plane/special.h"
#include "plane/worker.h"
#include <string.h>

static struct plane sample(void)
{
	struct plane p = { .id = "f0000001",
			   .uplink = "ens5",
			   .link = 7,
			   .uplink_index = 2,
			   .ipv6 = true,
			   .mtu = 1500,
			   .nat_min = 20000,
			   .nat_max = 29999 };

	assert_int_equal(addr_parse(LAYOUT_INNER, &p.inner), 0);
	assert_int_equal(addr_parse(LAYOUT_INNER6, &p.inner6), 0);
	assert_int_equal(layout_inner_gateway(&p.inner, &p.gateway), 0);
	assert_int_equal(layout_inner_gateway(&p.inner6, &p.gateway6), 0);
	assert_int_equal(addr_parse("100.65.0.0/16", &p.range), 0);
	assert_int_equal(addr_parse("fd12:3456:789a:1::/64", &p.range6), 0);
	p.guard4 = GUARD_UPLINK;
	p.guard6 = GUARD_ALL;
	return p;
}

static void same_as_nft(struct nf_model *m)
{
	char diff[4096] = "";
	int r = nft_compare(m, diff, sizeof(diff));

	model_fini(m);
	if (r != 0)
		fail_msg("%d: %s", r, diff);
}

static void gateway_is_what_nft_makes_of_its_text(void **state)
{
	const struct plane p = sample();
	struct nf_model m;

	(void)state;
	gateway_model(&m, &p);
	same_as_nft(&m);
}

/* An interval set takes no overlaps, and a worker's own ranges may hold what the floor has anyway, or lie in it. */
static void floor_has_each_block_once(void **state)
{
	static const struct {
		const char *range, *range6, *inner, *inner6;
		size_t four, six;
	} cases[] = {
		{ "100.65.0.0/16", "fd12:3456:789a:1::/64", LAYOUT_INNER, LAYOUT_INNER6, 8, 10 },
		{ "100.100.0.0/16", "fd00:ec2::/64", LAYOUT_INNER, LAYOUT_INNER6, 7, 7 },
		{ "100.64.0.0/10", "fd12::/64", "10.200.0.2/30", "fd12::2/126", 8, 9 },
		{ "169.254.0.0/16", "fe80::/64", LAYOUT_INNER, "fe80::2/126", 7, 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct plane p = sample();
		struct nf_model m;
		size_t four = 0, six = 0;

		assert_int_equal(addr_parse(cases[i].range, &p.range), 0);
		assert_int_equal(addr_parse(cases[i].range6, &p.range6), 0);
		assert_int_equal(addr_parse(cases[i].inner, &p.inner), 0);
		assert_int_equal(addr_parse(cases[i].inner6, &p.inner6), 0);
		gateway_model(&m, &p);
		for (size_t k = 0; k < m.n_fills; k++) {
			four += strcmp(m.fills[k].set, "floor4") == 0;
			six += strcmp(m.fills[k].set, "floor6") == 0;
		}
		assert_int_equal(four, cases[i].four);
		assert_int_equal(six, cases[i].six);
		same_as_nft(&m);
	}
}

static void worker_is_what_nft_makes_of_its_text(void **state)
{
	const struct plane p = sample();
	struct nf_model m;

	(void)state;
	worker_model(&m, &p);
	same_as_nft(&m);
}

static void special_prefixes_are_prefixes(void **state)
{
	const char *const *const lists[] = { special_floor4, special_floor6, special_private4,
					     special_private6, special_known };

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		for (const char *const *text = lists[i]; *text; text++) {
			struct addr a, net;

			assert_int_equal(addr_parse(*text, &a), 0);
			net = addr_network(&a);
			assert_true(addr_equal(&a, &net));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gateway_is_what_nft_makes_of_its_text),
		cmocka_unit_test(floor_has_each_block_once),
		cmocka_unit_test(worker_is_what_nft_makes_of_its_text),
		cmocka_unit_test(special_prefixes_are_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
