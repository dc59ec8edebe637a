/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole connection of the gRPC server: any bytes, in pieces, with calls to methods of each kind.
 *
 * Input: a byte for the size of the pieces and whether the client says hello properly, then what it sends.
 */
#include "ateom/health.h"
#include "ateom/http2.h"
#include "ateom/reflection.h"
#include "ateom/stream.h"
#include "input.h"
#include "replay.h"
#include <sys/socket.h>
#include <unistd.h>

static void echo(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	(void)data;
	promise(call->len <= GRPC_MESSAGE_MAX);
	ret_reply->body = malloc(call->len + 1);
	promise(ret_reply->body);
	memcpy(ret_reply->body, call->body, call->len);
	ret_reply->len = call->len;
}

static _Atomic bool serving;

static const struct route routes[] = {
	{ { "/e", echo, NULL }, ROUTE_SERVICE },
	{ { "/h", health_check, &serving }, ROUTE_LOCAL },
	{ { "/r", reflection_answer, NULL }, ROUTE_EACH },
};

/* As the server's loop does after each turn. */
static void settle(struct http2 *conn, int peer)
{
	struct dispatch_call *call;
	char buf[65536];

	while ((call = dispatch_take(conn->host->dispatch)) != NULL) {
		if (call->owner)
			stream_reply(call->owner, &call->reply);
		dispatch_call_free(call);
	}
	http2_expire(conn, 0);
	http2_flush(conn);
	while (recv(peer, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		http2_flush(conn);
}

static void feed(struct http2 *conn, int peer, const void *data, size_t size)
{
	promise(send(peer, data, size, MSG_DONTWAIT) == (ssize_t)size);
	http2_read(conn);
	settle(conn, peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	struct dispatch dispatch;
	struct http2_host host = {
		.routes = routes,
		.n_routes = 3,
		.dispatch = &dispatch,
		.handshake_us = 1000000,
		.request_us = 1000000,
		.streams_max = 16,
	};
	struct http2 *conn;
	uint8_t how;
	int fds[2];

	input_take(&data, &size, &how, 1);
	promise(dispatch_open(&dispatch, NULL) == 0 && dispatch_start(&dispatch, NULL) == 0);
	promise(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	conn = http2_open(&host, fds[0], 0);
	promise(conn);
	if (how & 1)
		feed(conn, fds[1], hello, sizeof(hello));
	while (size > 0 && !http2_over(conn)) {
		size_t piece = (how >> 1) + 1U < size ? (how >> 1) + 1U : size;

		feed(conn, fds[1], data, piece);
		promise(host.n_streams <= host.streams_max);
		data += piece;
		size -= piece;
	}
	if (how & 2) {
		host.ending = true;
		http2_end(conn);
		settle(conn, fds[1]);
	}
	http2_close(conn);
	promise(host.n_streams == 0);
	close(fds[1]);
	dispatch_close(&dispatch);
	return 0;
}
