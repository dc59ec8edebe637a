/* SPDX-License-Identifier: Apache-2.0 */
/* actornet kill: end a sandbox and take its network away. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "cli/json.h"
#include "cli/print.h"
#include "sandbox/lifecycle.h"

#include <stdio.h>

struct kill_values {
	const char *actor;
};

static const struct opt kill_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct kill_values, actor, NULL),
	{ 0 },
};

const struct command command_kill = {
	.name = "kill",
	.usage = "ACTOR",
	.summary = "end an actor's sandbox and release the actor",
	.about = "The sandbox is killed, not asked. One that has ended by itself, or whose start was cut\n"
		 "short, is cleared away the same way. The container's log goes with it.",
	.example = "  actornet kill web",
	.arguments = kill_arguments,
	.exits = CLI_EXIT(AN_NO_ACTOR) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_kill,
};

static void show(struct cli *cli, const char *actor, const struct lifecycle_info *info)
{
	char took[32], released[32];

	if (cli->json)
		cli_emit(cli, json_pack("{s:i, s:s, s:o, s:I, s:I}", "schema", JSON_SCHEMA, "actor", actor,
					"slot", json_from_text(info->actor.slot), "sandbox_us",
					(json_int_t)info->sandbox_us, "elapsed_us",
					(json_int_t)info->actor.elapsed_us));
	else if (!cli->quiet)
		printf("%s ended in %s and released from %s in %s.\n", actor,
		       print_duration(info->sandbox_us, took), info->actor.slot,
		       print_duration(info->actor.elapsed_us, released));
}

int cmd_kill(struct cli *cli, int argc, char **argv)
{
	struct kill_values values = { .actor = NULL };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct lifecycle_info info;
	struct lifecycle_target target;

	if (cli_parse(cli, &command_kill, argc, argv, &values))
		return AN_USAGE;
	if (cli_open(cli, &worker) < 0)
		return cli_fail(cli);
	target = (struct lifecycle_target){ .worker = worker,
					    .netns_fd = cli->netns_fd,
					    .actor = values.actor };
	if (lifecycle_kill(&target, &info, &cli->err) < 0)
		return cli_fail(cli);
	show(cli, values.actor, &info);
	return cli_settle(cli, worker);
}
