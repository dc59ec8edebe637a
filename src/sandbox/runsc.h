/* SPDX-License-Identifier: Apache-2.0 */
/* runsc, gVisor's runtime: where it is, what it can do, how it is called. */
#ifndef SANDBOX_RUNSC_H
#define SANDBOX_RUNSC_H

#include <actornet/error.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What not every runsc can do; bits of struct runsc.can. */
#define RUNSC_CAN_SAVE_CONNECTED (1U << 0) /* -allow-connected-on-save */
#define RUNSC_CAN_IGNORE_CGROUPS (1U << 1) /* -ignore-cgroups */
#define RUNSC_CAN_BACKGROUND	 (1U << 2) /* restore -background */
#define RUNSC_CAN_DIRECT	 (1U << 3) /* restore -direct */
#define RUNSC_CAN_ROOT		 (1U << 5) /* -root: each of them; without it, it is none */
#define RUNSC_CAN_FS_RESTORE	 (1U << 4) /* create -fs-restore-image-path */
#define RUNSC_CAN_PATHS		 (1U << 6) /* fscheckpoint -path, more than once */

/* Groups of them that one answer tells. */
#define RUNSC_PROBE_GLOBAL  (RUNSC_CAN_SAVE_CONNECTED | RUNSC_CAN_IGNORE_CGROUPS | RUNSC_CAN_ROOT)
#define RUNSC_PROBE_RESTORE (RUNSC_CAN_BACKGROUND | RUNSC_CAN_DIRECT)
#define RUNSC_PROBE_CREATE  RUNSC_CAN_FS_RESTORE
#define RUNSC_PROBE_FSCHECK RUNSC_CAN_PATHS

/**
 * struct runsc - a runsc
 * @path: absolute
 * @can:  RUNSC_CAN_*, once probed
 */
struct runsc {
	char path[PATH_MAX];
	uint32_t can;
};

/**
 * runsc_find() - where it is
 * @path: its absolute path; NULL: the first executable file of that name in the directories of PATH
 * Return: 0 or a negative errno: EINVAL (AN_USAGE: path not absolute, not an executable file), ENOENT.
 */
int runsc_find(struct runsc *ret_runsc, const char *path, struct an_error *err);

/**
 * runsc_probe() - ask it what it can do
 * @wanted: RUNSC_CAN_* that matter; others may stay unknown. Each group of them costs a call of runsc, side by side.
 * Return: 0 or a negative errno: ENOEXEC: it is no runsc.
 */
int runsc_probe(struct runsc *runsc, uint32_t wanted, struct an_error *err);

/** runsc_is_dynamic() - does it need shared libraries? Then it can't start itself again inside its own root. */
bool runsc_is_dynamic(const struct runsc *runsc);

/* Subcommands. */
enum runsc_verb {
	RUNSC_CREATE,
	RUNSC_START,
	RUNSC_CHECKPOINT,
	RUNSC_FSCHECKPOINT,
	RUNSC_RESTORE,
	RUNSC_STATE,
	RUNSC_DELETE,
	RUNSC_VERB_COUNT,
};

/** runsc_label() - "runsc create" and so on, for errors. */
const char *runsc_label(enum runsc_verb verb);

/**
 * struct runsc_call - one call
 * @runsc:          which, probed
 * @root:           -root: directory of its own state
 * @globals:        further words before the subcommand, NULL-terminated; may be NULL
 * @id:             name of the container
 * @bundle:         create, restore: directory of config.json, absolute
 * @pid_file:       create, restore: where to write the sandbox's process id; may be NULL
 * @image:          checkpoint, fscheckpoint, restore: directory of the snapshot
 * @fs_image:       create: directory of a filesystem snapshot; may be NULL
 * @paths:          fscheckpoint: [@n_paths] mount points to save, at most RUNSC_PATHS_MAX
 * @no_background:  restore: read the whole image before returning
 * @no_direct:      restore: by way of the page cache
 * @ignore_cgroups: leave control groups alone: the sandbox stays in the caller's
 * @force:          delete: even while it runs
 */
struct runsc_call {
	const struct runsc *runsc;
	const char *root;
	const char *const *globals;
	const char *id;
	const char *bundle;
	const char *pid_file;
	const char *image;
	const char *fs_image;
	const char *const *paths;
	size_t n_paths;
	bool no_background;
	bool no_direct;
	bool ignore_cgroups;
	bool force;
};

#define RUNSC_PATHS_MAX 16
#define RUNSC_ARGS_MAX	(32 + 2 * RUNSC_PATHS_MAX)

/** struct runsc_args - a NULL-terminated argument vector; the words belong to the call */
struct runsc_args {
	const char *argv[RUNSC_ARGS_MAX];
	size_t n;
};

/** runsc_args_build() - words for a call; flags that this runsc doesn't have are left out. */
void runsc_args_build(struct runsc_args *ret_args, enum runsc_verb verb, const struct runsc_call *call);

/**
 * runsc_cgroups_usable() - may control groups be made here?
 * Not in an unprivileged pod (mounted read-only), nor under `ip netns exec` (a fresh /sys hides them).
 * @root: where they are mounted, "/sys/fs/cgroup"
 */
bool runsc_cgroups_usable(const char *root);

#endif
