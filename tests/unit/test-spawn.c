/* SPDX-License-Identifier: Apache-2.0 */
/* Programs run for us, and what they print. */
#include "base/clock.h"
#include "sandbox/guest.h"
#include "sandbox/relay.h"
#include "sandbox/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Lines of one run, each ended by "|". */
static char lines[65536];

static void take_line(const char *line, size_t len, void *data)
{
	size_t have = strlen(lines);

	assert_ptr_equal(data, lines);
	assert_true(have + len + 2 < sizeof(lines));
	memcpy(lines + have, line, len);
	memcpy(lines + have + len, "|", 2);
}

/* Run a shell script. */
static int run_for(const char *script, unsigned int timeout_ms, int cancel_fd, struct an_error *err)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	struct spawn_spec spec = {
		.argv = argv,
		.label = "script",
		.line = take_line,
		.data = lines,
		.cancel_fd = cancel_fd,
		.timeout_ms = timeout_ms,
	};

	lines[0] = '\0';
	*err = (struct an_error){ 0 };
	return spawn_run(&spec, err);
}

static int run(const char *script, struct an_error *err)
{
	return run_for(script, 10000, -1, err);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void assert_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_lines_of_both_outputs_come_in_order(void **state)
{
	struct an_error err;

	(void)state;
	assert_int_equal(run("echo one; echo two >&2; echo; printf three", &err), 0);
	assert_string_equal(lines, "one|two||three|");
	assert_no_children();
}

static void test_a_long_line_comes_in_pieces(void **state)
{
	struct an_error err;

	(void)state;
	assert_int_equal(run("head -c 20000 /dev/zero | tr '\\0' x", &err), 0);
	assert_int_equal(strlen(lines), 20000 + 3);
	assert_int_equal(lines[OUTPUT_LINE_MAX], '|');
}

static void test_a_failure_names_status_and_last_lines(void **state)
{
	struct an_error err;

	(void)state;
	assert_int_equal(run("echo first; echo last >&2; exit 7", &err), -EIO);
	assert_int_equal(err.kind, AN_FAILED);
	assert_string_equal(err.object, "script");
	assert_string_equal(err.message, "exit status 7: first; last");
	assert_int_equal(run("kill -TERM $$", &err), -EIO);
	assert_string_equal(err.message, "killed by signal 15");
	assert_int_equal(run("i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; exit 1", &err),
			 -EIO);
	assert_non_null(strstr(err.message, "; line 499"));
	/* Cut at a line's beginning. */
	assert_memory_equal(err.message, "exit status 1: line ", 20);
	assert_true(strlen(err.message) > 400);
}

static void test_what_cannot_be_executed_is_an_error(void **state)
{
	const char *const argv[] = { "/nonexistent/program", NULL };
	struct spawn_spec spec = { .argv = argv, .label = "thing", .cancel_fd = -1, .timeout_ms = 1000 };
	struct an_error err = { 0 };
	int before = open_fds();

	(void)state;
	assert_int_equal(spawn_run(&spec, &err), -ENOENT);
	assert_string_equal(err.message, "execute /nonexistent/program: no such file or directory");
	assert_int_equal(open_fds(), before);
	assert_no_children();
}

static void test_the_child_has_no_descriptor_of_ours(void **state)
{
	/* One that is not close-on-exec, as a program that we are a library in may have. */
	int inherited = open("/dev/null", O_RDONLY);
	struct an_error err;

	(void)state;
	assert_true(inherited >= 0);
	assert_int_equal(
		run("cd /proc/$$/fd && for fd in *; do [ -e $fd ] && echo $fd $(readlink $fd); done; true",
		    &err),
		0);
	close(inherited);
	assert_memory_equal(lines, "0 /dev/null|1 pipe:[", 20);
	assert_non_null(strstr(lines, "|2 pipe:["));
	/* The shell's own for the loop has 10 or more. */
	for (int fd = 3; fd < 10; fd++) {
		char text[16];

		snprintf(text, sizeof(text), "|%d ", fd);
		assert_null(strstr(lines, text));
	}
}

static void test_works_without_standard_descriptors(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct an_error err;

		close(0);
		close(1);
		close(2);
		_exit(run("echo out; cat; echo err >&2", &err) != 0 || strcmp(lines, "out|err|") != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_signals_are_reset_and_ours_kept(void **state)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before, after;
	unsigned long long blocked, ignored;
	sigset_t usr1, old, now;
	struct an_error err;

	(void)state;
	sigaction(SIGPIPE, &ignore, &before);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	assert_int_equal(run("grep -E '^Sig(Blk|Ign)' /proc/self/status", &err), 0);
	sigprocmask(SIG_SETMASK, &old, &now);
	sigaction(SIGPIPE, &before, &after);
	/*
	 * 32 and 33 are the C library's own: whoever started us may have left them ignored, and it lets
	 * nobody change them
	 */
	assert_int_equal(sscanf(lines, "SigBlk: %llx|SigIgn: %llx|", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored & ~(3ULL << 31), 0);
	assert_true(sigismember(&now, SIGUSR1));
	assert_ptr_equal(after.sa_handler, SIG_IGN);
}

static void test_it_is_a_process_group_of_its_own(void **state)
{
	struct an_error err;
	long pid, group;

	(void)state;
	assert_int_equal(run("cut -d' ' -f5 /proc/$$/stat; echo $$", &err), 0);
	group = strtol(lines, NULL, 10);
	pid = strtol(strchr(lines, '|') + 1, NULL, 10);
	assert_int_equal(group, pid);
	assert_int_not_equal(group, getpgrp());
}

static void test_time_out_kills_the_whole_group(void **state)
{
	uint64_t began_us = clock_us();
	struct an_error err;
	long pid;

	(void)state;
	assert_int_equal(run_for("sleep 60 & echo $!; echo busy; sleep 60", 200, -1, &err), -ETIMEDOUT);
	assert_in_range(clock_us() - began_us, 200000, 5000000);
	assert_non_null(strstr(err.message, "did not end within 200 ms: "));
	assert_non_null(strstr(err.message, "busy"));
	assert_no_children();
	/* Its child was another's to reap: gone, or a zombie. */
	pid = strtol(lines, NULL, 10);
	for (int i = 0; i < 100 && kill((pid_t)pid, 0) == 0; i++) {
		char path[32], state_line[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
		f = fopen(path, "re");
		if (!f || !fgets(state_line, sizeof(state_line), f) || strstr(state_line, ") Z")) {
			if (f)
				fclose(f);
			return;
		}
		fclose(f);
		usleep(10000);
	}
	assert_int_equal(kill((pid_t)pid, 0), -1);
}

static void test_it_can_be_cancelled(void **state)
{
	struct an_error err;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	/* Positive control: an open pipe cancels nothing. */
	assert_int_equal(run_for("echo done", 5000, ends[0], &err), 0);
	close(ends[1]);
	assert_int_equal(run_for("sleep 60", 5000, ends[0], &err), -ECANCELED);
	assert_string_equal(err.message, "cancelled");
	close(ends[0]);
	/* The writing end, once nobody reads: how a keeper sees that its command was ended. */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(run_for("echo done", 5000, ends[1], &err), 0);
	close(ends[0]);
	assert_int_equal(run_for("sleep 60", 5000, ends[1], &err), -ECANCELED);
	close(ends[1]);
}

static void test_what_it_started_goes_on_printing(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", "echo begun; (sleep 0.2; echo later) & exit 0", NULL };
	static struct output container;
	struct spawn_spec spec = { .argv = argv,
				   .label = "x",
				   .container = &container,
				   .adopt = true,
				   .cancel_fd = -1,
				   .timeout_ms = 5000 };
	struct an_error err = { 0 };
	uint64_t began_us = clock_us();

	(void)state;
	lines[0] = '\0';
	output_init(&container, take_line, lines);
	assert_int_equal(spawn_run(&spec, &err), 0);
	assert_true(clock_us() - began_us < 150000);
	assert_string_equal(lines, "begun|");
	while (output_drain(&container))
		usleep(1000);
	assert_string_equal(lines, "begun|later|");
	assert_int_equal(container.fd, -1);
}

static void test_a_container_is_read_while_another_program_runs(void **state)
{
	const char *const begin[] = { "/bin/sh", "-c", "yes | head -c 300000 & exit 0", NULL };
	const char *const wait_for[] = { "/bin/sh", "-c", "sleep 1", NULL };
	static struct output container;
	struct spawn_spec spec = { .argv = begin,
				   .label = "x",
				   .container = &container,
				   .adopt = true,
				   .cancel_fd = -1,
				   .timeout_ms = 5000 };
	struct an_error err = { 0 };

	(void)state;
	output_init(&container, NULL, NULL);
	assert_int_equal(spawn_run(&spec, &err), 0);
	spec.argv = wait_for;
	spec.adopt = false;
	assert_int_equal(spawn_run(&spec, &err), 0);
	/* More than a pipe holds, so it has ended only if it was read. */
	assert_int_equal(container.fd, -1);
}

static void test_nothing_is_leaked(void **state)
{
	int before = open_fds();
	struct an_error err;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(run(i % 2 ? "exit 1" : "exit 0", &err), i % 2 ? -EIO : 0);
	assert_int_equal(open_fds(), before);
	assert_no_children();
}

static void test_the_tail_has_no_control_bytes_and_fits(void **state)
{
	static struct output output;
	char buf[16];

	(void)state;
	output_init(&output, NULL, NULL);
	assert_string_equal(output_tail(&output, buf, sizeof(buf)), "");
	output_feed(&output, "a\033[1m\tb\n\n", 8);
	assert_string_equal(output_tail(&output, buf, sizeof(buf)), "a [1m b");
	output_feed(&output, "second\nthird\n", 13);
	assert_string_equal(output_tail(&output, buf, sizeof(buf)), "second; third");
	output_feed(&output, "0123456789abcdefghij\n", 21);
	assert_string_equal(output_tail(&output, buf, sizeof(buf)), "56789abcdefghij");
	for (int i = 0; i < 200; i++)
		output_feed(&output, "0123456789\n", 11);
	assert_string_equal(output_tail(&output, buf, sizeof(buf)), "0123456789");
}

static void test_a_log_is_tagged_and_bounded(void **state)
{
	char dir[] = "/tmp/actornet-relay-XXXXXX", path[64], old[64], line[64];
	static struct relay relay;
	struct stat st;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s/log.1", dir);
	relay_init(&relay);
	assert_int_equal(relay_open(&relay, path, "web"), 0);
	output_feed(&relay.output, "hello\nwor", 9);
	output_feed(&relay.output, "ld\n", 3);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_string_equal(fgets(line, sizeof(line), f), "web: hello\n");
	assert_string_equal(fgets(line, sizeof(line), f), "web: world\n");
	fclose(f);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	for (int i = 0; i < 3 * RELAY_LOG_MAX / 50; i++)
		output_feed(&relay.output, "0123456789012345678901234567890123456789012345678\n", 50);
	relay_close(&relay);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= RELAY_LOG_MAX + 64);
	assert_int_equal(stat(old, &st), 0);
	assert_in_range(st.st_size, RELAY_LOG_MAX, RELAY_LOG_MAX + 64);
	unlink(path);
	unlink(old);
	assert_int_equal(rmdir(dir), 0);
}

/* A pid file of a running process that has these words among its arguments. */
static pid_t start_guest(const char *path, const char *words)
{
	char script[256];
	pid_t pid = fork();
	FILE *f;

	if (pid == 0) {
		snprintf(script, sizeof(script), "sleep 30 >/dev/null 2>&1; : --root=%s boot", words);
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(1);
	}
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "%d", (int)pid);
	fclose(f);
	usleep(100000); /* past its exec */
	return pid;
}

static void test_a_guest_is_held_killed_and_reaped(void **state)
{
	char path[] = "/tmp/actornet-guest-XXXXXX";
	struct guest guest;
	struct an_error err = { 0 };
	pid_t pid;

	(void)state;
	assert_true(mkstemp(path) >= 0);
	/* Empty, as runsc has made but not written it. */
	assert_int_equal(guest_open(&guest, path, "/run/x/runsc", &err), 0);
	pid = start_guest(path, "/run/x/runsc");
	/* A number that another program has by now. */
	assert_int_equal(guest_open(&guest, path, "/run/y/runsc", &err), 0);
	assert_int_equal(guest_open(&guest, path, "/run/x/runsc", &err), 1);
	assert_int_equal(guest.pid, pid);
	assert_true(guest_runs(&guest));
	assert_int_equal(guest_wait(&guest, 20), -ETIMEDOUT);
	guest_kill(&guest);
	assert_int_equal(guest_wait(&guest, 5000), 0);
	assert_false(guest_runs(&guest));
	guest_close(&guest);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(guest_open(&guest, path, "/run/x/runsc", &err), 0);
	unlink(path);
	assert_int_equal(guest_open(&guest, path, "/run/x/runsc", &err), 0);
	assert_int_equal(guest_wait(&guest, 0), 0);
	assert_int_equal(guest_reap_all(1000), 0); /* its child, if we are process 1 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_both_outputs_come_in_order),
		cmocka_unit_test(test_a_long_line_comes_in_pieces),
		cmocka_unit_test(test_a_failure_names_status_and_last_lines),
		cmocka_unit_test(test_what_cannot_be_executed_is_an_error),
		cmocka_unit_test(test_the_child_has_no_descriptor_of_ours),
		cmocka_unit_test(test_works_without_standard_descriptors),
		cmocka_unit_test(test_signals_are_reset_and_ours_kept),
		cmocka_unit_test(test_it_is_a_process_group_of_its_own),
		cmocka_unit_test(test_time_out_kills_the_whole_group),
		cmocka_unit_test(test_it_can_be_cancelled),
		cmocka_unit_test(test_what_it_started_goes_on_printing),
		cmocka_unit_test(test_a_container_is_read_while_another_program_runs),
		cmocka_unit_test(test_nothing_is_leaked),
		cmocka_unit_test(test_the_tail_has_no_control_bytes_and_fits),
		cmocka_unit_test(test_a_log_is_tagged_and_bounded),
		cmocka_unit_test(test_a_guest_is_held_killed_and_reaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
