/* SPDX-License-Identifier: Apache-2.0 */
/* A gRPC client of the tests' own, that may also misbehave. */
#include "http2-client.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void answer_header(struct client_answer *answer, const char *name, const char *value)
{
	if (!strcmp(name, ":status"))
		answer->http = atoi(value);
	else if (!strcmp(name, "grpc-status"))
		answer->grpc = atoi(value);
	else if (!strcmp(name, "grpc-message"))
		snprintf(answer->message, sizeof(answer->message), "%s", value);
	else if (!strcmp(name, "grpc-accept-encoding"))
		snprintf(answer->accept, sizeof(answer->accept), "%s", value);
	else if (!strcmp(name, "x-server-elapsed-us"))
		answer->elapsed = atol(value);
	else if (!strcmp(name, "x-server-stage-us"))
		answer->stage = atol(value);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *data)
{
	struct client_answer *answer = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)name_len;
	(void)value_len;
	(void)flags;
	(void)data;
	if (answer) /* nghttp2 terminates both */
		answer_header(answer, (const char *)name, (const char *)value);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t len,
		   void *data)
{
	struct client_answer *answer = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	(void)data;
	if (!answer || answer->len + len > sizeof(answer->body))
		return 0;
	memcpy(answer->body + answer->len, bytes, len);
	answer->len += len;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *data)
{
	struct client_answer *answer = nghttp2_session_get_stream_user_data(session, id);

	(void)data;
	if (answer) {
		answer->reset = error_code;
		answer->closed = true;
	}
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
	struct client *client = data;

	(void)session;
	if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK)
		client->pongs++;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		client->goaway_code = frame->goaway.error_code;
		client->goaway = true;
	}
	return 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size, uint32_t *flags,
			    nghttp2_data_source *source, void *data)
{
	struct client_answer *answer = source->ptr;
	const struct client_request *request = &answer->request;
	size_t left = request->len - answer->sent, n = left < size ? left : size;

	(void)session;
	(void)id;
	(void)data;
	if (request->piece && n > request->piece)
		n = request->piece;
	if (n)
		memcpy(buf, request->data + answer->sent, n);
	answer->sent += n;
	if (answer->sent == request->len && !request->hold)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	else if (n == 0)
		return NGHTTP2_ERR_DEFERRED;
	return (ssize_t)n;
}

int client_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int saved = errno;

		close(fd);
		return -saved;
	}
	return fd;
}

struct client *client_open(const char *path, int32_t window)
{
	nghttp2_settings_entry settings = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)window };
	struct client *client = calloc(1, sizeof(*client));
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;

	client->fd = client_socket(path);
	if (client->fd < 0) {
		free(client);
		return NULL;
	}
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_option_new(&option);
	nghttp2_option_set_no_auto_window_update(option, window > 0);
	nghttp2_session_client_new2(&client->session, callbacks, client, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, &settings, window ? 1 : 0);
	return client;
}

void client_close(struct client *client)
{
	nghttp2_session_del(client->session);
	close(client->fd);
	free(client);
}

static void add_header(nghttp2_nv *nv, size_t *n, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	nv[(*n)++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
				   strlen(value), NGHTTP2_NV_FLAG_NONE };
}

void client_ask(struct client *client, struct client_answer *answer, const struct client_request *request)
{
	nghttp2_data_provider provider = { .source.ptr = answer, .read_callback = read_request };
	const char *type = request->content_type;
	nghttp2_nv nv[9];
	size_t n = 0;

	*answer = (struct client_answer){
		.http = -1, .grpc = -1, .elapsed = -1, .stage = -1, .request = *request
	};
	add_header(nv, &n, ":method", request->method ? request->method : "POST");
	add_header(nv, &n, ":scheme", "http");
	add_header(nv, &n, ":authority", "localhost");
	add_header(nv, &n, ":path", request->path);
	add_header(nv, &n, "te", "trailers");
	add_header(nv, &n, "content-type", type ? type : "application/grpc");
	add_header(nv, &n, "grpc-timeout", request->timeout);
	add_header(nv, &n, "grpc-encoding", request->encoding);
	answer->id = nghttp2_submit_request(client->session, NULL, nv, n, &provider, answer);
}

void client_reset(struct client *client, const struct client_answer *answer)
{
	nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, answer->id, NGHTTP2_CANCEL);
}

int client_flush(struct client *client)
{
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(client->session, &bytes)) > 0) {
		while (n > 0) {
			ssize_t sent = send(client->fd, bytes, (size_t)n, MSG_NOSIGNAL);

			if (sent < 0)
				return -errno;
			bytes += sent;
			n -= sent;
		}
	}
	return 0;
}

bool client_pump(struct client *client, const bool *flag, int ms)
{
	uint64_t until_us = clock_us() + (uint64_t)ms * 1000U;

	while (!*flag && !client->gone && clock_us() < until_us) {
		struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
		uint8_t buf[16384];
		ssize_t n;

		client_flush(client);
		if (poll(&pfd, 1, 5) <= 0)
			continue;
		n = recv(client->fd, buf, sizeof(buf), 0);
		if (n <= 0 || nghttp2_session_mem_recv(client->session, buf, (size_t)n) < 0)
			client->gone = true;
	}
	return *flag;
}
