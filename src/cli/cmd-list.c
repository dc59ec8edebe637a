/* SPDX-License-Identifier: Apache-2.0 */
/* actornet list: the actors of a worker. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/cleanup.h"

#include <stdio.h>

struct list_values {
	bool names;
};

static const struct opt list_options[] = {
	OPT("names", NULL, opt_flag, struct list_values, names, "names only, one a line", .letter = 'q'),
	{ 0 },
};

const struct command command_list = {
	.name = "list",
	.usage = "[-q]",
	.summary = "the actors of the worker; what actornet does without a command",
	.about = "Tells what the kernel says, ordered by name.",
	.example = "  actornet list\n"
		   "  actornet list -q | xargs -r -n 1 actornet release",
	.options = list_options,
	.exits = CLI_EXIT(AN_NOT_PREPARED),
	.run = cmd_list,
};

/* What the actors are gathered into as the library tells of them; names go out at once. */
struct list_output {
	bool names, json;
	size_t n;
	json_t *array;
	struct print_table table;
};

static int add_actor(const struct an_actor_info *info, void *data)
{
	struct list_output *out = data;

	out->n++;
	if (out->json && out->names)
		json_array_append_new(out->array,
				      json_pack("{s:i, s:s}", "schema", JSON_SCHEMA, "actor", info->name));
	else if (out->json)
		json_array_append_new(out->array, json_from_actor(info, JSON_COUNTERS));
	else if (out->names)
		puts(info->name);
	else
		print_actor_row(&out->table, info);
	return 0;
}

static void show(struct cli *cli, struct list_output *out)
{
	bool whole = true;

	if (out->json) {
		/* What there was no memory for is missing in the array. */
		whole = out->array && json_array_size(out->array) == out->n;
		if (whole)
			cli_emit(cli, json_incref(out->array));
	} else if (!out->names && out->n) {
		whole = print_table(&out->table) == 0;
	} else if (!out->names) {
		puts("No actor is active.");
	}
	if (!whole)
		cli->no_memory = true;
}

int cmd_list(struct cli *cli, int argc, char **argv)
{
	struct list_values values = { .names = false };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct list_output out = { .table = { .columns = PRINT_ACTOR_COLUMNS } };
	int r;

	if (cli_parse(cli, &command_list, argc, argv, &values))
		return AN_USAGE;
	if (cli_open(cli, &worker) < 0)
		return cli_fail(cli);
	out.names = values.names;
	out.json = cli->json;
	out.array = json_array();
	print_actor_head(&out.table);
	r = an_actor_list(worker, add_actor, &out, &cli->err);
	if (r >= 0)
		show(cli, &out);
	json_decref(out.array);
	print_table_drop(&out.table);
	return r < 0 ? cli_fail(cli) : cli_flush(cli);
}
