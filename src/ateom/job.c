/* SPDX-License-Identifier: Apache-2.0 */
/* One runsc command of an actor, in the contract's words; several may run side by side. */
#include "ateom/job.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Longest that a command may take; memory is written and read at disk speed. */
#define JOB_MS	     60000U
#define JOB_IMAGE_MS 600000U
/* Between lines, as output_tail() writes it. */
#define JOB_BREAK "; "

static unsigned int job_timeout(enum runsc_verb verb)
{
	switch (verb) {
	case RUNSC_CHECKPOINT:
	case RUNSC_FSCHECKPOINT:
	case RUNSC_RESTORE:
		return JOB_IMAGE_MS;
	case RUNSC_CREATE:
	case RUNSC_START:
	case RUNSC_STATE:
	case RUNSC_DELETE:
	case RUNSC_VERB_COUNT:
		break;
	}
	return JOB_MS;
}

/* The words: G = <runsc> -log-format json --alsologtostderr -root <state>, and the rest by the verb. */
static void job_words(struct job *job, const struct job_spec *spec)
{
	static const char *const globals[] = { "-log-format", "json", "--alsologtostderr", NULL };
	const struct actor *actor = &job->workload->actor;
	const char *name = actor->names[spec->index];
	char below[16 + PATHS_SEGMENT_MAX + 1];
	struct runsc_call call = {
		.runsc = &actor->runsc,
		.root = actor_dir_path(&actor->dir, WORKLOAD_STATE, job->root),
		.globals = globals,
		.id = name,
		.bundle = job->bundle,
		.pid_file = job->pid_file,
		.image = job->image,
		.paths = spec->paths,
		.n_paths = spec->n_paths,
		.ignore_cgroups = actor->ignore_cgroups,
		.force = true,
	};

	snprintf(below, sizeof(below), "bundles/%s", name);
	actor_dir_path(&actor->dir, below, job->bundle);
	snprintf(below, sizeof(below), WORKLOAD_PIDS "/%s.pid", name);
	actor_dir_path(&actor->dir, below, job->pid_file);
	actor_dir_path(&actor->dir,
		       spec->verb == RUNSC_CHECKPOINT || spec->verb == RUNSC_FSCHECKPOINT
			       ? WORKLOAD_CHECKPOINT
			       : WORKLOAD_RESTORE,
		       job->image);
	if (actor->fs_image && spec->index == 0)
		call.fs_image = job->image;
	runsc_args_build(&job->args, spec->verb, &call);
}

/* Follow the output of a container that is going to be created. */
static int job_follow(struct workload *w, size_t index, struct an_error *err)
{
	struct log_labels labels;
	struct text text = text_over(labels.text, sizeof(labels.text));

	/* A container's name needs no escapes (request.c). */
	text_add(&text, "%s,\"ate.dev/container_name\":\"%s\"", w->actor.labels.text, w->actor.names[index]);
	w->actor.created = index + 1;
	return follow_open(w->follow, index, &labels, err);
}

/*
 * Whose output becomes the container's? For the root container that of `create`, which starts the sandbox; for another
 * that of `start` or `restore`. So each of them gets it, and the last one the last copy.
 */
static bool job_prints(enum runsc_verb verb)
{
	return verb == RUNSC_CREATE || verb == RUNSC_START || verb == RUNSC_RESTORE;
}

int job_start(struct job *ret_job, struct workload *w, const struct job_spec *spec, struct an_error *err)
{
	int r;

	ret_job->workload = w;
	ret_job->index = spec->index;
	ret_job->prints = job_prints(spec->verb);
	job_words(ret_job, spec);
	if (spec->verb == RUNSC_CREATE && follow_out(w->follow, spec->index) < 0) {
		r = job_follow(w, spec->index, err);
		if (r < 0)
			return r;
	}
	ret_job->spec = (struct spawn_spec){
		.argv = ret_job->args.argv,
		.label = runsc_label(spec->verb),
		.out_fd = ret_job->prints ? follow_out(w->follow, spec->index) : -1,
		.line = spec->line,
		.data = spec->data,
		.cancel_fd = spec->cancel_fd,
		.timeout_ms = job_timeout(spec->verb),
	};
	r = spawn_start(&ret_job->child, &ret_job->spec, err);
	if (ret_job->prints && spec->verb != RUNSC_CREATE && !spec->early)
		follow_seal(w->follow, spec->index);
	return r;
}

/* A line of runsc's own log (glog's format: a letter, month and day, time): "I1124 19:21:12.856131". */
static bool job_is_log(const char *line, size_t len)
{
	static const char form[] = "A0000 00:00:00.";

	if (len < sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'A'   ? !strchr("IWEFD", line[i]) || !line[i]
		    : form[i] == '0' ? line[i] < '0' || line[i] > '9'
				     : line[i] != form[i])
			return false;
	}
	return true;
}

void job_reason(char *tail)
{
	const char *at = tail;
	size_t kept = 0;

	while (*at) {
		const char *next = strstr(at, JOB_BREAK);
		size_t len = next ? (size_t)(next - at) : strlen(at);

		if (!job_is_log(at, len)) {
			if (kept) {
				memcpy(tail + kept, JOB_BREAK, sizeof(JOB_BREAK) - 1);
				kept += sizeof(JOB_BREAK) - 1;
			}
			memmove(tail + kept, at, len);
			kept += len;
		}
		at += len + (next ? sizeof(JOB_BREAK) - 1 : 0);
	}
	tail[kept] = '\0';
}

int job_wait(struct job *job, struct an_error *err)
{
	const struct workload *w = job->workload;
	int r = spawn_wait(&job->child, err);
	char object[sizeof(err->object)], how[64], tail[OUTPUT_TAIL_MAX * 2];
	size_t len, most;

	if (r >= 0 || !err)
		return r;
	snprintf(object, sizeof(object), "%s %.100s", job->spec.label, w->actor.names[job->index]);
	/* "exit status 128: LAST; LINES": these we take in full. */
	snprintf(how, sizeof(how), "%.*s", (int)strcspn(err->message, ":"), err->message);
	if (job->prints)
		follow_tail(w->follow, job->index, tail, sizeof(tail));
	else
		output_tail(&job->child.output, tail, sizeof(tail));
	job_reason(tail);
	len = strlen(tail);
	most = sizeof(err->message) - sizeof(how) - 4;
	return error_set(err, AN_FAILED, -r, object, "%s%s%s", how, len ? ": " : "",
			 tail + (len > most ? len - most : 0));
}

void job_fini(struct job *job)
{
	spawn_fini(&job->child);
}

int job_run(struct workload *w, const struct job_spec *spec, struct an_error *err)
{
	_cleanup_(job_fini) struct job job = JOB_NONE;
	int r = job_start(&job, w, spec, err);

	return r < 0 ? r : job_wait(&job, err);
}
