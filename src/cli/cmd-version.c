/* SPDX-License-Identifier: Apache-2.0 */
/* actornet version. */
#include "cli/cli.h"

#include <stdio.h>

#ifndef ACTORNET_VERSION
#define ACTORNET_VERSION "unknown"
#endif

const struct command command_version = {
	.name = "version",
	.usage = "",
	.summary = "the version of the program",
	.about = "The same as actornet --version.",
	.example = "  actornet version",
	.run = cmd_version,
};

int cmd_version(struct cli *cli, int argc, char **argv)
{
	if (cli_parse(cli, &command_version, argc, argv, NULL))
		return AN_USAGE;
	if (cli->json)
		cli_emit(cli, json_pack("{s:i, s:s}", "schema", JSON_SCHEMA, "version", ACTORNET_VERSION));
	else
		puts("actornet " ACTORNET_VERSION);
	return cli_flush(cli);
}
