/* SPDX-License-Identifier: Apache-2.0 */
/* actornet port: an active actor's inbound ports, listed and changed. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum port_action { PORT_LIST, PORT_ADD, PORT_DEL };

static const char *const action_names[] = { [PORT_LIST] = "list", [PORT_ADD] = "add", [PORT_DEL] = "del" };

struct port_values {
	enum port_action action;
	const char *actor;
	struct opt_ports ports;
};

static int parse_action(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	unsigned int best = UINT_MAX;
	const char *nearest = NULL;

	(void)opt;
	for (unsigned int i = PORT_LIST; i <= PORT_DEL; i++) {
		if (!strcmp(value, action_names[i])) {
			*(enum port_action *)target = (enum port_action)i;
			return 0;
		}
		if (opt_nearest(value, action_names[i], &best))
			nearest = action_names[i];
	}
	error_set(err, AN_USAGE, EINVAL, "", "'%.64s' is none", value);
	return nearest ? error_remedy(err, "did you mean %s?", nearest)
		       : error_remedy(err, "give list, add or del");
}

static const struct opt port_arguments[] = {
	OPT("ACTION", "list|add|del", parse_action, struct port_values, action, NULL),
	OPT("ACTOR", "NAME", opt_actor, struct port_values, actor, NULL),
	OPT("SPEC", "[ADDR:]PORT[-END][:ACTOR_PORT][/tcp|/udp]", opt_port, struct port_values, ports, NULL,
	    .many = true, .optional = true),
	{ 0 },
};

const struct command command_port = {
	.name = "port",
	.usage = "list ACTOR | add ACTOR SPEC... | del ACTOR SPEC...",
	.summary = "list, add and delete inbound ports of an active actor",
	.about = "SPEC is [ADDR:]PORT[-END][:ACTOR_PORT][/tcp|/udp]. All of a command's ports change at\n"
		 "once or none does; connections of ports that stay are not touched. A port that is\n"
		 "there already is no error; one to be deleted must be given as it was added, where the\n"
		 "actor's own port may be left out.",
	.example = "  actornet port add web 443:8443 8080-8089/tcp\n"
		   "  actornet port del web 443",
	.arguments = port_arguments,
	.exits = CLI_EXIT(AN_NO_ACTOR) | CLI_EXIT(AN_CONFLICT) | CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_port,
};

static int change(struct an_worker *worker, const struct port_values *values, struct an_error *err)
{
	const struct opt_ports *ports = &values->ports;

	return values->action == PORT_ADD
		       ? an_actor_ports_add(worker, values->actor, ports->list, ports->n, err)
		       : an_actor_ports_del(worker, values->actor, ports->list, ports->n, err);
}

static int check(const struct port_values *values, struct an_error *err)
{
	if (values->action == PORT_LIST && values->ports.n) {
		error_set(err, AN_USAGE, EINVAL, "SPEC", "list takes none");
		return error_remedy(err, "usage: actornet port list ACTOR");
	}
	if (values->action != PORT_LIST && !values->ports.n) {
		error_set(err, AN_USAGE, EINVAL, "SPEC", "missing");
		return error_remedy(err, "usage: actornet port %s ACTOR SPEC...",
				    action_names[values->action]);
	}
	return 0;
}

static void show(struct cli *cli, const struct port_values *values, const struct an_actor_info *info)
{
	char text[AN_PORT_TEXT];

	if (cli->json) {
		cli_emit(cli, json_pack("{s:i, s:s, s:o}", "schema", JSON_SCHEMA, "actor", info->name,
					"ports", json_from_ports(info->ports, info->n_ports)));
		return;
	}
	if (cli->quiet && values->action != PORT_LIST)
		return;
	for (size_t i = 0; i < info->n_ports; i++)
		puts(an_port_format(&info->ports[i], text));
}

int cmd_port(struct cli *cli, int argc, char **argv)
{
	struct port_values values = { .actor = NULL };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct an_actor_info info = { .size = sizeof(info) };

	if (cli_parse(cli, &command_port, argc, argv, &values))
		return AN_USAGE;
	if (check(&values, &cli->err) < 0 || cli_open(cli, &worker) < 0)
		return cli_fail(cli);
	if (values.action != PORT_LIST && change(worker, &values, &cli->err) < 0)
		return cli_fail(cli);
	if (an_actor_show(worker, values.actor, &info, &cli->err) < 0)
		return cli_fail(cli);
	show(cli, &values, &info);
	return values.action == PORT_LIST ? cli_flush(cli) : cli_settle(cli, worker);
}
