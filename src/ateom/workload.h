/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one actor of the worker: started, checkpointed, taken away.
 *
 * Theory of operation: there is no actor, or one whose sandbox runs (`present`). A start that fails at any step is
 * undone before it returns. A checkpoint that fails leaves the actor running, or, if its sandbox did not survive it,
 * none. So after each call the state is one of the two, and known. A clean-up that fails is the third: the worker is
 * broken, and the process is to end, so that a clean one takes its place.
 *
 * What the caller can't see is done differently from the contract's list, for speed or safety: `state` is not asked,
 * as nothing comes of it; commands of a container are given while those of the one before are under way
 * (workload-start.c); commands that delete run side by side, after the sandbox has gone, since they fail now and then
 * while it is going.
 */
#ifndef ATEOM_WORKLOAD_H
#define ATEOM_WORKLOAD_H

#include "ateom/args.h"
#include "ateom/follow.h"
#include "ateom/paths.h"
#include "ateom/podns.h"
#include "ateom/request.h"
#include "ateom/rpc.h"
#include "sandbox/guest.h"
#include "sandbox/runsc.h"

#include <actornet/actor.h>
#include <actornet/error.h>
#include <actornet/worker.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Directories of an actor. */
#define WORKLOAD_STATE	    "runsc-state"
#define WORKLOAD_PIDS	    "pidfiles"
#define WORKLOAD_CHECKPOINT "checkpoint-state"
#define WORKLOAD_RESTORE    "restore-state"
#define WORKLOAD_DURABLE    "durable-dir"

#define WORKLOAD_NAME_MAX (AN_ACTOR_NAME_MAX + 1)

/**
 * struct actor - the one that runs, or is being started
 * @request_key: which; see struct request
 * @name:        of its network
 * @ignore_cgroups: it gets no control group of its own
 * @fs_image:    its sandbox is to be made from a filesystem snapshot
 * @names:       [@n] containers, the root container first
 * @created:     how many of them runsc was told to create
 * @network:     it has one: @info
 */
struct actor {
	char request_key[PATHS_SEGMENT_MAX + 1];
	char name[WORKLOAD_NAME_MAX];
	struct actor_dir dir;
	struct runsc runsc;
	bool ignore_cgroups;
	bool fs_image;
	char names[FOLLOW_MAX][PATHS_SEGMENT_MAX + 1];
	size_t n, created;
	struct log_labels labels;
	struct guest guest;
	struct an_actor_info info;
	bool network;
};

/**
 * struct workload - the worker and its actor
 * @up:       the worker is prepared, by us
 * @present:  an actor runs
 * @broken:   a clean-up failed: the process is to end
 * @last:     what became of the actor before, for callers that lost an answer; empty: there was none
 * @probed:   runsc that was asked last what it can, and its file as it was then
 */
struct workload {
	const struct args *args;
	struct an_worker *worker;
	char worker_id[16];
	struct podns podns;
	struct follow *follow;
	bool up, present, broken;
	char last[512];
	struct actor actor;
	struct runsc probed;
	struct stat probed_file;
};

/** struct stages - how long each took: of the time since @since_us the next is told */
struct stages {
	struct rpc_reply *reply;
	uint64_t since_us;
};
/** stages_end() - the stage of that name has ended now; one that comes again is added. */
void stages_end(struct stages *stages, const char *name);

/** workload_name() - the name of an actor's network: its key, or a hash where that can't be one. */
void workload_name(const char *key, char ret_name[static WORKLOAD_NAME_MAX]);

/**
 * workload_init() - prepare the worker, and clear away what an earlier process left: actors with their sandboxes, the
 * name of the namespace
 * @args, @follow: must outlive it
 * Return: 0 or a negative errno, then workload_fini() takes back what was done.
 */
int workload_init(struct workload *w, const struct args *args, struct follow *follow, struct an_error *err);
/**
 * workload_fini() - end the actor if there is one, and leave the worker as it was; nothing if it was never initialized
 * Return: 0 or a negative errno.
 */
int workload_fini(struct workload *w, struct an_error *err);

/**
 * workload_start() - run or restore an actor; there must be none
 * Return: 0, or a negative errno: ENOENT, EINVAL (AN_USAGE: what the request names is not there, or not as it must be),
 * ECANCELED, and those of runsc and the network. Then there is no actor, or the workload is broken.
 */
int workload_start(struct workload *w, const struct request *request, int cancel_fd, struct stages *stages,
		   struct an_error *err);

/**
 * workload_checkpoint() - write the actor's snapshot, and end it
 * @ret_files: [*@ret_n] names of what was written, for free()
 * It is not cut short when the caller goes: half of it would be the end of the actor. Return: 0, or a negative errno;
 * w->present says whether the actor runs on. AN_CONFLICT: what is asked can't be done here, and nothing was begun.
 */
int workload_checkpoint(struct workload *w, const struct request *request, struct stages *stages,
			char ***ret_files, size_t *ret_n, struct an_error *err);

/** workload_end() - take the actor away, in whatever state it is. Return: 0, or a negative errno: it is broken. */
int workload_end(struct workload *w, struct an_error *err);
/**
 * workload_settle() - an actor that can't go on is taken away: its sandbox has ended by itself, or its directories are
 * gone. Return: as workload_end().
 */
int workload_settle(struct workload *w, struct an_error *err);

/**
 * workload_tidy() - some of the work that was put off until after the answer
 * Return: is there more?
 */
bool workload_tidy(struct workload *w);

/* -- For its own files ------------------------------------------------------------------------------------------- */

/** workload_remove() - processes, runsc's state, output, network: whatever there is, in this order. */
int workload_remove(struct workload *w, struct an_error *err);
/** workload_remove_overlays() - files that a runsc which was killed has left in root file systems and volumes. */
void workload_remove_overlays(const struct workload *w);
/** workload_remove_overlay() - the one in the root file system of one container. */
void workload_remove_overlay(const struct workload *w, size_t index);
/** workload_has_state() - has runsc something in its directory? */
bool workload_has_state(const struct workload *w);
/** workload_probe() - what runsc can, asked once for each file. Return: 0 or a negative errno. */
int workload_probe(struct workload *w, struct an_error *err);

#endif
