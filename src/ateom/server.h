/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server on a unix socket. The one header of the transport's that main.c needs, with rpc.h.
 *
 * Theory of operation: two threads. The loop thread owns all sockets and all of HTTP/2, and waits for nothing but
 * epoll_wait(2). The service thread runs the handlers, one call at a time (dispatch.h). Health checks and reflection
 * are answered in the loop, so they work during a call.
 */
#ifndef ATEOM_SERVER_H
#define ATEOM_SERVER_H

#include "ateom/rpc.h"

#include <actornet/error.h>

#define SERVER_METHODS_MAX  16	   /* of the caller's */
#define SERVER_CONNS_MAX    128	   /* beyond that the one that has been idle longest makes room */
#define SERVER_STREAMS_MAX  256	   /* open calls of all connections */
#define SERVER_HANDSHAKE_MS 10000U /* from accept to the client's settings */
#define SERVER_REQUEST_MS   30000U /* from a request's headers to its end; as long an answer may go unread */

struct server;

/**
 * struct server_spec - what to serve
 * @path:         of the socket; see listen_open()
 * @methods, @n_methods: who answers what; must outlive the server
 * @after:        called in the service thread once a reply has been written to its socket (or its caller has gone), for
 *                work put off, and again while it returns true and no call waits; may be NULL
 * @data:         for @after
 * @handshake_ms, @request_ms: time limits; 0: the usual ones
 */
struct server_spec {
	const char *path;
	const struct rpc_method *methods;
	size_t n_methods;
	bool (*after)(void *data);
	void *data;
	unsigned int handshake_ms, request_ms;
};

/**
 * server_start() - listen, and serve in two threads of its own
 * Both have all signals blocked.
 *
 * Return: 0 or a negative errno, then nothing is left of it.
 */
int server_start(struct server **ret_server, const struct server_spec *spec, struct an_error *err);

/**
 * server_stop() - serve no more; returns at once, from any thread, more than once does no harm
 * The socket goes, clients get GOAWAY, calls that wait get UNAVAILABLE. The one that runs finds its cancel_fd readable
 * and ends in its own time; its reply is delivered.
 */
void server_stop(struct server *server);

/** server_serving() - what health checks hear: NOT_SERVING from the start until told otherwise. From any thread. */
void server_serving(struct server *server, bool serving);

/** server_fd() - readable once all that server_stop() began is over. Return: a descriptor, the server's own. */
int server_fd(const struct server *server);

/** server_free() - stop, wait until it is over, free it; NULL does nothing. */
void server_free(struct server *server);

#endif
