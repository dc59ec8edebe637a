/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small web server to run inside an actor; linked statically, so that it is a whole root file system.
 *
 *	httpd [PORT...]		(default 80) on every IPv4 and IPv6 address; "sleep" waits for ever instead,
 *				"exit" ends at once with status 3 after having printed why; "flood" before the
 *				ports prints empty lines without end, as fast as they are taken
 *
 *	GET /			"NAME N\n": the N-th time this was asked; N lives in memory alone
 *	GET /readyz		200, not counted
 *	GET /slow		503 for the first three seconds after the start, then 200
 *	GET /print?TEXT		TEXT on standard output
 *	GET /write?PATH=TEXT	TEXT into a file; 200, or 502 and why not
 *	GET /read?PATH		what is in it
 *	GET /fetch?url=URL	fetches http://HOST[:PORT][/PATH], HOST a name or address, IPv6 in brackets: 200
 *				and what came, or 502 and why not, after how long
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 4096
#define BODY_MAX    65536
#define FETCH_S	    5

static atomic_ulong count;
static time_t started;
static char name[64] = "actor";

/* An answer. */
struct answer {
	int status;
	size_t len;
	char body[BODY_MAX];
};

static void answer_text(struct answer *answer, int status, const char *text)
{
	answer->status = status;
	answer->len = (size_t)snprintf(answer->body, sizeof(answer->body), "%s\n", text);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The first address of a name, by DNS (the C library's own look-up needs shared libraries). */
static int resolve(const char *host, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;
	static const ns_type types[] = { ns_t_a, ns_t_aaaa };
	unsigned char reply[2048];
	ns_msg message;
	ns_rr record;

	memset(ret, 0, sizeof(*ret));
	sin->sin_port = htons(port); /* at the same place in both */
	sin->sin_family = AF_INET;
	if (inet_pton(AF_INET, host, &sin->sin_addr) == 1)
		return 0;
	sin6->sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, host, &sin6->sin6_addr) == 1)
		return 0;
	for (int t = 0; t < 2; t++) {
		int len = res_query(host, ns_c_in, (int)types[t], reply, sizeof(reply));

		if (len < 0 || ns_initparse(reply, len, &message) < 0)
			continue;
		for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
			if (ns_parserr(&message, ns_s_an, i, &record) < 0 || ns_rr_type(record) != types[t])
				continue;
			sin->sin_family = t ? AF_INET6 : AF_INET;
			if (t)
				memcpy(&sin6->sin6_addr, ns_rr_rdata(record), 16);
			else
				memcpy(&sin->sin_addr, ns_rr_rdata(record), 4);
			return 0;
		}
	}
	return -1;
}

/* Split "http://HOST[:PORT][/PATH]". Return: 0 or -1. */
static int split(char *url, char **host, uint16_t *port, const char **path)
{
	char *end, *slash;

	if (strncmp(url, "http://", 7))
		return -1;
	*host = url + 7;
	slash = strchr(*host, '/');
	*path = "/";
	if (slash) {
		static _Thread_local char copy[REQUEST_MAX];

		snprintf(copy, sizeof(copy), "%s", slash);
		*path = copy;
		*slash = '\0';
	}
	if (**host == '[') {
		(*host)++;
		end = strchr(*host, ']');
		if (!end)
			return -1;
		*end++ = '\0';
	} else {
		end = *host + strcspn(*host, ":");
	}
	*port = *end == ':' ? (uint16_t)atoi(end + 1) : 80;
	*end = '\0';
	return *port ? 0 : -1;
}

/* connect() that gives up after FETCH_S. Return: descriptor, or -1 with errno set. */
static int dial(const struct sockaddr_storage *to)
{
	struct timeval limit = { .tv_sec = FETCH_S };
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Linux bounds connect() by the time limit for sending (socket(7)). */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		int saved = errno == EINPROGRESS ? ETIMEDOUT : errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void fetch(struct answer *answer, char *url)
{
	char request[2 * REQUEST_MAX + 64], why[256], *host;
	struct sockaddr_storage to;
	long began = now_ms();
	const char *path;
	uint16_t port;
	ssize_t n;
	int fd;

	if (split(url, &host, &port, &path) < 0) {
		answer_text(answer, 400, "url must be http://HOST[:PORT][/PATH]");
		return;
	}
	if (resolve(host, port, &to) < 0) {
		snprintf(why, sizeof(why), "resolve %.100s: no answer after %ld ms", host, now_ms() - began);
		answer_text(answer, 502, why);
		return;
	}
	fd = dial(&to);
	if (fd < 0) {
		snprintf(why, sizeof(why), "connect to %.100s: %s after %ld ms", host, strerror(errno),
			 now_ms() - began);
		answer_text(answer, 502, why);
		return;
	}
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
		 host);
	n = write(fd, request, strlen(request));
	answer->status = 200;
	while (n > 0 && answer->len < sizeof(answer->body)) {
		n = read(fd, answer->body + answer->len, sizeof(answer->body) - answer->len);
		answer->len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (answer->len == 0) {
		snprintf(why, sizeof(why), "read from %.100s: nothing after %ld ms", host, now_ms() - began);
		answer_text(answer, 502, why);
	}
}

/* Text into a file, or out of it where there is none. */
static void keep(struct answer *answer, const char *path, const char *text)
{
	int fd = open(path, text ? O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0644);
	ssize_t n = -1;

	if (fd >= 0) {
		n = text ? write(fd, text, strlen(text)) : read(fd, answer->body, sizeof(answer->body));
		close(fd);
	}
	if (n < 0 || text) {
		answer_text(answer, n < 0 ? 502 : 200, n < 0 ? strerror(errno) : "written");
		return;
	}
	answer->status = 200;
	answer->len = (size_t)n;
}

static void serve(struct answer *answer, char *target)
{
	char *text_at = strchr(target, '=');
	char text[128];

	if (!strcmp(target, "/")) {
		snprintf(text, sizeof(text), "%s %lu", name, atomic_fetch_add(&count, 1) + 1);
		answer_text(answer, 200, text);
	} else if (!strcmp(target, "/readyz")) {
		answer_text(answer, 200, "ready");
	} else if (!strcmp(target, "/slow")) {
		answer_text(answer, time(NULL) - started < 3 ? 503 : 200, "slow");
	} else if (!strncmp(target, "/print?", 7)) {
		printf("%s\n", target + 7);
		fflush(stdout);
		answer_text(answer, 200, "printed");
	} else if (!strncmp(target, "/write?", 7) && text_at) {
		*text_at = '\0';
		keep(answer, target + 7, text_at + 1);
	} else if (!strncmp(target, "/read?", 6)) {
		keep(answer, target + 6, NULL);
	} else if (!strncmp(target, "/fetch?url=", 11)) {
		fetch(answer, target + 11);
	} else {
		answer_text(answer, 404, "not found");
	}
}

/* One request of a connection. Return: may another follow? */
static int handle(int fd, char *buf, size_t *len)
{
	struct answer *answer;
	char head[128], *end, *target;
	int n, again;

	while (!(buf[*len] = '\0', end = strstr(buf, "\r\n\r\n"))) {
		ssize_t got = *len < REQUEST_MAX ? read(fd, buf + *len, REQUEST_MAX - *len) : 0;

		if (got <= 0)
			return 0;
		*len += (size_t)got;
	}
	*end = '\0';
	again = strstr(buf, "HTTP/1.1") && !strcasestr(buf, "connection: close");
	if (strncmp(buf, "GET ", 4))
		return 0;
	target = buf + 4;
	target[strcspn(target, " ")] = '\0';
	answer = calloc(1, sizeof(*answer));
	if (!answer)
		return 0;
	serve(answer, target);
	n = snprintf(head, sizeof(head),
		     "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
		     answer->status, answer->status == 200 ? "OK" : "No", answer->len);
	if (write(fd, head, (size_t)n) != n || write(fd, answer->body, answer->len) != (ssize_t)answer->len)
		again = 0;
	free(answer);
	*len -= (size_t)(end + 4 - buf);
	memmove(buf, end + 4, *len);
	return again;
}

static void *connection(void *data)
{
	int fd = (int)(intptr_t)data;
	char buf[REQUEST_MAX + 1];
	size_t len = 0;

	while (handle(fd, buf, &len))
		;
	close(fd);
	return NULL;
}

static int open_port(int family, uint16_t port)
{
	struct sockaddr_storage any = { .ss_family = (sa_family_t)family };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	((struct sockaddr_in *)&any)->sin_port = htons(port);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 128) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void accept_all(struct pollfd *fds, nfds_t n)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while (poll(fds, n, -1) > 0 || errno == EINTR) {
		for (nfds_t i = 0; i < n; i++) {
			pthread_t thread;
			int fd = fds[i].revents ? accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC) : -1;

			if (fd >= 0 && pthread_create(&thread, &attr, connection, (void *)(intptr_t)fd))
				close(fd);
		}
	}
}

static void *flood(void *unused)
{
	static char lines[65536];

	memset(lines, '\n', sizeof(lines));
	while (write(STDOUT_FILENO, lines, sizeof(lines)) > 0)
		;
	return unused;
}

int main(int argc, char **argv)
{
	struct pollfd fds[32];
	nfds_t n = 0;

	started = time(NULL);
	if (getenv("NAME"))
		snprintf(name, sizeof(name), "%s", getenv("NAME"));
	if (argc > 1 && !strcmp(argv[1], "exit")) {
		fprintf(stderr, "httpd: told to exit\n");
		return 3;
	}
	if (argc > 1 && !strcmp(argv[1], "flood")) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, flood, NULL) != 0)
			return 1;
		argv++;
		argc--;
	}
	if (argc > 1 && !strcmp(argv[1], "sleep")) {
		for (;;)
			pause();
	}
	for (int i = 1; i < (argc > 1 ? argc : 2) && n + 2 <= sizeof(fds) / sizeof(fds[0]); i++) {
		uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[i]) : 80);
		int fd4 = open_port(AF_INET, port), fd6 = open_port(AF_INET6, port);

		if (fd4 < 0) {
			fprintf(stderr, "httpd: port %u: %s\n", port, strerror(errno));
			return 1;
		}
		fds[n++] = (struct pollfd){ .fd = fd4, .events = POLLIN };
		if (fd6 >= 0)
			fds[n++] = (struct pollfd){ .fd = fd6, .events = POLLIN };
	}
	printf("httpd: serving\n");
	fflush(stdout);
	accept_all(fds, n);
	return 1;
}
