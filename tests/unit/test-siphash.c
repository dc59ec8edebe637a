/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4-128 against the vectors that its authors published: key 00..0f, message 00, 00 01, … */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void hash_of_length(size_t len, char hex[static 33])
{
	uint8_t key[16], message[64], hash[16];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	siphash128(key, message, len, hash);
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

static void test_published_vectors(void **state)
{
	char hex[33];

	(void)state;
	hash_of_length(0, hex);
	assert_string_equal(hex, "a3817f04ba25a8e66df67214c7550293");
	hash_of_length(1, hex);
	assert_string_equal(hex, "da87c1d86b99af44347659119b22fc45");
}

static void test_every_length_and_key_counts(void **state)
{
	uint8_t key[16] = { 1 }, message[16] = { 0 }, a[16], b[16];

	(void)state;
	for (size_t len = 1; len < sizeof(message); len++) {
		siphash128(key, message, len, a);
		siphash128(key, message, len - 1, b);
		assert_memory_not_equal(a, b, sizeof(a));
	}
	siphash128(key, message, 8, a);
	key[15] = 1;
	siphash128(key, message, 8, b);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_every_length_and_key_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
