/* SPDX-License-Identifier: Apache-2.0 */
/* Single datagrams in and out, to see that the first one after a call passes, or that none does. */
#include "lab.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/netns.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static struct sockaddr_in packet_name(const struct addr *addr, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&name.sin_addr, addr->bytes, 4);
	return name;
}

int packet_open(struct packet *p, const struct lab *lab, const struct lab_place *worker, uint16_t port,
		struct an_error *err)
{
	struct sockaddr_in to = packet_name(&worker->addr, port), any = { .sin_family = AF_INET };
	socklen_t len = sizeof(any);

	*p = (struct packet){ .client_fd = -1, .sink_fd = -1, .lab = lab, .worker = worker };
	p->client_fd = netns_socket(lab->client, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, err);
	if (p->client_fd < 0)
		return p->client_fd;
	p->sink_fd = netns_socket(lab->client, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, err);
	if (p->sink_fd < 0)
		return p->sink_fd;
	if (connect(p->client_fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    bind(p->sink_fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    getsockname(p->sink_fd, (struct sockaddr *)&any, &len) < 0)
		return error_set(err, AN_FAILED, errno, "bench client", "%s", strerror(errno));
	p->sink_port = ntohs(any.sin_port);
	return 0;
}

void packet_close(struct packet *p)
{
	p->client_fd = fd_close(p->client_fd);
	p->sink_fd = fd_close(p->sink_fd);
}

/* Datagrams that found no socket in a namespace: "Udp:" line of /proc/net/snmp, second number. */
static int64_t packet_noports(int ns, struct an_error *err)
{
	static char buf[8192];
	unsigned long long in, noports;
	const char *line;
	int previous = netns_enter(ns, err), r;

	if (previous < 0)
		return previous;
	r = text_read_file(AT_FDCWD, "/proc/thread-self/net/snmp", buf, sizeof(buf));
	r = netns_leave(previous, r, err);
	line = r < 0 ? NULL : strstr(buf, "\nUdp: ");
	line = line ? strstr(line + 1, "\nUdp: ") : NULL;
	if (!line || sscanf(line, "\nUdp: %llu %llu", &in, &noports) != 2)
		return error_set(err, AN_FAILED, r < 0 ? -r : EPROTO, "/proc/net/snmp", "can't be read");
	return (int64_t)noports;
}

/*
 * Nothing listens in the new actor, and opening a socket there would take longer than the call that is
 * checked: the datagram goes first, and the actor's kernel tells afterwards that it saw it. Packets over veth
 * are processed in the sender's context as a rule; a short wait covers the times they are not.
 */
int packet_in(struct packet *p, int actor_ns, struct an_error *err)
{
	int64_t seen = 0;

	if (send(p->client_fd, "x", 1, 0) < 0 && errno != ECONNREFUSED)
		return 0;
	for (int tries = 0; tries < 50; tries++) {
		seen = packet_noports(actor_ns, err);
		if (seen != 0)
			break;
		poll(NULL, 0, 1);
	}
	return seen < 0 ? (int)seen : seen > 0;
}

int packet_out(struct packet *p, int actor_ns, unsigned int wait_ms, struct an_error *err)
{
	_cleanup_fd_ int fd = netns_socket(actor_ns, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, err);
	struct sockaddr_in to = packet_name(&p->worker->client, p->sink_port), from = { 0 };
	struct pollfd wait = { .fd = p->sink_fd, .events = POLLIN };
	socklen_t len = sizeof(from);
	char byte;

	if (fd < 0)
		return fd;
	if (sendto(fd, "y", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    poll(&wait, 1, (int)wait_ms) <= 0 ||
	    recvfrom(p->sink_fd, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&from, &len) != 1)
		return 0;
	return memcmp(&from.sin_addr, p->worker->addr.bytes, 4) == 0;
}
