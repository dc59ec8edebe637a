/* SPDX-License-Identifier: Apache-2.0 */
/* Network and sandbox in one step: checkpoint and kill. */
#include "sandbox/lifecycle.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/netns.h"
#include "sandbox/image.h"
#include "sandbox/instance.h"

#include <stdio.h>

/* Memory is written at disk speed. */
#define END_CHECKPOINT_MS 600000U
/* From a finished checkpoint to the end of the sandbox, which waits for clients of its control socket. */
#define END_EXIT_MS 20000U
/* After a failed one: gVisor gives up a sandbox whose state it could not write, some milliseconds after it said so. */
#define END_FAILED_MS 1000U

/* No sandbox of ours: is there an actor at all? Return: a negative errno. */
static int end_error_none(const struct lifecycle_target *target, struct an_error *err)
{
	struct an_actor_info info = { .size = sizeof(info) };
	int r = an_actor_show(target->worker, target->actor, &info, err);

	if (r < 0)
		return r;
	error_set(err, AN_FAILED, ENOENT, target->actor, "has no sandbox");
	error_remedy(err, "it was activated without one; to take its network away: actornet release %s",
		     target->actor);
	return -ENOENT;
}

/* The actor's sandbox. Return: 1 if it runs, 0 if it has ended, or a negative errno. */
static int end_open(const struct lifecycle_target *target, struct instance *ret_instance,
		    struct an_error *err)
{
	_cleanup_fd_ int self = target->netns_fd < 0 ? netns_open_self(err) : -1;
	uint64_t inode;
	int r;

	if (target->netns_fd < 0 && self < 0)
		return self;
	r = netns_inode(self < 0 ? target->netns_fd : self, &inode, err);
	if (r < 0)
		return r;
	r = instance_open(ret_instance, inode, target->actor, err);
	if (r == 0 && !ret_instance->record.id[0]) {
		/* Whoever began to make one was cut short before. */
		rundir_remove(&ret_instance->dir);
		r = -ENOENT;
	}
	return r == -ENOENT ? end_error_none(target, err) : r;
}

/* Release the activation that the sandbox was made for; it may be gone already, by a hand that knew nothing of it. */
static int end_release(const struct lifecycle_target *target, const struct rundir_record *record,
		       struct lifecycle_info *info, struct an_error *err)
{
	struct an_error why = { 0 };
	int r;

	text_copy(info->actor.name, sizeof(info->actor.name), target->actor);
	text_copy(info->actor.slot, sizeof(info->actor.slot), record->slot);
	if (record->generation == 0)
		return 0;
	r = an_actor_release(target->worker, target->actor, record->generation, &info->actor, &why);
	if (r == 0 || r == -ENOENT || r == -ESTALE)
		return 0;
	if (err)
		*err = why;
	return r;
}

/* Take sandbox and network away. */
static int end_all(const struct lifecycle_target *target, struct instance *instance,
		   struct lifecycle_info *info, struct an_error *err)
{
	struct rundir_record record = instance->record;
	uint64_t began_us = clock_us();
	int r = instance_destroy(instance, err);

	info->sandbox_us += clock_us() - began_us;
	return r < 0 ? r : end_release(target, &record, info, err);
}

int lifecycle_kill(const struct lifecycle_target *target, struct lifecycle_info *ret_info,
		   struct an_error *err)
{
	_cleanup_(instance_close) struct instance instance = { .dir.lock = -1, .guest.pidfd = -1 };
	struct lifecycle_info info = { .actor.size = sizeof(info.actor) };
	int r = end_open(target, &instance, err);

	if (r >= 0)
		r = end_all(target, &instance, &info, err);
	if (r == 0)
		*ret_info = info;
	return r;
}

/*
 * A checkpoint that failed: the sandbox either goes on as if nothing had been, or it is broken, and then it is taken
 * away. Return: @r.
 */
static int end_checkpoint_failed(const struct lifecycle_target *target, struct instance *instance, int r,
				 struct an_error *err)
{
	struct lifecycle_info info = { .actor.size = sizeof(info.actor) };

	if (guest_wait(&instance->guest, END_FAILED_MS) < 0) {
		error_remedy(err, "the actor runs on");
		return r;
	}
	if (end_all(target, instance, &info, NULL) < 0)
		error_remedy(err, "the sandbox has ended; take the rest away: actornet kill %s",
			     target->actor);
	else
		error_remedy(err, "the sandbox has ended, and the actor is released");
	return r;
}

int lifecycle_checkpoint(const struct lifecycle_target *target, const char *image,
			 struct lifecycle_info *ret_info, struct an_error *err)
{
	_cleanup_(instance_close) struct instance instance = { .dir.lock = -1, .guest.pidfd = -1 };
	struct lifecycle_info info = { .actor.size = sizeof(info.actor) };
	uint64_t began_us = clock_us();
	char dir[PATH_MAX];
	struct runsc_call call = { .image = dir };
	int made, r = end_open(target, &instance, err);

	if (r < 0)
		return r;
	if (r == 0) {
		error_set(err, AN_FAILED, ESRCH, target->actor, "its sandbox has ended");
		error_remedy(err, "take the rest away: actornet kill %s", target->actor);
		return -ESRCH;
	}
	made = image_make(image, dir, err);
	if (made < 0)
		return made;
	r = instance_call(&instance, RUNSC_CHECKPOINT, &call, END_CHECKPOINT_MS, err);
	if (r < 0) {
		image_discard(dir, made);
		return end_checkpoint_failed(target, &instance, r, err);
	}
	/* The snapshot is complete: whatever goes wrong from here on is not its failure. The sandbox ends by itself;
	 * until it has, `runsc delete` would refuse. */
	guest_wait(&instance.guest, END_EXIT_MS);
	info.sandbox_us = clock_us() - began_us;
	r = end_all(target, &instance, &info, err);
	if (r == 0)
		*ret_info = info;
	return r;
}
