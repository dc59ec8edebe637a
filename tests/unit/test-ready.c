/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a server to answer. */
#include "base/clock.h"
#include "isolate.h"
#include "sandbox/ready.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PORT 8080

static void test_url_names_port_and_path(void **state)
{
	static const char *const wrong[] = { "",
					     "http://",
					     "http://:",
					     "http://:0",
					     "http://:65536",
					     "http://:80x",
					     "http://h:80/",
					     "https://:80/",
					     "http://: 80/",
					     "http://:80/a b",
					     "http://:+80",
					     "http://:80/\n" };
	struct an_error err;
	const char *path;
	uint16_t port;

	(void)state;
	assert_int_equal(ready_parse("http://:80", &port, &path, NULL), 0);
	assert_int_equal(port, 80);
	assert_string_equal(path, "/");
	assert_int_equal(ready_parse("http://:65535/healthz?full=1", &port, &path, NULL), 0);
	assert_int_equal(port, 65535);
	assert_string_equal(path, "/healthz?full=1");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err = (struct an_error){ 0 };
		assert_int_equal(ready_parse(wrong[i], &port, &path, &err), -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
		assert_string_equal(err.object, "--ready");
	}
}

static int loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = ioctl(fd, SIOCSIFFLAGS, &ifr);

	close(fd);
	return r;
}

/* Take one connection and give one answer, byte by byte, as a slow server might. */
static void answer_one(int listener, const char *answer)
{
	static const char asked[] = "GET /health HTTP/1.1\r\n";
	int fd = accept(listener, NULL, NULL);
	char buf[2048];

	if (read(fd, buf, sizeof(buf)) < 0 || strncmp(buf, asked, sizeof(asked) - 1) != 0)
		_exit(1);
	while (*answer && write(fd, answer, 1) == 1)
		answer++;
	close(fd);
}

/* A server that gives these answers, one a connection, and from then on the last. */
static pid_t serve(const char *const *answers)
{
	struct sockaddr_in6 any = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(PORT),
		.sin6_addr = in6addr_any,
	};
	int listener = socket(AF_INET6, SOCK_STREAM, 0), yes = 1;
	pid_t pid;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 16), 0);
	pid = fork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN); /* who asks needs the status line alone */
		for (;; answers += answers[1] != NULL)
			answer_one(listener, *answers);
	}
	close(listener);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int ready_within(const char *address, unsigned int total_ms, int guest_fd, int cancel_fd,
			struct an_error *err)
{
	struct ready_spec spec = { .netns_fd = -1,
				   .address = address,
				   .port = PORT,
				   .path = "/health",
				   .total_ms = total_ms,
				   .guest_fd = guest_fd,
				   .cancel_fd = cancel_fd };

	*err = (struct an_error){ 0 };
	return ready_wait(&spec, err);
}

static void test_200_is_ready_in_both_families(void **state)
{
	static const char *const answers[] = { "", "HTTP/1.1 503 Not yet\r\n\r\n", "nonsense nonsense",
					       "HTTP/1.0 200 OK\r\n\r\n", NULL };
	struct an_error err;
	pid_t pid;

	(void)state;
	isolate_or_skip();
	assert_int_equal(loopback_up(), 0);
	pid = serve(answers);
	assert_int_equal(ready_within("127.0.0.1", 5000, -1, -1, &err), 0);
	assert_int_equal(ready_within("::1", 5000, -1, -1, &err), 0);
	stop(pid);
}

static void test_what_was_seen_last_is_told(void **state)
{
	static const char *const busy[] = { "HTTP/1.1 503 Busy\r\n\r\n", NULL }, *const noise[] = {
		"SSH-2.0-OpenSSH_9", NULL
	};
	uint64_t began_us;
	struct an_error err;
	pid_t pid;

	(void)state;
	isolate_or_skip();
	assert_int_equal(loopback_up(), 0);
	began_us = clock_us();
	assert_int_equal(ready_within("127.0.0.1", 300, -1, -1, &err), -ETIMEDOUT);
	assert_in_range(clock_us() - began_us, 300000, 700000);
	assert_string_equal(err.message,
			    "http://127.0.0.1:8080/health was not ready within 300 ms: Connection refused");
	pid = serve(busy);
	assert_int_equal(ready_within("127.0.0.1", 300, -1, -1, &err), -ETIMEDOUT);
	stop(pid);
	assert_non_null(strstr(err.message, ": the answer is 503, not 200"));
	pid = serve(noise);
	assert_int_equal(ready_within("127.0.0.1", 300, -1, -1, &err), -ETIMEDOUT);
	stop(pid);
	assert_non_null(strstr(err.message, ": the answer is not HTTP"));
}

static void test_a_silent_server_costs_a_try_not_all(void **state)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int listener, yes = 1;
	struct an_error err;

	(void)state;
	isolate_or_skip();
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(loopback_up(), 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	assert_int_equal(bind(listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(ready_within("127.0.0.1", 600, -1, -1, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.message, ": no answer within 250 ms"));
	close(listener);
}

static void test_it_ends_at_once_with_the_sandbox_or_the_caller(void **state)
{
	uint64_t began_us = clock_us();
	struct an_error err;
	int ends[2];

	(void)state;
	isolate_or_skip();
	assert_int_equal(loopback_up(), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	/* Positive control: a pipe that stays open ends nothing. */
	assert_int_equal(ready_within("127.0.0.1", 100, ends[0], ends[0], &err), -ETIMEDOUT);
	close(ends[1]);
	assert_int_equal(ready_within("127.0.0.1", 5000, ends[0], -1, &err), -ESRCH);
	assert_int_equal(ready_within("127.0.0.1", 5000, -1, ends[0], &err), -ECANCELED);
	assert_true(clock_us() - began_us < 2000000);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_names_port_and_path),
		cmocka_unit_test(test_200_is_ready_in_both_families),
		cmocka_unit_test(test_what_was_seen_last_is_told),
		cmocka_unit_test(test_a_silent_server_costs_a_try_not_all),
		cmocka_unit_test(test_it_ends_at_once_with_the_sandbox_or_the_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
