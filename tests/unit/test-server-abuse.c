/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC server: its socket, its limits, and clients that mean no good or have gone mad. */
#include "ateom/http2.h"
#include "ateom/listen.h"
#include "ateom/thread.h"
#include "base/clock.h"
#include "isolate.h"
#include "sandbox/spawn.h"
#include "server-lab.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

/* -- The socket -- */

static int listen_once(const char *path, struct listen *ret_listen, struct an_error *err)
{
	*err = (struct an_error){ 0 };
	*ret_listen = (struct listen){ .fd = -1 };
	return listen_open(ret_listen, path, err);
}

static void test_the_socket_has_a_folder_of_its_own(void **state)
{
	char folder[] = "/tmp/actornet-listen-XXXXXX", path[128], parent[128];
	struct listen listening;
	struct an_error err;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a/b/ateom.sock", folder);
	snprintf(parent, sizeof(parent), "%s/a/b", folder);
	assert_int_equal(listen_once(path, &listening, &err), 0);
	assert_int_equal(stat(parent, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0177, 0);
	listen_close(&listening);
	listen_close(&listening);
	assert_int_equal(stat(path, &st), -1);
	/* One that is there is closed to others, and one that is everybody's is left alone. */
	assert_int_equal(chmod(parent, 0755), 0);
	assert_int_equal(listen_once(path, &listening, &err), 0);
	assert_int_equal(stat(parent, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	listen_close(&listening);
	assert_int_equal(chmod(parent, 01777), 0);
	assert_int_equal(listen_once(path, &listening, &err), -EPERM);
	assert_int_equal(rmdir(parent), 0);
	/* A link in its place is not followed. */
	assert_int_equal(symlink("/tmp", parent), 0);
	assert_int_equal(listen_once(path, &listening, &err), -ENOTDIR);
	assert_int_equal(unlink(parent), 0);
	snprintf(parent, sizeof(parent), "%s/a", folder);
	assert_int_equal(rmdir(parent), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void test_a_stale_socket_is_replaced_and_nothing_else_is(void **state)
{
	char folder[] = "/tmp/actornet-listen-XXXXXX", path[128];
	struct listen first, second;
	struct an_error err;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ateom.sock", folder);
	assert_int_equal(listen_once(path, &first, &err), 0);
	assert_int_equal(listen_once(path, &second, &err), -EADDRINUSE);
	assert_string_equal(err.message, "another server listens there");
	/* As after a crash: the file stays. */
	close(first.fd);
	assert_int_equal(listen_once(path, &first, &err), 0);
	/* Someone took the file away and made another: that one isn't ours to remove. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(listen_once(path, &second, &err), 0);
	listen_close(&first);
	assert_int_equal(access(path, F_OK), 0);
	listen_close(&second);
	assert_int_equal(access(path, F_OK), -1);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(listen_once(path, &second, &err), -EEXIST);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

/* Two that start at once would each take the other's socket for a stale one, between its bind(2) and listen(2). */
static void test_of_two_that_start_at_once_one_fails(void **state)
{
	char folder[] = "/tmp/actornet-listen-XXXXXX", path[128];
	struct listen listening;
	struct an_error err;
	int other;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ateom.sock", folder);
	other = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_int_equal(listen_once(path, &listening, &err), -EADDRINUSE);
	assert_string_equal(err.message, "another server is starting there");
	assert_int_equal(access(path, F_OK), -1);
	close(other);
	assert_int_equal(listen_once(path, &listening, &err), 0);
	listen_close(&listening);
	assert_int_equal(rmdir(folder), 0);
}

static void test_the_path_has_107_bytes_at_most(void **state)
{
	char folder[] = "/tmp/actornet-listen-XXXXXX", path[128];
	struct listen listening;
	struct an_error err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	memset(path, 'x', sizeof(path));
	memcpy(path, folder, strlen(folder));
	path[strlen(folder)] = '/';
	path[107] = '\0';
	assert_int_equal(listen_once(path, &listening, &err), 0);
	listen_close(&listening);
	path[107] = 'x';
	path[108] = '\0';
	assert_int_equal(listen_once(path, &listening, &err), -ENAMETOOLONG);
	assert_string_equal(err.message, "is longer than 107 bytes");
	assert_int_equal(listen_once("relative/ateom.sock", &listening, &err), -EINVAL);
	assert_int_equal(listen_once("/ateom.sock", &listening, &err), -EINVAL);
	assert_int_equal(listen_once("", &listening, &err), -EINVAL);
	assert_int_equal(rmdir(folder), 0);
}

/* -- Time limits -- */

/* Is the connection closed by the server within this time? What it says before is read. */
static bool closed_within(int fd, int ms)
{
	uint64_t until_us = clock_us() + (uint64_t)ms * 1000U;

	while (clock_us() < until_us) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		char buf[4096];

		if (poll(&pfd, 1, 10) == 1 && recv(fd, buf, sizeof(buf), MSG_DONTWAIT) <= 0)
			return true;
	}
	return false;
}

static void test_who_says_nothing_or_half_of_it_is_hung_up_on(void **state)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	int silent, half, no_settings;
	struct client *client;

	(void)state;
	lab_open(500, 0);
	client = lab_client();
	lab_ask(client, lab_answer(), LAB_ECHO, NULL);
	lab_answered(client, lab_answer());
	silent = client_socket(lab.path);
	half = client_socket(lab.path);
	no_settings = client_socket(lab.path);
	assert_int_equal(send(half, preface, 10, 0), 10);
	assert_int_equal(send(no_settings, preface, 24, 0), 24);
	assert_false(closed_within(silent, 100));
	assert_true(closed_within(silent, 1000) && closed_within(half, 1000) &&
		    closed_within(no_settings, 1000));
	/* Control: one that has said hello may be idle. */
	lab_ask(client, lab_answer(), LAB_ECHO, NULL);
	lab_answered(client, lab_answer());
	assert_int_equal(lab_answer()->grpc, RPC_OK);
	client_close(client);
	close(silent);
	close(half);
	close(no_settings);
	lab_close();
}

static void test_a_request_that_does_not_come_and_an_answer_that_is_not_taken(void **state)
{
	static struct client_answer slow, unread;
	struct client *client, *closed;

	(void)state;
	lab_open(0, 300);
	client = lab_client();
	client_ask(client, &slow, &(struct client_request){ .path = LAB_ECHO, .hold = true });
	lab_answered(client, &slow);
	assert_int_equal(slow.grpc, RPC_DEADLINE_EXCEEDED);
	assert_string_equal(slow.message, "the request took too long to come");
	/* A call itself takes as long as it takes. */
	lab_ask(client, &slow, LAB_WAIT, NULL);
	assert_false(client_pump(client, &slow.closed, 600));
	lab_release();
	lab_answered(client, &slow);
	assert_int_equal(slow.grpc, RPC_OK);
	closed = client_open(lab.path, 3);
	lab_ask(closed, &unread, LAB_ECHO, NULL);
	lab_answered(closed, &unread);
	assert_int_equal(unread.len, 3);
	assert_int_equal(unread.grpc, -1);
	assert_int_equal(unread.reset, NGHTTP2_CANCEL);
	client_close(closed);
	client_close(client);
	lab_close();
}

/* -- Numbers -- */

static uint64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000U + (uint64_t)ts.tv_nsec / 1000U;
}

static void test_out_of_descriptors_it_waits_without_spinning_and_recovers(void **state)
{
	struct rlimit before, few;
	struct client *client;
	uint64_t used_us;

	(void)state;
	lab_open(0, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)dup(0) +
		       1; /* the lowest that is free is the client's; there is none for the server */
	close((int)few.rlim_cur - 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	client = lab_client();
	used_us = cpu_us();
	lab_ask(client, lab_answer(), LAB_ECHO, NULL);
	client_pump(client, &lab_answer()->closed, 500);
	used_us = cpu_us() - used_us;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_false(lab_answer()->closed);
	assert_true(used_us < 100000);
	lab_answered(client, lab_answer());
	assert_int_equal(lab_answer()->grpc, RPC_OK);
	client_close(client);
	lab_serves();
	lab_close();
}

/* -- Floods -- */

static long resident_kib(void)
{
	long size = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_int_equal(fscanf(file, "%ld %ld", &size, &resident), 2);
	fclose(file);
	return resident * 4;
}

/* Send the same frame over and over, reading nothing. Return: how many the server took before it had enough. */
static int flood(const void *frame, size_t len, int times)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	int fd = client_socket(lab.path), n;
	struct timeval soon = { .tv_usec = 300000 };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	assert_int_equal(send(fd, hello, sizeof(hello), 0), sizeof(hello));
	for (n = 0; n < times; n++)
		if (send(fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len)
			break;
	close(fd);
	return n;
}

static void test_floods_of_pings_and_settings_are_not_answered_without_end(void **state)
{
	static const char ping[] = "\0\0\10\6\0\0\0\0\0abcdefgh", settings[] = "\0\0\0\4\0\0\0\0";
	long before_kib;

	(void)state;
	lab_open(0, 0);
	lab_serves();
	before_kib = resident_kib();
	assert_in_range(flood(ping, 17, 1000000), 1, 200000);
	assert_in_range(flood(settings, 9, 1000000), 1, 200000);
	assert_true(resident_kib() - before_kib < 4096);
	lab_serves();
	lab_close();
}

/* A peer that doesn't read is not read from; once it does, it goes on, and nothing is lost. */
static void test_who_does_not_read_is_not_read_from(void **state)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	static const char ping[] = "\0\0\10\6\0\0\0\0\0abcdefgh";
	uint64_t until_us = clock_us() + 5000000;
	size_t wanted = 9 + 6 + 9, got = 0; /* settings, and that ours have come */
	int fd, tries = 0;

	(void)state;
	lab_open(0, 0);
	fd = client_socket(lab.path);
	assert_int_equal(send(fd, hello, sizeof(hello), 0), sizeof(hello));
	while (tries < 20) {
		if (send(fd, ping, 17, MSG_DONTWAIT | MSG_NOSIGNAL) == 17) {
			wanted += 17;
			tries = 0;
		} else {
			usleep(10000);
			tries++;
		}
	}
	assert_in_range(wanted, 5000, 17000000);
	while (got < wanted && clock_us() < until_us) {
		char buf[65536];
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, wanted);
	close(fd);
	lab_close();
}

static void test_pings_are_answered(void **state)
{
	struct client *client;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	for (unsigned int i = 1; i <= 500; i++) {
		nghttp2_submit_ping(client->session, NGHTTP2_FLAG_NONE, NULL);
		for (int k = 0; k < 1000 && client->pongs < i; k++)
			client_pump(client, &(bool){ false }, 1);
		assert_int_equal(client->pongs, i);
	}
	assert_false(client->gone || client->goaway);
	client_close(client);
	lab_close();
}

static void test_calls_begun_and_reset_in_haste_end_the_connection(void **state)
{
	struct client *client;
	int n;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	for (n = 0; n < 20000 && !client->goaway && !client->gone; n++) {
		lab_ask(client, lab_answer(), LAB_ECHO, NULL);
		client_reset(client, lab_answer());
		client_pump(client, &(bool){ false }, 0);
		if (client_flush(client) < 0)
			break;
		if (n % 64 == 0)
			client_pump(client, &client->goaway, 5);
	}
	assert_in_range(n, 900, 5000); /* a thousand is nobody's mistake yet */
	client_pump(client, &client->gone, 2000);
	assert_true(client->goaway || client->gone);
	client_close(client);
	lab_serves();
	lab_close();
}

static void test_garbage_is_hung_up_on(void **state)
{
	static const char *const noise[] = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
					     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nxxxxxxxxxxxxxxxxxxxx" };
	unsigned int seed = 7;

	(void)state;
	lab_open(0, 0);
	for (size_t i = 0; i < 3; i++) {
		int fd = client_socket(lab.path);

		send(fd, noise[i], strlen(noise[i]), MSG_NOSIGNAL);
		assert_true(closed_within(fd, 2000));
		close(fd);
	}
	for (int i = 0; i < 200; i++) {
		char hello[24 + 512] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4";
		int fd = client_socket(lab.path);

		for (size_t k = 33; k < sizeof(hello); k++)
			hello[k] = (char)rand_r(&seed);
		send(fd, hello, 40 + (size_t)rand_r(&seed) % 400, MSG_NOSIGNAL);
		close(fd);
	}
	lab_serves();
	lab_close();
}

/* -- Descriptors and signals -- */

/* Programs are started while connections come and go: a child between vfork and exec has copies of their sockets. */
static void test_connections_come_and_go_while_programs_are_started(void **state)
{
	static const char *const argv[] = { "/bin/true", NULL };
	struct spawn_spec spec = { .argv = argv, .label = "true", .cancel_fd = -1, .timeout_ms = 5000 };
	int before;

	(void)state;
	lab_open(0, 0);
	lab_serves();
	usleep(100000); /* for the server to see its client go */
	before = lab_fds();
	for (int i = 0; i < 100; i++) {
		struct client *clients[8];
		struct an_error err;

		for (int k = 0; k < 8; k++) {
			clients[k] = lab_client();
			lab_ask(clients[k], lab_answer(), k % 2 ? LAB_ECHO : LAB_HEALTH, NULL);
		}
		for (int k = 0; k < 4; k++)
			client_close(clients[k]);
		assert_int_equal(spawn_run(&spec, &err), 0);
		for (int k = 4; k < 8; k++)
			client_close(clients[k]);
	}
	lab_serves();
	for (int i = 0; i < 200 && lab_fds() != before; i++)
		usleep(5000);
	assert_int_equal(lab_fds(), before);
	lab_close();
}

static void test_nothing_is_passed_on_to_programs(void **state)
{
	struct client *client;
	int seen = 0;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	lab_ask(client, lab_answer(), LAB_ECHO, NULL);
	lab_answered(client, lab_answer());
	for (int fd = 3; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);
		char path[32], target[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (flags < 0 || readlink(path, target, sizeof(target) - 1) < 0)
			continue;
		if (!strncmp(target, "socket:", 7) || !strncmp(target, "anon_inode:", 11)) {
			assert_true(flags & FD_CLOEXEC);
			seen++;
		}
	}
	/* 2 sockets of the connection, the listener, 5 of server and dispatcher, 3 of the test's */
	assert_int_equal(seen, 11);
	client_close(client);
	lab_close();
}

static void take_line(const char *line, size_t len, void *data)
{
	snprintf(data, 128, "%.*s", (int)len, line);
}

/* What a handler does: start a program, here one that tells which signals it finds blocked. */
static void *start_program(void *line)
{
	static const char *const argv[] = { "/bin/grep", "SigBlk", "/proc/self/status", NULL };
	struct spawn_spec spec = { .argv = argv,
				   .label = "grep",
				   .line = take_line,
				   .data = line,
				   .cancel_fd = -1,
				   .timeout_ms = 5000 };

	spawn_run(&spec, NULL);
	return NULL;
}

static void test_threads_leave_signals_to_the_first_and_children_have_them(void **state)
{
	char seen[128] = "";
	pthread_t thread;
	DIR *dir;
	struct dirent *entry;
	int others = 0, blocked = 0;

	(void)state;
	lab_open(0, 0);
	lab_serves(); /* a thread that has just begun has them blocked for a moment in any case */
	dir = opendir("/proc/self/task");
	while ((entry = readdir(dir))) {
		char path[300], line[256];
		unsigned long long mask;
		FILE *file;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
			continue;
		others++;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "re");
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, "SigBlk: %llx", &mask) == 1)
				blocked += (mask & 0x5003) == 0x5003; /* HUP, INT, PIPE, TERM */
		fclose(file);
	}
	closedir(dir);
	assert_true(blocked >= 2); /* a sanitizer may have one, too */
	assert_int_equal(blocked, others);
	lab_close();
	assert_int_equal(thread_start(&thread, 1U << 18, start_program, seen), 0);
	pthread_join(thread, NULL);
	assert_string_equal(seen, "SigBlk:\t0000000000000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_socket_has_a_folder_of_its_own),
		cmocka_unit_test(test_a_stale_socket_is_replaced_and_nothing_else_is),
		cmocka_unit_test(test_of_two_that_start_at_once_one_fails),
		cmocka_unit_test(test_the_path_has_107_bytes_at_most),
		cmocka_unit_test(test_who_says_nothing_or_half_of_it_is_hung_up_on),
		cmocka_unit_test(test_a_request_that_does_not_come_and_an_answer_that_is_not_taken),
		cmocka_unit_test(test_out_of_descriptors_it_waits_without_spinning_and_recovers),
		cmocka_unit_test(test_floods_of_pings_and_settings_are_not_answered_without_end),
		cmocka_unit_test(test_who_does_not_read_is_not_read_from),
		cmocka_unit_test(test_pings_are_answered),
		cmocka_unit_test(test_calls_begun_and_reset_in_haste_end_the_connection),
		cmocka_unit_test(test_garbage_is_hung_up_on),
		cmocka_unit_test(test_connections_come_and_go_while_programs_are_started),
		cmocka_unit_test(test_nothing_is_passed_on_to_programs),
		cmocka_unit_test(test_threads_leave_signals_to_the_first_and_children_have_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
