/* SPDX-License-Identifier: Apache-2.0 */
/* actornet down: take everything of ours away. */
#include "cli/cli.h"

#include <stdio.h>

const struct command command_down = {
	.name = "down",
	.usage = "",
	.summary = "remove everything of actornet; the worker is then as `up` found it",
	.about = "Actors that are active lose their network at once. Works on a damaged worker too.\n"
		 "A worker without actornet is no error.",
	.example = "  actornet down",
	.run = cmd_down,
};

int cmd_down(struct cli *cli, int argc, char **argv)
{
	uint32_t removed = 0;
	int r;

	if (cli_parse(cli, &command_down, argc, argv, NULL))
		return AN_USAGE;
	if (cli_capable(cli) < 0 || cli_netns(cli) < 0)
		return cli_fail(cli);
	r = an_worker_down(cli->netns_fd, &removed, &cli->err);
	if (r < 0)
		return cli_fail(cli);
	if (cli->json)
		cli_emit(cli, json_pack("{s:i, s:I}", "schema", JSON_SCHEMA, "removed", (json_int_t)removed));
	else if (!cli->quiet && r)
		printf("Removed, with %u slots; the worker is as `up` found it.\n", removed);
	else if (!cli->quiet)
		puts("There was nothing to remove.");
	return r ? cli_flush_done(cli) : cli_flush(cli);
}
