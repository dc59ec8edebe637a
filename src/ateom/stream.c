/* SPDX-License-Identifier: Apache-2.0 */
/* One call on a connection: an HTTP/2 stream. */
#include "ateom/stream.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define STREAM_UNREAD_MAX (256U << 10) /* bytes of answers that a client may leave unread and ask for more */
#define STREAM_SMALL	  4096	       /* bytes of a request that always has room */
#define STREAM_HEADERS	  (6 + RPC_TIMINGS_MAX)
#define STREAM_WORD	  48 /* bytes of a number, or a name made here */

int stream_open(struct http2 *conn, int32_t id)
{
	struct stream *stream;

	if (conn->host->ending || conn->host->n_streams >= conn->host->streams_max)
		return -EBUSY;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->conn = conn;
	stream->id = id;
	stream->deadline_us = HTTP2_NEVER;
	stream->limit_us = clock_us() + conn->host->request_us;
	stream->next = conn->streams;
	if (stream->next)
		stream->next->prev = stream;
	conn->streams = stream;
	conn->used = true;
	conn->host->n_streams++;
	nghttp2_session_set_stream_user_data(conn->session, id, stream);
	return 0;
}

void stream_close(struct stream *stream)
{
	struct http2 *conn = stream->conn;

	if (stream->call) {
		stream->call->owner = NULL;
		dispatch_cancel(conn->host->dispatch, stream->call, RPC_CANCELLED, "the caller has gone");
	}
	if (stream->prev)
		stream->prev->next = stream->next;
	else
		conn->streams = stream->next;
	if (stream->next)
		stream->next->prev = stream->prev;
	conn->idle_us = clock_us();
	conn->host->held -= stream->held;
	conn->host->n_streams--;
	grpc_reader_fini(&stream->reader);
	free(stream->body);
	free(stream->out);
	free(stream->status.message);
	free(stream);
}

/* Count what it holds in memory. Return: is there room for it, of all that have some? */
static bool stream_weigh(struct stream *stream)
{
	struct http2_host *host = stream->conn->host;
	size_t request = stream->body || stream->call ? stream->len : 0;

	host->held -= stream->held;
	stream->held = request + stream->reader.len + stream->n_out;
	host->held += stream->held;
	host->held_much |= host->held > HTTP2_HELD_MUCH;
	return host->held <= HTTP2_HELD_MAX;
}

/* Let the client send on, unless it has answers to read first. */
static void stream_consume(struct stream *stream)
{
	if (stream->unread == 0 || (stream->state == STREAM_ASKING && stream->n_out > 0))
		return;
	nghttp2_session_consume_stream(stream->conn->session, stream->id, stream->unread);
	stream->unread = 0;
}

/* -- The answer -------------------------------------------------------------------------------------------------- */

/* Headers being put together; nghttp2 copies them. */
struct stream_headers {
	nghttp2_nv nv[STREAM_HEADERS];
	char numbers[STREAM_HEADERS][STREAM_WORD], names[RPC_TIMINGS_MAX][STREAM_WORD];
	size_t n;
};

/* @value: NULL: a number. */
static void headers_add(struct stream_headers *headers, const char *name, const char *value, uint64_t number)
{
	char *text = headers->numbers[headers->n];
	nghttp2_nv *nv = &headers->nv[headers->n++];

	if (!value)
		snprintf(text, STREAM_WORD, "%llu", (unsigned long long)number);
	nv->name = (uint8_t *)(uintptr_t)name;
	nv->namelen = strlen(name);
	nv->value = (uint8_t *)(uintptr_t)(value ? value : text);
	nv->valuelen = strlen((const char *)nv->value);
	nv->flags = NGHTTP2_NV_FLAG_NONE;
}

static void headers_add_first(struct stream_headers *headers)
{
	headers_add(headers, ":status", NULL, 200);
	headers_add(headers, "content-type", "application/grpc", 0);
}

/* What is said of how the call ended. */
static void headers_add_status(struct stream_headers *headers, const struct stream_status *status)
{
	headers_add(headers, "grpc-status", NULL, status->code);
	if (status->message)
		headers_add(headers, "grpc-message", status->message, 0);
	if (status->code == RPC_UNIMPLEMENTED)
		headers_add(headers, "grpc-accept-encoding", "identity", 0);
	headers_add(headers, "x-server-elapsed-us", NULL, status->elapsed_us);
	for (size_t i = 0; i < status->n_timings; i++) {
		snprintf(headers->names[i], STREAM_WORD, "x-server-%s-us", status->timings[i].name);
		headers_add(headers, headers->names[i], NULL, status->timings[i].us);
	}
}

/* nghttp2 asks for the next piece of the answer. */
static ssize_t stream_read(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size, uint32_t *flags,
			   nghttp2_data_source *source, void *data)
{
	struct stream *stream = source->ptr;
	size_t left = stream->n_out - stream->sent, n = left < size ? left : size;
	struct stream_headers trailers = { .n = 0 };

	(void)data;
	if (n)
		memcpy(buf, stream->out + stream->sent, n);
	stream->sent += n;
	if (stream->sent < stream->n_out)
		return (ssize_t)n;
	stream->n_out = stream->sent = 0;
	free(take_ptr(stream->out));
	stream_weigh(stream);
	stream_consume(stream);
	if (stream->state != STREAM_ANSWERED)
		return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	headers_add_status(&trailers, &stream->status);
	if (nghttp2_submit_trailer(session, id, trailers.nv, trailers.n) < 0)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return (ssize_t)n;
}

/* Begin the response, or wake it. */
static void stream_wake(struct stream *stream)
{
	nghttp2_data_provider provider = { .source.ptr = stream, .read_callback = stream_read };
	struct stream_headers headers = { .n = 0 };

	if (stream->headed) {
		nghttp2_session_resume_data(stream->conn->session, stream->id);
		return;
	}
	stream->headed = true;
	headers_add_first(&headers);
	nghttp2_submit_response(stream->conn->session, stream->id, headers.nv, headers.n, &provider);
}

/* Append a message to the answer. Return: 0 or -ENOMEM. */
static int stream_send(struct stream *stream, const uint8_t *body, size_t len)
{
	uint8_t *out;

	if (stream->sent > 0) {
		stream->n_out -= stream->sent;
		memmove(stream->out, stream->out + stream->sent, stream->n_out);
		stream->sent = 0;
	}
	out = realloc(stream->out, stream->n_out + GRPC_PREFIX + len);
	if (!out)
		return -ENOMEM;
	stream->out = out;
	grpc_prefix_build(out + stream->n_out, (uint32_t)len);
	if (len)
		memcpy(out + stream->n_out + GRPC_PREFIX, body, len);
	stream->n_out += GRPC_PREFIX + len;
	stream_weigh(stream);
	stream_wake(stream);
	return 0;
}

/* The answer is complete; from now on it is the client who must take it in time. */
static void stream_answered(struct stream *stream, uint64_t now_us)
{
	stream->state = STREAM_ANSWERED;
	stream->deadline_us = HTTP2_NEVER;
	stream->limit_us = now_us + stream->conn->host->request_us;
	grpc_reader_fini(&stream->reader);
	free(take_ptr(stream->body));
	stream_weigh(stream);
}

/* End the answer with a status; without a message before it, it is the whole answer ("Trailers-Only"). */
static void stream_finish(struct stream *stream, enum rpc_code code, const char *message)
{
	struct stream_status *status = &stream->status;
	struct stream_headers headers = { .n = 0 };
	char encoded[GRPC_TEXT_MAX];
	uint64_t now_us = clock_us();

	status->code = code;
	/* A status without its text is better than none. */
	if (code != RPC_OK && grpc_message_encode(message, encoded) > 0)
		status->message = strdup(encoded);
	status->elapsed_us = stream->whole_us ? now_us - stream->whole_us : 0;
	stream_answered(stream, now_us);
	if (stream->headed) {
		stream_wake(stream);
		return;
	}
	stream->headed = true;
	headers_add_first(&headers);
	headers_add_status(&headers, status);
	nghttp2_submit_response(stream->conn->session, stream->id, headers.nv, headers.n, NULL);
}

void stream_refuse(struct stream *stream, enum rpc_code code, const char *message)
{
	if (stream->state != STREAM_ANSWERED)
		stream_finish(stream, code, message);
}

/* Not gRPC at all: answered as HTTP has it, for whoever looks in with a browser. */
static void stream_refuse_http(struct stream *stream, unsigned int http_status)
{
	struct stream_headers headers = { .n = 0 };

	stream_answered(stream, clock_us());
	stream->headed = true;
	headers_add(&headers, ":status", NULL, http_status);
	nghttp2_submit_response(stream->conn->session, stream->id, headers.nv, headers.n, NULL);
}

void stream_reply(struct stream *stream, const struct rpc_reply *reply)
{
	enum rpc_code code = reply->code;

	stream->call = NULL;
	/* A handler that stopped at its cancel_fd can't tell why it was raised; here it is known. */
	if (code == RPC_CANCELLED && stream->expired)
		code = RPC_DEADLINE_EXCEEDED;
	else if (code == RPC_CANCELLED && stream->conn->host->ending)
		code = RPC_UNAVAILABLE;
	stream->status.n_timings = reply->n_timings < RPC_TIMINGS_MAX ? reply->n_timings : RPC_TIMINGS_MAX;
	memcpy(stream->status.timings, reply->timings, sizeof(reply->timings));
	stream->state = STREAM_ANSWERED;
	if (code == RPC_OK && stream_send(stream, reply->body, reply->len) < 0)
		stream_finish(stream, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	else
		stream_finish(stream, code, reply->message);
}

/* -- The request ------------------------------------------------------------------------------------------------- */

static bool text_is(const nghttp2_vec *text, const char *wanted)
{
	return text->len == strlen(wanted) && memcmp(text->base, wanted, text->len) == 0;
}

static void stream_find_route(struct stream *stream, const nghttp2_vec *path)
{
	const struct http2_host *host = stream->conn->host;

	snprintf(stream->unknown, sizeof(stream->unknown), "unknown method %.*s", (int)path->len,
		 (const char *)path->base);
	for (size_t i = 0; i < host->n_routes; i++)
		if (text_is(path, host->routes[i].method.path))
			stream->route = &host->routes[i];
}

void stream_header(struct stream *stream, const nghttp2_rcbuf *name_buf, const nghttp2_rcbuf *value_buf)
{
	nghttp2_vec name = nghttp2_rcbuf_get_buf((nghttp2_rcbuf *)(uintptr_t)name_buf);
	nghttp2_vec value = nghttp2_rcbuf_get_buf((nghttp2_rcbuf *)(uintptr_t)value_buf);
	const char *text = (const char *)value.base;
	uint64_t timeout_us;

	if (text_is(&name, ":method")) {
		stream->post = text_is(&value, "POST");
	} else if (text_is(&name, ":path")) {
		stream_find_route(stream, &value);
	} else if (text_is(&name, "content-type")) {
		stream->grpc = grpc_content_type_ok(text, value.len);
	} else if (text_is(&name, "grpc-encoding")) {
		stream->encoded = !text_is(&value, "identity");
	} else if (text_is(&name, "grpc-timeout")) {
		if (grpc_timeout_parse(text, value.len, &timeout_us) < 0)
			stream->bad_timeout = true;
		else
			stream->deadline_us = clock_us() + timeout_us;
	}
}

void stream_begin(struct stream *stream)
{
	if (stream->state != STREAM_ASKING)
		return;
	if (!stream->post)
		stream_refuse_http(stream, 405);
	else if (!stream->grpc)
		stream_refuse_http(stream, 415);
	else if (!stream->route)
		stream_refuse(stream, RPC_UNIMPLEMENTED, stream->unknown);
	else if (stream->bad_timeout)
		stream_refuse(stream, RPC_INTERNAL, "malformed grpc-timeout");
}

/* A message that can't be read. */
static void stream_refuse_message(struct stream *stream, int r)
{
	switch (r) {
	case -EOPNOTSUPP:
		if (stream->encoded)
			stream_refuse(stream, RPC_UNIMPLEMENTED, "compressed messages are not supported");
		else
			stream_refuse(stream, RPC_INTERNAL, "a compressed message without grpc-encoding");
		return;
	case -EMSGSIZE:
		stream_refuse(stream, RPC_RESOURCE_EXHAUSTED, "the message is longer than 64 KiB");
		return;
	case -ENOMEM:
		stream_refuse(stream, RPC_RESOURCE_EXHAUSTED, "no memory for the message");
		return;
	default:
		stream_refuse(stream, RPC_INTERNAL, "the message has no valid prefix");
	}
}

/* Answer a message in the loop. */
static void stream_answer(struct stream *stream, const uint8_t *body, size_t len)
{
	const struct rpc_method *method = &stream->route->method;
	const struct http2_host *host = stream->conn->host;
	struct rpc_call call = { .body = body, .len = len, .cancel_fd = -1 };
	struct rpc_reply reply = { .code = RPC_OK };

	method->handler(&call, &reply, method->data);
	if (reply.code != RPC_OK || stream->route->kind == ROUTE_LOCAL)
		stream_reply(stream, &reply);
	else if (stream->n_out - stream->sent > STREAM_UNREAD_MAX || host->held + reply.len > HTTP2_HELD_MAX)
		stream_refuse(stream, RPC_RESOURCE_EXHAUSTED, "the answers are not read");
	else if (stream_send(stream, reply.body, reply.len) < 0)
		stream_refuse(stream, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
	free(reply.body);
}

/* Take in bytes of messages, and answer those that are whole where each has its answer. */
static void stream_take(struct stream *stream, const uint8_t *data, size_t size)
{
	while (size > 0 && stream->state == STREAM_ASKING) {
		_cleanup_free_ uint8_t *body = NULL;
		size_t len;
		int r;

		if (stream->body) {
			stream_refuse(stream, RPC_UNIMPLEMENTED, "the method takes one message");
			return;
		}
		r = grpc_reader_add(&stream->reader, &data, &size);
		if (r < 0)
			stream_refuse_message(stream, r);
		else if (!stream_weigh(stream) && stream->reader.len > STREAM_SMALL)
			stream_refuse(stream, RPC_RESOURCE_EXHAUSTED, "too many large messages at once");
		if (r <= 0 || stream->state != STREAM_ASKING)
			return;
		body = grpc_reader_take(&stream->reader, &len);
		if (stream->route->kind == ROUTE_EACH) {
			stream->limit_us = clock_us() + stream->conn->host->request_us;
			stream_answer(stream, body, len);
		} else {
			stream->body = take_ptr(body);
			stream->len = len;
		}
	}
}

void stream_data(struct stream *stream, const uint8_t *data, size_t size)
{
	stream->unread += size;
	stream_take(stream, data, size);
	stream_consume(stream);
}

/* Hand the call to the service thread. */
static void stream_call(struct stream *stream)
{
	struct dispatch_call *call = calloc(1, sizeof(*call));
	int r;

	if (!call) {
		stream_refuse(stream, RPC_RESOURCE_EXHAUSTED, "no memory for the call");
		return;
	}
	call->method = &stream->route->method;
	call->body = take_ptr(stream->body);
	call->len = stream->len;
	call->owner = stream;
	r = dispatch_submit(stream->conn->host->dispatch, call);
	if (r == 0) {
		stream->call = call;
		stream->state = STREAM_CALLED;
		stream->limit_us = HTTP2_NEVER; /* a call takes as long as it takes */
		return;
	}
	dispatch_call_free(call);
	if (r == -EAGAIN)
		stream_refuse(stream, RPC_RESOURCE_EXHAUSTED, "too many calls are waiting");
	else
		stream_refuse(stream, RPC_UNAVAILABLE, "the server is ending");
}

void stream_end(struct stream *stream)
{
	stream->ended = true;
	if (stream->state != STREAM_ASKING)
		return;
	stream->whole_us = clock_us();
	if (grpc_reader_partial(&stream->reader))
		stream_refuse(stream, RPC_INTERNAL, "the message is cut short");
	else if (stream->route->kind == ROUTE_EACH)
		stream_finish(stream, RPC_OK, "");
	else if (!stream->body)
		stream_refuse(stream, RPC_UNIMPLEMENTED, "the method takes one message");
	else if (stream->route->kind == ROUTE_LOCAL)
		stream_answer(stream, stream->body, stream->len);
	else
		stream_call(stream);
}

uint64_t stream_expire(struct stream *stream, uint64_t now_us)
{
	if (now_us >= stream->deadline_us && stream->state == STREAM_CALLED) {
		stream->expired = true;
		stream->deadline_us = HTTP2_NEVER;
		dispatch_cancel(stream->conn->host->dispatch, stream->call, RPC_DEADLINE_EXCEEDED,
				"the deadline passed before the call began");
	} else if (now_us >= stream->deadline_us) {
		stream_refuse(stream, RPC_DEADLINE_EXCEEDED, "the deadline has passed");
	}
	if (now_us >= stream->limit_us && stream->state == STREAM_ASKING) {
		stream_refuse(stream, RPC_DEADLINE_EXCEEDED, "the request took too long to come");
	} else if (now_us >= stream->limit_us) {
		nghttp2_submit_rst_stream(stream->conn->session, NGHTTP2_FLAG_NONE, stream->id,
					  NGHTTP2_CANCEL);
		stream->limit_us = HTTP2_NEVER;
	}
	return stream->limit_us < stream->deadline_us ? stream->limit_us : stream->deadline_us;
}
