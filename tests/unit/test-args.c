/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's command line. */
#include "ateom/args.h"
#include "isolate.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Words up to NULL, as given behind the program's name. */
static int parse(struct args *args, struct an_error *err, char **words)
{
	char *argv[32] = { (char[]){ "ateom-gvisor" } };
	int argc = 1;

	while (words[argc - 1]) {
		argv[argc] = words[argc - 1];
		argc++;
	}
	return args_parse(args, argc, argv, err);
}

#define PARSE(args, err, ...) parse(args, err, (char *[]){ __VA_ARGS__, NULL })
#define W(text)		      ((char[]){ text })

static void test_defaults_are_those_of_the_seed(void **state)
{
	struct args args;
	char path[108];

	(void)state;
	assert_int_equal(PARSE(&args, NULL, W("--pod-uid"), W("u-1")), 0);
	assert_string_equal(args.pod_uid, "u-1");
	assert_int_equal(args.n_ports, 1);
	assert_int_equal(args.ports[0].port, 80);
	assert_int_equal(args.ports[0].actor_port, 80);
	assert_int_equal(args.ports[0].protocol, IPPROTO_TCP);
	assert_int_equal(args.egress, AN_EGRESS_ALL);
	assert_int_equal(args.log_level, LOG_LEVEL_INFO);
	assert_int_equal(args_socket(&args, path, sizeof(path), NULL), 0);
	assert_string_equal(path, "/var/lib/ateom-gvisor/ateoms/u-1/ateom.sock");
}

static void test_flags_are_as_in_go(void **state)
{
	struct args args;

	(void)state;
	assert_int_equal(PARSE(&args, NULL, W("-pod-uid=u"), W("--base-dir=/b//"), W("-slots"), W("3"),
			       W("-port"), W("443:8443"), W("--port=53/udp"), W("--egress=none"),
			       W("--log-level"), W("debug"), W("-version=false")),
			 0);
	assert_string_equal(args.base_dir, "/b");
	assert_int_equal(args.slots, 3);
	assert_int_equal(args.n_ports, 2);
	assert_int_equal(args.ports[1].protocol, IPPROTO_UDP);
	assert_int_equal(args.egress, AN_EGRESS_NONE);
	assert_int_equal(args.log_level, LOG_LEVEL_DEBUG);
	assert_false(args.version);
	/* The last one counts. */
	assert_int_equal(PARSE(&args, NULL, W("-pod-uid=u"), W("-pod-uid=v")), 0);
	assert_string_equal(args.pod_uid, "v");
}

static void test_help_and_version_need_nothing_else(void **state)
{
	struct args args;

	(void)state;
	assert_int_equal(PARSE(&args, NULL, W("--version")), 0);
	assert_true(args.version);
	assert_int_equal(PARSE(&args, NULL, W("-h")), 0);
	assert_true(args.help);
	assert_int_equal(PARSE(&args, NULL, W("-help=T")), 0);
	assert_true(args.help);
	assert_non_null(strstr(args_help(), "--pod-uid"));
}

static void test_what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *word, *object;
	} wrong[] = {
		{ "--none", "--none" },
		{ "-", "-" },
		{ "--", "--" },
		{ "word", "word" },
		{ "--pod-uid=", "--pod-uid" },
		{ "--pod-uid=..", "--pod-uid" },
		{ "--pod-uid=a/b", "--pod-uid" },
		{ "--base-dir=b", "--base-dir" },
		{ "--slots=0", "--slots" },
		{ "--slots=1025", "--slots" },
		{ "--slots=x", "--slots" },
		{ "--slots", "--slots" },
		{ "--log-level=loud", "--log-level" },
		{ "--version=perhaps", "--version=perhaps" },
		{ "--port=0", NULL },
		{ "--egress=some", NULL },
	};
	struct an_error err;
	struct args args;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char word[64];

		snprintf(word, sizeof(word), "%s", wrong[i].word);
		memset(&err, 0, sizeof(err));
		assert_int_equal(PARSE(&args, &err, W("--pod-uid=u"), word), -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
		if (wrong[i].object)
			assert_string_equal(err.object, wrong[i].object);
	}
	assert_int_equal(PARSE(&args, &err, W("--slots=1")), -EINVAL);
	assert_string_equal(err.object, "--pod-uid");
}

static void test_socket_path_fits_or_is_refused(void **state)
{
	char uid[128] = "--pod-uid=";
	struct args args;
	size_t most = 107 - strlen("/var/lib/ateom-gvisor/ateoms//ateom.sock"), head = strlen(uid);

	(void)state;
	memset(uid + head, 'u', most);
	assert_int_equal(PARSE(&args, NULL, uid), 0);
	uid[head + most] = 'u';
	assert_int_equal(PARSE(&args, NULL, uid), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_those_of_the_seed),
		cmocka_unit_test(test_flags_are_as_in_go),
		cmocka_unit_test(test_help_and_version_need_nothing_else),
		cmocka_unit_test(test_what_is_wrong_is_named),
		cmocka_unit_test(test_socket_path_fits_or_is_refused),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
