/* SPDX-License-Identifier: Apache-2.0 */
/* actornet exec: run a program in an actor's network namespace. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* As env(1), nohup(1) and others: POSIX's exit statuses for a utility that was not run. */
#define EXIT_NOT_FOUND 127
#define EXIT_NOT_RUN   126

#define RESOLV_CONF "/etc/resolv.conf"
/* Made on a file system that is mounted over /sys for a moment: nothing is left on disk. */
#define RESOLV_MADE "/sys/resolv.conf"

struct exec_values {
	const char *actor;
};

static const struct opt exec_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct exec_values, actor, NULL),
	{ 0 },
};

const struct command command_exec = {
	.name = "exec",
	.usage = "ACTOR -- COMMAND [ARGUMENT...]",
	.summary = "run a program in an actor's network namespace",
	.about =
		"The program has the actor's network and /sys, and " RESOLV_CONF " names the inner gateway;\n"
		"all else is the caller's: this is no sandbox. Where a sandbox has the actor's link\n"
		"(--sandboxed), the namespace itself receives nothing. The exit code is the program's;\n"
		"127 if it isn't found, 126 if it can't be run.",
	.example = "  actornet exec web -- curl -sS https://example.com/",
	.arguments = exec_arguments,
	.takes_rest = true,
	.exits = CLI_EXIT(AN_NO_ACTOR) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_exec,
};

static int write_resolv_conf(const char *gateway, struct an_error *err)
{
	_cleanup_fd_ int fd = open(RESOLV_MADE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	/* Whatever the caller's umask, the file is for everybody. */
	if (fd < 0 || fchmod(fd, 0644) < 0 || dprintf(fd, "nameserver %s\n", gateway) < 0)
		return error_errno(err, AN_FAILED, errno, RESOLV_CONF, "write a private one");
	return 0;
}

/*
 * Needs /sys as a place to work, and leaves it covered by an empty file system. Without /etc/resolv.conf there is
 * nothing to cover, and the resolver then asks 127.0.0.1, where nobody answers: said, and gone on from.
 */
static int mount_resolv_conf(const struct cli *cli, const char *gateway, struct an_error *err)
{
	int r;

	if (mount("actornet", "/sys", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=0755") < 0)
		return error_errno(err, AN_FAILED, errno, "/sys", "mount a tmpfs");
	r = write_resolv_conf(gateway, err);
	if (r < 0)
		return r;
	if (!mount(RESOLV_MADE, RESOLV_CONF, NULL, MS_BIND, NULL))
		return 0;
	if (errno != ENOENT)
		return error_errno(err, AN_FAILED, errno, RESOLV_CONF, "mount over it");
	error_set(err, AN_FAILED, ENOENT, RESOLV_CONF, "there is none to mount over, going on without");
	error_remedy(err, "make an empty one for names to resolve");
	cli_warn(cli, err);
	return 0;
}

/* /sys of the calling thread's network namespace, in place of all that is mounted there. */
static int mount_sys(unsigned long flags, struct an_error *err)
{
	while (!umount2("/sys", MNT_DETACH))
		;
	if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | flags, NULL) < 0)
		return error_errno(err, AN_FAILED, errno, "/sys", "mount the namespace's");
	return 0;
}

/* The thread's network is the actor's from here on, and its mounts are its own. */
static int enter(const struct cli *cli, int netns_fd, const char *gateway, struct an_error *err)
{
	unsigned long flags = 0;
	struct statvfs fs;
	int r;

	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return error_errno(err, AN_FAILED, errno, "the actor's network namespace", "enter");
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return error_errno(err, AN_FAILED, errno, "mounts", "make them private");
	/* In a container /sys is often read-only, and should stay so. */
	if (!statvfs("/sys", &fs) && (fs.f_flag & ST_RDONLY))
		flags = MS_RDONLY;
	r = mount_resolv_conf(cli, gateway, err);
	return r < 0 ? r : mount_sys(flags, err);
}

static int run(struct cli *cli)
{
	int errnum;

	execvp(cli->rest[0], cli->rest);
	errnum = errno;
	error_errno(&cli->err, AN_FAILED, errnum, cli->rest[0], "can't be run");
	cli_fail(cli);
	return errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}

int cmd_exec(struct cli *cli, int argc, char **argv)
{
	struct exec_values values = { .actor = NULL };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	_cleanup_fd_ int netns_fd = -1;
	struct an_actor_info info = { .size = sizeof(info) };

	if (cli_parse(cli, &command_exec, argc, argv, &values))
		return AN_USAGE;
	if (cli_open(cli, &worker) < 0 || an_actor_show(worker, values.actor, &info, &cli->err) < 0)
		return cli_fail(cli);
	netns_fd = an_actor_netns(worker, values.actor, &cli->err);
	if (netns_fd < 0)
		return cli_fail(cli);
	cli_close(&worker);
	if (enter(cli, netns_fd, info.gateway, &cli->err) < 0)
		return cli_fail(cli);
	return run(cli);
}
