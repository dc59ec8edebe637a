/* SPDX-License-Identifier: Apache-2.0 */
/* actornet checkpoint: a snapshot of a sandbox, then its network away. */
#include "cli/start.h"

#include "base/cleanup.h"
#include "cli/json.h"
#include "cli/print.h"
#include "sandbox/lifecycle.h"

#include <stdio.h>

struct checkpoint_values {
	const char *actor;
	const char *image;
};

static const struct opt checkpoint_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct checkpoint_values, actor, NULL),
	{ 0 },
};

static const struct opt checkpoint_options[] = {
	OPT("image", "DIR", opt_text, struct checkpoint_values, image,
	    "where to write the snapshot: made if missing, and empty"),
	{ 0 },
};

const struct command command_checkpoint = {
	.name = "checkpoint",
	.usage = "ACTOR --image DIR",
	.summary = "write a snapshot of an actor's sandbox and release the actor",
	.about = "The snapshot holds the memory of the actor, so only root may read DIR. When it is\n"
		 "written the sandbox ends and the actor is released. If it can't be written the actor\n"
		 "runs on, unless its sandbox has ended; the error says which.",
	.example = "  actornet checkpoint web --image ./web.snapshot",
	.options = checkpoint_options,
	.arguments = checkpoint_arguments,
	.exits = CLI_EXIT(AN_NO_ACTOR) | CLI_EXIT(AN_CONFLICT) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_checkpoint,
};

static void show(struct cli *cli, const struct checkpoint_values *values, const struct lifecycle_info *info)
{
	char took[32], released[32];

	if (cli->json)
		cli_emit(cli,
			 json_pack("{s:i, s:s, s:o, s:o, s:I, s:I}", "schema", JSON_SCHEMA, "actor",
				   values->actor, "slot", json_from_text(info->actor.slot), "image",
				   json_from_text(values->image), "sandbox_us", (json_int_t)info->sandbox_us,
				   "elapsed_us", (json_int_t)info->actor.elapsed_us));
	else if (!cli->quiet)
		printf("%s saved to %s in %s and released from %s in %s.\n", values->actor, values->image,
		       print_duration(info->sandbox_us, took), info->actor.slot,
		       print_duration(info->actor.elapsed_us, released));
}

int cmd_checkpoint(struct cli *cli, int argc, char **argv)
{
	struct checkpoint_values values = { .actor = NULL };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct lifecycle_info info;
	struct lifecycle_target target;
	int code;

	if (cli_parse(cli, &command_checkpoint, argc, argv, &values))
		return AN_USAGE;
	if (!values.image)
		return start_missing(cli, "--image", "the directory to write the snapshot to");
	if (cli_open(cli, &worker) < 0)
		return cli_fail(cli);
	target = (struct lifecycle_target){ .worker = worker,
					    .netns_fd = cli->netns_fd,
					    .actor = values.actor };
	if (lifecycle_checkpoint(&target, values.image, &info, &cli->err) < 0) {
		/* It may have released the actor all the same. */
		code = cli_fail(cli);
		cli_settle(cli, worker);
		return code;
	}
	show(cli, &values, &info);
	return cli_settle(cli, worker);
}
