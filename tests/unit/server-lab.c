/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a socket of the test's own, with handlers that the test steers. */
#include "server-lab.h"

#include "isolate.h"

#include <dirent.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

struct lab lab;

static void raise_event(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void handle_echo(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	(void)data;
	lab.calls++;
	ret_reply->body = malloc(call->len ? call->len : 1);
	memcpy(ret_reply->body, call->body, call->len);
	ret_reply->len = call->len;
	ret_reply->timings[ret_reply->n_timings++] = (struct rpc_timing){ "stage", 1234 };
}

static void handle_fail(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	(void)call;
	(void)data;
	lab.calls++;
	ret_reply->code = RPC_INTERNAL;
	snprintf(ret_reply->message, sizeof(ret_reply->message), "100%% f\303\244il\n");
}

static void handle_wait(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	struct pollfd fds[2] = { { .fd = lab.release_fd, .events = POLLIN },
				 { .fd = call->cancel_fd, .events = POLLIN } };
	uint64_t count;

	(void)data;
	lab.calls++;
	raise_event(lab.started_fd);
	poll(fds, 2, 20000);
	if (fds[1].revents) {
		lab.cancelled++;
		ret_reply->code = RPC_CANCELLED;
		snprintf(ret_reply->message, sizeof(ret_reply->message), "stopped");
	}
	if (fds[0].revents && read(lab.release_fd, &count, sizeof(count)) < 0)
		ret_reply->code = RPC_INTERNAL;
	raise_event(lab.ended_fd);
}

static bool after(void *data)
{
	struct lab *its = data;

	its->afters++;
	return its->more > 0 && its->more-- > 0;
}

int lab_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

void lab_open(unsigned int handshake_ms, unsigned int request_ms)
{
	static const struct rpc_method methods[] = {
		{ LAB_ECHO, handle_echo, NULL },
		{ LAB_FAIL, handle_fail, NULL },
		{ LAB_WAIT, handle_wait, NULL },
	};
	struct server_spec spec = {
		.path = lab.path,
		.methods = methods,
		.n_methods = 3,
		.after = after,
		.data = &lab,
		.handshake_ms = handshake_ms,
		.request_ms = request_ms,
	};
	struct an_error err = { 0 };

	lab = (struct lab){ .folder = "/tmp/actornet-server-XXXXXX" };
	assert_non_null(mkdtemp(lab.folder));
	snprintf(lab.path, sizeof(lab.path), "%s/pod/ateom.sock", lab.folder);
	lab.started_fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	lab.ended_fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	lab.release_fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	if (server_start(&lab.server, &spec, &err) < 0)
		fail_msg("%s: %s", err.object, err.message);
	server_serving(lab.server, true);
}

void lab_close(void)
{
	server_free(lab.server);
	close(lab.started_fd);
	close(lab.ended_fd);
	close(lab.release_fd);
	*strrchr(lab.path, '/') = '\0';
	assert_int_equal(rmdir(lab.path), 0); /* so the socket is gone */
	assert_int_equal(rmdir(lab.folder), 0);
}

bool lab_await(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&pfd, 1, ms) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

void lab_release(void)
{
	raise_event(lab.release_fd);
}

struct client *lab_client(void)
{
	struct client *client = client_open(lab.path, 0);

	assert_non_null(client);
	return client;
}

void lab_ask(struct client *client, struct client_answer *answer, const char *path, const char *timeout)
{
	static const uint8_t message[] = "\0\0\0\0\2hi";

	client_ask(client, answer,
		   &(struct client_request){ .path = path, .timeout = timeout, .data = message, .len = 7 });
	client_flush(client);
}

void lab_answered(struct client *client, struct client_answer *answer)
{
	assert_true(client_pump(client, &answer->closed, CLIENT_WAIT_MS));
}

struct client_answer *lab_answer(void)
{
	static struct client_answer answer;

	return &answer;
}

void lab_serves(void)
{
	static struct client_answer answer;
	struct client *client = lab_client();

	lab_ask(client, &answer, LAB_ECHO, NULL);
	lab_answered(client, &answer);
	assert_int_equal(answer.grpc, RPC_OK);
	assert_int_equal(answer.len, 7);
	client_close(client);
}
