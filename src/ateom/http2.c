/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: a socket and an nghttp2 session. */
#include "ateom/http2.h"

#include "ateom/stream.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <sys/socket.h>

#define HTTP2_READ     16384		  /* bytes a turn */
#define HTTP2_STALL_US UINT64_C(30000000) /* a peer that takes nothing for so long is gone */

/* -- What nghttp2 tells us; "stream" is NULL for those that we did not open -------------------------------------- */

static struct stream *stream_of(nghttp2_session *session, int32_t id)
{
	return id ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct http2 *conn = data;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	/* REFUSED_STREAM: nothing was done, the client may try again (RFC 9113 8.7). */
	if (stream_open(conn, frame->hd.stream_id) < 0)
		return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
						 NGHTTP2_REFUSED_STREAM);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *data)
{
	struct stream *stream = stream_of(session, frame->hd.stream_id);

	(void)flags;
	(void)data;
	if (stream && frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		stream_header(stream, name, value);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct stream *stream = stream_of(session, frame->hd.stream_id);
	struct http2 *conn = data;

	if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK) && !conn->ready) {
		conn->ready = true;
		conn->deadline_us = HTTP2_NEVER;
	}
	if (!stream || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		stream_begin(stream);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		stream_end(stream);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
		   void *data)
{
	struct stream *stream = stream_of(session, id);

	(void)flags;
	(void)data;
	/* What the client may send on is up to us: on the connection at once, on a stream as its answers are read. */
	nghttp2_session_consume_connection(session, len);
	if (stream)
		stream_data(stream, bytes, len);
	else
		nghttp2_session_consume_stream(session, id, len);
	return 0;
}

/* An answer before the end of the request: tell the client to send no more of it (RFC 9113 8.1). */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct stream *stream = stream_of(session, frame->hd.stream_id);

	(void)data;
	if (stream && !stream->ended && frame->hd.type == NGHTTP2_HEADERS &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *data)
{
	struct stream *stream = stream_of(session, id);

	(void)error_code;
	(void)data;
	if (stream)
		stream_close(stream);
	return 0;
}

/* -- The connection ---------------------------------------------------------------------------------------------- */

/* Return: NULL where memory is short. */
static nghttp2_session *http2_session(struct http2 *conn)
{
	nghttp2_session_callbacks *callbacks;
	nghttp2_session *session = NULL;
	nghttp2_option *option;

	if (nghttp2_session_callbacks_new(&callbacks) < 0)
		return NULL;
	if (nghttp2_option_new(&option) < 0) {
		nghttp2_session_callbacks_del(callbacks);
		return NULL;
	}
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_no_auto_window_update(option, 1);
	/* Streams opened and reset in haste (CVE-2023-44487) are limited by nghttp2: 1,000, then 33 a second. */
	if (nghttp2_session_server_new2(&session, callbacks, conn, option) < 0)
		session = NULL;
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return session;
}

struct http2 *http2_open(struct http2_host *host, int fd, uint64_t now_us)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX },
	};
	struct http2 *conn = calloc(1, sizeof(*conn));

	if (conn)
		conn->session = http2_session(conn);
	if (!conn || !conn->session ||
	    nghttp2_submit_settings(conn->session, NGHTTP2_FLAG_NONE, settings, 1) < 0) {
		fd_close(fd);
		if (conn)
			nghttp2_session_del(conn->session);
		free(conn);
		return NULL;
	}
	conn->host = host;
	conn->fd = fd;
	conn->idle_us = now_us;
	conn->deadline_us = now_us + host->handshake_us;
	return conn;
}

void http2_read(struct http2 *conn)
{
	uint8_t buf[HTTP2_READ];
	ssize_t n;

	/* A request now would be one that nobody answers. */
	if (conn->evicted)
		return;
	n = recv(conn->fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* What nghttp2 can't go on from: no HTTP/2 at all, a flood, no memory. To a mere breach it answers GOAWAY. */
	if (n <= 0 || nghttp2_session_mem_recv(conn->session, buf, (size_t)n) < 0)
		conn->dead = true;
}

/* The socket took all, or some, or nothing. Return: may more be sent? */
static bool http2_send(struct http2 *conn)
{
	ssize_t n = send(conn->fd, conn->out, conn->n_out, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		conn->dead = true;
		return false;
	}
	if (n > 0) {
		conn->out += n;
		conn->n_out -= (size_t)n;
	}
	if (conn->n_out > 0 && (n > 0 || !conn->blocked) && conn->ready)
		conn->deadline_us = clock_us() + HTTP2_STALL_US;
	conn->blocked = conn->n_out > 0;
	return !conn->blocked;
}

void http2_flush(struct http2 *conn)
{
	while (!conn->dead) {
		if (conn->n_out == 0) {
			ssize_t n = nghttp2_session_mem_send(conn->session, &conn->out);

			conn->n_out = n > 0 ? (size_t)n : 0;
			conn->dead = n < 0;
			if (n <= 0)
				break;
		}
		if (!http2_send(conn))
			return;
	}
	if (conn->ready)
		conn->deadline_us = HTTP2_NEVER;
}

uint64_t http2_expire(struct http2 *conn, uint64_t now_us)
{
	uint64_t next_us = conn->deadline_us;

	if (now_us >= conn->deadline_us)
		conn->dead = true;
	for (struct stream *stream = conn->streams; stream; stream = stream->next) {
		uint64_t due_us = stream_expire(stream, now_us);

		next_us = due_us < next_us ? due_us : next_us;
	}
	return next_us;
}

/* Requests after those that we have seen were not begun: the client may send them elsewhere. */
static void http2_goaway(struct http2 *conn)
{
	int32_t last = nghttp2_session_get_last_proc_stream_id(conn->session);

	nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
}

void http2_evict(struct http2 *conn)
{
	http2_goaway(conn);
	conn->evicted = true;
}

void http2_end(struct http2 *conn)
{
	http2_goaway(conn);
	for (struct stream *stream = conn->streams; stream; stream = stream->next)
		if (stream->state == STREAM_ASKING)
			stream_refuse(stream, RPC_UNAVAILABLE, "the server is ending");
}

bool http2_over(const struct http2 *conn)
{
	if (conn->dead || conn->evicted)
		return true;
	if (conn->n_out > 0 || nghttp2_session_want_write(conn->session))
		return false;
	return conn->host->ending ? !conn->streams : !nghttp2_session_want_read(conn->session);
}

void http2_close(struct http2 *conn)
{
	/* nghttp2 says nothing of the streams that its end closes. */
	while (conn->streams)
		stream_close(conn->streams);
	nghttp2_session_del(conn->session);
	fd_close(conn->fd);
	free(conn);
}
