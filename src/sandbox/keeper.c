/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that stays with a sandbox when the command that started it has returned.
 *
 * Theory of operation: someone must read the container's output, and someone must reap the sandbox when it ends:
 * `runsc delete` takes a process that has ended but is not reaped for a running one and waits, and process 1 of a
 * container or a machine may take its time, or never do it. So the keeper makes itself a subreaper before it starts
 * runsc, which leaves the sandbox an orphan.
 */
#include "sandbox/keeper.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define KEEPER_NAME "actornet-keeper" /* in ps(1); 15 bytes at most */

/* Reap what has ended. Return: are there children left? */
static bool keeper_reap(struct relay *relay)
{
	char text[64];
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != relay->pid)
			continue;
		/* A sandbox ends as its container did. */
		if (WIFEXITED(status))
			snprintf(text, sizeof(text), "[ended with exit status %d]", WEXITSTATUS(status));
		else
			snprintf(text, sizeof(text), "[killed by signal %d]", WTERMSIG(status));
		output_drain(&relay->output);
		relay_say(relay, text);
	}
	return pid == 0;
}

/* Leave everything of the caller's behind but the pipe and the log. */
static void keeper_detach(struct relay *relay)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int keep[] = { relay->output.fd, relay->log_fd };

	for (int fd = 0; fd < 3; fd++)
		dup2(null_fd, fd);
	/* Up out of the range, down into it: no target is then a source still needed. */
	for (int i = 0; i < 2; i++)
		keep[i] = keep[i] < 0 ? -1 : fcntl(keep[i], F_DUPFD_CLOEXEC, 5);
	relay->output.fd = keep[0] < 0 ? -1 : dup3(keep[0], 3, O_CLOEXEC);
	relay->log_fd = keep[1] < 0 ? -1 : dup3(keep[1], 4, O_CLOEXEC);
	syscall(SYS_close_range, 5U, ~0U, 0U);
	if (chdir("/") < 0)
		return;
}

static void keeper_follow(struct relay *relay)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	bool open = true, children = true;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	fds[1].fd = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
	while (open || children) {
		struct signalfd_siginfo info;

		open = output_drain(&relay->output);
		children = keeper_reap(relay);
		fds[0].fd = relay->output.fd;
		if ((open || children) && poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		while (read(fds[1].fd, &info, sizeof(info)) > 0)
			;
	}
	relay_close(relay);
}

/* The keeper's life. */
static void keeper_main(const struct keeper_spec *spec, int answer_fd)
{
	struct an_error err = { 0 };
	struct relay relay;
	bool stay;

	setsid();
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_NAME, KEEPER_NAME);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	relay_init(&relay);
	stay = spec->work(&relay, answer_fd, spec->answer, spec->data);
	/* Both fit into an empty pipe, so they don't wait. Without a reader the command was ended just now; what it
	 * started is there to be found. */
	if (write(answer_fd, spec->answer, spec->size) < 0)
		stay = true;
	spec->after(spec->data, &err);
	if (write(answer_fd, &err, sizeof(err)) < 0)
		err.kind = 0;
	if (!stay)
		_exit(0);
	keeper_detach(&relay);
	keeper_follow(&relay);
	_exit(0);
}

/* Read one of its two messages. Return: 0, or a negative errno: EPIPE: there is none. */
static int keeper_read(int fd, void *message, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, (char *)message + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		len += (size_t)n;
	}
	return 0;
}

int keeper_start(const struct keeper_spec *spec, struct an_error *err)
{
	_cleanup_fd_ int in = -1, out = -1;
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, AN_FAILED, errno, "sandbox", "make a pipe");
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return error_errno(err, AN_FAILED, errno, "sandbox", "start its keeper");
	if (pid == 0) {
		in = fd_close(in);
		keeper_main(spec, out);
	}
	fd_close(take_fd(&out));
	r = keeper_read(in, spec->answer, spec->size);
	if (r < 0) {
		waitpid(pid, NULL, 0);
		return error_errno(err, AN_FAILED, -r, "sandbox", "its keeper ended without an answer");
	}
	return take_fd(&in);
}

int keeper_settle(int fd, struct an_error *ret_err)
{
	struct an_error err;
	int r = keeper_read(fd, &err, sizeof(err));

	fd_close(fd);
	if (r < 0 || err.kind == 0)
		return 0;
	*ret_err = err;
	return -1;
}
