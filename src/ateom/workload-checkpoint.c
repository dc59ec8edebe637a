/* SPDX-License-Identifier: Apache-2.0 */
/* An actor's snapshot is written, and the actor ends. */
#include "ateom/job.h"
#include "ateom/workload.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* From a finished checkpoint to the end of the sandbox, which waits for clients of its control socket. */
#define CHECKPOINT_EXIT_MS 20000U
/* After a failed one: gVisor gives up a sandbox whose state it could not write, some milliseconds after it said so. */
#define CHECKPOINT_FAILED_MS 1000U

/*
 * More than one volume is more than this runsc saves. What it has for all at once ("all-tmpfs") takes the root file
 * systems too, and a DATA snapshot must not.
 */
static int checkpoint_refuse(const struct runsc *runsc, const char *const *paths, size_t n,
			     struct an_error *err)
{
	char list[256];
	struct text out = text_over(list, sizeof(list));

	for (size_t i = 0; i < n; i++)
		text_add(&out, "%s%s", i ? ", " : "", paths[i]);
	error_set(err, AN_CONFLICT, EOPNOTSUPP, runsc->path,
		  "saves one durable directory with scope DATA, and there are more: %s", list);
	error_remedy(err, "use scope FULL, or one directory");
	return -EOPNOTSUPP;
}

/*
 * The mount points of a DATA snapshot. There are runscs that take the last of several -path and say nothing: then the
 * checkpoint fails before it has begun. @paths: room for RUNSC_PATHS_MAX.
 */
static int checkpoint_paths(struct workload *w, const struct request *request, const char **paths,
			    size_t *ret_n, struct an_error *err)
{
	struct runsc runsc = w->actor.runsc;
	size_t n = 0;
	int r;

	if (request->n_volumes == 0)
		return error_set(err, AN_USAGE, EINVAL, "durable_dir_volumes",
				 "no container has one, so there is nothing to save with scope DATA");
	for (size_t i = 0; i < request->n_containers; i++) {
		for (size_t k = 0; k < request->containers[i].n_volumes && n < RUNSC_PATHS_MAX; k++)
			paths[n++] = request->containers[i].volumes[k];
	}
	*ret_n = n;
	if (request->n_volumes == 1)
		return 0;
	r = runsc_probe(&runsc, RUNSC_PROBE_FSCHECK, err);
	if (r < 0 || (runsc.can & RUNSC_CAN_PATHS && request->n_volumes <= RUNSC_PATHS_MAX))
		return r;
	return checkpoint_refuse(&runsc, paths, n, err);
}

/* A place to write to, empty: what is in it will be the snapshot. */
static int checkpoint_prepare(struct workload *w, const struct request *request, struct an_error *err)
{
	struct runsc runsc;
	int r = runsc_find(&runsc, request->runsc_path, err);

	if (r < 0)
		return r;
	text_copy(w->actor.runsc.path, sizeof(w->actor.runsc.path), runsc.path);
	r = actor_dir_make(&w->actor.dir, WORKLOAD_CHECKPOINT, err);
	/* Something else is in its place: no fault of the request. */
	if (r < 0 && err && err->kind == AN_USAGE)
		err->kind = AN_CONFLICT;
	return r < 0 ? r : actor_dir_clear(&w->actor.dir, WORKLOAD_CHECKPOINT, err);
}

/* The sandbox goes on as if nothing had been, or it is broken and ends by itself. */
static void checkpoint_failed(struct workload *w, struct stages *stages, struct an_error *err)
{
	struct an_error why = { 0 };

	actor_dir_clear(&w->actor.dir, WORKLOAD_CHECKPOINT, NULL);
	if (guest_wait(&w->actor.guest, CHECKPOINT_FAILED_MS) < 0)
		return;
	snprintf(w->last, sizeof(w->last), "the last, %.300s, ended with a checkpoint that failed",
		 w->actor.request_key);
	if (workload_end(w, &why) < 0)
		error_remedy(err, "and the clean-up failed: %.64s: %.120s", why.object, why.message);
	stages_end(stages, "delete");
}

/* What callers are told who lost the answer. */
static void checkpoint_remember(struct workload *w, char *const *files)
{
	struct text last = text_over(w->last, sizeof(w->last));

	text_add(&last, "the last, %.300s, was checkpointed", w->actor.request_key);
	for (size_t i = 0; files[i]; i++)
		text_add(&last, "%s %s", i ? "," : ":", files[i]);
}

int workload_checkpoint(struct workload *w, const struct request *request, struct stages *stages,
			char ***ret_files, size_t *ret_n, struct an_error *err)
{
	const char *paths[RUNSC_PATHS_MAX];
	struct job_spec spec = { .verb = RUNSC_CHECKPOINT, .paths = paths, .cancel_fd = -1 };
	_cleanup_free_ char **files = NULL;
	struct an_error why = { 0 };
	size_t n = 0;
	int r = checkpoint_prepare(w, request, err);

	if (r == 0 && request->scope == REQUEST_DATA) {
		spec.verb = RUNSC_FSCHECKPOINT;
		r = checkpoint_paths(w, request, paths, &spec.n_paths, err);
	}
	if (r < 0)
		return r;
	log_event(&w->actor.labels, "Actor checkpointing");
	r = job_run(w, &spec, err);
	stages_end(stages, "checkpoint");
	if (r < 0) {
		checkpoint_failed(w, stages, err);
		return r;
	}
	/* The snapshot is complete: what goes wrong from here on is not its failure. The sandbox ends by itself. */
	guest_wait(&w->actor.guest, CHECKPOINT_EXIT_MS);
	r = actor_dir_files(&w->actor.dir, WORKLOAD_CHECKPOINT, &files, &n, err);
	if (r == 0 && n == 0)
		r = error_set(err, AN_FAILED, ENODATA, WORKLOAD_CHECKPOINT, "runsc wrote no files");
	if (workload_end(w, &why) < 0)
		log_say(LOG_LEVEL_ERROR, "clean-up after the checkpoint failed: %s: %s", why.object,
			why.message);
	stages_end(stages, "delete");
	if (r < 0)
		return r;
	log_event(&w->actor.labels, "Actor checkpointed");
	checkpoint_remember(w, files);
	*ret_files = take_ptr(files);
	*ret_n = n;
	return 0;
}
