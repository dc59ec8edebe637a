/* SPDX-License-Identifier: Apache-2.0 */
/* The lock between processes. */
#include "base/clock.h"
#include "base/lock.h"

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

static char directory[32];
static char path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/actornet-lock-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/sub/lock", directory);
	return 0;
}

static int teardown(void **state)
{
	char sub[64];

	(void)state;
	snprintf(sub, sizeof(sub), "%s/sub", directory);
	unlink(path);
	rmdir(sub);
	return rmdir(directory);
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_lock_is_made_private_and_taken_once(void **state)
{
	struct an_error err = { 0 };
	int before = open_fds(), fd;
	struct stat st;
	char pid[32];

	(void)state;
	fd = lock_take(path, 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(open_fds(), before + 1);

	assert_int_equal(lock_take(path, 0, &err), -EBUSY);
	assert_int_equal(err.err, EBUSY);
	assert_string_equal(err.object, path);
	snprintf(pid, sizeof(pid), "pid %d (test-lock)", getpid());
	assert_non_null(strstr(err.message, pid));
	assert_true(err.remedy[0] != '\0');
	assert_int_equal(open_fds(), before + 1);

	lock_drop(fd);
	fd = lock_take(path, 0, &err);
	assert_true(fd >= 0);
	lock_drop(fd);
	lock_drop(-1);
	assert_int_equal(open_fds(), before);
}

static void test_directory_is_private(void **state)
{
	char sub[64];
	struct stat st;
	int fd = lock_take(path, 0, NULL);

	(void)state;
	assert_true(fd >= 0);
	snprintf(sub, sizeof(sub), "%s/sub", directory);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	lock_drop(fd);
}

static void test_waiting_is_bounded(void **state)
{
	int fd = lock_take(path, 0, NULL);
	uint64_t start_us = clock_us(), took_us;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(lock_take(path, 50, NULL), -EBUSY);
	took_us = clock_us() - start_us;
	assert_in_range(took_us, 50000, 2000000);
	lock_drop(fd);
}

/* A child that holds the lock until it is killed. Return: its pid, once it holds it. */
static pid_t holder(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (lock_take(path, 0, NULL) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_lock_dies_with_its_holder(void **state)
{
	pid_t pid = holder();
	struct an_error err = { 0 };
	char text[32];
	int fd;

	(void)state;
	assert_int_equal(lock_take(path, 0, &err), -EBUSY);
	snprintf(text, sizeof(text), "pid %d (", pid);
	assert_non_null(strstr(err.message, text));

	kill(pid, SIGKILL);
	fd = lock_take(path, 5000, &err);
	assert_true(fd >= 0);
	waitpid(pid, NULL, 0);
	lock_drop(fd);
}

static void test_a_removed_lock_is_not_held(void **state)
{
	int fd, other;
	pid_t pid;
	int status;

	(void)state;
	fd = lock_take(path, 0, NULL);
	assert_true(fd >= 0);
	/* One who waits for the old file must end up with the new one. */
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct stat held, there;
		int mine = lock_take(path, 5000, NULL);

		_exit(mine < 0 || fstat(mine, &held) || stat(path, &there) || held.st_ino != there.st_ino);
	}
	usleep(20000);
	lock_remove(fd, path);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	/* A file that was put in its place is another's, and stays. */
	fd = lock_take(path, 0, NULL);
	assert_true(fd >= 0);
	unlink(path);
	other = lock_take(path, 0, NULL);
	assert_true(other >= 0);
	lock_remove(fd, path);
	assert_int_equal(access(path, F_OK), 0);
	lock_remove(other, path);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_what_is_no_plain_file_is_refused(void **state)
{
	char target[64];
	struct an_error err = { 0 };

	(void)state;
	lock_drop(lock_take(path, 0, NULL));
	unlink(path);
	snprintf(target, sizeof(target), "%s/target", directory);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(lock_take(path, 0, &err), -ELOOP);
	assert_true(err.remedy[0] != '\0');
	assert_int_equal(access(target, F_OK), -1);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(lock_take(path, 0, NULL), -EINVAL);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(lock_take(path, 0, NULL), -EISDIR);
	rmdir(path);
	assert_int_equal(lock_take("/proc/nowhere/lock", 0, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lock_is_made_private_and_taken_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory_is_private, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock_dies_with_its_holder, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_removed_lock_is_not_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_plain_file_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
