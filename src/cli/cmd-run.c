/* SPDX-License-Identifier: Apache-2.0 */
/* actornet run: network and sandbox in one step. */
#include "cli/start.h"

static const struct opt run_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct start_values, actor, NULL),
	{ 0 },
};

static const struct opt run_options[] = {
	START_OPTIONS,
	{ 0 },
};

const struct command command_run = {
	.name = "run",
	.usage = "ACTOR --bundle DIR [OPTIONS]",
	.summary = "activate an actor and run an OCI bundle in it with gVisor",
	.about = "Returns when the sandbox has started and has taken the actor's link over, or with\n"
		 "--ready when it answers. The bundle's own config.json is not changed: a copy of it\n"
		 "gets the actor's network namespace, and a resolv.conf that names the gateway. What\n"
		 "the container prints goes line by line into a file that the answer names (log); when\n"
		 "it has 1 MiB it is renamed to FILE.1. If any step fails all of them are undone, and\n"
		 "the error ends with the last lines that were printed.\n"
		 "\n"
		 "The sandbox stays in the control group of the caller unless the bundle names one\n"
		 "(linux.cgroupsPath) and one can be made. One process of actornet stays with the\n"
		 "sandbox: it writes the log and reaps the sandbox when it ends.",
	.example = "  actornet run web --bundle ./web --port 80:8080 --ready http://:8080/health",
	.options = run_options,
	.arguments = run_arguments,
	.exits = CLI_EXIT(AN_CONFLICT) | CLI_EXIT(AN_NO_SLOT) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_run,
};

int cmd_run(struct cli *cli, int argc, char **argv)
{
	struct start_values values = { .actor = NULL };

	if (cli_parse(cli, &command_run, argc, argv, &values))
		return AN_USAGE;
	return start_sandbox(cli, &values, "runs");
}
