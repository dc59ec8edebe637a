/* SPDX-License-Identifier: Apache-2.0 */
/* What commands share: reading their words, opening the worker, telling errors, ending. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "netns/netns.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Text from a command line or the kernel could hold escape sequences: they don't reach the terminal. */
static void say_clean(const char *text)
{
	for (; *text; text++)
		putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, stderr);
}

static void say(const struct cli *cli, const char *key, const struct an_error *err)
{
	const char *message = err->message[0] ? err->message : strerror(err->err);

	if (cli->json) {
		json_emit(stderr, json_from_error(key, err));
		return;
	}
	fputs("actornet: ", stderr);
	if (!strcmp(key, "warning"))
		fputs("warning: ", stderr);
	if (err->object[0]) {
		say_clean(err->object);
		fputs(": ", stderr);
	}
	say_clean(message);
	if (err->remedy[0]) {
		fputs(" (", stderr);
		say_clean(err->remedy);
		putc(')', stderr);
	}
	putc('\n', stderr);
}

int cli_fail(struct cli *cli)
{
	struct an_error *err = &cli->err;

	if (err->kind < AN_FAILED || err->kind > AN_FINDING)
		err->kind = AN_FAILED;
	/* The library doesn't know how its caller was told the worker. */
	if (err->kind == AN_NOT_PREPARED && cli->worker) {
		snprintf(err->object, sizeof(err->object), "worker %.120s", cli->worker);
		error_remedy(err, "actornet --worker %s up", cli->worker);
	} else if (err->kind == AN_NOT_PREPARED)
		error_remedy(err, "actornet up");
	say(cli, "error", err);
	return err->kind;
}

void cli_warn(const struct cli *cli, const struct an_error *err)
{
	if (!cli->quiet)
		say(cli, "warning", err);
}

static int check_globals(struct cli *cli)
{
	if (!cli->quiet || !cli->verbose)
		return 0;
	error_set(&cli->err, AN_USAGE, EINVAL, "--quiet", "contradicts --verbose");
	return error_remedy(&cli->err, "give one of them");
}

int cli_parse(struct cli *cli, const struct command *command, int argc, char **argv, void *values)
{
	struct opt_group options = { .opts = command->options, .values = values };
	struct opt_group arguments = { .opts = command->arguments, .values = values };
	struct opt_line line = {
		.options = &options,
		.globals = &cli->globals,
		.arguments = &arguments,
		.takes_rest = command->takes_rest,
	};

	if (opt_read(&line, argc, argv, &cli->err) < 0 || check_globals(cli) < 0) {
		if (!cli->err.remedy[0])
			error_remedy(&cli->err, "usage: actornet %s%s%s", command->name,
				     command->usage[0] ? " " : "", command->usage);
		return cli_fail(cli);
	}
	cli->rest = argv + line.next;
	return 0;
}

int cli_netns(struct cli *cli)
{
	int fd;

	if (!cli->worker || cli->netns_fd >= 0)
		return 0;
	fd = netns_open(cli->worker, &cli->err);
	if (fd < 0) {
		if (!cli->err.remedy[0])
			error_remedy(&cli->err, "give --worker a name that `ip netns` lists, or a path");
		return fd;
	}
	cli->netns_fd = fd;
	return 0;
}

int cli_capable(struct cli *cli)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} needed[] = { { CAP_NET_ADMIN, "CAP_NET_ADMIN" }, { CAP_SYS_ADMIN, "CAP_SYS_ADMIN" } };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	/* Where it can't be asked, the kernel's own refusals will have to do. */
	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (data[needed[i].bit / 32].effective & (1U << needed[i].bit % 32))
			continue;
		error_set(&cli->err, AN_FAILED, EPERM, needed[i].name, "this process lacks the capability");
		return error_remedy(&cli->err, "run it as root, or grant %s to the container",
				    needed[i].name + 4);
	}
	return 0;
}

int cli_open(struct cli *cli, struct an_worker **ret_worker)
{
	int r = cli_capable(cli);

	if (!r)
		r = cli_netns(cli);
	if (r < 0)
		return r;
	return an_worker_open(ret_worker, cli->netns_fd, &cli->err);
}

void cli_close(struct an_worker **worker)
{
	an_worker_close(*worker);
	*worker = NULL;
}

void cli_emit(struct cli *cli, json_t *value)
{
	if (json_emit(stdout, value) == -ENOMEM)
		cli->no_memory = true;
}

/* @done: what to say first of a command that changed something. */
static int flush(struct cli *cli, const char *done)
{
	errno = 0;
	if (cli->no_memory)
		error_set(&cli->err, AN_FAILED, ENOMEM, "standard output", "%sno memory for the answer",
			  done);
	else if (fflush(stdout) || ferror(stdout))
		error_errno(&cli->err, AN_FAILED, errno ? errno : EIO, "standard output",
			    "%sthe answer can't be written", done);
	else
		return 0;
	return cli_fail(cli);
}

int cli_flush(struct cli *cli)
{
	return flush(cli, "");
}

int cli_flush_done(struct cli *cli)
{
	return flush(cli, "it was done, but ");
}

int cli_settle(struct cli *cli, struct an_worker *worker)
{
	struct an_error err = { 0 };
	int code = cli_flush_done(cli);

	if (an_worker_dispatch(worker, 0, &err) < 0) {
		error_context(&err, "done, but what was put off could not be");
		cli_warn(cli, &err);
	}
	return code;
}

struct an_actor_spec cli_network_spec(const struct cli_network *network, const char *name, uint32_t flags)
{
	return (struct an_actor_spec){
		.size = sizeof(struct an_actor_spec),
		.name = name,
		.ports = network->ports.list,
		.n_ports = network->ports.n,
		.egress = network->egress,
		.flags = flags | (network->all_ports ? AN_ACTOR_ALL_PORTS : 0),
	};
}
