/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic of one flow: a sending and a receiving thread with sockets in the namespaces of a path. */
#include "traffic.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "bench.h"
#include "netns/netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#define TRAFFIC_BLOCK	 (128 * 1024) /* bytes of a TCP write, as iperf3 */
#define TRAFFIC_SMALL	 64	      /* bytes of a datagram, a request, an answer */
#define TRAFFIC_BATCH	 32	      /* datagrams of one system call */
#define TRAFFIC_CONTROL	 "cubic"      /* one that paces (bbr) measures its own timers */
#define TRAFFIC_REQUESTS 200000	      /* samples kept of a slice */
#define TRAFFIC_WAIT_S	 2	      /* until a connection counts as refused */

/**
 * struct traffic_run - a slice under way
 * @fds:      [0] sends first, [1] receives
 * @received: bytes or datagrams, by the receiver
 * @latency:  microseconds of each request, by the sender
 */
struct traffic_run {
	int fds[2];
	enum traffic kind;
	atomic_bool stop, measuring;
	atomic_ulong received;
	struct series latency;
};

const char *traffic_name(enum traffic kind)
{
	static const char *const names[] = {
		[TRAFFIC_TCP_IN] = "tcp in",	       [TRAFFIC_TCP_OUT] = "tcp out",
		[TRAFFIC_UDP_IN] = "udp in",	       [TRAFFIC_UDP_OUT] = "udp out",
		[TRAFFIC_REQUEST] = "request, answer",
	};

	return names[kind];
}

const char *traffic_unit(enum traffic kind)
{
	if (kind == TRAFFIC_REQUEST)
		return "us";
	return kind == TRAFFIC_TCP_IN || kind == TRAFFIC_TCP_OUT ? "Gbit/s" : "kpps";
}

/* --- sockets --- */

static struct sockaddr_in traffic_addr(const struct addr *addr, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (addr)
		memcpy(&name.sin_addr, addr->bytes, 4);
	return name;
}

static int traffic_failed(enum traffic kind, const char *what, struct an_error *err)
{
	return error_set(err, AN_FAILED, errno, traffic_name(kind), "%s: %s", what, strerror(errno));
}

/* A socket of a namespace, bound to a port (0: any), with a time limit so that nothing hangs. */
static int traffic_socket(int ns, int type, uint16_t *port, struct an_error *err)
{
	struct timeval limit = { .tv_sec = TRAFFIC_WAIT_S };
	struct sockaddr_in name = traffic_addr(NULL, *port);
	socklen_t len = sizeof(name);
	int fd = netns_socket(ns, AF_INET, type | SOCK_CLOEXEC, 0, err), on = 1, size = 4 << 20;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (type == SOCK_STREAM) /* where it is missing the host's own has to do: of all paths alike */
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, TRAFFIC_CONTROL, strlen(TRAFFIC_CONTROL));
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&name, &len) < 0) {
		int r = error_set(err, AN_FAILED, errno, "bench socket", "%s", strerror(errno));

		fd_close(fd);
		return r;
	}
	*port = ntohs(name.sin_port);
	return fd;
}

/* The connection: fds[0] connected to fds[1], which is in the actor's namespace if @in. */
static int traffic_connect_tcp(const struct traffic_path *path, bool in, int fds[2], struct an_error *err)
{
	uint16_t port = in ? path->actor_tcp_port : 0, any = 0;
	_cleanup_fd_ int listener =
		traffic_socket(in ? path->actor_ns : path->client_ns, SOCK_STREAM, &port, err);
	struct sockaddr_in to;
	int on = 1;

	if (listener < 0)
		return listener;
	if (listen(listener, 1) < 0)
		return traffic_failed(TRAFFIC_TCP_IN, "listen", err);
	fds[0] = traffic_socket(in ? path->client_ns : path->actor_ns, SOCK_STREAM, &any, err);
	if (fds[0] < 0)
		return fds[0];
	to = in ? traffic_addr(&path->entry, path->tcp_port) : traffic_addr(&path->client, port);
	if (connect(fds[0], (struct sockaddr *)&to, sizeof(to)) < 0)
		return traffic_failed(in ? TRAFFIC_TCP_IN : TRAFFIC_TCP_OUT, "connect", err);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fds[1] < 0)
		return traffic_failed(in ? TRAFFIC_TCP_IN : TRAFFIC_TCP_OUT, "accept", err);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

/* A datagram there and one back, so that both ends and all between know the flow; then both are connected. */
static int traffic_connect_udp(const struct traffic_path *path, bool in, int fds[2], struct an_error *err)
{
	enum traffic kind = in ? TRAFFIC_UDP_IN : TRAFFIC_UDP_OUT;
	uint16_t port = in ? path->actor_udp_port : 0, any = 0;
	struct sockaddr_in to, from;
	socklen_t len = sizeof(from);
	char byte = 0;

	fds[1] = traffic_socket(in ? path->actor_ns : path->client_ns, SOCK_DGRAM, &port, err);
	fds[0] = traffic_socket(in ? path->client_ns : path->actor_ns, SOCK_DGRAM, &any, err);
	if (fds[0] < 0 || fds[1] < 0)
		return -EIO;
	to = in ? traffic_addr(&path->entry, path->udp_port) : traffic_addr(&path->client, port);
	if (connect(fds[0], (struct sockaddr *)&to, sizeof(to)) < 0 || send(fds[0], &byte, 1, 0) < 0)
		return traffic_failed(kind, "first datagram", err);
	if (recvfrom(fds[1], &byte, 1, 0, (struct sockaddr *)&from, &len) < 0)
		return traffic_failed(kind, "the first datagram did not arrive", err);
	if (connect(fds[1], (struct sockaddr *)&from, sizeof(from)) < 0 || send(fds[1], &byte, 1, 0) < 0 ||
	    recv(fds[0], &byte, 1, 0) < 0)
		return traffic_failed(kind, "the answer to the first datagram did not arrive", err);
	return 0;
}

/* --- threads --- */

/* On two processors or more sender and receiver never share one. */
static void traffic_pin(bool first)
{
	cpu_set_t allowed, one;
	unsigned int chosen = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		chosen = cpu;
		if (first)
			break;
	}
	CPU_ZERO(&one);
	CPU_SET(chosen, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

static void *traffic_send_stream(void *data)
{
	static const char block[TRAFFIC_BLOCK];
	struct traffic_run *run = data;

	traffic_pin(true);
	while (!atomic_load_explicit(&run->stop, memory_order_relaxed) &&
	       send(run->fds[0], block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
	shutdown(run->fds[0], SHUT_WR);
	return NULL;
}

static void *traffic_receive_stream(void *data)
{
	static char block[TRAFFIC_BLOCK];
	struct traffic_run *run = data;
	ssize_t n;

	traffic_pin(false);
	while ((n = recv(run->fds[1], block, sizeof(block), 0)) > 0)
		atomic_fetch_add_explicit(&run->received, (unsigned long)n, memory_order_relaxed);
	return NULL;
}

static void traffic_batch(struct mmsghdr batch[TRAFFIC_BATCH], struct iovec *iov)
{
	for (int i = 0; i < TRAFFIC_BATCH; i++)
		batch[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = iov, .msg_iovlen = 1 } };
}

static void *traffic_send_datagrams(void *data)
{
	static char payload[TRAFFIC_SMALL];
	struct iovec iov = { payload, sizeof(payload) };
	struct mmsghdr batch[TRAFFIC_BATCH];
	struct traffic_run *run = data;

	traffic_pin(true);
	traffic_batch(batch, &iov);
	while (!atomic_load_explicit(&run->stop, memory_order_relaxed))
		if (sendmmsg(run->fds[0], batch, TRAFFIC_BATCH, 0) < 0 && errno != EAGAIN && errno != ENOBUFS)
			break;
	return NULL;
}

/* It never sleeps: to wake it costs the sender more than a hop does, and the slower the path the more often. */
static void *traffic_receive_datagrams(void *data)
{
	static char payload[TRAFFIC_SMALL];
	struct iovec iov = { payload, sizeof(payload) };
	struct mmsghdr batch[TRAFFIC_BATCH];
	struct traffic_run *run = data;

	traffic_pin(false);
	traffic_batch(batch, &iov);
	while (!atomic_load_explicit(&run->stop, memory_order_relaxed)) {
		int n = recvmmsg(run->fds[1], batch, TRAFFIC_BATCH, MSG_DONTWAIT, NULL);

		if (n > 0)
			atomic_fetch_add_explicit(&run->received, (unsigned long)n, memory_order_relaxed);
	}
	return NULL;
}

static void *traffic_ask(void *data)
{
	char text[TRAFFIC_SMALL] = { 0 };
	struct traffic_run *run = data;

	traffic_pin(true);
	while (!atomic_load_explicit(&run->stop, memory_order_relaxed)) {
		double begin = bench_now_us();

		if (send(run->fds[0], text, sizeof(text), MSG_NOSIGNAL) != sizeof(text) ||
		    recv(run->fds[0], text, sizeof(text), MSG_WAITALL) != sizeof(text))
			break;
		if (atomic_load_explicit(&run->measuring, memory_order_relaxed) &&
		    run->latency.n < TRAFFIC_REQUESTS)
			series_add(&run->latency, bench_now_us() - begin);
	}
	shutdown(run->fds[0], SHUT_WR);
	return NULL;
}

static void *traffic_answer(void *data)
{
	char text[TRAFFIC_SMALL];
	struct traffic_run *run = data;

	traffic_pin(false);
	while (recv(run->fds[1], text, sizeof(text), MSG_WAITALL) == sizeof(text) &&
	       send(run->fds[1], text, sizeof(text), MSG_NOSIGNAL) == sizeof(text))
		;
	return NULL;
}

/* --- one slice --- */

typedef void *traffic_thread(void *data);

static int traffic_measure(struct traffic_run *run, traffic_thread *const threads[2], unsigned int ms,
			   double *ret_value)
{
	unsigned long before, after;
	uint64_t begin, end;
	pthread_t ids[2];

	if (pthread_create(&ids[1], NULL, threads[1], run))
		return -EAGAIN;
	if (pthread_create(&ids[0], NULL, threads[0], run)) {
		atomic_store(&run->stop, true);
		shutdown(run->fds[1], SHUT_RDWR);
		pthread_join(ids[1], NULL);
		return -EAGAIN;
	}
	poll(NULL, 0, (int)(ms / 5));
	atomic_store(&run->measuring, true);
	before = atomic_load(&run->received);
	begin = clock_us();
	poll(NULL, 0, (int)ms);
	after = atomic_load(&run->received);
	end = clock_us();
	atomic_store(&run->stop, true);
	pthread_join(ids[0], NULL);
	pthread_join(ids[1], NULL);
	*ret_value = (double)(after - before) / (double)(end - begin); /* a microsecond */
	return 0;
}

int traffic_slice(const struct traffic_path *path, enum traffic kind, unsigned int ms, double *ret_value,
		  struct an_error *err)
{
	static traffic_thread *const stream[2] = { traffic_send_stream, traffic_receive_stream };
	static traffic_thread *const datagrams[2] = { traffic_send_datagrams, traffic_receive_datagrams };
	static traffic_thread *const requests[2] = { traffic_ask, traffic_answer };
	bool tcp = kind == TRAFFIC_TCP_IN || kind == TRAFFIC_TCP_OUT, asks = kind == TRAFFIC_REQUEST;
	bool in = kind == TRAFFIC_TCP_IN || kind == TRAFFIC_UDP_IN || asks;
	struct traffic_run run = { .fds = { -1, -1 }, .kind = kind };
	double rate = 0;
	int r;

	r = tcp || asks ? traffic_connect_tcp(path, in, run.fds, err)
			: traffic_connect_udp(path, in, run.fds, err);
	if (r == 0) {
		r = traffic_measure(&run, asks ? requests : tcp ? stream : datagrams, ms, &rate);
		if (r < 0)
			error_set(err, AN_FAILED, -r, traffic_name(kind), "threads can't be started");
	}
	fd_close(run.fds[0]);
	fd_close(run.fds[1]);
	if (r == 0 && asks)
		*ret_value = series_median(&run.latency);
	else if (r == 0)
		*ret_value = tcp ? rate * 8 / 1e3 : rate * 1e3;
	series_fini(&run.latency);
	return r;
}
