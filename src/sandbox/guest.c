/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox's process: held by descriptor, so that a reused number is never mistaken for it. */
#include "sandbox/guest.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define GUEST_REAP_POLL_US 1000

/* glibc has these from 2.36 on only. */
static int guest_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool guest_gone(const struct guest *guest)
{
	return syscall(SYS_pidfd_send_signal, guest->pidfd, 0, NULL, 0) < 0;
}

int guest_names(pid_t pid, const char *root)
{
	char path[32], cmdline[4096];
	int len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	len = text_read_file(AT_FDCWD, path, cmdline, sizeof(cmdline));
	/* A sandbox with very many arguments: -root is among the first. */
	if (len == -EFBIG)
		len = (int)sizeof(cmdline) - 1;
	if (len <= 0)
		return len < 0 ? len : -ESRCH;
	return memmem(cmdline, (size_t)len, root, strlen(root)) != NULL;
}

int guest_open_pid(struct guest *ret_guest, pid_t pid, const char *root, struct an_error *err)
{
	struct guest guest = { .pid = pid, .pidfd = guest_pidfd_open(pid) };

	*ret_guest = (struct guest){ .pidfd = -1 };
	if (guest.pidfd < 0)
		return errno == ESRCH ? 0 : error_errno(err, AN_FAILED, errno, root, "open process %d", pid);
	if (guest_names(pid, root) <= 0 || !guest_runs(&guest)) {
		guest_close(&guest);
		return 0;
	}
	*ret_guest = guest;
	return 1;
}

int guest_open(struct guest *ret_guest, const char *pid_file, const char *root, struct an_error *err)
{
	char text[16];
	uint64_t pid;
	int len = text_read_file(AT_FDCWD, pid_file, text, sizeof(text));

	*ret_guest = (struct guest){ .pidfd = -1 };
	if (len == -ENOENT)
		return 0;
	if (len < 0)
		return error_errno(err, AN_FAILED, -len, pid_file, "read");
	if (text_to_u64(text, strcspn(text, "\n"), INT32_MAX, &pid) < 0 || pid == 0)
		return 0;
	return guest_open_pid(ret_guest, (pid_t)pid, root, err);
}

void guest_close(struct guest *guest)
{
	guest->pidfd = fd_close(guest->pidfd);
	guest->pid = 0;
}

bool guest_runs(const struct guest *guest)
{
	struct pollfd fd = { .fd = guest->pidfd, .events = POLLIN };

	return guest->pidfd >= 0 && poll(&fd, 1, 0) == 0;
}

void guest_kill(const struct guest *guest)
{
	if (guest->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, guest->pidfd, SIGKILL, NULL, 0);
}

int guest_wait(const struct guest *guest, unsigned int timeout_ms)
{
	uint64_t deadline_us = clock_us() + (uint64_t)timeout_ms * 1000U;
	struct pollfd fd = { .fd = guest->pidfd, .events = POLLIN };
	siginfo_t info;
	int r;

	if (guest->pidfd < 0)
		return 0;
	do
		r = poll(&fd, 1, (int)timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	/* Ended. Ours to reap, or someone else's: that is not announced, so look. */
	waitid(P_PIDFD, (id_t)guest->pidfd, &info, WEXITED | WNOHANG);
	while (!guest_gone(guest)) {
		if (clock_us() >= deadline_us)
			return -ETIMEDOUT;
		usleep(GUEST_REAP_POLL_US);
	}
	return 0;
}

int guest_reap_all(unsigned int timeout_ms)
{
	uint64_t deadline_us = clock_us() + (uint64_t)timeout_ms * 1000U;
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (clock_us() >= deadline_us)
			return -ETIMEDOUT;
		if (pid == 0)
			usleep(GUEST_REAP_POLL_US);
	}
	return 0;
}
