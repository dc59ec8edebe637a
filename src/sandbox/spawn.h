/* SPDX-License-Identifier: Apache-2.0 */
/* Programs run for us: own process group, no descriptor of ours, output captured, time bounded, reaped at once. */
#ifndef SANDBOX_SPAWN_H
#define SANDBOX_SPAWN_H

#include "sandbox/output.h"

#include <actornet/error.h>
#include <sys/types.h>

/**
 * struct spawn_spec - what to run
 * @argv:       NULL-terminated; argv[0] is the path of the program
 * @label:      what errors call it, e.g. "runsc create"
 * @container:  output of the container the program works on, read along while it runs, so that the container never
 *              waits for us; may be NULL
 * @adopt:      the program prints into @container (what it starts goes on printing there) instead of into its own
 * @out_fd:     above 2: the program prints there instead, and no one here reads it; the caller's
 * @line:       called for each line of its own output; may be NULL
 * @data:       for @line
 * @cancel_fd:  when this becomes readable or is hung up, the program is killed; -1: never
 * @timeout_ms: after so long it is killed
 */
struct spawn_spec {
	const char *const *argv;
	const char *label;
	struct output *container;
	bool adopt;
	int out_fd;
	output_line *line;
	void *data;
	int cancel_fd;
	unsigned int timeout_ms;
};

/**
 * struct spawn_child - a program that runs
 * @spec:   how; must outlive it
 * @pid:    its process and process group; 0: none, or reaped
 * @pidfd:  readable once it has ended
 * @output: its own output; unused with @spec->adopt and @spec->out_fd
 */
struct spawn_child {
	const struct spawn_spec *spec;
	pid_t pid;
	int pidfd;
	struct output output;
};

/**
 * spawn_start() - start it
 * Standard input is /dev/null, standard output and error the pipe; no other descriptor, no blocked or ignored signal
 * is passed on. Return: 0 or a negative errno; what exec says is an error here.
 */
int spawn_start(struct spawn_child *ret_child, const struct spawn_spec *spec, struct an_error *err);

/**
 * spawn_wait() - wait until it has ended, reading its output, and reap it
 * What it started may go on; what it left in the pipe has been read.
 *
 * Return: 0 if it exited with 0, or a negative errno with command, exit status and last lines in @err: EIO (exit
 * status, signal), ETIMEDOUT, ECANCELED.
 */
int spawn_wait(struct spawn_child *child, struct an_error *err);

/** spawn_fini() - kill its process group if it still runs, reap it, close what belongs to it; for _cleanup_(). */
void spawn_fini(struct spawn_child *child);

/** spawn_run() - all three. Return: as spawn_wait(). */
int spawn_run(const struct spawn_spec *spec, struct an_error *err);

#endif
