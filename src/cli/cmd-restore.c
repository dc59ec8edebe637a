/* SPDX-License-Identifier: Apache-2.0 */
/* actornet restore: network and a sandbox from its snapshot in one step. */
#include "cli/start.h"

static const struct opt restore_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct start_values, actor, NULL),
	{ 0 },
};

static const struct opt restore_options[] = {
	OPT("image", "DIR", opt_text, struct start_values, image,
	    "snapshot that `actornet checkpoint` wrote"),
	START_OPTIONS,
	{ 0 },
};

const struct command command_restore = {
	.name = "restore",
	.usage = "ACTOR --bundle DIR --image DIR [OPTIONS]",
	.summary = "activate an actor and restore its sandbox from a snapshot",
	.about = "As `run`, but the sandbox goes on where `checkpoint` left it: in any slot of any worker\n"
		 "with the same inner addresses, under the same name or another. The bundle must be the\n"
		 "one it was started from, or a copy. The snapshot is not changed; where it is not\n"
		 "compressed its memory may still be read when the command has returned, so keep it until\n"
		 "the actor has answered.",
	.example = "  actornet restore web --bundle ./web --image ./web.snapshot --port 80:8080",
	.options = restore_options,
	.arguments = restore_arguments,
	.exits = CLI_EXIT(AN_CONFLICT) | CLI_EXIT(AN_NO_SLOT) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_restore,
};

int cmd_restore(struct cli *cli, int argc, char **argv)
{
	struct start_values values = { .actor = NULL };

	if (cli_parse(cli, &command_restore, argc, argv, &values))
		return AN_USAGE;
	if (!values.image)
		return start_missing(cli, "--image", "the directory of the snapshot to restore");
	return start_sandbox(cli, &values, "is restored");
}
