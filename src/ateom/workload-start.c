/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An actor is started: run afresh, or restored from a snapshot.
 *
 * Theory of operation: what can be wrong with the request is looked at first, with nothing changed yet. The network
 * comes next, since runsc joins the namespace at `create` and takes the addresses over at `start` or `restore`. Then
 * the containers in their order, but side by side as far as runsc allows it, since much of what a command takes is
 * programs that start (runsc itself, its file server, the sandbox, each more than once):
 *
 *   create root     |------------------|
 *   create second       |--waits-------|-|       for the lock that the root's `create` holds
 *   start root                         |------|
 *   start second                         |-------------|    a file server first, then the sandbox, started by then
 *
 * Each further one is created while the one before it is started. A command that has come too early all the same has
 * changed nothing, says so, and is given again. What runsc can is asked beside the root's `create`, its longest.
 */
#include "ateom/job.h"
#include "ateom/workload.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/netns.h"
#include "sandbox/bundle.h"
#include "sandbox/image.h"
#include "sandbox/ready.h"
#include "sandbox/takeover.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define START_CGROUPS "/sys/fs/cgroup"
/* Longest wait until a `create` has come as far as its lock; after that the next one comes after its end. */
#define START_BEGUN_MS 1000

/* A start under way. */
struct start {
	struct workload *w;
	const struct request *request;
	int cancel_fd;
	struct stages *stages;
	bool full;	  /* from the snapshot of the whole sandbox */
	struct job ahead; /* `create` of the container after the root */
};

static int start_check_bundles(const struct start *start, struct an_error *err)
{
	const struct actor *actor = &start->w->actor;

	for (size_t i = 0; i < actor->n; i++) {
		char below[sizeof("bundles//config.json") + PATHS_SEGMENT_MAX];
		int fd;

		snprintf(below, sizeof(below), "bundles/%s/config.json", actor->names[i]);
		fd = actor_dir_find(&actor->dir, below, S_IFREG, err);
		if (fd < 0)
			return fd;
		fd_close(fd);
	}
	return 0;
}

/* A snapshot's pages are read in the background and past the page cache, unless it can't be. */
static int start_check_image(struct start *start, struct an_error *err)
{
	struct actor *actor = &start->w->actor;
	char path[ACTOR_DIR_PATH];
	struct image image;
	int fd, r;

	if (start->request->kind != REQUEST_RESTORE)
		return 0;
	fd = actor_dir_find(&actor->dir, WORKLOAD_RESTORE, S_IFDIR, err);
	if (fd < 0)
		return fd;
	fd_close(fd);
	if (!start->full) {
		actor->fs_image = true;
		actor->runsc.can |= RUNSC_CAN_FS_RESTORE;
		return 0;
	}
	r = image_open(&image, actor_dir_path(&actor->dir, WORKLOAD_RESTORE, path), err);
	if (r < 0)
		return r;
	actor->runsc.can |=
		(image.background ? RUNSC_CAN_BACKGROUND : 0) | (image.direct ? RUNSC_CAN_DIRECT : 0);
	return 0;
}

/*
 * Control groups are made only for a bundle that asks for them, where they can be: runsc would else make one named
 * "pause", which in a pod fails, and elsewhere is outside of the worker's limits and the same for all workers. That
 * this runsc can be told so is not asked: it is older than what the contract needs of it.
 */
static void start_choose_cgroups(const struct start *start)
{
	struct actor *actor = &start->w->actor;
	_cleanup_(bundle_fini) struct bundle bundle = { .config = NULL };
	char path[ACTOR_DIR_PATH];

	actor_dir_path(&actor->dir, "bundles/" REQUEST_ROOT, path);
	/* One that can't be read is left to runsc's own words. */
	actor->ignore_cgroups = bundle_load(&bundle, path, NULL) < 0 || !bundle_cgroups_path(&bundle) ||
				!runsc_cgroups_usable(START_CGROUPS);
	actor->runsc.can |= RUNSC_CAN_IGNORE_CGROUPS;
}

/* All that can be said without changing anything. */
static int start_check(struct start *start, struct an_error *err)
{
	const struct request *request = start->request;
	struct actor *actor = &start->w->actor;
	int r;

	text_copy(actor->request_key, sizeof(actor->request_key), request->key);
	workload_name(request->key, actor->name);
	log_labels_set(&actor->labels, request->template_ns, request->template_name, request->actor_id, NULL);
	actor->fs_image = false;
	actor->created = 0;
	actor->n = 0;
	text_copy(actor->names[actor->n++], sizeof(actor->names[0]), REQUEST_ROOT);
	for (size_t i = 0; i < request->n_containers; i++)
		text_copy(actor->names[actor->n++], sizeof(actor->names[0]), request->containers[i].name);
	r = runsc_find(&actor->runsc, request->runsc_path, err);
	if (r == 0)
		r = actor_dir_open(&actor->dir, start->w->args->base_dir, request->key, err);
	if (r == 0)
		r = start_check_bundles(start, err);
	if (r == 0)
		r = start_check_image(start, err);
	if (r == 0)
		start_choose_cgroups(start);
	return r;
}

/*
 * Directories for runsc. State that an earlier process left of this actor, whose sandbox is gone with it, would be in
 * the way of `create`: then all its containers are deleted first.
 */
static int start_prepare(struct start *start, struct an_error *err)
{
	struct actor *actor = &start->w->actor;
	char **files = NULL;
	size_t n = 0;
	int r = actor_dir_make(&actor->dir, WORKLOAD_STATE, err);

	if (r == 0)
		r = actor_dir_make(&actor->dir, WORKLOAD_PIDS, err);
	if (r == 0)
		r = actor_dir_clear(&actor->dir, WORKLOAD_PIDS, err);
	if (r == 0)
		r = actor_dir_files(&actor->dir, WORKLOAD_STATE, &files, &n, err);
	free(files);
	for (size_t i = 0; n > 0 && i < actor->n && r == 0; i++) {
		struct job_spec spec = { .verb = RUNSC_DELETE, .index = i, .cancel_fd = -1 };
		struct an_error why = { 0 };

		/* State that runsc can't read, as one cut by a full disk, must not be in the way for good. */
		if (job_run(start->w, &spec, &why) < 0)
			log_say(LOG_LEVEL_WARN, "%s: %s, ignoring", why.object, why.message);
	}
	if (n > 0)
		workload_remove_overlays(start->w);
	/* Links too, which runsc would follow. */
	return r < 0 ? r : actor_dir_clear(&actor->dir, WORKLOAD_STATE, err);
}

static int start_network(struct start *start, struct an_error *err)
{
	struct workload *w = start->w;
	struct actor *actor = &w->actor;
	struct an_actor_spec spec = {
		.size = sizeof(spec),
		.name = actor->name,
		.ports = w->args->ports,
		.n_ports = w->args->n_ports,
		.egress = w->args->egress,
		.flags = AN_ACTOR_SANDBOXED,
	};
	int r;

	actor->info.size = sizeof(actor->info);
	r = an_actor_activate(w->worker, &spec, &actor->info, err);
	actor->network = r >= 0;
	/* Bundles name it, and the next step opens them. */
	if (r >= 0)
		r = podns_bind(&w->podns, actor->info.netns, err);
	stages_end(start->stages, "network");
	return r;
}

static enum runsc_verb start_verb(const struct start *start)
{
	return start->full ? RUNSC_RESTORE : RUNSC_START;
}

static int start_begin(struct start *start, struct job *job, enum runsc_verb verb, size_t index,
		       struct an_error *err)
{
	struct job_spec spec = { .verb = verb, .index = index, .cancel_fd = start->cancel_fd };

	return job_start(job, start->w, &spec, err);
}

/* Give a command while the one that must come before it is under way; start_end_early() is to follow that one's end. */
static int start_begin_early(struct start *start, struct job *job, enum runsc_verb verb, size_t index,
			     struct an_error *err)
{
	struct job_spec spec = { .verb = verb, .index = index, .early = true, .cancel_fd = start->cancel_fd };

	return job_start(job, start->w, &spec, err);
}

/* Did it come before the sandbox was there, or before that was started? Then it has changed nothing in it. */
static bool start_was_early(enum runsc_verb verb, const struct an_error *why)
{
	/* gVisor's own words, the container's last. */
	return strstr(why->message,
		      verb == RUNSC_CREATE ? "cannot load sandbox" : "subcontainer: state=created");
}

/* Wait for a command that was given early. Where it came too early it is given again, its time having come. */
static int start_end_early(struct start *start, struct job *job, enum runsc_verb verb, struct an_error *err)
{
	struct workload *w = start->w;
	size_t index = job->index;
	struct an_error why = { 0 };
	int r = job_wait(job, &why);

	if (r < 0 && start_was_early(verb, &why)) {
		log_say(LOG_LEVEL_DEBUG, "%s: came too early, once more", why.object);
		job_fini(job);
		if (verb != RUNSC_CREATE)
			workload_remove_overlay(w, index);
		r = start_begin(start, job, verb, index, &why);
		if (r == 0)
			r = job_wait(job, &why);
	}
	if (r == 0 && verb != RUNSC_CREATE)
		follow_seal(w->follow, index);
	if (r < 0 && err)
		*err = why;
	return r;
}

/* The sandbox's process, from now on. */
static int start_guest(struct start *start, struct an_error *err)
{
	struct actor *actor = &start->w->actor;
	char pid_file[ACTOR_DIR_PATH], root[ACTOR_DIR_PATH];
	int r = guest_open(&actor->guest,
			   actor_dir_path(&actor->dir, WORKLOAD_PIDS "/" REQUEST_ROOT ".pid", pid_file),
			   actor_dir_path(&actor->dir, WORKLOAD_STATE, root), err);

	if (r == 0)
		return error_set(err, AN_FAILED, ESRCH, "runsc create", "the sandbox ended at once");
	return r < 0 ? r : 0;
}

/* Wait until a `create` has something in runsc's directory. Return: it has, and goes on. */
static bool start_create_begun(const struct start *start, const struct job *create)
{
	struct pollfd fds[] = {
		{ .fd = create->child.pidfd, .events = POLLIN },
		{ .fd = start->cancel_fd, .events = POLLIN },
	};

	for (int ms = 0; ms < START_BEGUN_MS && poll(fds, 2, 1) == 0; ms++) {
		if (workload_has_state(start->w))
			return true;
	}
	return false;
}

/*
 * The sandbox, which is the root container's. What its `create` makes first is the lock on its state, for as long as it
 * runs; the next container's waits for that when it has come so far.
 */
static int start_create(struct start *start, struct an_error *err)
{
	_cleanup_(job_fini) struct job create = JOB_NONE;
	bool more = start->w->actor.n > 1, begun = false;
	int r = start_begin(start, &create, RUNSC_CREATE, 0, err);

	if (r == 0 && more)
		begun = start_create_begun(start, &create);
	if (begun)
		r = start_begin_early(start, &start->ahead, RUNSC_CREATE, 1, err);
	if (r == 0)
		r = workload_probe(start->w, err);
	if (r == 0)
		r = job_wait(&create, err);
	if (r == 0)
		r = start_guest(start, err);
	if (r == 0 && more && !begun)
		r = start_begin_early(start, &start->ahead, RUNSC_CREATE, 1, err);
	stages_end(start->stages, "create");
	return r;
}

/* Start or restore one container, and create the next meanwhile. */
static int start_one(struct start *start, size_t index, struct an_error *err)
{
	_cleanup_(job_fini) struct job launch = JOB_NONE;
	_cleanup_(job_fini) struct job create = JOB_NONE;
	bool more = index + 1 < start->w->actor.n;
	int r = start_begin(start, &launch, start_verb(start), index, err);

	if (r == 0 && more)
		r = start_begin(start, &create, RUNSC_CREATE, index + 1, err);
	if (r == 0)
		r = job_wait(&launch, err);
	if (r == 0 && more)
		r = job_wait(&create, err);
	stages_end(start->stages, start->full ? "restore" : "start");
	return r;
}

/*
 * The same of the root and the next container side by side, and the third is created. The next one's command has to
 * start a file server before it turns to the sandbox, which takes longer than all that the root's does before; and when
 * the sandbox is at the root's by then, it waits for that.
 */
static int start_first(struct start *start, struct an_error *err)
{
	_cleanup_(job_fini) struct job launch = JOB_NONE;
	_cleanup_(job_fini) struct job early = JOB_NONE;
	_cleanup_(job_fini) struct job create = JOB_NONE;
	size_t n = start->w->actor.n;
	int r = start_begin(start, &launch, start_verb(start), 0, err);

	if (r == 0 && n > 1)
		r = start_end_early(start, &start->ahead, RUNSC_CREATE, err);
	if (r == 0 && n > 1)
		r = start_begin_early(start, &early, start_verb(start), 1, err);
	if (r == 0 && n > 2)
		r = start_begin(start, &create, RUNSC_CREATE, 2, err);
	if (r == 0)
		r = job_wait(&launch, err);
	if (r == 0 && n > 1)
		r = start_end_early(start, &early, start_verb(start), err);
	if (r == 0 && n > 2)
		r = job_wait(&create, err);
	stages_end(start->stages, start->full ? "restore" : "start");
	return r;
}

/* runsc answers 0 also where the sandbox found no network to take over. */
static int start_verify(const struct start *start, struct an_error *err)
{
	const struct an_actor_info *info = &start->w->actor.info;
	_cleanup_fd_ int fd = netns_open(info->netns, err);

	return fd < 0 ? fd : takeover_check(fd, info->interface, err);
}

static int start_containers(struct start *start, struct an_error *err)
{
	int r = start_first(start, err);

	/* A root container takes the network at its start, a snapshot is loaded once all containers are there. */
	if (r == 0 && !start->full)
		r = start_verify(start, err);
	for (size_t i = 2; i < start->w->actor.n && r == 0; i++)
		r = start_one(start, i, err);
	return r == 0 && start->full ? start_verify(start, err) : r;
}

/* A container whose readiness is asked. */
struct start_watch {
	struct start *start;
	size_t index;
	bool asked, stopped;
};

static void start_state_line(const char *line, size_t len, void *data)
{
	static const char stopped[] = "\"status\": \"stopped\"";
	struct start_watch *watch = data;

	watch->stopped = watch->stopped || memmem(line, len, stopped, sizeof(stopped) - 1);
}

/* One that has closed its output may have ended: then runsc is asked, once. Return: it has. */
static bool start_hopeless(void *data, struct an_error *err)
{
	struct start_watch *watch = data;
	struct workload *w = watch->start->w;
	struct job_spec spec = {
		.verb = RUNSC_STATE,
		.index = watch->index,
		.cancel_fd = watch->start->cancel_fd,
		.line = start_state_line,
		.data = watch,
	};
	char tail[OUTPUT_TAIL_MAX * 2];

	if (watch->asked || !follow_ended(w->follow, watch->index))
		return false;
	watch->asked = true;
	if (job_run(w, &spec, NULL) < 0 || !watch->stopped)
		return false;
	job_reason(follow_tail(w->follow, watch->index, tail, sizeof(tail)));
	error_set(err, AN_FAILED, ESRCH, "readiness", "it ended%s%s", tail[0] ? ": " : "", tail);
	return true;
}

/*
 * Readiness, at the outer address, since the inner one is unknown in the worker; the request names the host as it would
 * be inside. All containers have the same time together.
 */
static int start_ready(struct start *start, struct an_error *err)
{
	const struct actor *actor = &start->w->actor;
	uint64_t end_us = clock_us() + (uint64_t)READY_TOTAL_MS * 1000U;
	int r = 0;

	for (size_t i = 0; i < start->request->n_containers && r == 0; i++) {
		const struct request_container *container = &start->request->containers[i];
		uint64_t now = clock_us();
		struct start_watch watch = { .start = start, .index = i + 1 };
		char host[sizeof(actor->info.address) + 8];
		struct ready_spec spec = {
			.netns_fd = -1,
			.address = actor->info.outer,
			.host = host,
			.port = container->ready_port,
			.path = container->ready_path,
			.total_ms = now < end_us ? (unsigned int)((end_us - now) / 1000U) : 1,
			.guest_fd = actor->guest.pidfd,
			.cancel_fd = start->cancel_fd,
			.hopeless = start_hopeless,
			.data = &watch,
		};

		if (container->ready_port == 0)
			continue;
		snprintf(host, sizeof(host), "%.*s:%u", (int)strcspn(actor->info.address, "/"),
			 actor->info.address, container->ready_port);
		r = ready_wait(&spec, err);
		if (r < 0)
			error_context(err, "container %.64s", container->name);
	}
	stages_end(start->stages, "readyz");
	return r;
}

static bool start_cancelled(const struct start *start)
{
	struct pollfd fd = { .fd = start->cancel_fd, .events = POLLIN };

	return start->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* Undo all; trouble with that is told beside the reason for it. */
static void start_undo(struct start *start, struct an_error *err)
{
	struct an_error why = { 0 };

	if (workload_remove(start->w, &why) < 0)
		error_remedy(err, "and the clean-up failed: %.64s: %.120s", why.object, why.message);
	stages_end(start->stages, "delete");
}

int workload_start(struct workload *w, const struct request *request, int cancel_fd, struct stages *stages,
		   struct an_error *err)
{
	static int (*const steps[])(struct start *, struct an_error *) = {
		start_prepare, start_network, start_create, start_containers, start_ready,
	};
	struct start start = {
		.w = w,
		.request = request,
		.cancel_fd = cancel_fd,
		.stages = stages,
		.full = request->kind == REQUEST_RESTORE && request->scope == REQUEST_FULL,
		.ahead = JOB_NONE,
	};
	const char *began = request->kind == REQUEST_RUN ? "Actor starting" : "Actor restoring";
	int r = start_check(&start, err);

	if (r < 0) {
		actor_dir_close(&w->actor.dir);
		return r;
	}
	log_event(&w->actor.labels, began);
	for (size_t i = 0; r >= 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = steps[i](&start, err);
	job_fini(&start.ahead);
	/* Who has gone by now will not know that it runs. */
	if (r >= 0 && start_cancelled(&start))
		r = error_set(err, AN_FAILED, ECANCELED, "start", "cancelled");
	if (r < 0) {
		start_undo(&start, err);
		return r;
	}
	w->present = true;
	log_event(&w->actor.labels, request->kind == REQUEST_RUN ? "Actor started" : "Actor restored");
	return 0;
}
