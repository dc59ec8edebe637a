/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `actornet bench`: runs the parts, and sees to it that nothing of them is left.
 *
 * The work is done by a child. Signals ask it to stop, and it cleans up; if it dies in another way the parent
 * cleans up; if the parent dies the child is asked to stop. What two killed ones leave the next run removes.
 */
#include "bench.h"
#include "lab.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "netns/netns.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const unsigned int bench_levels[BENCH_LEVELS] = { 1, 100, 1000 };

static const int bench_signals[] = { SIGINT, SIGTERM, SIGHUP };
static volatile sig_atomic_t bench_stop;
static volatile pid_t bench_child;

double bench_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

int bench_stopped(struct an_error *err)
{
	return bench_stop ? error_set(err, AN_FAILED, EINTR, "bench", "interrupted") : 0;
}

static void bench_on_signal(int number)
{
	bench_stop = number;
	if (bench_child > 0)
		kill(bench_child, SIGTERM);
}

static void bench_catch(void)
{
	struct sigaction action = { .sa_handler = bench_on_signal };

	for (size_t i = 0; i < sizeof(bench_signals) / sizeof(bench_signals[0]); i++)
		sigaction(bench_signals[i], &action, NULL);
}

static bool bench_wants(const struct bench_spec *spec, const char *part)
{
	return !spec->only || strcmp(spec->only, part) == 0;
}

static int bench_parts(struct bench *b, struct an_error *err)
{
	static const struct {
		const char *group;
		int (*run)(struct bench *b, struct an_error *err);
		bool last; /* of its group */
	} parts[] = {
		{ "activation", bench_lifecycle, false },
		{ "activation", bench_activation, true },
		{ "cli", bench_cli, true },
		{ "packets", bench_packets, true },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++) {
		if (!bench_wants(b->spec, parts[i].group))
			continue;
		r = parts[i].run(b, err);
		if (r == 0 && parts[i].last && !b->spec->json)
			report_table(&b->report, parts[i].group);
	}
	return r;
}

static int bench_work(const struct bench_spec *spec, struct an_error *err)
{
	struct bench b = { .spec = spec };
	int r = report_init(&b.report, spec);

	if (r == 0)
		r = bench_parts(&b, err);
	if (r == 0)
		r = report_end(&b.report, spec, err);
	if (r == 0 && b.report.missed)
		r = 1;
	report_fini(&b.report);
	return r;
}

/*
 * Names of namespaces in a tmpfs of the run's own, which is what /run is on most systems: nothing of it is seen
 * outside, or left there, and the machine's file system is not what is measured. Where it can't be, the machine's
 * serves as well.
 */
static void bench_own_names(void)
{
	if (unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		mount("bench", NETNS_DIR, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755");
}

/* In the child: work, hand the error to the parent. */
static _Noreturn void bench_child_run(const struct bench_spec *spec, int pipe_fd)
{
	struct an_error err = { 0 };
	int r;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	bench_own_names();
	r = bench_work(spec, &err);
	if (r < 0 && !err.kind)
		error_set(&err, AN_FAILED, -r, "bench", "%s", strerror(-r));
	if (r < 0 && write(pipe_fd, &err, sizeof(err)) != sizeof(err))
		_exit(3);
	_exit(r < 0 ? 2 : r);
}

static int bench_wait(int pipe_fd, struct an_error *err)
{
	struct an_error told;
	pid_t pid = bench_child;
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	bench_child = 0;
	lab_sweep(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) < 2)
		return WEXITSTATUS(status);
	if (!WIFEXITED(status) || read(pipe_fd, &told, sizeof(told)) != sizeof(told))
		return error_set(err, AN_FAILED, ECHILD, "bench", "ended with status 0x%x",
				 (unsigned int)status);
	if (err)
		*err = told;
	return -told.err;
}

/* Better known before the minutes that it takes. */
static int bench_check_output(const char *path, struct an_error *err)
{
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;

	if (path && fd < 0)
		return error_set(err, AN_FAILED, errno, path, "can't be written: %s", strerror(errno));
	fd_close(fd);
	return 0;
}

int bench_run(const struct bench_spec *spec, struct an_error *err)
{
	int fds[2], r = bench_check_output(spec->output, err);
	pid_t pid;

	if (r < 0)
		return r;
	lab_sweep(0);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_set(err, AN_FAILED, errno, "pipe", "%s", strerror(errno));
	bench_catch();
	pid = fork();
	if (pid == 0)
		bench_child_run(spec, fds[1]);
	fds[1] = fd_close(fds[1]);
	bench_child = pid;
	r = pid < 0 ? error_set(err, AN_FAILED, errno, "fork", "%s", strerror(errno))
		    : bench_wait(fds[0], err);
	fd_close(fds[0]);
	return r;
}
