/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` and `restore` have in common: they start a sandbox, afresh or from a snapshot. */
#include "cli/start.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/json.h"
#include "cli/print.h"
#include "sandbox/keeper.h"
#include "sandbox/lifecycle.h"

#include <stdio.h>

int start_missing(struct cli *cli, const char *option, const char *what)
{
	error_set(&cli->err, AN_USAGE, EINVAL, option, "must be given: %s", what);
	return cli_fail(cli);
}

/* Handed to the keeper, and what it hands back. */
struct start_job {
	struct cli *cli;
	const struct start_values *values;
};

struct start_answer {
	int r;
	struct lifecycle_info info;
	struct an_error err;
};

/* In the keeper: a worker handle of its own, gone before it stays. */
static bool start_work(struct relay *relay, int cancel_fd, void *data_answer, void *data)
{
	const struct start_job *job = data;
	const struct start_values *values = job->values;
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct start_answer *answer = data_answer;
	struct an_actor_spec actor = cli_network_spec(&values->network, values->actor, 0);
	struct lifecycle_spec spec = {
		.target.netns_fd = job->cli->netns_fd,
		.target.actor = values->actor,
		.actor = &actor,
		.bundle = values->bundle,
		.image = values->image,
		.runsc = values->runsc,
		.ready = values->ready,
		.ready_ms = (values->ready_s ? values->ready_s : START_READY_S) * 1000U,
		.relay = relay,
		.reaper = true,
		.cancel_fd = cancel_fd,
	};

	answer->r = an_worker_open(&worker, job->cli->netns_fd, &answer->err);
	spec.target.worker = worker;
	if (answer->r == 0)
		answer->r = lifecycle_start(&spec, &answer->info, &answer->err);
	return answer->r == 0;
}

static void start_show(struct cli *cli, const struct lifecycle_info *info, const char *word)
{
	char took[32];

	if (info->notice[0]) {
		struct an_error notice = { 0 };

		error_set(&notice, AN_FAILED, 0, info->actor.name, "%s", info->notice);
		cli_warn(cli, &notice);
	}
	if (cli->json) {
		json_t *object = json_from_actor(&info->actor, JSON_ELAPSED);
		json_t *more = json_pack("{s:I, s:i, s:o}", "sandbox_us", (json_int_t)info->sandbox_us, "pid",
					 info->pid, "log", json_from_text(info->log));

		json_object_update(object, more);
		json_decref(more);
		cli_emit(cli, object);
	} else if (!cli->quiet) {
		printf("%s %s.\n", info->actor.name, word);
		print_actor(&info->actor, false);
		print_field("sandbox", "process %d, took %s", info->pid,
			    print_duration(info->sandbox_us, took));
		print_field("output", "%s", info->log);
	}
}

int start_sandbox(struct cli *cli, const struct start_values *values, const char *word)
{
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct start_job job = { .cli = cli, .values = values };
	struct start_answer answer = { .r = 0 };
	int code;

	if (!values->bundle)
		return start_missing(cli, "--bundle", "the directory of the OCI bundle to run");
	/* Open before the keeper does: what is wrong with the worker is said at once. */
	if (cli_open(cli, &worker) < 0 ||
	    keeper_start(start_work, &job, &answer, sizeof(answer), &cli->err) < 0)
		return cli_fail(cli);
	if (answer.r < 0) {
		cli->err = answer.err;
		code = cli_fail(cli);
		cli_settle(cli, worker);
		return code;
	}
	start_show(cli, &answer.info, word);
	return cli_settle(cli, worker);
}
