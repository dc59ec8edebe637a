/* SPDX-License-Identifier: Apache-2.0 */
/* Network and sandbox in one step: run, checkpoint, restore, kill. */
#ifndef SANDBOX_LIFECYCLE_H
#define SANDBOX_LIFECYCLE_H

#include "sandbox/relay.h"
#include "sandbox/rundir.h"

#include <actornet/actor.h>
#include <actornet/error.h>
#include <actornet/worker.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct lifecycle_target - whose sandbox
 * @worker:   prepared
 * @netns_fd: its network namespace; -1: the calling thread's
 * @actor:    name
 */
struct lifecycle_target {
	struct an_worker *worker;
	int netns_fd;
	const char *actor;
};

/**
 * struct lifecycle_spec - a sandbox to start
 * @target:    whose; the name is @actor's
 * @actor:     the network it gets; AN_ACTOR_SANDBOXED is added
 * @bundle:    directory of an OCI bundle
 * @image:     snapshot to restore; NULL: start afresh
 * @runsc:     path; NULL: the one on PATH
 * @ready:     wait until this is answered with 200 (ready_parse()); NULL: don't wait
 * @ready_ms:  for how long
 * @relay:     takes the container's output from here on; stays open, for the caller to follow
 * @reaper:    what runsc leaves behind becomes this process's child, and it has no others (keeper_start())
 * @cancel_fd: when this becomes readable or is hung up the start is undone; -1: never
 */
struct lifecycle_spec {
	struct lifecycle_target target;
	const struct an_actor_spec *actor;
	const char *bundle;
	const char *image;
	const char *runsc;
	const char *ready;
	unsigned int ready_ms;
	struct relay *relay;
	bool reaper;
	int cancel_fd;
};

/**
 * struct lifecycle_info - what was done
 * @actor:      its network; after checkpoint and kill name, slot and elapsed_us alone
 * @sandbox_us: microseconds of what concerned the sandbox; the network's are actor.elapsed_us
 * @pid:        the sandbox's process; 0 once it is gone
 * @log:        the container's output is there
 * @notice:     what the operator should know, empty where there is nothing
 */
struct lifecycle_info {
	struct an_actor_info actor;
	uint64_t sandbox_us;
	int pid;
	char log[RUNDIR_PATH];
	char notice[256];
};

/**
 * lifecycle_start() - activate the actor and start or restore a sandbox in its slot
 * From the return on the container runs with the actor's network, and has answered if it was to. On failure all is
 * undone: no sandbox, no run directory, and the actor is released unless it was active before.
 *
 * Return: 0, or a negative errno with command, exit status and last lines of output in @err: EEXIST and EBUSY
 * (AN_CONFLICT: the actor has a sandbox), EINVAL (AN_USAGE: bundle, snapshot, runsc or URL), ENETDOWN (started without
 * its network), ETIMEDOUT, ECANCELED, and those of an_actor_activate().
 */
int lifecycle_start(const struct lifecycle_spec *spec, struct lifecycle_info *ret_info, struct an_error *err);

/**
 * lifecycle_checkpoint() - write a snapshot, end the sandbox, release the actor
 * @image: directory for it, made if missing, empty
 * Return: 0, or a negative errno; @err says whether the actor runs on or is gone. ENOENT: AN_NO_ACTOR, or there is no
 * sandbox in it.
 */
int lifecycle_checkpoint(const struct lifecycle_target *target, const char *image,
			 struct lifecycle_info *ret_info, struct an_error *err);

/** lifecycle_kill() - end the sandbox, running or not, and release the actor. Return: as lifecycle_checkpoint(). */
int lifecycle_kill(const struct lifecycle_target *target, struct lifecycle_info *ret_info,
		   struct an_error *err);

#endif
