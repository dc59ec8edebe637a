/* SPDX-License-Identifier: Apache-2.0 */
/* The service thread: one call at a time, in the order in which they came. */
#include "ateom/dispatch.h"

#include "ateom/thread.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>

#define DISPATCH_STACK	 (1U << 20) /* bytes; a handler may use a quarter without thinking */
#define DISPATCH_SENT_MS 100	    /* after() waits no longer for a reply to be written */

/* Make an event descriptor readable; it is so already where the counter is full. */
static void event_raise(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void event_lower(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void list_push(struct dispatch_list *list, struct dispatch_call *call)
{
	call->next = NULL;
	*list->tail = call;
	list->tail = &call->next;
}

static struct dispatch_call *list_pop(struct dispatch_list *list)
{
	struct dispatch_call *call = list->head;

	if (!call)
		return NULL;
	list->head = call->next;
	if (!list->head)
		list->tail = &list->head;
	return call;
}

static void list_remove(struct dispatch_list *list, struct dispatch_call *call)
{
	struct dispatch_call **at = &list->head;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	if (!*at)
		list->tail = at;
}

int dispatch_open(struct dispatch *dispatch, struct an_error *err)
{
	pthread_condattr_t monotonic;

	*dispatch = (struct dispatch){ 0 };
	dispatch->waiting.tail = &dispatch->waiting.head;
	dispatch->done.tail = &dispatch->done.head;
	dispatch->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	dispatch->cancel_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (dispatch->done_fd < 0 || dispatch->cancel_fd < 0) {
		int r = error_errno(err, AN_FAILED, errno, "server", "make an event descriptor");

		fd_close(dispatch->done_fd);
		fd_close(dispatch->cancel_fd);
		return r;
	}
	pthread_mutex_init(&dispatch->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&dispatch->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return 0;
}

/* Wait until the loop has written the reply. With the mutex held. */
static void dispatch_await_sent(struct dispatch *dispatch)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += DISPATCH_SENT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!dispatch->sent &&
	       pthread_cond_timedwait(&dispatch->wake, &dispatch->mutex, &until) != ETIMEDOUT)
		;
}

/* Do the first call that waits, and what was put off. With the mutex held, but for handler and after(). */
static void dispatch_run(struct dispatch *dispatch)
{
	struct dispatch_call *call = list_pop(&dispatch->waiting);
	struct rpc_call request = { .body = call->body, .len = call->len, .cancel_fd = dispatch->cancel_fd };
	bool more = dispatch->after != NULL;

	dispatch->n_waiting--;
	call->state = DISPATCH_RUNNING;
	dispatch->running = call;
	event_lower(dispatch->cancel_fd);
	pthread_mutex_unlock(&dispatch->mutex);

	call->method->handler(&request, &call->reply, call->method->data);

	pthread_mutex_lock(&dispatch->mutex);
	dispatch->running = NULL;
	dispatch->sent = false;
	call->state = DISPATCH_DONE;
	list_push(&dispatch->done, call);
	event_raise(dispatch->done_fd);
	if (more)
		dispatch_await_sent(dispatch);
	while (more) {
		pthread_mutex_unlock(&dispatch->mutex);
		more = dispatch->after(dispatch->data);
		pthread_mutex_lock(&dispatch->mutex);
		more = more && !dispatch->waiting.head && !dispatch->ending;
	}
}

static void *dispatch_main(void *data)
{
	struct dispatch *dispatch = data;

	pthread_mutex_lock(&dispatch->mutex);
	while (!dispatch->ending) {
		if (dispatch->waiting.head)
			dispatch_run(dispatch);
		else
			pthread_cond_wait(&dispatch->wake, &dispatch->mutex);
	}
	dispatch->quiet = true;
	event_raise(dispatch->done_fd);
	pthread_mutex_unlock(&dispatch->mutex);
	return NULL;
}

int dispatch_start(struct dispatch *dispatch, struct an_error *err)
{
	int r = thread_start(&dispatch->thread, DISPATCH_STACK, dispatch_main, dispatch);

	if (r < 0)
		return error_errno(err, AN_FAILED, -r, "server", "start the service thread");
	dispatch->started = true;
	return 0;
}

int dispatch_submit(struct dispatch *dispatch, struct dispatch_call *call)
{
	int r = 0;

	pthread_mutex_lock(&dispatch->mutex);
	if (dispatch->ending) {
		r = -ESHUTDOWN;
	} else if (dispatch->n_waiting >= DISPATCH_QUEUE_MAX) {
		r = -EAGAIN;
	} else {
		call->state = DISPATCH_WAITING;
		list_push(&dispatch->waiting, call);
		dispatch->n_waiting++;
		pthread_cond_signal(&dispatch->wake);
	}
	pthread_mutex_unlock(&dispatch->mutex);
	return r;
}

/* A call that was not started is answered for its handler. With the mutex held. */
static void dispatch_drop(struct dispatch *dispatch, struct dispatch_call *call, enum rpc_code code,
			  const char *message)
{
	list_remove(&dispatch->waiting, call);
	dispatch->n_waiting--;
	call->reply.code = code;
	snprintf(call->reply.message, sizeof(call->reply.message), "%s", message);
	call->state = DISPATCH_DONE;
	list_push(&dispatch->done, call);
	event_raise(dispatch->done_fd);
}

void dispatch_cancel(struct dispatch *dispatch, struct dispatch_call *call, enum rpc_code code,
		     const char *message)
{
	pthread_mutex_lock(&dispatch->mutex);
	if (call->state == DISPATCH_WAITING)
		dispatch_drop(dispatch, call, code, message);
	else if (call->state == DISPATCH_RUNNING)
		event_raise(dispatch->cancel_fd);
	pthread_mutex_unlock(&dispatch->mutex);
}

struct dispatch_call *dispatch_take(struct dispatch *dispatch)
{
	struct dispatch_call *call;

	pthread_mutex_lock(&dispatch->mutex);
	call = list_pop(&dispatch->done);
	if (!call)
		event_lower(dispatch->done_fd);
	pthread_mutex_unlock(&dispatch->mutex);
	return call;
}

void dispatch_sent(struct dispatch *dispatch)
{
	pthread_mutex_lock(&dispatch->mutex);
	/* Not yet for one that came in the meantime. */
	if (!dispatch->done.head && !dispatch->sent) {
		dispatch->sent = true;
		pthread_cond_signal(&dispatch->wake);
	}
	pthread_mutex_unlock(&dispatch->mutex);
}

void dispatch_end(struct dispatch *dispatch)
{
	pthread_mutex_lock(&dispatch->mutex);
	dispatch->ending = true;
	while (dispatch->waiting.head)
		dispatch_drop(dispatch, dispatch->waiting.head, RPC_UNAVAILABLE, "the server is ending");
	if (dispatch->running)
		event_raise(dispatch->cancel_fd);
	pthread_cond_signal(&dispatch->wake);
	pthread_mutex_unlock(&dispatch->mutex);
}

bool dispatch_quiet(struct dispatch *dispatch)
{
	bool quiet;

	pthread_mutex_lock(&dispatch->mutex);
	quiet = dispatch->quiet && !dispatch->done.head;
	pthread_mutex_unlock(&dispatch->mutex);
	return quiet;
}

void dispatch_close(struct dispatch *dispatch)
{
	struct dispatch_call *call;

	dispatch_end(dispatch);
	if (dispatch->started)
		pthread_join(dispatch->thread, NULL);
	while ((call = dispatch_take(dispatch)) != NULL)
		dispatch_call_free(call);
	pthread_cond_destroy(&dispatch->wake);
	pthread_mutex_destroy(&dispatch->mutex);
	fd_close(dispatch->done_fd);
	fd_close(dispatch->cancel_fd);
}

void dispatch_call_free(struct dispatch_call *call)
{
	if (!call)
		return;
	free(call->body);
	free(call->reply.body);
	free(call);
}
