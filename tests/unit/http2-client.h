/* SPDX-License-Identifier: Apache-2.0 */
/* A gRPC client of the tests' own, that may also misbehave: one nghttp2 session on a unix socket. */
#ifndef UNIT_HTTP2_CLIENT_H
#define UNIT_HTTP2_CLIENT_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_BODY_MAX 131072
#define CLIENT_WAIT_MS	10000 /* after so long a test fails rather than hangs */

/**
 * struct client - a connection
 * @pongs:     answers to pings of ours
 * @goaway:    the server has said so, with @goaway_code
 * @gone:      the server has closed the connection
 */
struct client {
	int fd;
	nghttp2_session *session;
	unsigned int pongs;
	bool goaway, gone;
	uint32_t goaway_code;
};

/**
 * struct client_request - what to ask; what is NULL is as it should be
 * @method, @content_type: "": left out
 * @timeout, @encoding: NULL: left out
 * @data, @len: as it goes out, prefixes and all
 * @piece:      bytes a frame at most; 0: as many as go in
 * @hold:       the request doesn't end
 */
struct client_request {
	const char *path, *method, *content_type, *timeout, *encoding;
	const uint8_t *data;
	size_t len, piece;
	bool hold;
};

/**
 * struct client_answer - what came back
 * @http, @grpc: statuses; -1: none
 * @message, @accept: "grpc-message" as it came, "grpc-accept-encoding"
 * @elapsed, @stage: trailers "x-server-elapsed-us" and "x-server-stage-us"; -1: none
 * @body, @len:  as it came, prefixes and all
 * @closed:      with @reset, the error code
 */
struct client_answer {
	int32_t id;
	int http, grpc;
	char message[8192], accept[64];
	long elapsed, stage;
	uint8_t body[CLIENT_BODY_MAX];
	size_t len;
	bool closed;
	uint32_t reset;
	struct client_request request;
	size_t sent;
};

/** client_socket() - connect, and say nothing. Return: a descriptor, or a negative errno. */
int client_socket(const char *path);
/** client_open() - connect, and begin a session. @window: bytes the server may send on a stream,
 * and no more ever; 0: the usual. */
struct client *client_open(const char *path, int32_t window);
/** client_close() - without a word. */
void client_close(struct client *client);
/** client_ask() - begin a call; @answer is filled in by client_pump(). */
void client_ask(struct client *client, struct client_answer *answer, const struct client_request *request);
/** client_reset() - cancel a call, RST_STREAM. */
void client_reset(struct client *client, const struct client_answer *answer);
/** client_pump() - send and receive until @flag is true. Return: is it, within @ms? */
bool client_pump(struct client *client, const bool *flag, int ms);
/** client_flush() - send what there is to send, without reading. Return: 0 or a negative errno. */
int client_flush(struct client *client);

#endif
