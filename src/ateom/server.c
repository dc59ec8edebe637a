/* SPDX-License-Identifier: Apache-2.0 */
/* A gRPC server on a unix socket: the loop. */
#include "ateom/server.h"

#include "ateom/health.h"
#include "ateom/http2.h"
#include "ateom/listen.h"
#include "ateom/reflection.h"
#include "ateom/stream.h"
#include "ateom/thread.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

#include <malloc.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define SERVER_STACK	(256U << 10)	 /* bytes of the loop thread's */
#define SERVER_EVENTS	32		 /* a turn */
#define SERVER_ACCEPTS	16		 /* a turn */
#define SERVER_PAUSE_US UINT64_C(100000) /* the listener's, where there is no room, descriptor or memory */
#define SERVER_GRACE_US \
	UINT64_C(100000) /* a connection's to say what it wants, before others are preferred */
#define SERVER_FLUSH_US UINT64_C(1000000) /* for clients to take the last answers */
#define SERVER_LOCAL	3		  /* methods answered in the loop */

/**
 * struct server - the loop's, but for the descriptors
 * @epoll_fd:  its data is the address of what became ready: one of the members here, or a connection
 * @stop_fd:   readable: end
 * @over_fd:   readable: has ended
 * @serving:   for health checks
 * @paused:    the listener is not listened to ...
 * @resume_us: ... until then, or a connection ends
 * @flush_us:  when the last connections are closed, whatever they have not taken
 */
struct server {
	struct listen listen;
	int epoll_fd, stop_fd, over_fd;
	pthread_t thread;
	bool started;
	struct dispatch dispatch;
	struct route routes[SERVER_METHODS_MAX + SERVER_LOCAL];
	struct http2_host host;
	struct http2 *conns;
	unsigned int n_conns;
	_Atomic bool serving;
	bool paused;
	uint64_t resume_us, flush_us;
};

static int server_watch(struct server *server, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* -- Connections -------------------------------------------------------------------------------------------------- */

static void server_listen(struct server *server, bool on)
{
	struct epoll_event event = { .events = on ? EPOLLIN : 0, .data.ptr = &server->listen };

	server->paused = !on;
	epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, server->listen.fd, &event);
}

static void server_add(struct server *server, int fd, uint64_t now_us)
{
	struct http2 *conn = http2_open(&server->host, fd, now_us);

	if (!conn)
		return;
	if (server_watch(server, fd, conn) < 0) {
		http2_close(conn);
		return;
	}
	conn->watching = EPOLLIN;
	conn->next = server->conns;
	server->conns = conn;
	server->n_conns++;
}

/*
 * Who makes room for another: it has no calls, and rather one that never had any than one that has had, and rather that
 * than one whose last answer has not been taken; of its kind the one that has been idle longest. Return: NULL: none.
 */
static struct http2 *server_idlest(const struct server *server, uint64_t now_us)
{
	struct http2 *found = NULL;
	int found_rank = 0;

	for (struct http2 *conn = server->conns; conn; conn = conn->next) {
		int rank = conn->blocked ? 2 : conn->used;

		if (conn->streams || http2_over(conn) || now_us - conn->idle_us < SERVER_GRACE_US)
			continue;
		if (found && (rank > found_rank || (rank == found_rank && conn->idle_us >= found->idle_us)))
			continue;
		found = conn;
		found_rank = rank;
	}
	return found;
}

/* Somebody waits and there is no room: make some, which is there in the next turn, or see again a little later. */
static void server_make_room(struct server *server, uint64_t now_us)
{
	struct http2 *conn = server_idlest(server, now_us);

	if (conn)
		http2_evict(conn);
	server->resume_us = now_us + SERVER_PAUSE_US;
	server_listen(server, false);
}

/* Take new connections, a few a turn, so that those there are get theirs. */
static void server_accept(struct server *server, uint64_t now_us)
{
	if (server->host.ending)
		return;
	if (server->n_conns >= SERVER_CONNS_MAX)
		server_make_room(server, now_us);
	for (int i = 0; i < SERVER_ACCEPTS && server->n_conns < SERVER_CONNS_MAX; i++) {
		int fd = accept4(server->listen.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			server_add(server, fd, now_us);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		/* No descriptor, no memory: it stays readable, and would be reported in every turn. */
		if (errno != EAGAIN)
			server_make_room(server, now_us);
		return;
	}
}

/* Wait for what this connection waits for: room to send if the socket is full, and then nothing to read. */
static void server_rewatch(struct server *server, struct http2 *conn)
{
	struct epoll_event event = { .events = conn->blocked ? EPOLLOUT : EPOLLIN, .data.ptr = conn };

	if (event.events == conn->watching)
		return;
	conn->watching = event.events;
	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) < 0)
		conn->dead = true;
}

/* Out of epoll first: a child between vfork and exec holds copies of all descriptors, and the socket would go on being
 * reported, by the address of memory that is freed (epoll(7), questions and answers 6). */
static void server_drop(struct server *server, struct http2 *conn)
{
	epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
	http2_close(conn);
	server->n_conns--;
	if (server->paused)
		server->resume_us = 0;
}

/* The end of a turn: send what there is to send, let go of what is over. */
static void server_settle(struct server *server)
{
	for (struct http2 **at = &server->conns; *at;) {
		struct http2 *conn = *at;

		http2_flush(conn);
		if (!http2_over(conn))
			server_rewatch(server, conn);
		if (http2_over(conn)) {
			*at = conn->next;
			server_drop(server, conn);
		} else {
			at = &conn->next;
		}
	}
	if (server->host.held_much && server->host.held <= HTTP2_HELD_MUCH) {
		server->host.held_much = false;
		malloc_trim(0);
	}
}

/* -- The loop ------------------------------------------------------------------------------------------------------ */

/* Calls that are done: to their streams, if these are there still. */
static void server_collect(struct server *server)
{
	struct dispatch_call *call;

	while ((call = dispatch_take(&server->dispatch)) != NULL) {
		if (call->owner)
			stream_reply(call->owner, &call->reply);
		dispatch_call_free(call);
	}
}

static void server_end(struct server *server)
{
	if (server->host.ending)
		return;
	server->host.ending = true;
	epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->stop_fd, NULL);
	epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, server->listen.fd, NULL);
	listen_close(&server->listen);
	for (struct http2 *conn = server->conns; conn; conn = conn->next)
		http2_end(conn);
	dispatch_end(&server->dispatch);
}

/* Do what is due. Return: milliseconds until the next thing is, or -1, for epoll_wait(). */
static int server_expire(struct server *server)
{
	uint64_t now_us = clock_us(), next_us = HTTP2_NEVER;

	for (struct http2 *conn = server->conns; conn; conn = conn->next) {
		uint64_t due_us = http2_expire(conn, now_us);

		next_us = due_us < next_us ? due_us : next_us;
	}
	if (server->host.ending) {
		next_us = server->flush_us < next_us ? server->flush_us : next_us;
	} else if (server->paused) {
		if (now_us >= server->resume_us)
			server_listen(server, true);
		else if (server->resume_us < next_us)
			next_us = server->resume_us;
	}
	if (next_us == HTTP2_NEVER)
		return -1;
	return next_us <= now_us ? 0 : (int)((next_us - now_us) / 1000U) + 1;
}

/* Return: is all over? */
static bool server_over(struct server *server)
{
	if (!server->host.ending || !dispatch_quiet(&server->dispatch))
		return false;
	if (server->flush_us == HTTP2_NEVER)
		server->flush_us = clock_us() + SERVER_FLUSH_US;
	return !server->conns || clock_us() >= server->flush_us;
}

static void server_handle(struct server *server, const struct epoll_event *event)
{
	struct http2 *conn = event->data.ptr;

	if (event->data.ptr == &server->listen)
		server_accept(server, clock_us());
	else if (event->data.ptr == &server->dispatch)
		server_collect(server);
	else if (event->data.ptr == &server->stop_fd)
		server_end(server);
	else if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		http2_read(conn);
}

static void *server_main(void *data)
{
	struct server *server = data;
	uint64_t one = 1;

	while (!server_over(server)) {
		struct epoll_event events[SERVER_EVENTS];
		int n = epoll_wait(server->epoll_fd, events, SERVER_EVENTS, server_expire(server));

		for (int i = 0; i < n; i++)
			server_handle(server, &events[i]);
		server_expire(server);
		server_settle(server);
		dispatch_sent(&server->dispatch);
	}
	while (server->conns) {
		struct http2 *conn = server->conns;

		server->conns = conn->next;
		server_drop(server, conn);
	}
	if (write(server->over_fd, &one, sizeof(one)) < 0)
		return NULL;
	return NULL;
}

/* -- Start and stop ------------------------------------------------------------------------------------------------ */

static void server_set_routes(struct server *server, const struct server_spec *spec)
{
	const struct route local[SERVER_LOCAL] = {
		{ { "/grpc.health.v1.Health/Check", health_check, &server->serving }, ROUTE_LOCAL },
		{ { "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", reflection_answer, NULL },
		  ROUTE_EACH },
		{ { "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", reflection_answer,
		    NULL },
		  ROUTE_EACH },
	};
	size_t n = 0;

	for (; n < spec->n_methods; n++)
		server->routes[n] = (struct route){ spec->methods[n], ROUTE_SERVICE };
	memcpy(&server->routes[n], local, sizeof(local));
	server->host = (struct http2_host){
		.routes = server->routes,
		.n_routes = n + SERVER_LOCAL,
		.dispatch = &server->dispatch,
		.handshake_us =
			(spec->handshake_ms ? spec->handshake_ms : SERVER_HANDSHAKE_MS) * UINT64_C(1000),
		.request_us = (spec->request_ms ? spec->request_ms : SERVER_REQUEST_MS) * UINT64_C(1000),
		.streams_max = SERVER_STREAMS_MAX,
	};
}

static int server_prepare(struct server *server, const struct server_spec *spec, struct an_error *err)
{
	int r;

	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	server->over_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (server->epoll_fd < 0 || server->stop_fd < 0 || server->over_fd < 0)
		return error_errno(err, AN_FAILED, errno, "server", "make its descriptors");
	r = listen_open(&server->listen, spec->path, err);
	if (r < 0)
		return r;
	if (server_watch(server, server->stop_fd, &server->stop_fd) < 0 ||
	    server_watch(server, server->dispatch.done_fd, &server->dispatch) < 0 ||
	    server_watch(server, server->listen.fd, &server->listen) < 0)
		return error_errno(err, AN_FAILED, errno, "server", "watch its descriptors");
	r = dispatch_start(&server->dispatch, err);
	if (r < 0)
		return r;
	r = thread_start(&server->thread, SERVER_STACK, server_main, server);
	if (r < 0)
		return error_errno(err, AN_FAILED, -r, "server", "start the loop thread");
	server->started = true;
	return 0;
}

int server_start(struct server **ret_server, const struct server_spec *spec, struct an_error *err)
{
	struct server *server;
	int r;

	if (spec->n_methods > SERVER_METHODS_MAX)
		return error_set(err, AN_USAGE, EINVAL, "server", "more than %d methods", SERVER_METHODS_MAX);
	server = calloc(1, sizeof(*server));
	if (!server)
		return error_errno(err, AN_FAILED, ENOMEM, "server", "start");
	server->epoll_fd = server->stop_fd = server->over_fd = server->listen.fd = -1;
	server->flush_us = HTTP2_NEVER;
	r = dispatch_open(&server->dispatch, err);
	if (r < 0) {
		free(server);
		return r;
	}
	server->dispatch.after = spec->after;
	server->dispatch.data = spec->data;
	server_set_routes(server, spec);
	r = server_prepare(server, spec, err);
	if (r < 0) {
		server_free(server);
		return r;
	}
	*ret_server = server;
	return 0;
}

void server_stop(struct server *server)
{
	uint64_t one = 1;

	/* It fails where the counter is full, and then the loop has been told. */
	if (write(server->stop_fd, &one, sizeof(one)) < 0)
		return;
}

void server_serving(struct server *server, bool serving)
{
	server->serving = serving;
}

int server_fd(const struct server *server)
{
	return server->over_fd;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	if (server->started) {
		server_stop(server);
		pthread_join(server->thread, NULL);
	}
	dispatch_close(&server->dispatch);
	listen_close(&server->listen);
	fd_close(server->epoll_fd);
	fd_close(server->stop_fd);
	fd_close(server->over_fd);
	free(server);
}
