/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs run for us.
 *
 * Theory of operation: the child shares our memory until it has called execve() (clone(2) with CLONE_VM and
 * CLONE_VFORK, a stack of its own), so that a large parent costs nothing and what went wrong is a variable. All
 * signals are blocked meanwhile: a handler of the parent's would run on its memory. CLONE_PIDFD gives a descriptor
 * that becomes readable the moment the child ends, hence no polling, no SIGCHLD handler and no mistaking of a reused
 * number.
 */
#include "sandbox/spawn.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SPAWN_STACK 65536

/* What the child needs; shared memory, so that it can answer. */
struct spawn_exec {
	const char *const *argv;
	int null_fd, out_fd;
	const char *failed; /* call that failed */
	int err;
};

/* The child: only system calls, nothing that allocates or locks. */
static int spawn_exec(void *data)
{
	struct spawn_exec *exec = data;
	struct sigaction reset = { .sa_handler = SIG_DFL };
	sigset_t none;
	int in, out;

	exec->failed = "prepare";
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &reset, NULL);
	/* Out of the way first: a caller without standard descriptors has ours there. */
	in = fcntl(exec->null_fd, F_DUPFD_CLOEXEC, 3);
	out = fcntl(exec->out_fd, F_DUPFD_CLOEXEC, 3);
	if (setpgid(0, 0) < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		goto fail;
	/* Ours are close-on-exec one by one; this is for those of the process we are a library in. Where the kernel
	 * lacks it (before 5.11) nothing of ours is passed on still. */
	syscall(SYS_close_range, 3U, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		goto fail;
	exec->failed = "execute";
	execve(exec->argv[0], (char *const *)(uintptr_t)exec->argv, environ);
fail:
	exec->err = errno;
	_exit(127);
}

/* Clone and exec. Return: 0 or a negative errno, then no process is left. */
static int spawn_clone(struct spawn_child *child, struct spawn_exec *exec)
{
	sigset_t all, before;
	char *stack;
	int pid, saved;

	stack = mmap(NULL, SPAWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1,
		     0);
	if (stack == MAP_FAILED)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	exec->failed = "start";
	pid = clone(spawn_exec, stack + SPAWN_STACK, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, exec,
		    &child->pidfd);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	munmap(stack, SPAWN_STACK);
	if (pid < 0) {
		child->pidfd = -1;
		return -saved;
	}
	child->pid = pid;
	return -exec->err;
}

int spawn_start(struct spawn_child *ret_child, const struct spawn_spec *spec, struct an_error *err)
{
	struct spawn_exec exec = { .argv = spec->argv };
	_cleanup_fd_ int null_fd = -1, out_fd = -1;
	int r;

	*ret_child = (struct spawn_child){ .spec = spec, .pidfd = -1 };
	output_init(&ret_child->output, spec->line, spec->data);
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0)
		return error_errno(err, AN_FAILED, errno, spec->label, "open /dev/null");
	if (spec->out_fd > STDERR_FILENO)
		out_fd = fcntl(spec->out_fd, F_DUPFD_CLOEXEC, 3);
	else
		out_fd = output_pipe(spec->adopt ? spec->container : &ret_child->output);
	if (out_fd < 0 && spec->out_fd > STDERR_FILENO)
		out_fd = -errno;
	if (out_fd < 0)
		return error_errno(err, AN_FAILED, -out_fd, spec->label, "make a pipe");
	exec.null_fd = null_fd;
	exec.out_fd = out_fd;
	r = spawn_clone(ret_child, &exec);
	if (r < 0) {
		spawn_fini(ret_child);
		return error_errno(err, AN_FAILED, -r, spec->label, "%s %s", exec.failed, spec->argv[0]);
	}
	return 0;
}

/* Wait for one of: the child's end, output, the caller's wish to stop. Return: 0, or -ETIMEDOUT, -ECANCELED. */
static int spawn_poll(struct spawn_child *child, uint64_t deadline_us)
{
	const struct spawn_spec *spec = child->spec;
	struct pollfd fds[4] = {
		{ .fd = child->pidfd, .events = POLLIN },
		{ .fd = child->output.fd, .events = POLLIN },
		{ .fd = spec->container ? spec->container->fd : -1, .events = POLLIN },
		{ .fd = spec->cancel_fd, .events = POLLIN },
	};
	uint64_t now = clock_us();

	if (now >= deadline_us)
		return -ETIMEDOUT;
	if (poll(fds, 4, (int)((deadline_us - now) / 1000U) + 1) < 0 && errno != EINTR)
		return -errno;
	if (fds[1].revents)
		output_drain(&child->output);
	if (fds[2].revents)
		output_drain(spec->container);
	if (fds[0].revents)
		return 1;
	return fds[3].revents ? -ECANCELED : 0;
}

/* Reap it. Return: 0, or a negative errno. */
static int spawn_reap(struct spawn_child *child, siginfo_t *ret_info)
{
	int r;

	*ret_info = (siginfo_t){ 0 };
	do
		r = waitid(P_PIDFD, (id_t)child->pidfd, ret_info, WEXITED);
	while (r < 0 && errno == EINTR);
	child->pid = 0;
	return r < 0 ? -errno : 0;
}

/* An error's text for how it ended, with the last lines it printed. */
static int spawn_error(const struct spawn_child *child, int errnum, const char *how, struct an_error *err)
{
	const struct output *output = child->spec->adopt ? child->spec->container : &child->output;
	char tail[sizeof(err->message) - 64];

	output_tail(output, tail, sizeof(tail));
	return error_set(err, AN_FAILED, errnum, child->spec->label, "%s%s%s", how, tail[0] ? ": " : "",
			 tail);
}

int spawn_wait(struct spawn_child *child, struct an_error *err)
{
	uint64_t deadline_us = clock_us() + (uint64_t)child->spec->timeout_ms * 1000U;
	siginfo_t info;
	char how[48];
	int r;

	do
		r = spawn_poll(child, deadline_us);
	while (r == 0);
	if (r < 0) {
		kill(-child->pid, SIGKILL);
		spawn_reap(child, &info);
		output_drain(&child->output);
		snprintf(how, sizeof(how), "did not end within %u ms", child->spec->timeout_ms);
		return spawn_error(child, -r, r == -ETIMEDOUT ? how : "cancelled", err);
	}
	r = spawn_reap(child, &info);
	output_drain(&child->output);
	if (child->spec->container)
		output_drain(child->spec->container);
	if (r < 0)
		return error_errno(err, AN_FAILED, -r, child->spec->label, "wait for it");
	if (info.si_code == CLD_EXITED && info.si_status == 0)
		return 0;
	snprintf(how, sizeof(how), info.si_code == CLD_EXITED ? "exit status %d" : "killed by signal %d",
		 info.si_status);
	return spawn_error(child, EIO, how, err);
}

void spawn_fini(struct spawn_child *child)
{
	int saved = errno;
	siginfo_t info;

	if (child->pid > 0) {
		kill(-child->pid, SIGKILL);
		spawn_reap(child, &info);
	}
	output_fini(&child->output);
	child->pidfd = fd_close(child->pidfd);
	errno = saved;
}

int spawn_run(const struct spawn_spec *spec, struct an_error *err)
{
	_cleanup_(spawn_fini) struct spawn_child child = { .pidfd = -1, .output = { .fd = -1 } };
	int r = spawn_start(&child, spec, err);

	return r < 0 ? r : spawn_wait(&child, err);
}
