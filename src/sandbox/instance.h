/* SPDX-License-Identifier: Apache-2.0 */
/* One sandbox of one actor: its run directory, its process, and the runsc that made it. */
#ifndef SANDBOX_INSTANCE_H
#define SANDBOX_INSTANCE_H

#include "sandbox/guest.h"
#include "sandbox/output.h"
#include "sandbox/rundir.h"
#include "sandbox/runsc.h"

#include <actornet/error.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct instance - a sandbox, locked against others who would work on it
 * @dir:       its run directory
 * @record:    what is known of it; its id is empty until runsc is about to be told to make it
 * @runsc:     which made it
 * @guest:     its process
 * @root, @pid_file: paths in @dir
 * @container: its output while we are the one who reads it; may be NULL
 * @reaper:    what runsc leaves behind becomes our child, and we have no others
 * @cancel_fd: ends runsc's calls but those that take the sandbox away; -1: never
 */
struct instance {
	struct rundir dir;
	struct rundir_record record;
	struct runsc runsc;
	struct guest guest;
	char root[RUNDIR_PATH];
	char pid_file[RUNDIR_PATH];
	struct output *container;
	bool reaper;
	int cancel_fd;
};

/**
 * instance_claim() - the run directory for a sandbox to be made; what a dead one left is cleared away
 * Return: 0 or a negative errno: EEXIST (AN_CONFLICT: one runs).
 */
int instance_claim(struct instance *ret_instance, uint64_t inode, const char *actor, struct an_error *err);

/**
 * instance_open() - the sandbox that was made
 * Return: 1 if it runs, 0 if it has ended, or a negative errno: ENOENT (@err untouched): there is none.
 */
int instance_open(struct instance *ret_instance, uint64_t inode, const char *actor, struct an_error *err);

/** instance_close() - let go of it; for _cleanup_(). */
void instance_close(struct instance *instance);

/**
 * instance_call() - call runsc for it
 * @call:       what this call needs; runsc, root and id are filled in
 * @timeout_ms: after so long the call is given up
 * Return: as spawn_wait().
 */
int instance_call(struct instance *instance, enum runsc_verb verb, struct runsc_call *call,
		  unsigned int timeout_ms, struct an_error *err);

/**
 * instance_destroy() - take it away, in whatever state it is: kill, wait, delete, remove the run directory
 * SIGKILL, wait and delete take a quarter of the time of `runsc delete -force`. Return: 0, or a negative errno if
 * something of it is left; then the run directory stays, so that it can be tried again.
 */
int instance_destroy(struct instance *instance, struct an_error *err);

#endif
