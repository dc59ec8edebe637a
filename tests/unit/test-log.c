/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the supervisor's output: JSON, whole, labelled, and not to be forged. */
#include "ateom/log.h"
#include "ateom/utf8.h"
#include "isolate.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int pipe_fds[2];
static struct log_labels labels;

static int set_up(void **state)
{
	(void)state;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0 || fcntl(pipe_fds[1], F_SETPIPE_SZ, 1 << 20) < 0)
		return -1;
	log_open(pipe_fds[1], LOG_LEVEL_INFO, false);
	log_labels_set(&labels, "ns", "t", "a\"1", "web");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

/* What was written, as one line of text. */
static const char *text(void)
{
	static char buf[1 << 20];
	ssize_t n = read(pipe_fds[0], buf, sizeof(buf) - 1);

	assert_true(n > 0);
	assert_int_equal(buf[n - 1], '\n');
	buf[n - 1] = '\0';
	assert_null(strchr(buf, '\n'));
	return buf;
}

/* The same, read by someone else's reader. */
static json_t *line(void)
{
	json_t *object = json_loads(text(), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	assert_true(json_is_object(object));
	return object;
}

static json_t *container(const char *printed)
{
	log_container(&labels, printed, strlen(printed));
	return line();
}

static const char *string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static const json_t *labels_of(const json_t *object)
{
	return json_object_get(object, "labels");
}

static void assert_labelled(const json_t *object)
{
	assert_string_equal(string(labels_of(object), "ate.dev/actor_id"), "a\"1");
	assert_string_equal(string(labels_of(object), "ate.dev/actor_template_name"), "t");
	assert_string_equal(string(labels_of(object), "ate.dev/actor_template_namespace"), "ns");
	assert_string_equal(string(labels_of(object), "ate.dev/container_name"), "web");
	assert_non_null(string(object, "time"));
}

static void test_plain_lines_become_messages(void **state)
{
	static const char *const plain[] = {
		"",	     "hello", "{",    "[1]", "\"text\"",       "{}x", "{\"a\":1,}", "{\"a\":01}",
		"{\"a\" 1}", "{a:1}", "null", "1",   "{\"a\":\"\\x\"}"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		json_t *object = container(plain[i]);

		assert_string_equal(string(object, "message"), plain[i]);
		assert_labelled(object);
		json_decref(object);
	}
}

static void test_objects_keep_their_members(void **state)
{
	static const char exact[] = "{\"z\":1e999,\"n\":123456789012345678901,\"u\":\"\\u00e4\"}";
	json_t *object = container(
		" {\"a\": 1.10, \"time\":\"then\", \"labels\": {\"mine\": [1, 2]} , \"b\":{\"c\":null}} \r");

	(void)state;
	assert_labelled(object);
	assert_string_equal(string(object, "time"), "then");
	assert_int_equal(json_array_size(json_object_get(labels_of(object), "mine")), 2);
	assert_true(json_is_object(json_object_get(object, "b")));
	json_decref(object);
	/* As they were written, to the letter: numbers that no reader here could hold, escapes, order. */
	log_container(&labels, exact, strlen(exact));
	assert_non_null(
		strstr(text(), "\"z\":1e999,\"n\":123456789012345678901,\"u\":\"\\u00e4\",\"labels\":{"));
}

static void test_members_are_few_or_none(void **state)
{
	static const char *const lines[] = { "{}",
					     "{\"labels\":{}}",
					     "{\"labels\":{},\"time\":\"t\"}",
					     "{\"time\":\"t\",\"labels\":{}}",
					     "{\"labels\":{\"x\":1},\"a\":2}",
					     "{\"labels\":3}",
					     "{\"labels\":null,\"a\":2}",
					     "{\"time\":\"t\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *object = container(lines[i]);

		assert_labelled(object);
		assert_null(string(object, "message"));
		json_decref(object);
	}
}

static void test_labels_are_not_forged(void **state)
{
	static const char *const lines[] = {
		"{\"labels\":{\"ate.dev/actor_id\":\"x\",\"k\":1}}",
		"{\"labels\":{\"k\":1,\"\\u0061te.dev\\/actor_id\":\"x\"}}",
		"{\"l\\u0061bels\":{\"k\":1,\"ate.dev/container_name\":\"x\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *object = container(lines[i]);

		assert_labelled(object);
		assert_int_equal(json_integer_value(json_object_get(labels_of(object), "k")), 1);
		json_decref(object);
	}
	/* Twice: nobody could tell which one a reader takes. */
	json_t *object = container("{\"labels\":{},\"labels\":{\"ate.dev/actor_id\":\"x\"}}");

	assert_labelled(object);
	assert_non_null(string(object, "message"));
	json_decref(object);
}

static void test_any_bytes_make_a_valid_line(void **state)
{
	char bytes[256], deep[300];
	json_t *object;

	(void)state;
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)(i == '\n' ? ' ' : i);
	log_container(&labels, bytes, sizeof(bytes));
	object = line();
	assert_labelled(object);
	json_decref(object);
	/* Deeper than is read: taken as text, not followed. */
	memset(deep, '[', sizeof(deep) - 1);
	memcpy(deep, "{\"a\":", 5);
	deep[sizeof(deep) - 1] = '\0';
	object = container(deep);
	assert_string_equal(string(object, "message"), deep);
	json_decref(object);
}

static void test_longest_line_is_written_whole(void **state)
{
	static char longest[LOG_LINE_MAX + 1];
	json_t *object;

	(void)state;
	memset(longest, 1, LOG_LINE_MAX);
	object = container(longest);
	assert_int_equal(json_string_length(json_object_get(object, "message")), LOG_LINE_MAX);
	json_decref(object);
}

static void test_events_say_stages(void **state)
{
	const struct rpc_timing timings[] = { { "network", 12 }, { "create", 34 } };
	json_t *object;

	(void)state;
	log_labels_set(&labels, "ns", "t", "a", NULL);
	log_event(&labels, "Actor starting");
	object = line();
	assert_string_equal(string(object, "message"), "Actor starting");
	assert_int_equal(json_object_size(labels_of(object)), 3);
	assert_int_equal(strlen(string(object, "time")), strlen("2026-01-02T03:04:05.123456789Z"));
	json_decref(object);
	log_timings(&labels, "x", timings, 2);
	object = line();
	assert_int_equal(json_integer_value(json_object_get(object, "create_us")), 34);
	json_decref(object);
}

static void test_level_and_place_are_chosen(void **state)
{
	json_t *object;

	(void)state;
	log_say(LOG_LEVEL_DEBUG, "unseen");
	log_say(LOG_LEVEL_WARN, "seen %d", 1);
	object = line();
	assert_string_equal(string(object, "message"), "seen 1");
	assert_string_equal(string(object, "level"), "warn");
	json_decref(object);
	log_open(pipe_fds[1], LOG_LEVEL_INFO, true);
	object = container("{\"labels\":{\"ate.dev/actor_id\":\"theirs\"}}");
	assert_string_equal(string(labels_of(object), "ate.dev/actor_id"), "theirs");
	assert_string_equal(
		string(json_object_get(object, "logging.googleapis.com/labels"), "ate.dev/actor_id"), "a\"1");
	json_decref(object);
}

static bool readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) > 0;
}

/* What a reader that comes late reads. @say: called for each line. */
static void read_late(void (*say)(const json_t *object, void *data), void *data)
{
	static char buf[1 << 20];
	size_t len = 0;

	while (readable(pipe_fds[0]) || readable(log_fd())) {
		ssize_t n = readable(pipe_fds[0]) ? read(pipe_fds[0], buf + len, sizeof(buf) - len) : 0;
		char *newline;

		assert_true(n >= 0);
		len += (size_t)n;
		while ((newline = memchr(buf, '\n', len))) {
			json_t *object =
				json_loadb(buf, (size_t)(newline - buf), JSON_REJECT_DUPLICATES, NULL);

			assert_true(json_is_object(object));
			say(object, data);
			json_decref(object);
			len -= (size_t)(newline + 1 - buf);
			memmove(buf, newline + 1, len);
		}
		log_flush();
	}
	assert_int_equal(len, 0);
}

struct late {
	unsigned long lines, lost, events;
};

static void late_say(const json_t *object, void *data)
{
	struct late *late = data;
	const char *message = string(object, "message");

	if (sscanf(message, "%lu lines were lost", &late->lost) == 1)
		return;
	if (!strcmp(message, "Actor started"))
		late->events++;
	else
		late->lines++;
}

static void test_reader_that_stalls_is_not_waited_for(void **state)
{
	static char printed[1000];
	struct late late = { 0 };
	struct timespec from, to;

	(void)state;
	memset(printed, 'p', sizeof(printed));
	assert_true(fcntl(pipe_fds[1], F_SETPIPE_SZ, 4096) >= 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_false(log_full());
	for (int i = 0; i < 2000; i++)
		log_container(&labels, printed, sizeof(printed));
	assert_true(log_full());
	for (int i = 0; i < 20; i++)
		log_event(&labels, "Actor started");
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec <= 1);
	assert_false(readable(log_fd()));
	read_late(late_say, &late);
	assert_int_equal(late.events, 20);
	assert_true(late.lines > 500 && late.lost > 0);
	assert_int_equal(late.lines + late.lost, 2000);
	assert_false(log_full());
	assert_false(readable(log_fd()));
}

static void test_utf8_is_strict(void **state)
{
	static const char *const wrong[] = { "\x80",
					     "\xc0\x80",
					     "\xc1\xbf",
					     "\xe0\x80\x80",
					     "\xed\xa0\x80",
					     "\xf0\x80\x80\x80",
					     "\xf4\x90\x80\x80",
					     "\xf5\x80\x80\x80",
					     "\xe2\x82",
					     "\xc3",
					     "\xc3(",
					     "\xff" };
	static const char *const right[] = {
		"", "a", "\xc2\x80", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(utf8_check(wrong[i], strlen(wrong[i])));
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(utf8_check(right[i], strlen(right[i])));
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_plain_lines_become_messages),
		LOG_TEST(test_objects_keep_their_members),
		LOG_TEST(test_members_are_few_or_none),
		LOG_TEST(test_labels_are_not_forged),
		LOG_TEST(test_any_bytes_make_a_valid_line),
		LOG_TEST(test_longest_line_is_written_whole),
		LOG_TEST(test_events_say_stages),
		LOG_TEST(test_level_and_place_are_chosen),
		LOG_TEST(test_reader_that_stalls_is_not_waited_for),
		cmocka_unit_test(test_utf8_is_strict),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
