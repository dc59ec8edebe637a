/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel that answers netlink requests with what the input says: the other end of a socket pair. */
#include "kernel.h"

#include "base/cleanup.h"
#include "input.h"
#include <poll.h>
#include <sys/socket.h>

#define KERNEL_BUFFER	 32768 /* what nl/sock.c reads into */
#define KERNEL_DATAGRAMS 8     /* the system queues ten at least (net.unix.max_dgram_qlen) */

static int kernel_end = -1;

/* Stands in for poll(2): what is ready now is told, but no input is worth waiting for. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	(void)timeout_ms;
	return ppoll(fds, n, &(struct timespec){ 0 }, NULL);
}

/* Send one datagram, moved to the end of the reader's buffer. */
static void kernel_send(const uint8_t *data, size_t size)
{
	static _Alignas(struct nlmsghdr) uint8_t buf[KERNEL_BUFFER];
	size_t front = (sizeof(buf) - size) / NLMSG_ALIGNTO * NLMSG_ALIGNTO;
	struct nlmsghdr *nothing = (void *)buf;

	if (front < sizeof(*nothing))
		front = 0;
	else
		*nothing = (struct nlmsghdr){ .nlmsg_len = (uint32_t)front, .nlmsg_type = NLMSG_NOOP };
	if (size)
		memcpy(buf + front, data, size);
	send(kernel_end, buf, front + size, MSG_DONTWAIT);
}

void kernel_open(struct nl_sock *ret_sock, const uint8_t *data, size_t size)
{
	int ends[2], queue = 1 << 20;

	promise(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
	if (setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &queue, sizeof(queue)) < 0)
		setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &queue, sizeof(queue));
	*ret_sock = (struct nl_sock){ .fd = ends[0] };
	kernel_end = ends[1];

	for (int i = 0; i < KERNEL_DATAGRAMS && size >= 2; i++) {
		size_t len = data[0] | (size_t)data[1] << 8;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (len <= KERNEL_BUFFER)
			kernel_send(data, len);
		data += len;
		size -= len;
	}
}

void kernel_close(struct nl_sock *sock)
{
	nl_close(sock);
	kernel_end = fd_close(kernel_end);
}
