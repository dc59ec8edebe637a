/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC's text and bytes. */
#include "ateom/grpc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_messages_come_whole_from_any_pieces(void **state)
{
	static const uint8_t input[] = "\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\1z";
	static const size_t size = sizeof(input) - 1;

	(void)state;
	for (size_t piece = 1; piece <= size; piece++) {
		struct grpc_reader reader = { 0 };
		char seen[16] = "";
		size_t at = 0, at_seen = 0;

		while (at < size) {
			const uint8_t *data = input + at;
			size_t left = piece < size - at ? piece : size - at;

			at += left;
			while (left > 0 && grpc_reader_add(&reader, &data, &left) == 1) {
				size_t len;
				uint8_t *body = grpc_reader_take(&reader, &len);

				at_seen += (size_t)snprintf(seen + at_seen, sizeof(seen) - at_seen, "%.*s|",
							    (int)len, (const char *)body);
				free(body);
			}
		}
		assert_string_equal(seen, "abc||z|");
		assert_false(grpc_reader_partial(&reader));
	}
}

static int read_prefix(const char *prefix, bool *ret_partial)
{
	const uint8_t *data = (const uint8_t *)prefix;
	struct grpc_reader reader = { 0 };
	size_t size = GRPC_PREFIX;
	int r = grpc_reader_add(&reader, &data, &size);

	*ret_partial = grpc_reader_partial(&reader);
	grpc_reader_fini(&reader);
	return r;
}

static void test_what_cannot_be_read_is_told_by_its_prefix(void **state)
{
	bool partial;

	(void)state;
	assert_int_equal(read_prefix("\0\0\1\0\0", &partial), 0); /* 64 KiB */
	assert_true(partial);
	assert_int_equal(read_prefix("\0\0\1\0\1", &partial), -EMSGSIZE);
	assert_int_equal(read_prefix("\0\377\377\377\377", &partial), -EMSGSIZE);
	assert_int_equal(read_prefix("\1\0\0\0\1", &partial), -EOPNOTSUPP);
	assert_int_equal(read_prefix("\2\0\0\0\1", &partial), -EPROTO);
	assert_int_equal(read_prefix("\377\0\0\0\0", &partial), -EPROTO);
}

static void test_prefix_is_in_network_order(void **state)
{
	uint8_t prefix[GRPC_PREFIX];

	(void)state;
	grpc_prefix_build(prefix, 0x01020304);
	assert_memory_equal(prefix, "\0\1\2\3\4", 5);
}

static void test_status_messages_are_percent_encoded(void **state)
{
	static char all[RPC_MESSAGE_MAX];
	char buf[GRPC_TEXT_MAX];

	(void)state;
	grpc_message_encode("plain, with ~ and \"quotes\"", buf);
	assert_string_equal(buf, "plain, with ~ and \"quotes\"");
	grpc_message_encode("100% f\303\244il\r\n\t\177", buf);
	assert_string_equal(buf, "100%25 f%C3%A4il%0D%0A%09%7F");
	assert_int_equal(grpc_message_encode("", buf), 0);
	/* The longest message of the worst bytes fits. */
	memset(all, 0xff, sizeof(all) - 1);
	assert_int_equal(grpc_message_encode(all, buf), 3 * (RPC_MESSAGE_MAX - 1));
	assert_string_equal(buf + strlen(buf) - 6, "%FF%FF");
}

static void test_timeouts(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{ "1H", 3600000000 }, { "2M", 120000000 },
		{ "3S", 3000000 },    { "4m", 4000 },
		{ "5u", 5 },	      { "6000n", 6 },
		{ "1n", 1 },	      { "0n", 0 },
		{ "0S", 0 },	      { "99999999H", UINT64_C(359999996400000000) },
	};
	static const char *const bad[] = { "",	  "S",	 "1",	 "1s",	       "-1S",  "+1S", " 1S",
					   "1 S", "1SS", "0x1S", "123456789S", "1.5S", "1\0" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t us;

		assert_int_equal(grpc_timeout_parse(good[i].text, strlen(good[i].text), &us), 0);
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t us = 7;

		assert_int_equal(grpc_timeout_parse(bad[i], strlen(bad[i]), &us), -EINVAL);
		assert_int_equal(us, 7);
	}
}

static void test_content_types(void **state)
{
	static const char *const good[] = { "application/grpc", "application/grpc+proto",
					    "application/grpc;charset=utf-8", "application/grpc+proto; x=y" };
	static const char *const bad[] = { "",
					   "application/grp",
					   "application/grpc-web",
					   "application/json",
					   "application/grpc+json",
					   "application/grpcx",
					   "text/application/grpc" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(grpc_content_type_ok(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(grpc_content_type_ok(bad[i], strlen(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_come_whole_from_any_pieces),
		cmocka_unit_test(test_what_cannot_be_read_is_told_by_its_prefix),
		cmocka_unit_test(test_prefix_is_in_network_order),
		cmocka_unit_test(test_status_messages_are_percent_encoded),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_content_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
