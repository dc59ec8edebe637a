/* SPDX-License-Identifier: Apache-2.0 */
/* actornet activate: give an actor its network. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/cleanup.h"

#include <stdio.h>

struct activate_values {
	const char *actor;
	struct cli_network network;
	bool sandboxed;
};

static const struct opt activate_arguments[] = {
	OPT("ACTOR", "NAME", opt_actor, struct activate_values, actor, NULL),
	{ 0 },
};

static const struct opt activate_options[] = {
	CLI_NETWORK_OPTIONS(struct activate_values, network),
	OPT("sandboxed", NULL, opt_flag, struct activate_values, sandboxed,
	    "a sandbox takes the link over: the host kernel never answers in its place"),
	{ 0 },
};

const struct command command_activate = {
	.name = "activate",
	.usage = "ACTOR [OPTIONS]",
	.summary = "give an actor its network",
	.about = "Binds an idle slot to the actor; from then on its packets pass. Again with the same\n"
		 "options it renews the addresses inside, which a sandbox wipes at each start.\n"
		 "ACTOR is 1 to 128 of A-Z a-z 0-9 . _ : - and starts with neither . nor -.\n"
		 "A SPEC's port is TCP unless /udp is given; IPv6 addresses stand in brackets.",
	.example = "  actornet activate web --port 80:8080 --port 53/udp --egress none\n"
		   "  actornet activate game --port '[2001:db8::1]:7000-7009/udp'",
	.options = activate_options,
	.arguments = activate_arguments,
	.exits = CLI_EXIT(AN_CONFLICT) | CLI_EXIT(AN_NO_SLOT) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_activate,
};

int cmd_activate(struct cli *cli, int argc, char **argv)
{
	struct activate_values values = { .actor = NULL };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct an_actor_info info = { .size = sizeof(info) };
	struct an_actor_spec spec;
	int r;

	if (cli_parse(cli, &command_activate, argc, argv, &values))
		return AN_USAGE;
	spec = cli_network_spec(&values.network, values.actor, values.sandboxed ? AN_ACTOR_SANDBOXED : 0);
	if (cli_open(cli, &worker) < 0)
		return cli_fail(cli);
	r = an_actor_activate(worker, &spec, &info, &cli->err);
	if (r < 0)
		return cli_fail(cli);
	if (cli->json) {
		cli_emit(cli, json_from_actor(&info, JSON_ELAPSED));
	} else if (!cli->quiet) {
		printf("%s %s.\n", info.name, r ? "is active" : "was active; its addresses were renewed");
		print_actor(&info, false);
	}
	return cli_settle(cli, worker);
}
