/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces, under a /run of the test's own. */
#include "base/cleanup.h"
#include "faults.h"
#include "isolate.h"
#include "netns/netns.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

static uint64_t own(void)
{
	return inode_of("/proc/thread-self/ns/net");
}

/* Mounts of this mount namespace. */
static int mounts(void)
{
	FILE *f = fopen("/proc/thread-self/mountinfo", "re");
	int c, n = 0;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int count_cb(const char *name, void *data)
{
	(void)name;
	return ++*(int *)data > 100 ? -E2BIG : 0;
}

static int names(const char *prefix)
{
	int n = 0;

	assert_int_equal(netns_dump(prefix, count_cb, &n, NULL), 0);
	return n;
}

static void test_names_are_checked(void **state)
{
	static const char *const wrong[] = { "", ".", "..", "a/b", "/", "../x", "a/" };
	char path[NETNS_PATH], name[NETNS_PATH];
	struct an_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(netns_path(wrong[i], path, &err), -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
		assert_int_equal(netns_add(wrong[i], NULL), -EINVAL);
		assert_int_equal(netns_del(wrong[i], NULL), -EINVAL);
	}
	assert_int_equal(netns_path("ateom:6c1f0a52-4d0e-4b8e-9d7c-2f6f3f1b9a11", path, &err), 0);
	assert_string_equal(path, "/run/netns/ateom:6c1f0a52-4d0e-4b8e-9d7c-2f6f3f1b9a11");

	memset(name, 'n', sizeof(name));
	name[53] = '\0';
	assert_int_equal(netns_path(name, path, &err), -EINVAL);
	assert_non_null(strstr(err.message, "over 52 bytes"));
	name[52] = '\0';
	assert_int_equal(netns_path(name, path, &err), 0);
}

static void test_add_makes_a_new_one_and_comes_back(void **state)
{
	uint64_t before, inode = 0;
	struct an_error err = { 0 };
	int fd, again, fds;

	(void)state;
	isolate_or_skip();
	before = own();
	fds = open_fds();
	fd = netns_add("one", &err);
	assert_true(fd >= 0);
	assert_true(own() == before);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(open_fds(), fds + 1);
	assert_int_equal(netns_inode(fd, &inode, NULL), 0);
	assert_true(inode != before);
	assert_true(inode_of("/run/netns/one") == inode);

	/* A taken name leaves both as they were. */
	assert_int_equal(netns_add("one", &err), -EEXIST);
	assert_int_equal(err.kind, AN_CONFLICT);
	assert_string_equal(err.object, "network namespace 'one'");
	assert_true(inode_of("/run/netns/one") == inode);
	assert_true(own() == before);

	again = netns_open("one", &err);
	assert_true(again >= 0);
	assert_int_equal(netns_inode(again, &inode, NULL), 0);
	assert_true(inode_of("/run/netns/one") == inode);
	close(again);
	again = netns_open("/run/netns/one", &err);
	assert_true(again >= 0);
	close(again);
	close(fd);

	assert_int_equal(netns_del("one", &err), 1);
	assert_int_equal(access("/run/netns/one", F_OK), -1);
	assert_int_equal(netns_del("one", &err), 0);
	assert_int_equal(open_fds(), fds);
}

/* The propagation field of a mount point's line in mountinfo, proc_pid_mountinfo(5). */
static bool is_shared(const char *path)
{
	FILE *f = fopen("/proc/thread-self/mountinfo", "re");
	char line[512], point[256];
	bool shared = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %*s %*s %*s %255s", point) == 1 && !strcmp(point, path))
			shared = strstr(line, " shared:") != NULL;
	}
	fclose(f);
	return shared;
}

static void test_directory_is_made_shared_once(void **state)
{
	int before, fd;

	(void)state;
	isolate_or_skip();
	umount2(NETNS_DIR, MNT_DETACH);
	rmdir(NETNS_DIR);
	before = mounts();
	fd = netns_add("one", NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_true(is_shared(NETNS_DIR));
	assert_true(is_shared(NETNS_DIR "/one"));
	assert_int_equal(mounts(), before + 2);
	fd = netns_add("two", NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(mounts(), before + 3);
	assert_int_equal(netns_del("one", NULL), 1);
	assert_int_equal(netns_del("two", NULL), 1);
	assert_int_equal(mounts(), before + 1);
}

/* Fail each call in turn, with the directory there or not: nothing may be left, and we are in our own. */
static void add_with_faults(bool fresh)
{
	uint64_t before = own();
	int fds = open_fds(), n_mounts, fd;
	unsigned int n;

	for (n = 1; n < 50; n++) {
		struct an_error err = { 0 };

		if (fresh) {
			umount2(NETNS_DIR, MNT_DETACH);
			rmdir(NETNS_DIR);
		}
		n_mounts = mounts();
		faults_set(NULL, n, EIO);
		fd = netns_add("faulty", &err);
		if (faults_clear() < n)
			break;
		assert_int_equal(fd, -EIO);
		assert_int_equal(err.err, EIO);
		assert_true(own() == before);
		assert_int_equal(access(NETNS_DIR "/faulty", F_OK), -1);
		assert_int_equal(access(NETNS_DIR, F_OK), fresh ? -1 : 0);
		assert_int_equal(mounts(), n_mounts);
		assert_int_equal(open_fds(), fds);
	}
	/* mkdir, mount (two more for a fresh one); open, unshare, open; open, mount */
	assert_int_equal(n, fresh ? 10 : 8);
	assert_true(fd >= 0);
	assert_true(own() == before);
	close(fd);
	assert_int_equal(netns_del("faulty", NULL), 1);
}

static void test_failed_add_leaves_nothing(void **state)
{
	(void)state;
	isolate_or_skip();
	add_with_faults(false);
}

static void test_failed_first_add_leaves_no_directory_either(void **state)
{
	(void)state;
	isolate_or_skip();
	add_with_faults(true);
}

static void test_del_removes_stale_files_and_refuses_others(void **state)
{
	struct an_error err = { 0 };
	int fd;

	(void)state;
	isolate_or_skip();
	mkdir(NETNS_DIR, 0755);
	fd = open(NETNS_DIR "/stale", O_CREAT | O_CLOEXEC | O_RDONLY, 0);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(netns_open("stale", &err), -EINVAL);
	assert_true(err.remedy[0] != '\0');
	assert_int_equal(netns_del("stale", &err), 1);
	assert_int_equal(access(NETNS_DIR "/stale", F_OK), -1);

	fd = open("/run/victim", O_CREAT | O_CLOEXEC | O_RDONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(symlink("/run/victim", NETNS_DIR "/link"), 0);
	assert_int_equal(netns_del("link", &err), -ELOOP);
	assert_int_equal(access("/run/victim", F_OK), 0);
	assert_int_equal(access(NETNS_DIR "/link", F_OK), 0);
	unlink(NETNS_DIR "/link");
	unlink("/run/victim");

	assert_int_equal(mkdir(NETNS_DIR "/dir", 0700), 0);
	assert_int_equal(netns_del("dir", &err), -EINVAL);
	rmdir(NETNS_DIR "/dir");
}

static void test_del_with_faults_can_be_repeated(void **state)
{
	unsigned int n;
	int fd, r = 0;

	(void)state;
	isolate_or_skip();
	for (n = 1; n < 50; n++) {
		fd = netns_add("faulty", NULL);
		assert_true(fd >= 0);
		close(fd);
		faults_set(NULL, n, EIO);
		r = netns_del("faulty", NULL);
		if (faults_clear() < n)
			break;
		assert_int_equal(r, -EIO);
		assert_int_equal(netns_del("faulty", NULL), 1);
	}
	assert_int_equal(r, 1);
	assert_int_equal(n, 4);
}

static void test_only_network_namespaces_are_opened(void **state)
{
	struct an_error err = { 0 };
	int fd;

	(void)state;
	isolate_or_skip();
	assert_int_equal(netns_open("none-such", &err), -ENOENT);
	assert_string_equal(err.object, "network namespace 'none-such'");
	assert_true(err.remedy[0] != '\0');
	assert_int_equal(netns_open("/proc/self/ns/mnt", &err), -EINVAL);
	assert_int_equal(netns_open("/proc/self/status", &err), -EINVAL);
	assert_int_equal(netns_open("/dev/null", &err), -EINVAL);
	assert_int_equal(netns_open("/", &err), -EINVAL);
	assert_int_equal(netns_open("", &err), -EINVAL);
	fd = netns_open("/proc/self/ns/net", &err);
	assert_true(fd >= 0);
	close(fd);
	fd = netns_open_self(&err);
	assert_true(fd >= 0);
	close(fd);
}

static void test_sockets_are_born_inside_and_the_thread_stays_outside(void **state)
{
	struct an_error err = { 0 };
	uint64_t before;
	int fd, sock, fds;
	unsigned int n;

	(void)state;
	isolate_or_skip();
	before = own();
	fd = netns_add("inside", NULL);
	assert_true(fd >= 0);
	fds = open_fds();
	for (n = 1; n < 50; n++) {
		faults_set(NULL, n, EIO);
		sock = netns_socket(fd, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, &err);
		if (faults_clear() < n)
			break;
		assert_int_equal(sock, -EIO);
		assert_true(own() == before);
		assert_int_equal(open_fds(), fds);
	}
	/* open, setns, socket */
	assert_int_equal(n, 4);
	assert_int_equal(fcntl(sock, F_GETFD), FD_CLOEXEC);
	assert_true(own() == before);
	close(sock);
	/* Whose socket is it? The cookie of its namespace says so (SO_NETNS_COOKIE, Linux 5.14). */
	{
		uint64_t inner = 0, outer = 0;
		socklen_t len = sizeof(inner);
		int plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		sock = netns_socket(fd, AF_INET, SOCK_DGRAM, 0, &err);
		assert_true(sock >= 0);
		assert_int_equal(getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &inner, &len), 0);
		assert_int_equal(getsockopt(plain, SOL_SOCKET, SO_NETNS_COOKIE, &outer, &len), 0);
		assert_true(inner != outer);
		close(plain);
		close(sock);
	}
	sock = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(netns_socket(sock, AF_INET, SOCK_DGRAM, 0, &err), -EINVAL);
	assert_true(own() == before);
	close(sock);
	close(fd);
	assert_int_equal(netns_del("inside", NULL), 1);
	assert_int_equal(open_fds(), fds - 1);
}

static void test_enter_and_leave(void **state)
{
	uint64_t before, inside = 0;
	int fd, previous;

	(void)state;
	isolate_or_skip();
	before = own();
	fd = netns_add("entered", NULL);
	assert_true(fd >= 0);
	assert_int_equal(netns_inode(fd, &inside, NULL), 0);
	previous = netns_enter(fd, NULL);
	assert_true(previous >= 0);
	assert_true(own() == inside);
	/* The way back is never refused. */
	faults_set(NULL, 1, EIO);
	errno = ENOTTY;
	assert_int_equal(netns_leave(previous, 7, NULL), 7);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(faults_clear(), 0);
	assert_true(own() == before);
	assert_int_equal(fcntl(previous, F_GETFD), -1);
	assert_int_equal(netns_leave(-1, -EIO, NULL), -EIO);
	close(fd);
	assert_int_equal(netns_del("entered", NULL), 1);
}

/* A process that loses the right to go back while it is away: the call that made it stay there must say so. */
static int leave_without_rights(int fd)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { { 0 } };
	struct an_error err = { 0 };
	int previous = netns_enter(fd, NULL), r;

	if (previous < 0 || syscall(SYS_capset, &head, none) < 0)
		return 1;
	r = netns_leave(previous, 0, &err);
	return r == -EPERM && err.err == EPERM && fcntl(previous, F_GETFD) < 0 ? 0 : 2;
}

static void test_who_cannot_leave_is_told(void **state)
{
	int fd, status;
	pid_t child;

	(void)state;
	isolate_or_skip();
	fd = netns_add("left", NULL);
	assert_true(fd >= 0);
	child = fork();
	if (child == 0)
		_exit(leave_without_rights(fd));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
	assert_int_equal(netns_del("left", NULL), 1);
}

static int del_cb(const char *name, void *data)
{
	(void)data;
	return netns_del(name, NULL) == 1 ? 0 : -EIO;
}

static int stop_cb(const char *name, void *data)
{
	(void)name;
	++*(int *)data;
	return -ECANCELED;
}

static void test_dump_finds_names_by_prefix(void **state)
{
	char name[16];
	int n = 0;

	(void)state;
	isolate_or_skip();
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "%s-%d", i < 3 ? "ours" : "other", i);
		close(netns_add(name, NULL));
	}
	assert_int_equal(names("ours-"), 3);
	assert_int_equal(names(""), 5);
	assert_int_equal(names("none"), 0);
	assert_int_equal(netns_dump("o", stop_cb, &n, NULL), -ECANCELED);
	assert_int_equal(n, 1);
	assert_int_equal(netns_dump("o", del_cb, NULL, NULL), 0);
	assert_int_equal(names(""), 0);

	umount2(NETNS_DIR, MNT_DETACH);
	rmdir(NETNS_DIR);
	assert_int_equal(names(""), 0);
	faults_set("open", 1, EACCES);
	assert_int_equal(netns_dump("", count_cb, &n, NULL), -EACCES);
	faults_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_checked),
		cmocka_unit_test(test_add_makes_a_new_one_and_comes_back),
		cmocka_unit_test(test_directory_is_made_shared_once),
		cmocka_unit_test(test_failed_add_leaves_nothing),
		cmocka_unit_test(test_failed_first_add_leaves_no_directory_either),
		cmocka_unit_test(test_del_removes_stale_files_and_refuses_others),
		cmocka_unit_test(test_del_with_faults_can_be_repeated),
		cmocka_unit_test(test_only_network_namespaces_are_opened),
		cmocka_unit_test(test_sockets_are_born_inside_and_the_thread_stays_outside),
		cmocka_unit_test(test_enter_and_leave),
		cmocka_unit_test(test_who_cannot_leave_is_told),
		cmocka_unit_test(test_dump_finds_names_by_prefix),
	};

	return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
