/* SPDX-License-Identifier: Apache-2.0 */
/* actornet release: take an actor's network away. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

struct release_values {
	const char *actor;
	bool ignore_missing;
};

static const struct opt release_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct release_values, actor, NULL),
	{ 0 },
};

static const struct opt release_options[] = {
	OPT("ignore-missing", NULL, opt_flag, struct release_values, ignore_missing,
	    "an actor that isn't there is no error"),
	{ 0 },
};

const struct command command_release = {
	.name = "release",
	.usage = "ACTOR [--ignore-missing]",
	.summary = "take an actor's network away",
	.about = "From the answer on nothing of the actor passes. Its namespace and what is left of its\n"
		 "connections go after the answer, and the pool of idle slots is filled up again.",
	.example = "  actornet release web",
	.options = release_options,
	.arguments = release_arguments,
	.exits = CLI_EXIT(AN_NO_ACTOR) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_release,
};

static void show(struct cli *cli, const char *actor, const struct an_actor_info *info)
{
	char took[32];

	if (cli->json)
		cli_emit(cli,
			 json_pack("{s:i, s:s, s:o, s:I}", "schema", JSON_SCHEMA, "actor", actor, "slot",
				   json_from_text(info->slot), "elapsed_us", (json_int_t)info->elapsed_us));
	else if (!cli->quiet && info->slot[0])
		printf("%s released from %s in %s.\n", actor, info->slot,
		       print_duration(info->elapsed_us, took));
	else if (!cli->quiet)
		printf("%s was not active.\n", actor);
}

int cmd_release(struct cli *cli, int argc, char **argv)
{
	struct release_values values = { .actor = NULL };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct an_actor_info info = { .size = sizeof(info) };

	if (cli_parse(cli, &command_release, argc, argv, &values))
		return AN_USAGE;
	if (cli_open(cli, &worker) < 0)
		return cli_fail(cli);
	if (an_actor_release(worker, values.actor, 0, &info, &cli->err) < 0) {
		if (!values.ignore_missing || cli->err.kind != AN_NO_ACTOR)
			return cli_fail(cli);
		info = (struct an_actor_info){ .size = sizeof(info) };
	}
	show(cli, values.actor, &info);
	return cli_settle(cli, worker);
}
