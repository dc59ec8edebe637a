/* SPDX-License-Identifier: Apache-2.0 */
/* actornet help: what there is, from the tables that the command line is read by. */
#include "cli/cli.h"

#include "base/text.h"

#include <stdio.h>

#define LABEL_WIDTH 24

struct help_values {
	const char *command;
};

static const struct opt help_arguments[] = {
	OPT("COMMAND", "NAME", opt_text, struct help_values, command, NULL, .max = 64, .optional = true),
	{ 0 },
};

const struct command command_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.summary = "tell about a command",
	.about = "The same as actornet COMMAND --help.",
	.example = "  actornet help activate",
	.arguments = help_arguments,
	.run = cmd_help,
};

static void help_option(const struct opt *opt)
{
	char label[96];
	struct text t = text_over(label, sizeof(label));

	if (opt->letter)
		text_add(&t, "-%c, ", opt->letter);
	text_add(&t, "--%s%s%s", opt->name, opt->value ? " " : "", opt->value ? opt->value : "");
	if (t.len > LABEL_WIDTH)
		printf("  %s\n  %*s  %s\n", label, LABEL_WIDTH, "", opt->help);
	else
		printf("  %-*s  %s\n", LABEL_WIDTH, label, opt->help);
}

static void help_options(const char *title, const struct opt *opts)
{
	if (!opts || !opts->name)
		return;
	printf("\n%s:\n", title);
	for (; opts->name; opts++)
		if (opts->help)
			help_option(opts);
}

static void help_exits(unsigned int exits)
{
	static const char *const words[] = {
		[0] = "done",
		[AN_FAILED] = "failed",
		[AN_USAGE] = "wrong usage; nothing was changed",
		[AN_NO_ACTOR] = "no such actor",
		[AN_CONFLICT] = "conflict: taken, or there with other settings",
		[AN_NO_SLOT] = "no slot is free and --max is reached",
		[AN_NOT_PREPARED] = "the worker is not prepared (actornet up)",
		[AN_FINDING] = "something was found",
	};

	puts("\nExit codes:");
	exits |= CLI_EXIT(0) | CLI_EXIT(AN_FAILED) | CLI_EXIT(AN_USAGE);
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (exits & CLI_EXIT(i))
			printf("  %u  %s\n", i, words[i]);
}

static void help_command(const struct command *command)
{
	printf("Usage: actornet %s%s%s\n\n", command->name, command->usage[0] ? " " : "", command->usage);
	printf("%s\n", command->about);
	help_options("Options", command->options);
	help_options("Options of every command", cli_global_options);
	help_exits(command->exits);
	printf("\nExample:\n%s\n", command->example);
}

static void help_program(void)
{
	puts("Usage: actornet [--worker NETNS] [--json] [--quiet|--verbose] COMMAND\n\n"
	     "The network of sandboxed actors: each has its own, all share the worker's uplink.\n"
	     "Without a command: list.\n\n"
	     "Commands:");
	for (size_t i = 0; cli_commands[i]; i++)
		printf("  %-10s  %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	help_options("Options of every command", cli_global_options);
	help_exits(CLI_EXIT(AN_NO_ACTOR) | CLI_EXIT(AN_CONFLICT) | CLI_EXIT(AN_NO_SLOT) |
		   CLI_EXIT(AN_NOT_PREPARED) | CLI_EXIT(AN_FINDING));
	puts("\nExample: actornet up && actornet activate web --port 80\n\n"
	     "`actornet help COMMAND` tells about one; actornet(8) about all.");
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	struct help_values values = { .command = NULL };
	const struct command *command;

	if (cli_parse(cli, &command_help, argc, argv, &values))
		return AN_USAGE;
	if (!values.command) {
		help_program();
		return cli_flush(cli);
	}
	command = cli_command(cli, values.command);
	if (!command)
		return cli_fail(cli);
	help_command(command);
	return cli_flush(cli);
}
