/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service ateom.Ateom: who answers its calls.
 *
 * Whatever a call comes to, its answer says how the worker is left: an actor runs on, or the worker is clean. A caller
 * that lost an answer calls again: Run and Restore are refused with the name of the actor that runs, Checkpoint with
 * what became of the last one, both as FAILED_PRECONDITION.
 */
#include "ateom/service.h"

#include "ateom.pb-c.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long each took, and from where. */
struct service_call {
	struct service *service;
	struct workload *workload;
	const struct rpc_call *call;
	struct rpc_reply *reply;
	struct request request;
	struct stages stages;
};

static const char *const service_names[] = {
	[REQUEST_RUN] = "RunWorkload",
	[REQUEST_CHECKPOINT] = "CheckpointWorkload",
	[REQUEST_RESTORE] = "RestoreWorkload",
};

static enum rpc_code service_code(const struct an_error *err)
{
	if (err->err == ECANCELED)
		return RPC_CANCELLED;
	if (err->kind == AN_USAGE)
		return err->err == ENOENT || err->err == ENOTDIR ? RPC_NOT_FOUND : RPC_INVALID_ARGUMENT;
	return RPC_INTERNAL;
}

/* Refuse, and say how the worker is left. */
static void service_fail(struct service_call *c, enum rpc_code code, const struct an_error *err)
{
	const struct workload *w = c->workload;
	struct text out = text_over(c->reply->message, sizeof(c->reply->message));

	c->reply->code = code;
	text_add(&out, "%s%s%s", err->object, err->object[0] ? ": " : "", err->message);
	/* Advice about arguments is for a command line. */
	if (!w->broken && err->kind != AN_USAGE && err->remedy[0])
		text_add(&out, "; %s", err->remedy);
	if (w->broken)
		text_add(&out, "; %s; this worker ends",
			 err->remedy[0] ? err->remedy : "it could not be cleaned");
	else if (w->present)
		text_add(&out, "; actor %s runs on", w->actor.request_key);
	else
		text_add(&out, "%s%s; the worker is clean", w->last[0] ? "; " : "", w->last);
	log_say(code == RPC_INTERNAL ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "%s: %s",
		service_names[c->request.kind], c->reply->message);
}

static bool service_cancelled(const struct rpc_call *call)
{
	struct pollfd fd = { .fd = call->cancel_fd, .events = POLLIN };

	return call->cancel_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* Wait until the worker is prepared, some milliseconds after the start. Return: is it? */
static bool service_wait(struct service *service)
{
	bool prepared;

	pthread_mutex_lock(&service->preparing);
	prepared = service->prepared;
	pthread_mutex_unlock(&service->preparing);
	return prepared;
}

/* Nothing of the workload may be looked at then. */
static bool service_preparing(struct service *service)
{
	if (pthread_mutex_trylock(&service->preparing) != 0)
		return true;
	pthread_mutex_unlock(&service->preparing);
	return false;
}

/*
 * What is refused whatever state the worker is in need not wait until it is prepared: a message that is none, and the
 * checkpoint of an actor, since none of this process's can run yet. @r: of decoding. Return: has it been answered?
 */
static bool service_refuse_early(struct service_call *c, int r, struct an_error *err)
{
	struct text out = text_over(c->reply->message, sizeof(c->reply->message));

	if ((r == 0 && c->request.kind != REQUEST_CHECKPOINT) || !service_preparing(c->service))
		return false;
	c->reply->code = r < 0 ? service_code(err) : RPC_FAILED_PRECONDITION;
	if (r == 0)
		error_set(err, AN_CONFLICT, ENOENT, c->request.key, "is not the actor that runs here");
	text_add(&out, "%s%s%s; the worker is being prepared", err->object, err->object[0] ? ": " : "",
		 err->message);
	log_say(LOG_LEVEL_WARN, "%s: %s", service_names[c->request.kind], c->reply->message);
	return true;
}

/* What is the same for all: decode, settle, see whether it is wanted still. Return: 0, or -1: it has been answered. */
static int service_begin(struct service_call *c, enum request_kind kind)
{
	struct an_error err = { 0 };
	int r;

	c->request.kind = kind;
	c->stages = (struct stages){ .reply = c->reply, .since_us = clock_us() };
	r = request_decode(&c->request, kind, c->call->body, c->call->len, &err);
	if (service_refuse_early(c, r, &err))
		return -1;
	if (!service_wait(c->service)) {
		c->reply->code = RPC_UNAVAILABLE;
		snprintf(c->reply->message, sizeof(c->reply->message),
			 "the worker could not be prepared; it ends");
		return -1;
	}
	if (r == 0)
		r = workload_settle(c->workload, &err);
	if (r == 0 && c->workload->broken)
		r = error_set(&err, AN_FAILED, EIO, "worker", "a clean-up failed before");
	if (r == 0 && service_cancelled(c->call))
		r = error_set(&err, AN_FAILED, ECANCELED, service_names[kind], "cancelled before it began");
	if (r < 0)
		service_fail(c, service_code(&err), &err);
	return r < 0 ? -1 : 0;
}

static void service_end(struct service_call *c)
{
	struct workload *w = c->workload;
	char message[64];

	if (c->reply->code == RPC_OK) {
		snprintf(message, sizeof(message), "%s timings", service_names[c->request.kind]);
		log_timings(&w->actor.labels, message, c->reply->timings, c->reply->n_timings);
	}
	request_fini(&c->request);
}

/* Run and Restore. */
static void service_start(struct service *service, enum request_kind kind, const struct rpc_call *call,
			  struct rpc_reply *ret_reply)
{
	struct service_call c = {
		.service = service, .workload = &service->workload, .call = call, .reply = ret_reply
	};
	struct an_error err = { 0 };

	if (service_begin(&c, kind) < 0) {
		service_end(&c);
		return;
	}
	if (service->workload.present) {
		error_set(&err, AN_CONFLICT, EEXIST, service_names[kind], "the worker is executing an actor");
		service_fail(&c, RPC_FAILED_PRECONDITION, &err);
	} else {
		service->workload.last[0] = '\0';
		if (workload_start(&service->workload, &c.request, call->cancel_fd, &c.stages, &err) < 0)
			service_fail(&c, service_code(&err), &err);
	}
	service_end(&c);
}

static void service_run(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	service_start(data, REQUEST_RUN, call, ret_reply);
}

static void service_restore(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	service_start(data, REQUEST_RESTORE, call, ret_reply);
}

/* The answer with the names of the files. Without memory for it the snapshot is there, but the caller can't know. */
static void service_pack_files(struct service_call *c, char **files, size_t n)
{
	Ateom__CheckpointWorkloadResponse response = ATEOM__CHECKPOINT_WORKLOAD_RESPONSE__INIT;
	struct an_error err = { 0 };

	response.snapshot_files = files;
	response.n_snapshot_files = n;
	c->reply->len = ateom__checkpoint_workload_response__get_packed_size(&response);
	c->reply->body = malloc(c->reply->len);
	if (c->reply->body) {
		ateom__checkpoint_workload_response__pack(&response, c->reply->body);
		return;
	}
	c->reply->len = 0;
	error_errno(&err, AN_FAILED, ENOMEM, "answer", "make");
	service_fail(c, RPC_INTERNAL, &err);
}

/* Which actor may be checkpointed: the one that runs. Return: 0, or -1: it has been answered. */
static int service_check_present(struct service_call *c)
{
	const struct workload *w = c->workload;
	struct an_error err = { 0 };

	if (w->present && !strcmp(w->actor.request_key, c->request.key))
		return 0;
	error_set(&err, AN_CONFLICT, ENOENT, c->request.key, "is not the actor that runs here");
	service_fail(c, RPC_FAILED_PRECONDITION, &err);
	return -1;
}

static void service_checkpoint(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	struct service *service = data;
	struct service_call c = {
		.service = service, .workload = &service->workload, .call = call, .reply = ret_reply
	};
	struct an_error err = { 0 };
	char **files = NULL;
	size_t n = 0;

	if (service_begin(&c, REQUEST_CHECKPOINT) == 0 && service_check_present(&c) == 0) {
		if (workload_checkpoint(&service->workload, &c.request, &c.stages, &files, &n, &err) < 0)
			service_fail(&c,
				     err.kind == AN_CONFLICT ? RPC_FAILED_PRECONDITION : service_code(&err),
				     &err);
		else
			service_pack_files(&c, files, n);
		free(files);
	}
	service_end(&c);
}

void service_methods(struct service *service, struct rpc_method ret_methods[static SERVICE_METHODS])
{
	ret_methods[0] = (struct rpc_method){ "/ateom.Ateom/RunWorkload", service_run, service };
	ret_methods[1] =
		(struct rpc_method){ "/ateom.Ateom/CheckpointWorkload", service_checkpoint, service };
	ret_methods[2] = (struct rpc_method){ "/ateom.Ateom/RestoreWorkload", service_restore, service };
}

bool service_after(void *data)
{
	struct service *service = data;
	uint64_t one = 1;

	if (service_preparing(service) || !service_wait(service))
		return false;
	if (!service->workload.broken)
		return workload_tidy(&service->workload);
	/* The main thread ends the process; it reads until it succeeds, so that this can't be lost. */
	return write(service->broken_fd, &one, sizeof(one)) < 0 && errno == EINTR;
}
