/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service thread: one call at a time, in the order in which they came.
 *
 * Theory of operation: the loop submits calls and takes finished ones; whatever else they do with each other is told by
 * eventfd(2) and one mutex. A call is WAITING, then RUNNING, then DONE. Cancelling one that waits makes it DONE on the
 * spot; one that runs learns of it by its cancel_fd and ends in its own time, and nobody but the handler ever ends it.
 * Since one call runs at a time there is one cancel_fd: lowered before a call starts, raised only under the mutex and
 * only while the call meant is the one that runs, so that it never reaches another.
 */
#ifndef ATEOM_DISPATCH_H
#define ATEOM_DISPATCH_H

#include "ateom/rpc.h"

#include <actornet/error.h>
#include <pthread.h>

#define DISPATCH_QUEUE_MAX 128 /* calls that wait */

enum dispatch_state {
	DISPATCH_WAITING,
	DISPATCH_RUNNING,
	DISPATCH_DONE,
};

/**
 * struct dispatch_call - a call on its way
 * @method: who answers it
 * @body, @len: the request, malloc()ed, its own
 * @reply:  valid once DONE
 * @owner:  the loop's: whom the reply goes to, NULL once there is nobody
 * @state, @next: the dispatcher's
 */
struct dispatch_call {
	const struct rpc_method *method;
	uint8_t *body;
	size_t len;
	struct rpc_reply reply;
	void *owner;
	enum dispatch_state state;
	struct dispatch_call *next;
};

struct dispatch_list {
	struct dispatch_call *head, **tail;
};

/**
 * struct dispatch - the queue and its thread
 * @done_fd:   readable when there are finished calls
 * @cancel_fd: of the running call
 * @after, @data: see struct server_spec
 * @sent:      the loop has written the last reply
 * @quiet:     nothing runs, nothing waits, @after is content
 */
struct dispatch {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	int done_fd, cancel_fd;
	bool (*after)(void *data);
	void *data;
	struct dispatch_list waiting, done;
	unsigned int n_waiting;
	struct dispatch_call *running;
	bool started, ending, sent, quiet;
};

/** dispatch_open() - without its thread yet. Return: 0 or a negative errno, then it needs no dispatch_close(). */
int dispatch_open(struct dispatch *dispatch, struct an_error *err);
/** dispatch_start() - the thread, with all signals blocked. Return: 0 or a negative errno. */
int dispatch_start(struct dispatch *dispatch, struct an_error *err);
/** dispatch_submit() - queue a call; it is the dispatcher's until taken. Return: 0, -EAGAIN (full), -ESHUTDOWN. */
int dispatch_submit(struct dispatch *dispatch, struct dispatch_call *call);
/**
 * dispatch_cancel() - the call is no longer wanted
 * @code, @message: what the reply says if it has not been started
 * Any state will do. The call is still to be taken by dispatch_take().
 */
void dispatch_cancel(struct dispatch *dispatch, struct dispatch_call *call, enum rpc_code code,
		     const char *message);
/** dispatch_take() - a finished call, now the caller's to free. Return: NULL if there is none. */
struct dispatch_call *dispatch_take(struct dispatch *dispatch);
/** dispatch_sent() - replies taken so far are written, or never will be. */
void dispatch_sent(struct dispatch *dispatch);
/** dispatch_end() - no more calls: those that wait are cancelled as UNAVAILABLE, and the one that runs is told. */
void dispatch_end(struct dispatch *dispatch);
/** dispatch_quiet() - is the thread at rest for good? After dispatch_end(); done_fd tells when it changes. */
bool dispatch_quiet(struct dispatch *dispatch);
/** dispatch_close() - end, wait for the handler, free all calls. */
void dispatch_close(struct dispatch *dispatch);
/** dispatch_call_free() - free it; NULL does nothing. */
void dispatch_call_free(struct dispatch_call *call);

#endif
