/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: a socket and an nghttp2 session. For the loop thread alone.
 *
 * A connection never frees itself: it becomes over, and the loop closes it at the end of its turn, when no event of
 * that turn can name it any more.
 */
#ifndef ATEOM_HTTP2_H
#define ATEOM_HTTP2_H

#include "ateom/dispatch.h"

#include <nghttp2/nghttp2.h>

#define HTTP2_STREAMS_MAX 100	     /* at once on a connection, as gRPC's servers have it */
#define HTTP2_HELD_MAX	  (1U << 20) /* bytes of requests and answers in memory, of all connections */
#define HTTP2_HELD_MUCH	  (64U << 10)
#define HTTP2_NEVER	  UINT64_MAX

struct stream;

/**
 * enum route_kind - how a method is answered
 * @ROUTE_SERVICE: one message, in the service thread
 * @ROUTE_LOCAL:   one message, at once, in the loop
 * @ROUTE_EACH:    each message of a stream of them, likewise
 */
enum route_kind {
	ROUTE_SERVICE,
	ROUTE_LOCAL,
	ROUTE_EACH,
};

struct route {
	struct rpc_method method;
	enum route_kind kind;
};

/**
 * struct http2_host - what all connections of a server share
 * @streams_max: of all connections
 * @n_streams:   now
 * @held:        bytes of requests and unread answers in memory
 * @held_much:   they have been so many that memory is to be given back once they are gone
 * @ending:      takes no more calls
 */
struct http2_host {
	const struct route *routes;
	size_t n_routes;
	struct dispatch *dispatch;
	uint64_t handshake_us, request_us;
	unsigned int streams_max, n_streams;
	size_t held;
	bool held_much, ending;
};

/**
 * struct http2 - a connection
 * @out, @n_out:  what the session gave us to send and the socket did not take yet
 * @streams:      those that are open
 * @deadline_us:  of the handshake, later of a peer that reads nothing
 * @idle_us:      since when it has no stream, where it has none
 * @used:         it has had one
 * @ready:        the client's settings have come
 * @blocked:      the socket takes no more for now
 * @dead:         peer gone, or what it sent is beyond repair
 * @evicted:      to be closed for another's sake
 * @watching:     events that the loop waits for on it; the loop's
 * @next:         the loop's
 */
struct http2 {
	struct http2_host *host;
	int fd;
	nghttp2_session *session;
	const uint8_t *out;
	size_t n_out;
	struct stream *streams;
	uint64_t deadline_us, idle_us;
	bool used, ready, blocked, dead, evicted;
	uint32_t watching;
	struct http2 *next;
};

/** http2_open() - take over an accepted, non-blocking socket. Return: NULL where memory is short, then it is closed. */
struct http2 *http2_open(struct http2_host *host, int fd, uint64_t now_us);
/** http2_read() - take in what the peer sent, a bounded piece of it a turn. */
void http2_read(struct http2 *conn);
/** http2_flush() - send what there is to send, as far as the socket takes it. */
void http2_flush(struct http2 *conn);
/** http2_expire() - do what is due by now. Return: when it is to be called next, or HTTP2_NEVER. */
uint64_t http2_expire(struct http2 *conn, uint64_t now_us);
/** http2_end() - take no more calls: GOAWAY; what was not called yet is answered with UNAVAILABLE. */
void http2_end(struct http2 *conn);
/** http2_evict() - it has no stream: close it at the end of the turn, with a GOAWAY if the socket takes it. */
void http2_evict(struct http2 *conn);
/** http2_over() - is there nothing left to do on it? */
bool http2_over(const struct http2 *conn);
/** http2_close() - close it and free it. Calls of it that are under way are cancelled and lose their owner. */
void http2_close(struct http2 *conn);

#endif
