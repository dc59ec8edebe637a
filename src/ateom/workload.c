/* SPDX-License-Identifier: Apache-2.0 */
/* The one actor of the worker: what start and checkpoint share, and how it is taken away. */
#include "ateom/workload.h"

#include "ateom/children.h"
#include "ateom/job.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/siphash.h"
#include "base/text.h"
#include "netns/netns.h"

#include <stdio.h>
#include <string.h>

#define WORKLOAD_EXIT_MS   10000U
#define WORKLOAD_TIDY_US   2000U /* a call that comes meanwhile waits so long */
#define WORKLOAD_SIDE_MAX  4	 /* commands side by side */
#define WORKLOAD_NAME_HASH "ateom:"

void stages_end(struct stages *stages, const char *name)
{
	struct rpc_reply *reply = stages->reply;
	uint64_t now = clock_us(), us = now - stages->since_us;
	size_t i = 0;

	stages->since_us = now;
	while (i < reply->n_timings && strcmp(reply->timings[i].name, name) != 0)
		i++;
	if (i == RPC_TIMINGS_MAX)
		return;
	if (i == reply->n_timings)
		reply->timings[reply->n_timings++] = (struct rpc_timing){ .name = name };
	reply->timings[i].us += us;
}

void workload_name(const char *key, char ret_name[static WORKLOAD_NAME_MAX])
{
	/* No secret: two actors never are on one worker, so nothing is won by names that collide. */
	static const uint8_t hash_key[16] = { 0 };
	uint8_t hash[16];
	struct text out;

	if (an_actor_name_check(key, NULL) == 0) {
		text_copy(ret_name, WORKLOAD_NAME_MAX, key);
		return;
	}
	siphash128(hash_key, key, strlen(key), hash);
	out = text_over(ret_name, WORKLOAD_NAME_MAX);
	text_add(&out, WORKLOAD_NAME_HASH);
	for (size_t i = 0; i < sizeof(hash); i++)
		text_add(&out, "%02x", hash[i]);
}

/* An actor that an earlier process left: first what runs in its namespace, then its network. */
static int workload_sweep(struct workload *w, const struct an_actor_info *info, struct an_error *err)
{
	_cleanup_fd_ int fd = netns_open(info->netns, NULL);
	uint64_t inode;
	int r = 0;

	log_say(LOG_LEVEL_WARN, "actor %s was left by an earlier process: it is taken away", info->name);
	if (fd >= 0 && netns_inode(fd, &inode, NULL) == 0)
		r = children_end_in(inode, WORKLOAD_EXIT_MS, err);
	return r < 0 ? r : an_actor_release(w->worker, info->name, info->generation, NULL, err);
}

/* The first of the list, if there is one. */
static int workload_take_first(const struct an_actor_info *info, void *data)
{
	*(struct an_actor_info *)data = *info;
	return 1;
}

static int workload_sweep_all(struct workload *w, struct an_error *err)
{
	struct an_actor_info info = { .size = sizeof(info) };
	int r;

	while ((r = an_actor_list(w->worker, workload_take_first, &info, err)) > 0) {
		r = workload_sweep(w, &info, err);
		if (r < 0)
			return r;
	}
	return r;
}

int workload_init(struct workload *w, const struct args *args, struct follow *follow, struct an_error *err)
{
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker_spec spec = {
		.size = sizeof(spec), .netns_fd = -1, .slots = args->slots, .max = AN_KEEP
	};
	int r;

	*w = (struct workload){ .args = args,
				.follow = follow,
				.actor = { .dir.fd = -1, .guest.pidfd = -1 } };
	r = podns_init(&w->podns, args->pod_uid, err);
	if (r == 0)
		r = an_worker_up(&w->worker, &spec, &info, err);
	if (r < 0)
		return r;
	w->up = true;
	text_copy(w->worker_id, sizeof(w->worker_id), info.id);
	if (info.notice[0])
		log_say(LOG_LEVEL_WARN, "%s", info.notice);
	r = workload_sweep_all(w, err);
	return r < 0 ? r : podns_rest(&w->podns, w->worker_id, err);
}

int workload_fini(struct workload *w, struct an_error *err)
{
	int r = w->present ? workload_end(w, err) : 0, q;

	/* What is not ours, as another's worker that was in our way, is left alone. */
	if (!w->up)
		return r;
	q = podns_remove(&w->podns, r < 0 ? NULL : err);
	r = r < 0 ? r : q;
	an_worker_close(w->worker);
	w->worker = NULL;
	q = an_worker_down(-1, NULL, r < 0 ? NULL : err);
	return r < 0 ? r : q < 0 ? q : 0;
}

/* Its processes: the sandbox, and all of that root that have become our children. */
static int workload_remove_processes(struct workload *w, struct an_error *err)
{
	struct actor *actor = &w->actor;
	char root[ACTOR_DIR_PATH];
	int r;

	guest_kill(&actor->guest);
	r = children_end(actor_dir_path(&actor->dir, WORKLOAD_STATE, root), WORKLOAD_EXIT_MS, err);
	if (guest_wait(&actor->guest, WORKLOAD_EXIT_MS) < 0 && r == 0)
		r = error_set(err, AN_FAILED, ETIMEDOUT, "sandbox", "process %d does not go away",
			      actor->guest.pid);
	guest_close(&actor->guest);
	return r;
}

/*
 * runsc's state of its containers. They share nothing any more, so it goes side by side. Not a failure of ours where
 * it fails: no process is left, and the caller removes the files. One that runsc doesn't know is no error to it.
 */
static void workload_remove_containers(struct workload *w)
{
	struct job jobs[WORKLOAD_SIDE_MAX];
	struct job_spec spec = { .verb = RUNSC_DELETE, .cancel_fd = -1 };
	struct an_error err = { 0 };
	size_t n = w->actor.created;
	bool failed = false;

	while (n > 0) {
		size_t side = n < WORKLOAD_SIDE_MAX ? n : WORKLOAD_SIDE_MAX, started = 0;

		for (; started < side; started++) {
			spec.index = --n;
			if (job_start(&jobs[started], w, &spec, &err) < 0)
				break;
		}
		for (size_t i = 0; i < started; i++) {
			if (job_wait(&jobs[i], &err) < 0) {
				log_say(LOG_LEVEL_WARN, "%s: %s, ignoring", err.object, err.message);
				failed = true;
			}
			job_fini(&jobs[i]);
		}
		if (started < side) {
			log_say(LOG_LEVEL_WARN, "%s: %s, ignoring", err.object, err.message);
			failed = true;
		}
	}
	/* What runsc can't read would be in its way the next time. */
	if (failed)
		actor_dir_clear(&w->actor.dir, WORKLOAD_STATE, NULL);
	w->actor.created = 0;
}

/*
 * What a runsc that was killed in the middle of `create` leaves in root file systems and volumes, where it finds it in
 * its way the next time: the file behind the overlay, named after the sandbox (gVisor's boot.SelfFilestorePath()).
 */
static const char workload_overlay[] = ".gvisor.filestore." REQUEST_ROOT;

void workload_remove_overlay(const struct workload *w, size_t index)
{
	char below[sizeof("bundles//rootfs") + PATHS_SEGMENT_MAX];

	snprintf(below, sizeof(below), "bundles/%s/rootfs", w->actor.names[index]);
	actor_dir_remove(&w->actor.dir, below, workload_overlay);
}

void workload_remove_overlays(const struct workload *w)
{
	for (size_t i = 0; i < w->actor.n; i++)
		workload_remove_overlay(w, i);
	actor_dir_remove_each(&w->actor.dir, WORKLOAD_DURABLE, workload_overlay);
}

int workload_remove(struct workload *w, struct an_error *err)
{
	struct actor *actor = &w->actor;
	int r = workload_remove_processes(w, err), q;

	workload_remove_containers(w);
	workload_remove_overlays(w);
	follow_close_all(w->follow);
	if (actor->network) {
		/* The namespace itself goes after the answer. */
		q = an_actor_release(w->worker, actor->name, actor->info.generation, NULL,
				     r < 0 ? NULL : err);
		if (q < 0 && q != -ENOENT && q != -ESTALE)
			r = r < 0 ? r : q;
	}
	actor->network = false;
	actor_dir_close(&actor->dir);
	w->broken = w->broken || r < 0;
	return r;
}

int workload_end(struct workload *w, struct an_error *err)
{
	w->present = false;
	return workload_remove(w, err);
}

bool workload_has_state(const struct workload *w)
{
	char **files = NULL;
	size_t n = 0;

	if (actor_dir_files(&w->actor.dir, WORKLOAD_STATE, &files, &n, NULL) < 0)
		return false;
	free(files);
	return n > 0;
}

int workload_settle(struct workload *w, struct an_error *err)
{
	const char *why = "its directories were wiped while it ran";

	if (!w->present)
		return 0;
	if (!guest_runs(&w->actor.guest))
		why = "it ended by itself";
	else if (workload_has_state(w))
		return 0; /* where the actor's directories were wiped meanwhile, nothing can be done with it */
	snprintf(w->last, sizeof(w->last), "the last, %.300s, was taken away: %s", w->actor.request_key, why);
	log_say(LOG_LEVEL_WARN, "actor %s is taken away: %s", w->actor.request_key, why);
	return workload_end(w, err);
}

int workload_probe(struct workload *w, struct an_error *err)
{
	struct runsc *runsc = &w->actor.runsc;
	const struct stat *was = &w->probed_file;
	struct stat now;
	int r = 0;

	if (stat(runsc->path, &now) < 0)
		return error_errno(err, AN_FAILED, errno, runsc->path, "look at");
	if (strcmp(w->probed.path, runsc->path) != 0 || was->st_dev != now.st_dev ||
	    was->st_ino != now.st_ino || was->st_size != now.st_size ||
	    was->st_mtim.tv_sec != now.st_mtim.tv_sec || was->st_mtim.tv_nsec != now.st_mtim.tv_nsec) {
		struct runsc probed = *runsc;

		r = runsc_probe(&probed, RUNSC_PROBE_GLOBAL, err);
		if (r < 0)
			return r;
		w->probed = probed;
		w->probed_file = now;
	}
	runsc->can |= w->probed.can & RUNSC_PROBE_GLOBAL;
	return r;
}

bool workload_tidy(struct workload *w)
{
	struct an_error err = { 0 };
	int r;

	if (w->broken)
		return false;
	/* A released namespace goes with its last name, so ours moves on first. */
	if (!w->present && podns_rest(&w->podns, w->worker_id, &err) < 0)
		log_say(LOG_LEVEL_WARN, "%s: %s", err.object, err.message);
	r = an_worker_dispatch(w->worker, WORKLOAD_TIDY_US, &err);
	if (r < 0)
		log_say(LOG_LEVEL_WARN, "what was put off could not be done: %s: %s", err.object,
			err.message);
	return r > 0;
}
