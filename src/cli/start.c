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
	struct an_worker *worker;
};

struct start_answer {
	int r;
	struct lifecycle_info info;
	struct an_error err;
};

/* In the keeper. */
static bool start_work(struct relay *relay, int cancel_fd, void *data_answer, void *data)
{
	struct start_job *job = data;
	const struct start_values *values = job->values;
	struct start_answer *answer = data_answer;
	struct an_actor_spec actor = cli_network_spec(&values->network, values->actor, 0);
	struct lifecycle_spec spec = {
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

	answer->r = cli_open(job->cli, &job->worker);
	if (answer->r < 0) {
		answer->err = job->cli->err;
		return false;
	}
	spec.target.worker = job->worker;
	spec.target.netns_fd = job->cli->netns_fd;
	answer->r = lifecycle_start(&spec, &answer->info, &answer->err);
	return answer->r == 0;
}

/* What the library put off, and the worker's handle away before the keeper stays. */
static void start_after(void *data, struct an_error *err)
{
	struct start_job *job = data;

	if (job->worker)
		an_worker_dispatch(job->worker, 0, err);
	cli_close(&job->worker);
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
	struct start_job job = { .cli = cli, .values = values };
	struct start_answer answer = { .r = 0 };
	struct keeper_spec keeper = {
		.work = start_work,
		.after = start_after,
		.data = &job,
		.answer = &answer,
		.size = sizeof(answer),
	};
	int code, fd;

	if (!values->bundle)
		return start_missing(cli, "--bundle", "the directory of the OCI bundle to run");
	fd = keeper_start(&keeper, &cli->err);
	if (fd < 0)
		return cli_fail(cli);
	if (answer.r < 0) {
		cli->err = answer.err;
		code = cli_fail(cli);
	} else {
		start_show(cli, &answer.info, word);
		code = cli_flush_done(cli);
	}
	if (keeper_settle(fd, &answer.err) < 0) {
		error_context(&answer.err, "what was put off could not be done");
		cli_warn(cli, &answer.err);
	}
	return code;
}
