/* SPDX-License-Identifier: Apache-2.0 */
/* `up` on a kernel that lacks a feature: it is named, with what it is configured by. */
#include "faults.h"
#include "lab.h"
#include <actornet/worker.h>
#include <errno.h>
#include <string.h>

/*
 * A kernel without something: call number @n of `up` fails, nothing is changed. Return: was there one? @named counts
 * those that say @config.
 */
static bool lacks(const char *call, unsigned int n, int errnum, const char *config, unsigned int *named)
{
	const struct an_worker_spec spec = lab_spec(1, 8);
	struct an_error err = { .kind = 0 };
	char *found = inventory_take(INVENTORY_ALL);
	bool called;
	int r;

	faults_set(call, n, errnum);
	r = an_worker_up(NULL, &spec, NULL, &err);
	called = faults_clear() >= n;
	if (r == 0) /* it was not needed */
		assert_int_equal(an_worker_down(-1, NULL, NULL), 1);
	if (r < 0 && strstr(err.message, config)) {
		assert_int_equal(r, -EOPNOTSUPP);
		assert_string_equal(err.object, "kernel");
		assert_non_null(strstr(err.remedy, "Linux 5.10"));
		(*named)++;
	}
	assert_true(inventory_same(found, INVENTORY_ALL));
	free(found);
	return called;
}

static void test_what_the_kernel_lacks_is_named(void **state)
{
	static const struct {
		const char *call;
		int errnum;
		const char *config;
		unsigned int times; /* as the first so manieth of these calls */
	} missing[] = {
		{ "socket", EPROTONOSUPPORT, "CONFIG_NETFILTER_NETLINK", 4 },
		{ "socket", EPROTONOSUPPORT, "CONFIG_INET_DIAG", 4 },
		{ "unshare", EINVAL, "CONFIG_NET_NS", 2 },
		{ "recvmsg", EOPNOTSUPP, "CONFIG_NF_TABLES", 40 },
		{ "recvmsg", EOPNOTSUPP, "CONFIG_VETH", 80 },
	};

	(void)state;
	lab_or_skip();
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++) {
		unsigned int named = 0;

		for (unsigned int n = 1; n <= missing[i].times && named == 0; n++) {
			if (!lacks(missing[i].call, n, missing[i].errnum, missing[i].config, &named))
				break;
		}
		if (named == 0)
			fail_msg("no %s fails with %s", missing[i].call, missing[i].config);
	}
}

static int setup(void **state)
{
	(void)state;
	return lab_make() < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_kernel_lacks_is_named),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
