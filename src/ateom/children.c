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
 * is not for a running one. Return: 1, 0 if there is none, or a negative errno.
 */
static int children_end_one(pid_t pid, uint64_t deadline_us, struct an_error *err)
{
	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	siginfo_t info;

	if (fd < 0)
		return errno == ESRCH ? 0
				      : error_errno(err, AN_FAILED, errno, "sandbox", "open process %d", pid);
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

/* Once over all our orphans, whose numbers the kernel lists. Return: how many were ended, or a negative errno. */
static int children_round(const char *root, uint64_t deadline_us, struct an_error *err)
{
	char path[64], list[CHILDREN_LIST_MAX];
	int ended = 0, len;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	len = text_read_file(AT_FDCWD, path, list, sizeof(list));
	/* A kernel without it, or a crowd: the sandbox is known by its file, and file servers end with it. */
	if (len < 0)
		return 0;
	for (char *at = list; *at;) {
		size_t digits = strcspn(at, " ");
		uint64_t pid;
		int r = 0;

		/* One without arguments has ended, or is about to. */
		if (text_to_u64(at, digits, INT32_MAX, &pid) == 0 && pid > 0 &&
		    guest_names((pid_t)pid, root) != 0)
			r = children_end_one((pid_t)pid, deadline_us, err);
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

static void children_close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int children_end_in(uint64_t inode, unsigned int timeout_ms, struct an_error *err)
{
	uint64_t deadline_us = clock_us() + (uint64_t)timeout_ms * 1000U;
	_cleanup_(children_close_dir) DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return error_errno(err, AN_FAILED, errno, "/proc", "list");
	while ((entry = readdir(proc))) {
		char path[300];
		struct stat st;
		uint64_t pid;
		int r;

		if (text_to_u64(entry->d_name, strlen(entry->d_name), INT32_MAX, &pid) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (stat(path, &st) < 0 || st.st_ino != inode)
			continue;
		r = children_end_one((pid_t)pid, deadline_us, err);
		if (r < 0)
			return r;
	}
	return 0;
}
