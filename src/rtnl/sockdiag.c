/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of a namespace that hold a port (NETLINK_SOCK_DIAG).
 *
 * Theory of operation: a request without NLM_F_DUMP makes the kernel look up one socket as if a packet had
 * come (net/ipv4/inet_diag.c, udp_diag.c). With 0.0.0.0:0 as the far end no connection can match, only a
 * listener or an unconnected socket; the state is checked all the same. TCP takes the local end from
 * idiag_src, UDP from idiag_dst. An IPv4 lookup finds IPv6 sockets that take IPv4 as well: no second one with
 * a mapped address is needed (the tests show it).
 */
#include "rtnl/sockdiag.h"

#include "base/error.h"
#include "base/text.h"
#include "nl/attr.h"
#include "rtnl/request.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The state of a socket that would take a packet from anyone: UDP's unconnected is TCP_CLOSE. */
static uint8_t sockdiag_state(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE;
}

static struct inet_diag_req_v2 *sockdiag_begin(struct msg *m, uint16_t flags, uint8_t family,
					       uint8_t protocol)
{
	struct inet_diag_req_v2 *header;

	header = msg_begin(m, SOCK_DIAG_BY_FAMILY, flags, sizeof(*header));
	if (header) {
		header->sdiag_family = family;
		header->sdiag_protocol = protocol;
		header->idiag_states = 1U << sockdiag_state(protocol);
		header->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
		header->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	}
	return header;
}

void sockdiag_build(struct msg *m, uint8_t protocol, const struct sockdiag_place *place)
{
	const struct addr *addr = &place->addr;
	struct inet_diag_req_v2 *header;

	header = sockdiag_begin(m, 0, addr->family, protocol);
	if (!header)
		return;
	if (protocol == IPPROTO_UDP) {
		memcpy(header->id.idiag_dst, addr->bytes, addr_size(addr->family));
		header->id.idiag_dport = htons(place->port);
	} else {
		memcpy(header->id.idiag_src, addr->bytes, addr_size(addr->family));
		header->id.idiag_sport = htons(place->port);
	}
	header->id.idiag_if = place->link;
}

/* An IPv4 address in an IPv6 socket's clothes (RFC 4291, 2.5.5.2) is an IPv4 address. */
static struct addr sockdiag_read_addr(uint8_t family, const void *bytes)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0)
		return addr_from(AF_INET, (const uint8_t *)bytes + sizeof(mapped));
	return addr_from(family, bytes);
}

/**
 * struct sockdiag_reader - of an exchange
 * @protocol: asked for: an answer doesn't say
 */
struct sockdiag_reader {
	sockdiag_cb *cb;
	void *data;
	uint8_t protocol;
};

static int sockdiag_read_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct inet_diag_msg *header = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[INET_DIAG_SKV6ONLY + 1];
	const struct sockdiag_reader *reader = data;
	struct sockdiag socket;

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(nlh) < sizeof(*header) ||
	    header->idiag_state != sockdiag_state(reader->protocol))
		return 0;
	attr_table(nlh, sizeof(*header), tb, INET_DIAG_SKV6ONLY);
	socket = (struct sockdiag){
		.protocol = reader->protocol,
		.addr = sockdiag_read_addr(header->idiag_family, header->id.idiag_src),
		.port = ntohs(header->id.idiag_sport),
		.inode = header->idiag_inode,
		.v6only = attr_u8(tb[INET_DIAG_SKV6ONLY]) != 0,
	};
	return reader->cb(&socket, reader->data);
}

#define SOCKDIAG_REQUEST 96 /* bytes of one request, with room to spare */

/* What sockdiag_find_any() found last. */
struct sockdiag_found {
	struct sockdiag socket;
	bool any;
};

static int sockdiag_found_cb(const struct sockdiag *socket, void *data)
{
	struct sockdiag_found *found = data;

	found->socket = *socket;
	found->any = true;
	return 0;
}

int sockdiag_find_any(struct nl_sock *diag, uint8_t protocol, const struct sockdiag_place *places, size_t n,
		      struct sockdiag *ret_socket, struct an_error *err)
{
	_Alignas(4) char buf[SOCKDIAG_MANY * SOCKDIAG_REQUEST];
	struct sockdiag_found found = { 0 };
	struct sockdiag_reader reader = { sockdiag_found_cb, &found, protocol };
	struct an_error refusal = { 0 };
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	for (size_t i = 0; i < n; i++)
		sockdiag_build(&m, protocol, &places[i]);
	r = n > 0 ? nl_call(diag, &m, sockdiag_read_cb, &reader, NULL, &refusal) : 0;
	if (r < 0 && r != -ENOENT) { /* which is said of each that there is none for */
		error_object(&refusal, "sockets of %zu %s ports", n, protocol == IPPROTO_TCP ? "tcp" : "udp");
		error_context(&refusal, "look up");
		if (err)
			*err = refusal;
		return r;
	}
	if (!found.any)
		return 0;
	*ret_socket = found.socket;
	return 1;
}

int sockdiag_dump(struct nl_sock *diag, sockdiag_cb *cb, void *data, struct an_error *err)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	_Alignas(4) char buf[REQUEST_BUF];
	struct msg m;
	int r;

	for (size_t i = 0; i < 4; i++) {
		struct sockdiag_reader reader = { cb, data, protocols[i / 2] };

		msg_init(&m, buf, sizeof(buf));
		sockdiag_begin(&m, NLM_F_DUMP, families[i % 2], reader.protocol);
		r = nl_dump(diag, &m, sockdiag_read_cb, NULL, &reader, err);
		if (r < 0) {
			if (r == -ENOENT) /* said of a missing handler only */
				return error_feature(err, "a list of sockets", "INET_TCP_DIAG INET_UDP_DIAG");
			error_object(err, "list of %s sockets", i < 2 ? "TCP" : "UDP");
			return r;
		}
	}
	return 0;
}

/* Does a process hold the socket of that name ("socket:[INODE]")? */
static bool sockdiag_held_by(int proc, const char *pid, const char *name)
{
	char path[64], target[64];
	struct dirent *entry;
	bool held = false;
	ssize_t len;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%.16s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return false;
	}
	while (!held && (entry = readdir(dir))) {
		len = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		held = strcmp(target, name) == 0;
	}
	closedir(dir);
	return held;
}

/* "nginx (pid 812)"; the command's name may be gone with it. */
static void sockdiag_describe(int proc, const char *pid, char *buf, size_t size)
{
	char path[64], comm[64] = "";

	snprintf(path, sizeof(path), "%.16s/comm", pid);
	if (text_read_file(proc, path, comm, sizeof(comm)) < 0)
		comm[0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(buf, size, "%s (pid %.16s)", comm[0] ? comm : "a process", pid);
}

const char *sockdiag_owner(uint32_t inode, char *buf, size_t size)
{
	struct dirent *entry;
	bool found = false;
	char name[64];
	DIR *proc;

	snprintf(buf, size, "a process of another container");
	proc = inode ? opendir("/proc") : NULL;
	if (!proc)
		return buf;
	snprintf(name, sizeof(name), "socket:[%u]", inode);
	while (!found && (entry = readdir(proc))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		found = sockdiag_held_by(dirfd(proc), entry->d_name, name);
		if (found)
			sockdiag_describe(dirfd(proc), entry->d_name, buf, size);
	}
	closedir(proc);
	return buf;
}
