/* SPDX-License-Identifier: Apache-2.0 */
/* Values under /proc/sys/net, in a network namespace and under a /proc/sys of the test's own. */
#include "faults.h"
#include "isolate.h"
#include "netns/netns.h"
#include "netns/sysctl.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#define FORWARDING "ipv4/conf/lo/forwarding"

static void assert_value(const char *name, const char *want)
{
	char buf[64];

	assert_int_equal(sysctl_get(name, buf, sizeof(buf), NULL), 0);
	assert_string_equal(buf, want);
}

static void test_written_only_where_it_differs(void **state)
{
	struct an_error err = { 0 };

	(void)state;
	isolate_or_skip();
	assert_value(FORWARDING, "0");
	assert_int_equal(sysctl_set(FORWARDING, "1", &err), 1);
	assert_value(FORWARDING, "1");
	assert_int_equal(sysctl_set(FORWARDING, "1", &err), 0);
	assert_int_equal(sysctl_set(FORWARDING, "0", &err), 1);
	assert_int_equal(sysctl_set("ipv4/ip_local_port_range", "32000 60000", &err), 1);
	assert_value("ipv4/ip_local_port_range", "32000\t60000");
	assert_int_equal(sysctl_set("ipv4/ip_local_port_range", "32000 60000", &err), 0);
	assert_int_equal(sysctl_set("ipv4/ip_local_port_range", "32000 6000", &err), -EINVAL);
	assert_int_equal(sysctl_set("ipv4/ip_local_port_range", "32000 60001", &err), 1);
}

static void test_of_the_threads_namespace(void **state)
{
	int fd, previous;

	(void)state;
	isolate_or_skip();
	assert_int_equal(sysctl_set(FORWARDING, "0", NULL) >= 0, 1);
	fd = netns_add("sysctl", NULL);
	assert_true(fd >= 0);
	previous = netns_enter(fd, NULL);
	assert_true(previous >= 0);
	assert_true(sysctl_set(FORWARDING, "1", NULL) >= 0);
	assert_value(FORWARDING, "1");
	assert_int_equal(netns_leave(previous, 0, NULL), 0);
	assert_value(FORWARDING, "0");
	close(fd);
	assert_int_equal(netns_del("sysctl", NULL), 1);
}

static void test_absent_and_bad_names(void **state)
{
	struct an_error err = { 0 };
	char buf[4], longer[5000];

	(void)state;
	isolate_or_skip();
	assert_int_equal(sysctl_get("ipv4/none_such", buf, sizeof(buf), &err), -ENOENT);
	assert_int_equal(err.kind, 0);
	assert_int_equal(sysctl_set("ipv4/none_such", "1", &err), -ENOENT);
	assert_string_equal(err.object, "sysctl 'net/ipv4/none_such'");
	assert_int_equal(sysctl_get("", buf, sizeof(buf), NULL), -EINVAL);
	assert_int_equal(sysctl_set("ipv4/../../kernel/pid_max", "1", NULL), -EINVAL);
	assert_int_equal(sysctl_set("../kernel/pid_max", "1", NULL), -EINVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(sysctl_get(longer, buf, sizeof(buf), NULL), -EINVAL);
	assert_int_equal(sysctl_get("ipv4/ip_local_port_range", buf, sizeof(buf), &err), -EFBIG);
	assert_int_equal(err.err, EFBIG);
}

static unsigned long mount_flags(void)
{
	struct statvfs fs;

	assert_int_equal(statvfs("/proc/sys", &fs), 0);
	return fs.f_flag;
}

/* As container engines do it. */
static void read_only(void)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	assert_int_equal(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL), 0);
}

static void writable(void)
{
	assert_int_equal(umount2("/proc/sys", MNT_DETACH), 0);
}

static void test_read_only_is_lifted_for_one_write(void **state)
{
	unsigned long before;
	FILE *f;

	(void)state;
	isolate_or_skip();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
	read_only();
	before = mount_flags();
	assert_true(before & ST_RDONLY);
	f = fopen("/proc/sys/net/" FORWARDING, "we");
	assert_null(f);
	assert_int_equal(errno, EROFS);

	/* What is so already takes no remount. */
	faults_set("mount", 1, EPERM);
	assert_int_equal(sysctl_set(FORWARDING, "0", NULL), 0);
	assert_int_equal(faults_clear(), 0);

	assert_int_equal(sysctl_set(FORWARDING, "1", NULL), 1);
	assert_value(FORWARDING, "1");
	assert_int_equal(mount_flags(), before);
	writable();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
}

static void test_read_only_is_back_whatever_fails(void **state)
{
	unsigned long before;
	unsigned int n;

	(void)state;
	isolate_or_skip();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
	read_only();
	before = mount_flags();
	for (n = 1; n < 20; n++) {
		struct an_error err = { 0 };
		int r;

		faults_set(NULL, n, EIO);
		r = sysctl_set(FORWARDING, "1", &err);
		if (faults_clear() < n)
			break;
		assert_int_equal(mount_flags(), before);
		/* The first call only reads, and it can do without. */
		if (n > 1) {
			assert_true(r < 0);
			assert_value(FORWARDING, "0");
			assert_true(err.kind != 0);
		} else {
			assert_int_equal(r, 1);
			assert_int_equal(sysctl_set(FORWARDING, "0", NULL), 1);
		}
	}
	/* open to read, open, mount, open, write */
	assert_int_equal(n, 6);
	assert_value(FORWARDING, "1");
	assert_int_equal(mount_flags(), before);
	writable();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
}

static void test_refusals_carry_a_remedy(void **state)
{
	struct an_error err = { 0 };

	(void)state;
	isolate_or_skip();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
	read_only();
	faults_set("mount", 1, EPERM);
	assert_int_equal(sysctl_set(FORWARDING, "1", &err), -EROFS);
	faults_clear();
	assert_non_null(strstr(err.remedy, "CAP_SYS_ADMIN"));
	writable();

	/* Only EROFS takes that path. */
	faults_set("write", 1, EPERM);
	assert_int_equal(sysctl_set(FORWARDING, "1", &err), -EPERM);
	faults_clear();
	assert_true(err.remedy[0] != '\0');
	assert_value(FORWARDING, "0");
	assert_int_equal(sysctl_set(FORWARDING, "1", &err), 1);
	assert_int_equal(sysctl_set(FORWARDING, "0", &err), 1);
}

/* The mount as another process has it for a moment. */
static void remount(bool read_only_again)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	assert_int_equal(mount(NULL, "/proc/sys", NULL, flags | (read_only_again ? MS_RDONLY : 0UL), NULL),
			 0);
}

/* Our first try to write comes just before another's begin, its end just before we lift the mount: nothing is won. */
static int others_write_at_ours(const char *what)
{
	static unsigned int opens;

	if (strcmp(what, "open") == 0 && ++opens == 2) {
		remount(false);
		return EROFS;
	}
	if (strcmp(what, "mount") == 0)
		remount(true);
	return 0;
}

static void test_read_only_is_back_though_it_was_not_when_looked_at(void **state)
{
	(void)state;
	isolate_or_skip();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
	read_only();
	fault_hook_fn = others_write_at_ours;
	assert_int_equal(sysctl_set(FORWARDING, "1", NULL), 1);
	fault_hook_fn = NULL;
	assert_value(FORWARDING, "1");
	assert_true(mount_flags() & ST_RDONLY);
	writable();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
}

/* Another's end comes between our lifting of the mount and our write. */
static int others_end_before_ours(const char *what)
{
	static unsigned int opens;

	if (strcmp(what, "open") == 0 && ++opens == 3)
		remount(true);
	return 0;
}

static void test_a_write_that_is_overtaken_is_tried_again(void **state)
{
	(void)state;
	isolate_or_skip();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
	read_only();
	fault_hook_fn = others_end_before_ours;
	assert_int_equal(sysctl_set(FORWARDING, "1", NULL), 1);
	fault_hook_fn = NULL;
	assert_value(FORWARDING, "1");
	assert_true(mount_flags() & ST_RDONLY);
	writable();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
}

/* Another has its file open to write, for a while: the mount can't be read-only before that ends. */
static int others_file_is_open(const char *what)
{
	int fd;

	if (strcmp(what, "write") != 0 || fork() != 0)
		return 0;
	fd = open("/proc/sys/net/ipv4/conf/default/forwarding", O_WRONLY | O_CLOEXEC);
	usleep(20000);
	_exit(fd < 0);
}

static void test_read_only_waits_for_anothers_write(void **state)
{
	int status;

	(void)state;
	isolate_or_skip();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
	read_only();
	fault_hook_fn = others_file_is_open;
	assert_int_equal(sysctl_set(FORWARDING, "1", NULL), 1);
	fault_hook_fn = NULL;
	assert_true(mount_flags() & ST_RDONLY);
	assert_true(wait(&status) > 0);
	writable();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
}

/* Writes the value so many times, each of which must lift the mount; another process is at it, too. */
static int write_often(const char *name)
{
	for (int i = 0; i < 400; i++) {
		struct an_error err = { 0 };

		if (sysctl_set(name, i % 2 ? "0" : "1", &err) < 0) {
			fprintf(stderr, "# %s: %s: %s\n", name, err.object, err.message);
			return 1;
		}
	}
	return 0;
}

static void test_two_at_once_leave_it_read_only(void **state)
{
	static const char *const names[] = { FORWARDING, "ipv4/conf/default/forwarding" };
	pid_t children[2];
	int status;

	(void)state;
	isolate_or_skip();
	read_only();
	for (size_t i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(write_often(names[i]));
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_true(mount_flags() & ST_RDONLY);
	assert_true(mount_flags() & ST_NOEXEC);
	writable();
	assert_true(sysctl_set(FORWARDING, "0", NULL) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written_only_where_it_differs),
		cmocka_unit_test(test_of_the_threads_namespace),
		cmocka_unit_test(test_absent_and_bad_names),
		cmocka_unit_test(test_read_only_is_lifted_for_one_write),
		cmocka_unit_test(test_read_only_is_back_whatever_fails),
		cmocka_unit_test(test_read_only_is_back_though_it_was_not_when_looked_at),
		cmocka_unit_test(test_a_write_that_is_overtaken_is_tried_again),
		cmocka_unit_test(test_read_only_waits_for_anothers_write),
		cmocka_unit_test(test_two_at_once_leave_it_read_only),
		cmocka_unit_test(test_refusals_carry_a_remedy),
	};

	return cmocka_run_group_tests_name("sysctl", tests, NULL, NULL);
}
