/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network and sandbox in one step: run and restore.
 *
 * Theory of operation: what can be wrong with the arguments is looked at first, with nothing changed yet. Then, in
 * this order, since each needs the one before: run directory (locks out others), activation (addresses inside, which
 * the sandbox takes over), bundle (names the slot's namespace), create, start or restore, and a look at whether the
 * sandbox really has the link. Undoing goes the other way round and doesn't stop at its own failures.
 */
#include "sandbox/lifecycle.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/netns.h"
#include "sandbox/bundle.h"
#include "sandbox/image.h"
#include "sandbox/instance.h"
#include "sandbox/ready.h"
#include "sandbox/takeover.h"

#include <stdio.h>
#include <string.h>

/* Longest that a call may take; an image is read at disk speed. */
#define START_CREATE_MS	 60000U
#define START_START_MS	 60000U
#define START_RESTORE_MS 600000U

#define START_CGROUPS "/sys/fs/cgroup"

/* A start under way. */
struct start {
	const struct lifecycle_spec *spec;
	uint16_t ready_port;
	const char *ready_path;
	struct runsc runsc;
	struct bundle bundle;
	struct image image;
	struct instance instance;
	int netns_fd; /* the actor's */
	bool activated;
	bool ignore_cgroups;
	struct lifecycle_info info;
};

/* What can be said without changing anything. */
static int start_check(struct start *start, struct an_error *err)
{
	const struct lifecycle_spec *spec = start->spec;
	int r = 0;

	if (spec->ready)
		r = ready_parse(spec->ready, &start->ready_port, &start->ready_path, err);
	if (r == 0)
		r = runsc_find(&start->runsc, spec->runsc, err);
	if (r == 0)
		r = bundle_load(&start->bundle, spec->bundle, err);
	if (r == 0)
		r = bundle_localize(&start->bundle, err);
	if (r == 0 && spec->image)
		r = image_open(&start->image, spec->image, err);
	return r;
}

/* The actor may be active already, and something not ours use its link: then it is not for us. */
static int start_check_free(struct start *start, struct an_error *err)
{
	const struct lifecycle_spec *spec = start->spec;
	struct an_error why = { 0 };
	_cleanup_fd_ int fd = an_actor_netns(spec->target.worker, spec->actor->name, &why);
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0) {
		if (err)
			*err = why;
		return fd;
	}
	r = takeover_in_use(fd, err);
	if (r > 0) {
		error_set(err, AN_CONFLICT, EBUSY, spec->actor->name,
			  "something uses the link of its namespace already");
		error_remedy(err, "end it (list: ss -0 -N %s), or take another actor", spec->actor->name);
		return -EBUSY;
	}
	return r;
}

/* A run directory of our own, the sandbox's name, the log. */
static int start_claim(struct start *start, struct an_error *err)
{
	const struct lifecycle_spec *spec = start->spec;
	_cleanup_fd_ int self = spec->target.netns_fd < 0 ? netns_open_self(err) : -1;
	uint64_t inode;
	int r;

	if (spec->target.netns_fd < 0 && self < 0)
		return self;
	r = netns_inode(self < 0 ? spec->target.netns_fd : self, &inode, err);
	if (r < 0)
		return r;
	r = instance_claim(&start->instance, inode, spec->actor->name, err);
	if (r < 0)
		return r;
	start->instance.cancel_fd = spec->cancel_fd;
	start->instance.container = &spec->relay->output;
	start->instance.reaper = spec->reaper;
	start->instance.runsc = start->runsc;
	rundir_path(&start->instance.dir, RUNDIR_LOG, start->info.log);
	r = relay_open(spec->relay, start->info.log, spec->actor->name);
	return r < 0 ? error_errno(err, AN_FAILED, -r, start->info.log, "begin log") : 0;
}

/* Its network. */
static int start_activate(struct start *start, struct an_error *err)
{
	const struct lifecycle_spec *spec = start->spec;
	struct an_actor_spec actor = *spec->actor;
	int r;

	actor.flags |= AN_ACTOR_SANDBOXED;
	start->info.actor.size = sizeof(start->info.actor);
	r = an_actor_activate(spec->target.worker, &actor, &start->info.actor, err);
	if (r < 0)
		return r;
	start->activated = r == 1;
	start->netns_fd = netns_open(start->info.actor.netns, err);
	return start->netns_fd < 0 ? start->netns_fd : 0;
}

/*
 * Control groups are made only for a bundle that asks for them: runsc would otherwise make one beside the worker's
 * own, out of its limits.
 */
static void start_choose_cgroups(struct start *start)
{
	const char *path = bundle_cgroups_path(&start->bundle);

	start->ignore_cgroups = !path || !runsc_cgroups_usable(START_CGROUPS);
	if (path && start->ignore_cgroups)
		snprintf(
			start->info.notice, sizeof(start->info.notice),
			"control group %.100s of the bundle is ignored: none can be made here; the sandbox stays "
			"in the caller's",
			path);
}

/* The bundle as the sandbox gets it, and the record for later commands. */
static int start_write(struct start *start, struct an_error *err)
{
	const struct an_actor_info *actor = &start->info.actor;
	const char *const nameservers[] = { actor->gateway, actor->gateway6, NULL };
	_cleanup_free_ char *resolv = bundle_resolv_conf(&start->bundle, nameservers);
	struct instance *instance = &start->instance;
	struct rundir_record *record = &instance->record;
	char path[RUNDIR_PATH];
	int r;

	if (!resolv)
		return error_errno(err, AN_FAILED, ENOMEM, actor->name, "write resolv.conf");
	/* Anyone inside may read it. */
	r = rundir_write(&instance->dir, RUNDIR_RESOLV, resolv, 0644, err);
	if (r == 0)
		r = bundle_set_netns(&start->bundle, actor->netns, err);
	if (r == 0)
		r = bundle_set_resolv_conf(&start->bundle, rundir_path(&instance->dir, RUNDIR_RESOLV, path),
					   err);
	if (r == 0)
		r = bundle_write(&start->bundle, instance->dir.path, err);
	if (r < 0)
		return r;
	text_copy(record->runsc, sizeof(record->runsc), start->runsc.path);
	text_copy(record->slot, sizeof(record->slot), actor->slot);
	record->generation = actor->generation;
	/* Unique on the machine: files in a root file system that sandboxes share, control groups and, for long paths,
	 * sockets in /run are named after it. */
	text_copy(record->id, sizeof(record->id), strrchr(actor->netns, '/') + 1);
	return rundir_record_write(&instance->dir, record, err);
}

static int start_create(struct start *start, struct an_error *err)
{
	struct instance *instance = &start->instance;
	struct runsc_call call = {
		.bundle = instance->dir.path,
		.pid_file = instance->pid_file,
		.ignore_cgroups = start->ignore_cgroups,
	};
	int r = instance_call(instance, RUNSC_CREATE, &call, START_CREATE_MS, err);

	if (r < 0) {
		/* It starts itself again inside an empty root directory. */
		if (runsc_is_dynamic(&start->runsc))
			error_remedy(
				err,
				"%s needs shared libraries; take one that doesn't (built with CGO_ENABLED=0)",
				start->runsc.path);
		return r;
	}
	r = guest_open(&instance->guest, instance->pid_file, instance->root, err);
	if (r == 0)
		return error_set(err, AN_FAILED, ESRCH, "runsc create", "the sandbox ended at once");
	start->info.pid = instance->guest.pid;
	return r < 0 ? r : 0;
}

static int start_begin(struct start *start, struct an_error *err)
{
	struct runsc_call call = { .ignore_cgroups = start->ignore_cgroups };

	if (!start->spec->image)
		return instance_call(&start->instance, RUNSC_START, &call, START_START_MS, err);
	call.bundle = start->instance.dir.path;
	call.image = start->image.dir;
	call.no_background = !start->image.background;
	call.no_direct = !start->image.direct;
	return instance_call(&start->instance, RUNSC_RESTORE, &call, START_RESTORE_MS, err);
}

/* The container's own last words are the reason. */
static int start_error_ended(const struct start *start, struct an_error *err)
{
	char tail[sizeof(err->message) - 64];

	output_drain(&start->spec->relay->output);
	output_tail(&start->spec->relay->output, tail, sizeof(tail));
	return error_set(err, AN_FAILED, ESRCH, start->spec->actor->name, "the container ended at once%s%s",
			 tail[0] ? ": " : "", tail);
}

static int start_verify(struct start *start, struct an_error *err)
{
	const struct lifecycle_spec *spec = start->spec;
	struct ready_spec ready = {
		.netns_fd = spec->target.netns_fd,
		.address = start->info.actor.outer,
		.port = start->ready_port,
		.path = start->ready_path,
		.total_ms = spec->ready_ms,
		.guest_fd = start->instance.guest.pidfd,
		.cancel_fd = spec->cancel_fd,
		.container = &spec->relay->output,
	};
	int r = takeover_check(start->netns_fd, start->info.actor.interface, err);

	if (r == 0 && spec->ready)
		r = ready_wait(&ready, err);
	if (!guest_runs(&start->instance.guest))
		return start_error_ended(start, err);
	return r;
}

/* Take back what was done; what can't be is added to the error. */
static void start_undo(struct start *start, struct an_error *err)
{
	const char *name = start->spec->actor->name;
	struct an_error why = { 0 };

	if (start->instance.dir.lock >= 0 && instance_destroy(&start->instance, &why) < 0)
		error_remedy(err, "and the sandbox is not gone: %.120s; try: actornet kill %.60s",
			     why.message, name);
	if (start->activated &&
	    an_actor_release(start->spec->target.worker, name, start->info.actor.generation, NULL, &why) < 0)
		error_remedy(err, "and its network is not gone: %.120s; try: actornet release %.60s",
			     why.message, name);
	relay_close(start->spec->relay);
}

static void start_fini(struct start *start)
{
	bundle_fini(&start->bundle);
	instance_close(&start->instance);
	start->netns_fd = fd_close(start->netns_fd);
}

int lifecycle_start(const struct lifecycle_spec *spec, struct lifecycle_info *ret_info, struct an_error *err)
{
	static int (*const steps[])(struct start *, struct an_error *) = {
		start_claim,  start_check_free, start_activate, start_write,
		start_create, start_begin,	start_verify,
	};
	_cleanup_(start_fini) struct start start = {
		.spec = spec,
		.instance = { .dir.lock = -1, .guest.pidfd = -1 },
		.netns_fd = -1,
	};
	uint64_t began_us = clock_us();
	int r = start_check(&start, err);

	if (r == 0)
		r = runsc_probe(&start.runsc, RUNSC_PROBE_GLOBAL | (spec->image ? RUNSC_PROBE_RESTORE : 0),
				err);
	if (r < 0)
		return r;
	start_choose_cgroups(&start);
	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](&start, err);
	if (r < 0) {
		start_undo(&start, err);
		return r;
	}
	spec->relay->pid = start.instance.guest.pid;
	start.info.sandbox_us = clock_us() - began_us - start.info.actor.elapsed_us;
	*ret_info = start.info;
	return 0;
}
