/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that are ours without our having started them. */
#include "ateom/children.h"

#include "ateom/log.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "sandbox/guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Numbers of our orphans at once: a sandbox, and a file server a container. */
#define CHILDREN_LIST_MAX 8192
/* A process that is being killed may leave others to us: looked again so often. */
#define CHILDREN_ROUNDS 16

int children_adopt(struct an_error *err)
{
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return error_errno(err, AN_FAILED, errno, "orphans", "adopt");
	return 0;
}

void children_reap(void)
{
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WNOTHREAD) < 0 && errno == EINTR)
			continue;
		if (info.si_pid == 0)
			return;
		log_say(LOG_LEVEL_DEBUG, "process %d, an orphan, ended: %s %d", info.si_pid,
			info.si_code == CLD_EXITED ? "exit status" : "signal", info.si_status);
	}
}

/*
 * Kill one, and wait until it has ended. One of ours is reaped at once, by whoever of us is first: runsc takes one that
 * is not for a running one. Return: 1 or a negative errno.
 */
static int children_end_one(int fd, pid_t pid, uint64_t deadline_us, struct an_error *err)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	siginfo_t info;

	syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	while (!poll_fd.revents) {
		uint64_t now = clock_us();

		if (now >= deadline_us)
			return error_set(err, AN_FAILED, ETIMEDOUT, "sandbox", "process %d does not end",
					 pid);
		poll(&poll_fd, 1, (int)((deadline_us - now) / 1000U) + 1);
	}
	waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	return 1;
}

/* Whose processes are meant: those that name a root among their arguments, or those in a network namespace. */
struct children_whose {
	const char *root;
	uint64_t inode;
	bool orphan; /* it is known to be ours: one without arguments has ended, or is about to, and is waited for */
};

/* Is it one of them? Return: 1, 0, or a negative errno. */
static int children_is(const struct children_whose *whose, pid_t pid)
{
	char path[32];
	struct stat st;
	int r;

	if (whose->root) {
		r = guest_names(pid, whose->root);
		if (r == -ESRCH || r == -ENOENT)
			return whose->orphan;
		/* Someone else's, hidden from us. */
		return (r == -EACCES || r == -EPERM) && !whose->orphan ? 0 : r;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return stat(path, &st) == 0 && st.st_ino == whose->inode;
}

/*
 * End a process if it is one of them. It is held before it is looked at: if it has ended by then, and its number is
 * another's, the signal goes nowhere. One that can't be looked at is an error, and none of ours to kill. Return: as
 * children_end_one(), 0 if it is not.
 */
static int children_try(pid_t pid, const struct children_whose *whose, uint64_t deadline_us,
			struct an_error *err)
{
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int r;

	if (fd < 0)
		return errno == ESRCH ? 0
				      : error_errno(err, AN_FAILED, errno, "sandbox", "open process %d", pid);
	r = children_is(whose, pid);
	if (r < 0)
		return error_errno(err, AN_FAILED, -r, "sandbox", "look at process %d", pid);
	return r ? children_end_one(fd, pid, deadline_us, err) : 0;
}

static void children_close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Once over all processes there are. Return: as children_round(). */
static int children_round_all(const struct children_whose *whose, uint64_t deadline_us, struct an_error *err)
{
	_cleanup_(children_close_dir) DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int ended = 0;

	if (!proc)
		return error_errno(err, AN_FAILED, errno, "/proc", "list");
	while ((entry = readdir(proc))) {
		uint64_t pid;
		int r;

		if (text_to_u64(entry->d_name, strlen(entry->d_name), INT32_MAX, &pid) < 0 || pid == 0)
			continue;
		r = children_try((pid_t)pid, whose, deadline_us, err);
		if (r < 0)
			return r;
		ended += r;
	}
	return ended;
}

/* Once over all our orphans, whose numbers the kernel lists. Return: how many were ended, or a negative errno. */
static int children_round(const char *root, uint64_t deadline_us, struct an_error *err)
{
	struct children_whose whose = { .root = root, .orphan = true };
	char path[64], list[CHILDREN_LIST_MAX];
	int ended = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	/* A kernel without it, or a crowd. */
	if (text_read_file(AT_FDCWD, path, list, sizeof(list)) < 0) {
		whose.orphan = false;
		return children_round_all(&whose, deadline_us, err);
	}
	for (char *at = list; *at;) {
		size_t digits = strcspn(at, " ");
		uint64_t pid;
		int r = 0;

		if (text_to_u64(at, digits, INT32_MAX, &pid) == 0 && pid > 0)
			r = children_try((pid_t)pid, &whose, deadline_us, err);
		if (r < 0)
			return r;
		ended += r;
		at += digits + (at[digits] == ' ');
	}
	return ended;
}

int children_end(const char *root, unsigned int timeout_ms, struct an_error *err)
{
	uint64_t deadline_us = clock_us() + (uint64_t)timeout_ms * 1000U;

	for (int round = 0; round < CHILDREN_ROUNDS; round++) {
		int r = children_round(root, deadline_us, err);

		if (r <= 0)
			return r;
	}
	return error_set(err, AN_FAILED, ETIMEDOUT, "sandbox", "new processes of it come up all the time");
}

int children_end_in(uint64_t inode, unsigned int timeout_ms, struct an_error *err)
{
	const struct children_whose whose = { .inode = inode };
	int r = children_round_all(&whose, clock_us() + (uint64_t)timeout_ms * 1000U, err);

	return r < 0 ? r : 0;
}
