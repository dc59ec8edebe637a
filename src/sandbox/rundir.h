/* SPDX-License-Identifier: Apache-2.0 */
/* The run directory of a sandbox: one an actor and worker, locked while someone works on it. */
#ifndef SANDBOX_RUNDIR_H
#define SANDBOX_RUNDIR_H

#include <actornet/actor.h>
#include <actornet/error.h>
#include <limits.h>
#include <stdint.h>

#define RUNDIR_BASE "/run/actornet/sandbox"
#define RUNDIR_PATH 256 /* of anything in it */

/* What is in it. */
#define RUNDIR_RUNSC  "runsc"	     /* runsc's own state, its -root */
#define RUNDIR_PID    "sandbox.pid"  /* written by runsc */
#define RUNDIR_RESOLV "resolv.conf"  /* what the sandbox sees as /etc/resolv.conf */
#define RUNDIR_LOG    "output.log"   /* what the container printed */
#define RUNDIR_RECORD "sandbox.json" /* struct rundir_record */

/**
 * struct rundir - a run directory, locked
 * @path: RUNDIR_BASE/<inode of the worker's network namespace>/<actor>; also the bundle handed to runsc
 * @lock: -1: not open
 */
struct rundir {
	char path[RUNDIR_PATH];
	int lock;
};

/**
 * struct rundir_record - what a later command must know of a sandbox
 * @runsc:      path of the runsc that made it
 * @id:         its name to runsc
 * @slot:       of the actor
 * @generation: of the actor's activation
 */
struct rundir_record {
	char runsc[PATH_MAX];
	char id[64];
	char slot[16];
	uint64_t generation;
};

/**
 * rundir_make() - lock an actor's run directory, made if there is none
 * @inode: of the worker's network namespace
 * Return: 1 if no sandbox is recorded in it, 0 if one is, or a negative errno: EBUSY (someone else works on this
 * actor).
 */
int rundir_make(struct rundir *ret_dir, uint64_t inode, const char *actor, struct an_error *err);
/** rundir_open() - lock the one that is there. Return: as rundir_make(), and ENOENT (@err untouched): there is none. */
int rundir_open(struct rundir *ret_dir, uint64_t inode, const char *actor, struct an_error *err);
/** rundir_close() - let go of it; for _cleanup_(). */
void rundir_close(struct rundir *dir);
/** rundir_remove() - remove it and all that is in it, and let go. */
void rundir_remove(struct rundir *dir);

/** rundir_path() - path of something in it. Return: @buf. */
const char *rundir_path(const struct rundir *dir, const char *name, char buf[static RUNDIR_PATH]);
/** rundir_write() - write a small file in it, mode @mode. Return: 0 or a negative errno. */
int rundir_write(const struct rundir *dir, const char *name, const char *text, unsigned int mode,
		 struct an_error *err);

/** rundir_record_write() - keep a record. Return: 0 or a negative errno. */
int rundir_record_write(const struct rundir *dir, const struct rundir_record *record, struct an_error *err);
/** rundir_record_read() - get it back. Return: 0, or a negative errno: ENOENT (no sandbox was made), EINVAL. */
int rundir_record_read(const struct rundir *dir, struct rundir_record *ret_record);

#endif
