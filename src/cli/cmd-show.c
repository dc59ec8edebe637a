/* SPDX-License-Identifier: Apache-2.0 */
/* actornet show: one actor. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/cleanup.h"

#include <stdio.h>

struct show_values {
	const char *actor;
};

static const struct opt show_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct show_values, actor, NULL),
	{ 0 },
};

const struct command command_show = {
	.name = "show",
	.usage = "ACTOR",
	.summary = "one actor: addresses, ports, traffic, and what was denied and why",
	.about = "Tells what the kernel says. Denied packets are counted by reason.",
	.example = "  actornet show web\n"
		   "  actornet --json show web | jq .outer",
	.arguments = show_arguments,
	.exits = CLI_EXIT(AN_NO_ACTOR) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_show,
};

int cmd_show(struct cli *cli, int argc, char **argv)
{
	struct show_values values = { .actor = NULL };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct an_actor_info info = { .size = sizeof(info) };

	if (cli_parse(cli, &command_show, argc, argv, &values))
		return AN_USAGE;
	if (cli_open(cli, &worker) < 0 || an_actor_show(worker, values.actor, &info, &cli->err) < 0)
		return cli_fail(cli);
	if (cli->json) {
		cli_emit(cli, json_from_actor(&info, JSON_COUNTERS));
	} else {
		printf("%s%s%s\n", print_look(PRINT_STRONG), info.name, print_look(PRINT_PLAIN));
		print_actor(&info, true);
	}
	return cli_flush(cli);
}
