/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call on a connection: an HTTP/2 stream.
 *
 *	ASKING --- request whole ---> CALLED --- reply ---> ANSWERED
 *	   \---------- refused, or answered in the loop ------^
 *
 * From ANSWERED on what the client sends is ignored. A stream may close in any state; a call that is under way then is
 * cancelled, and goes on without it.
 */
#ifndef ATEOM_STREAM_H
#define ATEOM_STREAM_H

#include "ateom/grpc.h"
#include "ateom/http2.h"

#define STREAM_UNKNOWN 128 /* bytes of an error's text with a method's path */

enum stream_state {
	STREAM_ASKING,
	STREAM_CALLED,
	STREAM_ANSWERED,
};

/**
 * struct stream_status - how a call ended, until it can be sent
 * @message: encoded, malloc()ed; may be NULL
 */
struct stream_status {
	enum rpc_code code;
	char *message;
	uint64_t elapsed_us;
	struct rpc_timing timings[RPC_TIMINGS_MAX];
	size_t n_timings;
};

/**
 * struct stream - a call
 * @route:       who answers; NULL: nobody, and @unknown says so
 * @post, @grpc: what the headers said
 * @encoded:     "grpc-encoding" names a compression
 * @bad_timeout: "grpc-timeout" is there and wrong
 * @reader:      the request
 * @body, @len:  its one message, once it is whole
 * @ended:       the client has sent all
 * @call:        while CALLED
 * @expired:     the deadline has passed
 * @deadline_us: the client's
 * @limit_us:    ours, for the request to come and the answer to be taken
 * @whole_us:    when the request was whole
 * @out, @n_out, @sent: answer messages with their prefixes, and how much of them has been handed on
 * @held:        bytes of request and answer, as counted in the host's
 * @unread:      bytes that came and that the client was not told that it may replace
 * @headed:      the response has begun
 * @status:      once ANSWERED
 * @prev, @next: of the connection's
 */
struct stream {
	struct http2 *conn;
	int32_t id;
	enum stream_state state;
	const struct route *route;
	char unknown[STREAM_UNKNOWN];
	bool post, grpc, encoded, bad_timeout;
	struct grpc_reader reader;
	uint8_t *body;
	size_t len;
	bool ended;
	struct dispatch_call *call;
	bool expired;
	uint64_t deadline_us, limit_us, whole_us;
	uint8_t *out;
	size_t n_out, sent, held, unread;
	bool headed;
	struct stream_status status;
	struct stream *prev, *next;
};

/** stream_open() - a client has opened it. Return: 0, -EBUSY (too many) or -ENOMEM. */
int stream_open(struct http2 *conn, int32_t id);
/** stream_header() - one of the request's headers. */
void stream_header(struct stream *stream, const nghttp2_rcbuf *name, const nghttp2_rcbuf *value);
/** stream_begin() - all headers are there. */
void stream_begin(struct stream *stream);
/** stream_data() - bytes of the request. */
void stream_data(struct stream *stream, const uint8_t *data, size_t size);
/** stream_end() - the request is whole. */
void stream_end(struct stream *stream);
/** stream_reply() - answer with what the handler said. */
void stream_reply(struct stream *stream, const struct rpc_reply *reply);
/** stream_refuse() - answer with an error, unless it is answered. */
void stream_refuse(struct stream *stream, enum rpc_code code, const char *message);
/** stream_expire() - do what is due by now. Return: when the next thing is, or HTTP2_NEVER. */
uint64_t stream_expire(struct stream *stream, uint64_t now_us);
/** stream_close() - it is closed, for whatever reason; free it. */
void stream_close(struct stream *stream);

#endif
