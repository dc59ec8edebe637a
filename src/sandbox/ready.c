/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until a server inside an actor answers. */
#include "sandbox/ready.h"

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/netns.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define READY_PATH_MAX 1024

int ready_parse(const char *url, uint16_t *ret_port, const char **ret_path, struct an_error *err)
{
	static const char scheme[] = "http://:";
	const char *port = url + sizeof(scheme) - 1;
	uint64_t number;
	size_t len;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0) {
		error_set(err, AN_USAGE, EINVAL, "--ready", "'%s' does not start with http://:", url);
		error_remedy(err, "leave the host out, it is the actor: http://:80/path");
		return -EINVAL;
	}
	len = strcspn(port, "/");
	if (text_to_u64(port, len, UINT16_MAX, &number) < 0 || number == 0)
		return error_set(err, AN_USAGE, EINVAL, "--ready", "'%.*s' is not a port", (int)len, port);
	if (strlen(port + len) > READY_PATH_MAX)
		return error_set(err, AN_USAGE, EINVAL, "--ready", "path is longer than %d bytes",
				 READY_PATH_MAX);
	for (const char *c = port + len; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return error_set(err, AN_USAGE, EINVAL, "--ready",
					 "path holds a blank or control character");
	}
	*ret_port = (uint16_t)number;
	*ret_path = port[len] ? port + len : "/";
	return 0;
}

/* One try. */
struct ready_try {
	const struct ready_spec *spec;
	uint64_t deadline_us;
	bool cut;      /* it gets less time than a try has */
	char seen[96]; /* what came of it, for the error */
};

/* Wait for the socket, but not when the sandbox has ended. Return: 0, or a negative errno: ETIMEDOUT (this try). */
static int ready_poll(struct ready_try *try, int fd, short events)
{
	const struct ready_spec *spec = try->spec;
	struct pollfd fds[] = {
		{ .fd = fd, .events = events },
		{ .fd = spec->guest_fd, .events = POLLIN },
		{ .fd = spec->cancel_fd, .events = POLLIN },
		{ .fd = spec->container ? spec->container->fd : -1, .events = POLLIN },
	};

	for (;;) {
		uint64_t now = clock_us();

		if (now >= try->deadline_us)
			return -ETIMEDOUT;
		if (poll(fds, 4, (int)((try->deadline_us - now) / 1000U) + 1) < 0 && errno != EINTR)
			return -errno;
		if (fds[2].revents)
			return -ECANCELED;
		if (fds[1].revents)
			return -ESRCH;
		if (fds[0].revents)
			return 0;
		if (fds[3].revents && !output_drain(spec->container))
			fds[3].fd = -1;
	}
}

/* Connect. Return: 0 or a negative errno. */
static int ready_connect(struct ready_try *try, int fd)
{
	struct sockaddr_storage to = { 0 };
	struct addr address;
	socklen_t len = sizeof(int);
	int r, so_error = 0;

	if (addr_parse(try->spec->address, &address) < 0)
		return -EINVAL;
	if (address.family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)&to;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(try->spec->port);
		memcpy(&sin->sin_addr, address.bytes, 4);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&to;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(try->spec->port);
		memcpy(&sin6->sin6_addr, address.bytes, 16);
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	r = ready_poll(try, fd, POLLOUT);
	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &so_error, &len) < 0)
		return -errno;
	return -so_error;
}

/* Send the request and read the status line. Return: status, or a negative errno. */
static int ready_ask(struct ready_try *try, int fd)
{
	char buf[READY_PATH_MAX + 128];
	size_t len = 0;
	uint64_t status;
	int n = snprintf(buf, sizeof(buf),
			 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: actornet\r\nConnection: close\r\n\r\n",
			 try->spec->path, try->spec->host ? try->spec->host : try->spec->address);

	/* A fresh connection takes so little at once. */
	if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
		return -EIO;
	while (len < sizeof("HTTP/1.1 200") - 1) {
		int r = ready_poll(try, fd, POLLIN);
		ssize_t got;

		if (r < 0)
			return r;
		got = recv(fd, buf + len, sizeof(buf) - len, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EPIPE;
		len += (size_t)got;
	}
	if (memcmp(buf, "HTTP/1.", 7) != 0 || buf[8] != ' ' || text_to_u64(buf + 9, 3, 999, &status) < 0)
		return -EPROTO;
	return (int)status;
}

/* What ends all tries, as an error; others are remembered. Return: 0, or a negative errno. */
static int ready_note(struct ready_try *try, int r, struct an_error *err)
{
	if (r == -ESRCH)
		return error_set(err, AN_FAILED, ESRCH, "readiness", "the sandbox ended before it answered");
	if (r == -ECANCELED)
		return error_set(err, AN_FAILED, ECANCELED, "readiness", "cancelled");
	/* What came of a whole try tells more than that the time for the last was too short. */
	if (r == -ETIMEDOUT && try->cut && try->seen[0])
		return 0;
	if (r > 0)
		snprintf(try->seen, sizeof(try->seen), "the answer is %d, not 200", r);
	else if (r == -ETIMEDOUT)
		snprintf(try->seen, sizeof(try->seen), "no answer within %u ms", READY_TRY_MS);
	else if (r == -EPROTO)
		snprintf(try->seen, sizeof(try->seen), "the answer is not HTTP");
	else if (r == -EPIPE)
		snprintf(try->seen, sizeof(try->seen), "the connection was closed without an answer");
	else
		snprintf(try->seen, sizeof(try->seen), "%s", strerrordesc_np(-r));
	return 0;
}

/* Return: 1 ready, 0 not yet, or a negative errno after which more tries are pointless. */
static int ready_try(struct ready_try *try, int domain, struct an_error *err)
{
	const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	_cleanup_fd_ int fd = -1;
	int r;

	if (try->spec->netns_fd >= 0) {
		fd = netns_socket(try->spec->netns_fd, domain, type, 0, err);
		if (fd < 0)
			return fd;
	} else {
		fd = socket(domain, type, 0);
		if (fd < 0)
			return error_errno(err, AN_FAILED, errno, "readiness", "open a socket");
	}
	r = ready_connect(try, fd);
	if (r == 0)
		r = ready_ask(try, fd);
	return r == 200 ? 1 : ready_note(try, r, err);
}

int ready_wait(const struct ready_spec *spec, struct an_error *err)
{
	uint64_t end_us = clock_us() + (uint64_t)spec->total_ms * 1000U;
	struct ready_try try = { .spec = spec };
	int r, domain = strchr(spec->address, ':') ? AF_INET6 : AF_INET;

	for (uint64_t now = clock_us(); now < end_us; now = clock_us()) {
		try.cut = now + (uint64_t)READY_TRY_MS * 1000U > end_us;
		try.deadline_us = try.cut ? end_us : now + (uint64_t)READY_TRY_MS * 1000U;
		r = ready_try(&try, domain, err);
		if (r != 0)
			return r < 0 ? r : 0;
		if (spec->hopeless && spec->hopeless(spec->data, err))
			return -ESRCH;
		/* A pause that sees the sandbox end. */
		try.deadline_us = clock_us() + READY_PAUSE_US;
		r = ready_poll(&try, -1, 0);
		if (r != -ETIMEDOUT) {
			r = ready_note(&try, r, err);
			if (r < 0)
				return r;
		}
	}
	error_set(err, AN_FAILED, ETIMEDOUT, "readiness", "http://%s:%u%s was not ready within %u ms: %s",
		  spec->address, spec->port, spec->path, spec->total_ms, try.seen);
	return -ETIMEDOUT;
}
