/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded text, strict numbers, and the errors made of them. */
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_text_grows_and_is_cut_at_the_end(void **state)
{
	char buf[8];
	struct text t = text_over(buf, sizeof(buf));

	(void)state;
	assert_string_equal(buf, "");
	text_add(&t, "%s", "abc");
	text_add(&t, "%d", 1234);
	assert_string_equal(buf, "abc1234");
	assert_int_equal(t.len, 7);
	assert_false(t.truncated);
	text_add(&t, "%s", "");
	assert_false(t.truncated);
	text_add(&t, "x");
	assert_true(t.truncated);
	assert_string_equal(buf, "abc1234");
}

static void test_text_that_does_not_fit_is_cut(void **state)
{
	char buf[4], none[1] = { 'x' };
	struct text t = text_over(buf, sizeof(buf));

	(void)state;
	text_add(&t, "%s", "abcdef");
	assert_string_equal(buf, "abc");
	assert_int_equal(t.len, 3);
	assert_true(t.truncated);

	t = text_over(none, 0);
	text_add(&t, "y");
	assert_true(t.truncated);
	assert_int_equal(none[0], 'x');
}

static void test_copy_is_whole_or_not_at_all(void **state)
{
	char buf[4] = "zzz";

	(void)state;
	assert_int_equal(text_copy(buf, sizeof(buf), "abc"), 0);
	assert_string_equal(buf, "abc");
	assert_int_equal(text_copy(buf, sizeof(buf), "abcd"), -ENAMETOOLONG);
	assert_string_equal(buf, "");
	assert_int_equal(text_copy(buf, 0, ""), -ENAMETOOLONG);
}

static int number(const char *text, uint64_t max, uint64_t *ret)
{
	return text_to_u64(text, strlen(text), max, ret);
}

static void test_numbers_are_strict(void **state)
{
	static const char *const wrong[] = {
		"", "-1", "+1", " 1", "1 ", "00", "01", "0x1", "1a", "1.0", "18446744073709551616x"
	};
	uint64_t value = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(number(wrong[i], UINT64_MAX, &value), -EINVAL);
	assert_int_equal(number("18446744073709551616", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number("99999999999999999999999", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number("65536", 65535, &value), -ERANGE);
	assert_true(value == 77);

	assert_int_equal(number("18446744073709551615", UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(number("65535", 65535, &value), 0);
	assert_true(value == 65535);
	assert_int_equal(number("0", 0, &value), 0);
	assert_true(value == 0);
	/* Only as far as it is told. */
	assert_int_equal(text_to_u64("80-90", 2, 65535, &value), 0);
	assert_true(value == 80);
}

static void test_files_are_read_whole_or_not_at_all(void **state)
{
	char path[] = "/tmp/actornet-test-XXXXXX", buf[5] = "zzzz";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "abcd", 4), 4);
	assert_int_equal(text_read_file(AT_FDCWD, path, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "abcd");
	assert_int_equal(write(fd, "e", 1), 1);
	assert_int_equal(text_read_file(AT_FDCWD, path, buf, sizeof(buf)), -EFBIG);
	assert_string_equal(buf, "");
	close(fd);
	unlink(path);
	assert_int_equal(text_read_file(AT_FDCWD, path, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(text_read_file(AT_FDCWD, "/proc", buf, sizeof(buf)), -EISDIR);
}

static void test_errors_carry_object_reason_and_remedy(void **state)
{
	struct an_error err = { 0 };

	(void)state;
	assert_int_equal(error_errno(&err, AN_CONFLICT, EEXIST, "link 'an7'", "add"), -EEXIST);
	assert_int_equal(err.kind, AN_CONFLICT);
	assert_int_equal(err.err, EEXIST);
	assert_string_equal(err.object, "link 'an7'");
	assert_string_equal(err.message, "add: file exists");
	assert_int_equal(error_remedy(&err, "delete %s", "it"), -EEXIST);
	assert_string_equal(err.remedy, "delete it");
	error_context(&err, "slot %d", 7);
	assert_string_equal(err.message, "slot 7: add: file exists");
	error_object(&err, "other");
	assert_string_equal(err.object, "link 'an7'");

	/* A new error has nothing of the old one. */
	assert_int_equal(error_set(&err, AN_FAILED, EIO, "", "why"), -EIO);
	assert_string_equal(err.remedy, "");
	error_object(&err, "slot %d", 8);
	assert_string_equal(err.object, "slot 8");
}

static void test_errors_need_no_room_and_never_read_as_success(void **state)
{
	struct an_error err;
	char longer[1024];

	(void)state;
	assert_int_equal(error_set(NULL, AN_FAILED, EIO, "x", "y"), -EIO);
	assert_int_equal(error_remedy(NULL, "x"), -EIO);
	error_object(NULL, "x");
	error_context(NULL, "x");
	assert_true(error_set(&err, AN_FINDING, 0, "x", "y") < 0);
	assert_true(error_set(NULL, AN_FINDING, 0, "x", "y") < 0);

	memset(longer, 'l', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	error_set(&err, AN_FAILED, EIO, longer, "%s", longer);
	error_context(&err, "head");
	assert_int_equal(strlen(err.object), sizeof(err.object) - 1);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	assert_memory_equal(err.message, "head: lll", 9);
}

static void test_errno_words_are_lower_case(void **state)
{
	char buf[ERROR_TEXT];

	(void)state;
	assert_string_equal(error_text(ENOENT, buf), "no such file or directory");
	assert_string_equal(error_text(ENOTBLK, buf), "block device required");
	assert_string_equal(error_text(EADV, buf), "advertise error");
	assert_string_equal(error_text(ENOTUNIQ, buf), "name not unique on network");
	assert_string_equal(error_text(ERFKILL, buf), "operation not possible due to RF-kill");
	assert_string_equal(error_text(EDOTDOT, buf), "RFS specific error");
	assert_string_equal(error_text(524, buf), "error 524");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_grows_and_is_cut_at_the_end),
		cmocka_unit_test(test_text_that_does_not_fit_is_cut),
		cmocka_unit_test(test_copy_is_whole_or_not_at_all),
		cmocka_unit_test(test_numbers_are_strict),
		cmocka_unit_test(test_files_are_read_whole_or_not_at_all),
		cmocka_unit_test(test_errors_carry_object_reason_and_remedy),
		cmocka_unit_test(test_errors_need_no_room_and_never_read_as_success),
		cmocka_unit_test(test_errno_words_are_lower_case),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
