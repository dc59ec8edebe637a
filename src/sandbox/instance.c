/* SPDX-License-Identifier: Apache-2.0 */
/* One sandbox of one actor: its run directory, its process, and the runsc that made it. */
#include "sandbox/instance.h"

#include "base/error.h"
#include "base/text.h"
#include "sandbox/spawn.h"

#include <errno.h>
#include <sys/stat.h>

#define INSTANCE_EXIT_MS   10000U
#define INSTANCE_DELETE_MS 30000U

static void instance_init(struct instance *instance)
{
	*instance = (struct instance){ .dir.lock = -1, .guest.pidfd = -1, .cancel_fd = -1 };
}

/* Paths and record, the directory being open. Return: as guest_open(). */
static int instance_load(struct instance *instance, struct an_error *err)
{
	rundir_path(&instance->dir, RUNDIR_RUNSC, instance->root);
	rundir_path(&instance->dir, RUNDIR_PID, instance->pid_file);
	/* Without a record no sandbox was made yet: it is written before. */
	if (rundir_record_read(&instance->dir, &instance->record) < 0)
		return 0;
	text_copy(instance->runsc.path, sizeof(instance->runsc.path), instance->record.runsc);
	return guest_open(&instance->guest, instance->pid_file, instance->root, err);
}

int instance_claim(struct instance *ret_instance, uint64_t inode, const char *actor, struct an_error *err)
{
	struct instance instance;
	int r;

	for (;;) {
		instance_init(&instance);
		r = rundir_make(&instance.dir, inode, actor, err);
		if (r < 0)
			return r;
		if (r == 1)
			break;
		r = instance_load(&instance, err);
		if (r == 1) {
			error_set(err, AN_CONFLICT, EEXIST, actor, "has a sandbox already, process %d",
				  instance.guest.pid);
			error_remedy(err, "take it away first: actornet kill %s", actor);
			r = -EEXIST;
		}
		if (r == 0)
			r = instance_destroy(&instance, err);
		instance_close(&instance);
		if (r < 0)
			return r;
	}
	rundir_path(&instance.dir, RUNDIR_RUNSC, instance.root);
	rundir_path(&instance.dir, RUNDIR_PID, instance.pid_file);
	if (mkdir(instance.root, 0700) < 0 && errno != EEXIST) {
		r = error_errno(err, AN_FAILED, errno, instance.root, "make directory");
		rundir_remove(&instance.dir);
		return r;
	}
	*ret_instance = instance;
	return 0;
}

int instance_open(struct instance *ret_instance, uint64_t inode, const char *actor, struct an_error *err)
{
	struct instance instance;
	int r;

	instance_init(&instance);
	r = rundir_open(&instance.dir, inode, actor, err);
	if (r < 0)
		return r;
	r = instance_load(&instance, err);
	if (r < 0)
		instance_close(&instance);
	else
		*ret_instance = instance;
	return r;
}

void instance_close(struct instance *instance)
{
	guest_close(&instance->guest);
	rundir_close(&instance->dir);
}

int instance_call(struct instance *instance, enum runsc_verb verb, struct runsc_call *call,
		  unsigned int timeout_ms, struct an_error *err)
{
	struct runsc_args args;
	struct spawn_spec spec = {
		.argv = args.argv,
		.label = runsc_label(verb),
		.container = instance->container,
		.adopt = verb == RUNSC_CREATE && instance->container,
		.cancel_fd = verb == RUNSC_DELETE ? -1 : instance->cancel_fd,
		.timeout_ms = timeout_ms,
	};

	call->runsc = &instance->runsc;
	call->root = instance->root;
	call->id = instance->record.id;
	runsc_args_build(&args, verb, call);
	return spawn_run(&spec, err);
}

/* Is there still a runsc, the one that made it or another? */
static bool instance_has_runsc(struct instance *instance)
{
	struct runsc other;

	if (runsc_find(&other, instance->record.runsc, NULL) < 0 && runsc_find(&other, NULL, NULL) < 0)
		return false;
	instance->runsc = other;
	return true;
}

int instance_destroy(struct instance *instance, struct an_error *err)
{
	struct runsc_call call = { .force = true };
	int r = 0;

	/* A create that was cut short may have left a process that we haven't seen yet. */
	if (instance->guest.pidfd < 0 && instance->record.id[0])
		guest_open(&instance->guest, instance->pid_file, instance->root, NULL);
	guest_kill(&instance->guest);
	if (guest_wait(&instance->guest, INSTANCE_EXIT_MS) < 0) {
		error_set(err, AN_FAILED, ETIMEDOUT, instance->dir.path,
			  "process %d of the sandbox does not go away", instance->guest.pid);
		error_remedy(err,
			     "does process 1 here reap its children? A container needs an init that does");
		return -ETIMEDOUT;
	}
	/* The sandbox's file server ends with it, and must be reaped as well. */
	if (instance->reaper)
		guest_reap_all(INSTANCE_EXIT_MS);
	/* With -force an unknown one is no error. All that runsc keeps elsewhere is a control group, so where it has
	 * gone itself since, the sandbox can still be taken away. */
	if (instance->record.id[0] && instance_has_runsc(instance))
		r = instance_call(instance, RUNSC_DELETE, &call, INSTANCE_DELETE_MS, err);
	if (r == 0)
		rundir_remove(&instance->dir);
	return r;
}
