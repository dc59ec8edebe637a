/* SPDX-License-Identifier: Apache-2.0 */
/* Counting a program's system calls between marks that it sets, by ptrace(2). */
#include "bench.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void trace_mark(unsigned int section)
{
	prctl(TRACE_MARK, section, 0, 0, 0);
}

/* The child: this program again, silent and traced. */
static _Noreturn void trace_child(char *const argv[])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static int trace_failed(const char *what, struct an_error *err)
{
	return error_set(err, AN_FAILED, errno, "bench program", "%s: %s", what, strerror(errno));
}

int64_t trace_spawn(char *const argv[], struct an_error *err)
{
	uint64_t begin = clock_us();
	posix_spawn_file_actions_t silent = { 0 };
	int status, r = -posix_spawn_file_actions_init(&silent);
	pid_t pid = -1;

	if (r == 0)
		r = -posix_spawn_file_actions_addopen(&silent, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_addopen(&silent, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = -posix_spawn(&pid, "/proc/self/exe", &silent, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&silent);
	if (r < 0) {
		errno = -r;
		return trace_failed("spawn", err);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return trace_failed("waitpid", err);
	if (status != 0)
		return error_set(err, AN_FAILED, ECHILD, argv[0], "ended with status 0x%x",
				 (unsigned int)status);
	return (int64_t)(clock_us() - begin);
}

/* Largest resident set of a process that is still there. */
static unsigned int trace_peak(pid_t pid)
{
	char path[64], buf[4096];
	const char *line;
	unsigned int kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (text_read_file(AT_FDCWD, path, buf, sizeof(buf)) < 0)
		return 0;
	line = strstr(buf, "VmHWM:");
	return line && sscanf(line, "VmHWM: %u", &kib) == 1 ? kib : 0;
}

static void trace_count(struct trace *t, unsigned int *section, const struct __ptrace_syscall_info *info)
{
	uint64_t nr = info->entry.nr;

	if (nr == SYS_prctl && info->entry.args[0] == TRACE_MARK) {
		*section = info->entry.args[1] < TRACE_SECTIONS ? (unsigned int)info->entry.args[1] : 0;
		return;
	}
	t->total[*section]++;
	if (nr < TRACE_CALLS)
		t->calls[*section][nr]++;
	if (nr == SYS_execve || nr == SYS_execveat || nr == SYS_clone || nr == SYS_clone3
#ifdef SYS_fork
	    || nr == SYS_fork || nr == SYS_vfork
#endif
	)
		t->spawned[*section]++;
}

/* From stop to stop until it is gone. */
static int trace_follow(pid_t pid, struct trace *t)
{
	unsigned int section = 0;
	int status, sig = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)sig) < 0 && errno != ESRCH)
			return -errno;
		if (waitpid(pid, &status, 0) < 0)
			return -errno;
		sig = 0;
		if (!WIFSTOPPED(status))
			break;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
			t->peak_kib = trace_peak(pid);
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info info = { 0 };

			ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info);
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
				trace_count(t, &section, &info);
		} else if (WSTOPSIG(status) != SIGTRAP) {
			sig = WSTOPSIG(status);
		}
	}
	t->status = status;
	return 0;
}

int trace_run(char *const argv[], struct trace *ret_trace, struct an_error *err)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
	struct trace t = { 0 };
	int status, r;
	pid_t pid = fork();

	if (pid < 0)
		return trace_failed("fork", err);
	if (pid == 0)
		trace_child(argv);
	if (waitpid(pid, &status, 0) < 0)
		return trace_failed("waitpid", err);
	if (!WIFSTOPPED(status)) {
		errno = EPERM;
		return trace_failed("ptrace", err);
	}
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0) {
		r = trace_failed("ptrace", err);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return r;
	}
	r = trace_follow(pid, &t);
	if (r < 0)
		return error_set(err, AN_FAILED, -r, "bench program", "ptrace: %s", strerror(-r));
	if (t.status != 0)
		return error_set(err, AN_FAILED, ECHILD, "bench program", "'%s' ended with status 0x%x",
				 argv[1], (unsigned int)t.status);
	*ret_trace = t;
	return 0;
}

/* Names of what is likely; the rest shows by number. */
static const char *trace_name(unsigned int nr, char buf[static 16])
{
	static const struct {
		unsigned int nr;
		const char *name;
	} names[] = {
		{ SYS_sendto, "sendto" },
		{ SYS_sendmsg, "sendmsg" },
		{ SYS_recvmsg, "recvmsg" },
		{ SYS_recvfrom, "recvfrom" },
		{ SYS_openat, "openat" },
		{ SYS_close, "close" },
		{ SYS_flock, "flock" },
		{ SYS_read, "read" },
		{ SYS_write, "write" },
		{ SYS_fstat, "fstat" },
		{ SYS_newfstatat, "fstatat" },
		{ SYS_statx, "statx" },
		{ SYS_mmap, "mmap" },
		{ SYS_munmap, "munmap" },
		{ SYS_brk, "brk" },
		{ SYS_setns, "setns" },
		{ SYS_socket, "socket" },
		{ SYS_bind, "bind" },
		{ SYS_fcntl, "fcntl" },
		{ SYS_lseek, "lseek" },
		{ SYS_umount2, "umount" },
		{ SYS_unlinkat, "unlinkat" },
		{ SYS_getdents64, "getdents" },
		{ SYS_mkdirat, "mkdirat" },
		{ SYS_setsockopt, "setsockopt" },
		{ SYS_getsockname, "getsockname" },
		{ SYS_madvise, "madvise" },
		{ SYS_getrandom, "getrandom" },
		{ SYS_clock_nanosleep, "nanosleep" },
		{ SYS_ppoll, "ppoll" },
		{ SYS_epoll_ctl, "epoll_ctl" },
		{ SYS_timerfd_settime, "timerfd_settime" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].nr == nr)
			return names[i].name;
	snprintf(buf, 16, "call %u", nr);
	return buf;
}

void trace_text(const struct trace *t, unsigned int section, char *buf, size_t size)
{
	struct text out = text_over(buf, size);
	unsigned int calls[TRACE_CALLS];
	char name[16];

	memcpy(calls, t->calls[section], sizeof(calls));
	for (int shown = 0; shown < 12; shown++) {
		unsigned int most = 0;

		for (unsigned int nr = 1; nr < TRACE_CALLS; nr++)
			if (calls[nr] > calls[most])
				most = nr;
		if (calls[most] == 0)
			break;
		text_add(&out, "%s%u %s", shown ? ", " : "", calls[most], trace_name(most, name));
		calls[most] = 0;
	}
}
