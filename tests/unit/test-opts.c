/* SPDX-License-Identifier: Apache-2.0 */
/* Reading command lines by tables: what is taken, what is refused and in which words. */
#include "cli/opts.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct values {
	bool flag, dry;
	uint32_t slots;
	const char *actor, *uplink, *range, *range6, *path;
	struct opt_ports ports;
	struct opt_range nat;
	enum an_egress egress;
	bool json;
};

static const struct opt options[] = {
	OPT("flag", NULL, opt_flag, struct values, flag, "a flag", .letter = 'f'),
	OPT("dry-run", NULL, opt_flag, struct values, dry, "another"),
	OPT("slots", "N", opt_u32, struct values, slots, "a number", .letter = 's', .min = 1, .max = 60000),
	OPT("uplink", "IF", opt_interface, struct values, uplink, "a link"),
	OPT("range", "CIDR", opt_cidr4, struct values, range, "IPv4", .min = 16, .max = 24),
	OPT("range6", "CIDR", opt_cidr6, struct values, range6, "IPv6", .min = 64, .max = 64),
	OPT("path", "FILE", opt_text, struct values, path, "a text", .max = 8),
	OPT("port", "SPEC", opt_port, struct values, ports, "a port", .many = true),
	OPT("nat-ports", "A-B", opt_nat_ports, struct values, nat, "a range", .min = 1024, .max = 65535),
	OPT("egress", "SET", opt_egress, struct values, egress, "a word"),
	OPT("policy", "FILE", opt_later, struct values, path, NULL),
	OPT("audit", NULL, opt_later, struct values, path, NULL),
	{ 0 },
};

static const struct opt globals[] = {
	OPT("json", NULL, opt_flag, struct values, json, "of all"),
	{ 0 },
};

static const struct opt arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct values, actor, NULL),
	OPT("SPEC", "SPEC", opt_port, struct values, ports, NULL, .many = true, .optional = true),
	{ 0 },
};

/* What came of one command line. */
struct result {
	int r, next;
	struct values values;
	struct an_error err;
};

#define WORDS_MAX 80

/* Reads "activate" and the words. */
static struct result read_words(bool rest, const char *const *words)
{
	struct result result = { .r = 1 };
	struct opt_group own = { options, &result.values, 0 }, all = { globals, &result.values, 0 };
	struct opt_group named = { arguments, &result.values, 0 };
	struct opt_line line = { .options = &own, .globals = &all, .arguments = &named, .takes_rest = rest };
	char *argv[WORDS_MAX] = { (char[]){ "activate" } };
	int argc = 1;

	for (; words[argc - 1]; argc++) {
		assert_true(argc < WORDS_MAX - 1);
		argv[argc] = (char *)words[argc - 1];
	}
	result.r = opt_read(&line, argc, argv, &result.err);
	result.next = line.next;
	return result;
}

#define READ(...) read_words(false, (const char *const[]){ __VA_ARGS__, NULL })

static void assert_refused(struct result result, const char *object, const char *message, const char *remedy)
{
	assert_true(result.r < 0);
	assert_int_equal(result.err.kind, AN_USAGE);
	assert_string_equal(result.err.object, object);
	assert_non_null(strstr(result.err.message, message));
	if (remedy)
		assert_non_null(strstr(result.err.remedy, remedy));
}

static void values_are_stored_in_both_spellings(void **state)
{
	struct result a = READ("web", "--slots", "32", "--uplink=eth0", "-f", "--path", "/a/b/c", "--json");
	struct result b = READ("-s", "32", "--", "web");

	(void)state;
	assert_int_equal(a.r, 0);
	assert_string_equal(a.values.actor, "web");
	assert_int_equal(a.values.slots, 32);
	assert_string_equal(a.values.uplink, "eth0");
	assert_string_equal(a.values.path, "/a/b/c");
	assert_true(a.values.flag && a.values.json);
	assert_false(a.values.dry);
	assert_int_equal(b.r, 0);
	assert_int_equal(b.values.slots, 32);
	assert_string_equal(b.values.actor, "web");
}

static void unknown_options_name_the_nearest(void **state)
{
	(void)state;
	assert_refused(READ("web", "--slot", "3"), "--slot", "unknown option", "did you mean --slots?");
	assert_refused(READ("web", "--jsno"), "--jsno", "unknown option", "did you mean --json?");
	assert_refused(READ("web", "-z"), "-z", "unknown option", "");
	assert_refused(READ("web", "--slotz=4"), "--slotz", "unknown option", "did you mean --slots?");
	assert_string_equal(READ("web", "--quite-another").err.remedy, "");
	/* What is refused as of a later version is no advice. */
	assert_null(strstr(READ("web", "--polcy").err.remedy, "policy"));
}

static void nothing_is_given_twice(void **state)
{
	(void)state;
	assert_refused(READ("web", "--slots", "3", "--slots=3"), "--slots", "more than once", "");
	assert_refused(READ("web", "--flag", "-f"), "--flag", "more than once", "");
	assert_refused(READ("web", "--json", "--json"), "--json", "more than once", "");
	assert_int_equal(READ("web", "--port", "80", "--port", "81").r, 0);
}

static void values_must_be_there_and_not_empty(void **state)
{
	(void)state;
	assert_refused(READ("web", "--slots"), "--slots", "no value", "--slots N");
	assert_refused(READ("web", "--slots", "--flag"), "--slots", "no value", "--slots N");
	assert_refused(READ("web", "--uplink", ""), "--uplink", "empty", "give IF");
	assert_refused(READ("web", "--uplink="), "--uplink", "empty", "give IF");
	assert_refused(READ("web", "--flag=yes"), "--flag", "takes no value", "--flag alone");
	assert_refused(READ(""), "ACTOR", "empty", "");
}

static void arguments_are_counted(void **state)
{
	struct result none = read_words(false, (const char *const[]){ NULL });
	struct result two = READ("web", "80", "81/udp");

	(void)state;
	assert_refused(none, "ACTOR", "missing", "");
	assert_int_equal(two.r, 0);
	assert_int_equal(two.values.ports.n, 2);
	assert_int_equal(two.values.ports.list[1].protocol, IPPROTO_UDP);
}

static void what_follows_two_dashes_is_left_alone(void **state)
{
	const char *const words[] = { "web", "--", "ls", "--slots", "x", NULL };
	const char *const nothing[] = { "web", "--", NULL }, *const no_dashes[] = { "web", NULL };
	struct result result = read_words(true, words);

	(void)state;
	assert_int_equal(result.r, 0);
	assert_int_equal(result.next, 3);
	assert_refused(read_words(true, nothing), "COMMAND", "missing", "behind --");
	assert_refused(read_words(true, no_dashes), "COMMAND", "missing", "behind --");
}

static void numbers_are_strict(void **state)
{
	static const char *const bad[] = { "-1", "+1", "0x10", "1e3", " 1", "1 ", "one", "01", "1.0" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(READ("web", "--slots", bad[i]), "--slots", bad[i], "give 1 to 60000");
	assert_refused(READ("web", "--slots", "0"), "--slots", "less than 1", "give 1 to 60000");
	assert_refused(READ("web", "--slots", "60001"), "--slots", "more than 60000", "give 1 to 60000");
	assert_refused(READ("web", "--slots", "99999999999999999999999"), "--slots", "more than 60000", NULL);
	assert_int_equal(READ("web", "--slots", "60000").values.slots, 60000);
	assert_int_equal(READ("web", "--slots", "1").values.slots, 1);
}

static void ranges_of_ports_are_strict(void **state)
{
	struct result good = READ("web", "--nat-ports", "20000-29999");

	(void)state;
	assert_int_equal(good.r, 0);
	assert_int_equal(good.values.nat.min, 20000);
	assert_int_equal(good.values.nat.max, 29999);
	assert_refused(READ("web", "--nat-ports", "2000"), "--nat-ports", "not a range", "FIRST-LAST");
	assert_refused(READ("web", "--nat-ports", "3000-2000"), "--nat-ports", "ends before", "2000-3000");
	assert_refused(READ("web", "--nat-ports", "80-2000"), "--nat-ports", "less than 1024",
		       "1024 to 65535");
	assert_refused(READ("web", "--nat-ports", "2000-65536"), "--nat-ports", "more than 65535", NULL);
	assert_refused(READ("web", "--nat-ports", "2000-"), "--nat-ports", "not a number", NULL);
	assert_refused(READ("web", "--nat-ports=-2000"), "--nat-ports", "not a number", NULL);
}

static void prefixes_have_their_family_and_length(void **state)
{
	(void)state;
	assert_int_equal(READ("web", "--range", "100.70.0.0/16", "--range6", "fd12::/64").r, 0);
	assert_refused(READ("web", "--range", "fd12::/64"), "--range", "not IPv4", NULL);
	assert_refused(READ("web", "--range6", "100.70.0.0/16"), "--range6", "not IPv6", NULL);
	assert_refused(READ("web", "--range", "100.0.0.0/8"), "--range", "8 bits", "/16 to /24");
	assert_refused(READ("web", "--range", "100.70.0.1"), "--range", "32 bits", "/16 to /24");
	assert_refused(READ("web", "--range6", "fd12::/48"), "--range6", "48 bits", "give /64");
	assert_refused(READ("web", "--range", "100.70.0.0/33"), "--range", "not an address", "IPv4");
	assert_refused(READ("web", "--range", "100.70.0/16"), "--range", "not an address", "IPv4");
	assert_refused(READ("web", "--range6", "fd12::%eth0/64"), "--range6", "not an address", "IPv6");
}

static void names_and_words_are_checked(void **state)
{
	char long_name[AN_ACTOR_NAME_MAX + 2];

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_refused(READ(long_name), "ACTOR", "longer than 128", "1 to 128");
	assert_int_equal(READ(long_name + 1).r, 0);
	assert_refused(READ("a b"), "ACTOR", "character", NULL);
	assert_refused(READ(".a"), "ACTOR", "starts with", NULL);
	assert_refused(READ("--", "-a"), "ACTOR", "starts with", NULL);
	assert_refused(READ("web", "--uplink", "sixteen-bytes-xx"), "--uplink", "too long", "15 bytes");
	assert_int_equal(READ("web", "--uplink", "fifteen-bytes-x").r, 0);
	assert_refused(READ("web", "--uplink", "a/b"), "--uplink", "can't be", NULL);
	assert_refused(READ("web", "--uplink", ".."), "--uplink", "can't be", NULL);
	assert_refused(READ("web", "--path", "123456789"), "--path", "too long", "8 bytes");
	assert_refused(READ("web", "--egress", "some"), "--egress", "'some'", "internet, all or none");
	assert_int_equal(READ("web", "--egress", "none").values.egress, AN_EGRESS_NONE);
	assert_refused(READ("web", "--policy", "f"), "--policy", "later version", NULL);
	assert_refused(READ("web", "--policy"), "--policy", "later version", NULL);
	assert_refused(READ("web", "--audit"), "--audit", "later version", NULL);
}

static void ports_of_one_line_do_not_overlap(void **state)
{
	(void)state;
	assert_refused(READ("web", "--port", "80", "--port", "80:81"), "--port", "'80/tcp'", "once");
	assert_refused(READ("web", "--port", "80-89", "--port", "89-99"), "--port", "'80-89/tcp'", "once");
	assert_refused(READ("web", "--port", "80", "--port", "10.0.0.1:80"), "--port", "overlaps", "once");
	assert_refused(READ("web", "--port", "[fd00::1]:80", "--port", "[fd00::1]:70-90"), "--port",
		       "overlaps", "once");
	assert_int_equal(READ("web", "--port", "80-89", "--port", "90-99").r, 0);
	assert_int_equal(READ("web", "--port", "80", "--port", "80/udp").r, 0);
	assert_int_equal(READ("web", "--port", "10.0.0.1:80", "--port", "10.0.0.2:80").r, 0);
	assert_int_equal(READ("web", "--port", "10.0.0.1:80", "--port", "[fd00::1]:80").r, 0);
	assert_refused(READ("web", "--port", "80x"), "--port", "80x", NULL);
	assert_refused(READ("web", "--port", "65536"), "--port", "65536", NULL);
}

static void ports_are_at_most_so_many(void **state)
{
	char texts[AN_SPECS_MAX + 1][8];
	const char *words[AN_SPECS_MAX + 3] = { "web" };
	struct result result;

	(void)state;
	for (unsigned int i = 0; i <= AN_SPECS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "%u", 1000 + i);
		words[i + 1] = texts[i];
	}
	assert_refused(read_words(false, words), "SPEC", "one too many", "ranges");
	words[AN_SPECS_MAX + 1] = NULL;
	result = read_words(false, words);
	assert_int_equal(result.r, 0);
	assert_int_equal(result.values.ports.n, AN_SPECS_MAX);
}

static void long_words_do_no_harm(void **state)
{
	static char word[9000];
	struct result result;

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[0] = word[1] = '-';
	result = READ("web", word);
	assert_true(result.r < 0 && strlen(result.err.object) < 60);
	assert_string_equal(result.err.message, "unknown option");
	/* As an argument, and as a value. */
	assert_refused(READ(word + 2), "ACTOR", "longer than 128", NULL);
	assert_refused(READ("web", "--port", word + 2), "--port", "too long", NULL);
	assert_refused(READ("web", "--range", word + 2), "--range", "not an address", NULL);
	assert_refused(READ("web", "--slots", word + 2), "--slots", "not a number", NULL);
}

static void nearest_is_near(void **state)
{
	unsigned int best = UINT_MAX;

	(void)state;
	assert_true(opt_nearest("activat", "activate", &best));
	assert_int_equal(best, 1);
	assert_false(opt_nearest("activat", "release", &best));
	assert_false(opt_nearest("activat", "activated", &best));
	best = UINT_MAX;
	assert_false(opt_nearest("x", "up", &best));
	assert_false(opt_nearest("", "up", &best));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_stored_in_both_spellings),
		cmocka_unit_test(unknown_options_name_the_nearest),
		cmocka_unit_test(nothing_is_given_twice),
		cmocka_unit_test(values_must_be_there_and_not_empty),
		cmocka_unit_test(arguments_are_counted),
		cmocka_unit_test(what_follows_two_dashes_is_left_alone),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(ranges_of_ports_are_strict),
		cmocka_unit_test(prefixes_have_their_family_and_length),
		cmocka_unit_test(names_and_words_are_checked),
		cmocka_unit_test(ports_of_one_line_do_not_overlap),
		cmocka_unit_test(ports_are_at_most_so_many),
		cmocka_unit_test(long_words_do_no_harm),
		cmocka_unit_test(nearest_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
