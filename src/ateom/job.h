/* SPDX-License-Identifier: Apache-2.0 */
/* One runsc command of an actor, in the contract's words; several may run side by side. */
#ifndef ATEOM_JOB_H
#define ATEOM_JOB_H

#include "ateom/workload.h"
#include "sandbox/runsc.h"
#include "sandbox/spawn.h"

/** struct job - a command: its words, and the process */
struct job {
	struct workload *workload;
	size_t index;
	bool prints; /* into the container's output, as what runs in it does */
	struct runsc_args args;
	struct spawn_spec spec;
	struct spawn_child child;
	char root[ACTOR_DIR_PATH], bundle[ACTOR_DIR_PATH], pid_file[ACTOR_DIR_PATH], image[ACTOR_DIR_PATH];
};

/* Not started; for _cleanup_(job_fini). */
#define JOB_NONE                                                \
	{                                                       \
		.child = {.pidfd = -1, .output = { .fd = -1 } } \
	}

/**
 * struct job_spec - which command
 * @index:     of the container; 0: the root
 * @early:     it may come before its time, and have to be given again: the container's output stays open for that, and
 *             follow_seal() is the caller's
 * @paths:     RUNSC_FSCHECKPOINT: [@n_paths] mount points
 * @cancel_fd: ends it; -1: nothing does. Never for one that takes something away.
 * @line:      called for each line it prints, but where it prints into the container's output; may be NULL
 * @data:      for @line
 */
struct job_spec {
	enum runsc_verb verb;
	size_t index;
	bool early;
	const char *const *paths;
	size_t n_paths;
	int cancel_fd;
	output_line *line;
	void *data;
};
/** job_start() - start a command. Return: 0 or a negative errno. */
int job_start(struct job *ret_job, struct workload *w, const struct job_spec *spec, struct an_error *err);
/** job_wait() - wait until it has ended. Return: as spawn_wait(), the container's last words in @err. */
int job_wait(struct job *job, struct an_error *err);
/** job_reason() - take runsc's log out of last words as output_tail() joins them: the reason is left. In place. */
void job_reason(char *tail);
/** job_fini() - kill it if it still runs; for _cleanup_(). */
void job_fini(struct job *job);
/** job_run() - all three. */
int job_run(struct workload *w, const struct job_spec *spec, struct an_error *err);

#endif
