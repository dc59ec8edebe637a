/* SPDX-License-Identifier: Apache-2.0 */
/* The commands there are, and finding the one that is meant. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

const struct command *const cli_commands[] = {
	&command_up,   &command_activate,   &command_release, &command_list,
	&command_show, &command_exec,	    &command_port,    &command_run,
	&command_kill, &command_checkpoint, &command_restore, &command_bench,
	&command_down, &command_help,	    &command_version, NULL,
};

const struct opt cli_global_options[] = {
	OPT("worker", "NETNS", opt_text, struct cli, worker,
	    "network namespace of the worker: a name under /run/netns, or a path"),
	OPT("json", NULL, opt_flag, struct cli, json, "answers and errors in JSON"),
	OPT("quiet", NULL, opt_flag, struct cli, quiet,
	    "commands that change something print nothing but errors"),
	OPT("verbose", NULL, opt_flag, struct cli, verbose, "say more"),
	OPT("help", NULL, opt_flag, struct cli, help, "tell about the command", .letter = 'h', .many = true),
	OPT("version", NULL, opt_flag, struct cli, version, "tell the version", .many = true),
	{ 0 },
};

const struct command *cli_command(struct cli *cli, const char *name)
{
	const char *nearest = NULL;
	unsigned int best = UINT_MAX;
	char object[80];

	for (size_t i = 0; cli_commands[i]; i++) {
		if (!strcmp(cli_commands[i]->name, name))
			return cli_commands[i];
		if (opt_nearest(name, cli_commands[i]->name, &best))
			nearest = cli_commands[i]->name;
	}
	snprintf(object, sizeof(object), "'%.64s'", name);
	error_set(&cli->err, AN_USAGE, EINVAL, object, "unknown command");
	if (nearest)
		error_remedy(&cli->err, "did you mean %s?", nearest);
	else
		error_remedy(&cli->err, "actornet help");
	return NULL;
}

/*
 * What must be known before anything is read: how errors are to be told, and whether help is asked for, which
 * goes before any error.
 */
static void foresee(struct cli *cli, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		cli->json |= !strcmp(argv[i], "--json");
		cli->help |= !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
		cli->version |= !strcmp(argv[i], "--version");
	}
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
	static char list[] = "list";
	char *no_words[] = { list, NULL };
	struct opt_line line = { .globals = &cli->globals };
	const struct command *command;
	char **words;

	if (cli->version && !cli->help)
		return cmd_version(cli, 1, no_words);
	if (opt_read(&line, argc, argv, &cli->err) < 0) {
		if (!cli->err.remedy[0])
			error_remedy(&cli->err, "actornet help");
		return cli_fail(cli);
	}
	if (line.next == argc && cli->help)
		return cmd_help(cli, 1, no_words);
	words = line.next < argc ? argv + line.next : no_words;
	command = cli_command(cli, words[0]);
	if (!command)
		return cli_fail(cli);
	if (cli->help) {
		char *of_command[] = { words[0], words[0], NULL };

		return cmd_help(cli, 2, of_command);
	}
	return command->run(cli, line.next < argc ? argc - line.next : 1, words);
}

int cli_run(int argc, char **argv)
{
	struct cli cli = { .netns_fd = -1 };
	int code;

	cli.globals = (struct opt_group){ .opts = cli_global_options, .values = &cli };
	foresee(&cli, argc, argv);
	code = dispatch(&cli, argc, argv);
	if ((!code || code == AN_FINDING) && cli_flush(&cli))
		code = AN_FAILED;
	fd_close(cli.netns_fd);
	return code;
}
