/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink transport: requests with all their acknowledgements, dumps that restart.
 *
 * Theory of operation. The kernel carries a request out within sendmsg(2), and has queued every reply when
 * that returns (a dump goes on within recvmsg(2)). So replies are read without waiting, and "nothing there"
 * says that nothing more will come. If replies are missing then, we still wait, but not for long, and never
 * for good. Replies are told apart by sequence number alone: each message has its own, none is used twice, so
 * that what an earlier exchange left unread can't be taken for an answer to a later one.
 */
#include "nl/sock.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "nl/attr.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* As much as the kernel puts into one datagram of a dump (netlink_recvmsg() caps it at 32 KiB). */
#define SOCK_RECV_BYTES 32768
/* An acknowledgement is charged with about 1 KiB, so this holds over ten thousand; it is not reserved. */
#define SOCK_QUEUE_BYTES (16 << 20)
#define SOCK_WAIT_MS	 5000
#define SOCK_DUMP_TRIES	 4
/* Overruns in one exchange before we stop reading on: the kernel reports each once. */
#define SOCK_OVERRUNS  8
#define SOCK_ERRNO_MAX 4095

/**
 * struct sock_exchange - one request and the replies to it
 * @first:       sequence number of its first message
 * @n_messages:  how many messages it has
 * @want:        acknowledgements that must come (a dump's end counts as one)
 * @got:         those that came
 * @overruns:    times that the kernel said it had lost replies
 * @interrupted: a dump's objects changed meanwhile
 * @result:      first error: of the kernel, or of the callback
 * @failed:      index of the message that it is about
 * @by_cb:       the callback's, which may have filled in @err
 */
struct sock_exchange {
	struct nl_sock *sock;
	nl_cb *cb;
	void *data;
	uint32_t first;
	unsigned int n_messages, want, got, overruns;
	bool interrupted, by_cb;
	int result;
	unsigned int failed;
	struct an_error *err;
};

static int sock_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Raise a queue's limit: beyond the system's where CAP_NET_ADMIN allows it, else as far as that goes. */
static void sock_queue_limit(int fd, int force_option, int option)
{
	if (sock_option(fd, SOL_SOCKET, force_option, SOCK_QUEUE_BYTES) < 0)
		sock_option(fd, SOL_SOCKET, option, SOCK_QUEUE_BYTES);
}

int nl_open(struct nl_sock *ret_sock, int fd, struct an_error *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int errnum;

	/* Connected to the kernel, the socket takes messages from no one else (netlink_getsockbyportid()). */
	if (fault_point("connect") < 0 || connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		goto fail;
	if (sock_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1) < 0 ||
	    sock_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1) < 0)
		goto fail;
	/* Since Linux 4.20; without it filters of a dump may be ignored, which readers check anyway. */
	sock_option(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	sock_queue_limit(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	sock_queue_limit(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	*ret_sock = (struct nl_sock){ .fd = fd };
	return 0;
fail:
	errnum = errno;
	fd_close(fd);
	return error_errno(err, AN_FAILED, errnum, "netlink socket", "open");
}

void nl_close(struct nl_sock *sock)
{
	sock->fd = fd_close(sock->fd);
}

/* One datagram, or a negative errno: -EAGAIN if none is there, -EMSGSIZE if it does not fit. */
static ssize_t sock_recv(struct nl_sock *sock, void *buf, size_t size)
{
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = fault_point("recvmsg") < 0 ? -1 : recvmsg(sock->fd, &head, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return head.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static int sock_send(struct nl_sock *sock, void *buf, size_t len)
{
	struct iovec part = { .iov_base = buf, .iov_len = len };
	struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do {
		n = fault_point("sendmsg") < 0 ? -1 : sendmsg(sock->fd, &head, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Throw away what an earlier exchange left unread; finishes a dump that is still going on, too. */
static int sock_drain(struct nl_sock *sock)
{
	_Alignas(struct nlmsghdr) char buf[SOCK_RECV_BYTES];
	uint64_t deadline_us = clock_us() + SOCK_WAIT_MS * (uint64_t)1000;
	unsigned int overruns = 0;
	ssize_t n;

	do {
		n = sock_recv(sock, buf, sizeof(buf));
		if (n == -EAGAIN) {
			sock->broken = false;
			return 0;
		}
		if (n == -ENOBUFS && ++overruns < SOCK_OVERRUNS)
			continue;
		if (n < 0 && n != -EMSGSIZE)
			return (int)n;
	} while (clock_us() < deadline_us);
	return -EBUSY;
}

static void sock_fail(struct sock_exchange *x, int result, unsigned int index)
{
	if (x->result)
		return;
	x->result = result;
	x->failed = index;
	x->err = NULL; /* what comes later doesn't replace its words */
}

/* Text of an extended acknowledgement whose attributes start at @offset of the payload. */
static void sock_extack(const struct nlmsghdr *nlh, size_t offset, char *buf, size_t size)
{
	const struct nlattr *table[NLMSGERR_ATTR_MSG + 1];

	buf[0] = '\0';
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	attr_table(nlh, offset, table, NLMSGERR_ATTR_MSG);
	attr_text(table[NLMSGERR_ATTR_MSG], buf, size);
}

/* The kernel refused message @index; @offset is where its reasons start. */
static void sock_refused(struct sock_exchange *x, const struct nlmsghdr *nlh, int error, unsigned int index,
			 size_t offset)
{
	char words[256], reason[ERROR_TEXT];

	if (x->result)
		return;
	if (error > 0 || error < -SOCK_ERRNO_MAX) {
		sock_fail(x, error_set(x->err, AN_FAILED, EPROTO, "", "kernel answered with error %d", error),
			  index);
		return;
	}
	sock_extack(nlh, offset, words, sizeof(words));
	error_text(-error, reason);
	sock_fail(x, error_set(x->err, AN_FAILED, -error, "", "%s%s%s", reason, words[0] ? ": " : "", words),
		  index);
}

/* Acknowledgement or refusal: struct nlmsgerr, then the rest of what was refused unless capped, then TLVs. */
static void sock_on_error(struct sock_exchange *x, const struct nlmsghdr *nlh, unsigned int index)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*e);

	if (nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*e))) {
		sock_fail(x, error_set(x->err, AN_FAILED, EBADMSG, "", "acknowledgement cut short"), index);
		return;
	}
	x->got++;
	if (!e->error)
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && e->msg.nlmsg_len > NLMSG_HDRLEN)
		offset += e->msg.nlmsg_len - NLMSG_HDRLEN;
	sock_refused(x, nlh, e->error, index, offset);
}

/* End of a dump: an int, which is a negative errno where it failed midway, then TLVs. */
static void sock_on_done(struct sock_exchange *x, const struct nlmsghdr *nlh, unsigned int index)
{
	int error = 0;

	x->got++;
	if (nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	if (error)
		sock_refused(x, nlh, error, index, sizeof(error));
}

static void sock_on_object(struct sock_exchange *x, const struct nlmsghdr *nlh, unsigned int index)
{
	int r;

	/* After a failure or an interruption we only read on to the end. */
	if (!x->cb || x->by_cb || x->interrupted)
		return;
	r = x->cb(nlh, x->data);
	if (r >= 0)
		return;
	if (x->err && !x->err->kind)
		error_errno(x->err, AN_FAILED, -r, "", "read the kernel's reply");
	sock_fail(x, r, index);
	x->by_cb = true;
}

static void sock_on_message(struct sock_exchange *x, const struct nlmsghdr *nlh)
{
	/* Unsigned, so that older ones are far beyond. */
	uint32_t index = nlh->nlmsg_seq - x->first;

	if (index >= x->n_messages)
		return;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		x->interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_NOOP:
		return;
	case NLMSG_ERROR:
		sock_on_error(x, nlh, index);
		return;
	case NLMSG_DONE:
		sock_on_done(x, nlh, index);
		return;
	case NLMSG_OVERRUN:
		sock_fail(x, error_set(x->err, AN_FAILED, ENOBUFS, "", "kernel lost replies"), index);
		return;
	default:
		sock_on_object(x, nlh, index);
	}
}

/* All messages of a datagram. Return: 0 or -EBADMSG. */
static int sock_on_datagram(struct sock_exchange *x, const char *buf, size_t len)
{
	while (len) {
		const struct nlmsghdr *nlh = (const void *)buf;
		size_t step;

		if (len < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > len)
			return error_set(x->err, AN_FAILED, EBADMSG, "", "kernel's reply cut short");
		sock_on_message(x, nlh);
		step = NLMSG_ALIGN((size_t)nlh->nlmsg_len);
		if (step >= len)
			break;
		buf += step;
		len -= step;
	}
	return 0;
}

/* Nothing there, and replies are missing. Return: 0 if some came meanwhile, or a negative errno. */
static int sock_wait(struct sock_exchange *x)
{
	struct pollfd p = { .fd = x->sock->fd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, SOCK_WAIT_MS);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	if (n < 0)
		return error_errno(x->err, AN_FAILED, errno, "", "wait for the kernel's reply");
	return error_set(x->err, AN_FAILED, ETIMEDOUT, "", "kernel sent only %u of %u acknowledgements",
			 x->got, x->want);
}

/* A receive that gave no datagram. Return: 0 to read on, 1 at the end, or a negative errno. */
static int sock_on_recv_error(struct sock_exchange *x, int errnum)
{
	switch (errnum) {
	case EAGAIN:
		/* After a refusal fewer come, as when a whole batch is refused at its head. */
		return x->result || x->got >= x->want ? 1 : sock_wait(x);
	case ENOBUFS:
		sock_fail(x, error_set(x->err, AN_FAILED, ENOBUFS, "", "kernel's replies were lost: overrun"),
			  0);
		return ++x->overruns < SOCK_OVERRUNS ? 0 : -ENOBUFS;
	case EMSGSIZE:
		return error_set(x->err, AN_FAILED, EMSGSIZE, "", "kernel's reply is over %d bytes",
				 SOCK_RECV_BYTES);
	default:
		return error_errno(x->err, AN_FAILED, errnum, "", "receive the kernel's reply");
	}
}

/* Read all replies. Return: x->result, or the error that ended the reading; the socket is broken then. */
static int sock_collect(struct sock_exchange *x)
{
	_Alignas(struct nlmsghdr) char buf[SOCK_RECV_BYTES];
	int r = 0;

	/* Once something was refused, how many still come is not known: read until nothing is there. */
	while (x->result || !x->want || x->got < x->want) {
		ssize_t n = sock_recv(x->sock, buf, sizeof(buf));

		r = n < 0 ? sock_on_recv_error(x, (int)-n) : sock_on_datagram(x, buf, (size_t)n);
		if (r)
			break;
	}
	x->sock->broken = r < 0;
	if (x->result)
		return x->result;
	return r < 0 ? r : 0;
}

/* Drain if need be, then send. Return: 0 or a negative errno. */
static int sock_request(struct nl_sock *sock, void *buf, size_t len, struct an_error *err)
{
	int r;

	if (sock->fd < 0)
		return error_set(err, AN_FAILED, EBADF, "", "netlink socket is closed");
	r = sock->broken ? sock_drain(sock) : 0;
	if (r < 0)
		return error_errno(err, AN_FAILED, -r, "", "drain the netlink socket");
	r = sock_send(sock, buf, len);
	if (r < 0)
		return error_errno(err, AN_FAILED, -r, "", "send to the kernel");
	return 0;
}

/* Number the messages. Return: how many, or 0 if they are not whole. */
static unsigned int sock_number(struct nl_sock *sock, char *buf, size_t len)
{
	uint32_t seq = sock->seq;
	unsigned int count = 0;

	while (len) {
		struct nlmsghdr *nlh = (void *)buf;
		size_t step;

		if (len < sizeof(*nlh) || nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > len)
			return 0;
		nlh->nlmsg_seq = ++seq;
		count++;
		step = NLMSG_ALIGN((size_t)nlh->nlmsg_len);
		if (step >= len)
			break;
		buf += step;
		len -= step;
	}
	sock->seq = seq;
	return count;
}

/* Send what is numbered, collect what comes; the errno and text of a failure are in @x. */
static int sock_run(struct sock_exchange *x, void *buf, size_t len, unsigned int *ret_failed)
{
	int r;

	x->first = x->sock->seq + 1;
	x->n_messages = sock_number(x->sock, buf, len);
	if (!x->n_messages)
		return error_set(x->err, AN_FAILED, EINVAL, "", "request is no whole netlink message");
	r = sock_request(x->sock, buf, len, x->err);
	if (!r)
		r = sock_collect(x);
	if (r < 0 && ret_failed)
		*ret_failed = x->failed;
	return r;
}

int nl_batch(struct nl_sock *sock, void *buf, size_t len, unsigned int n_acks, unsigned int *ret_failed,
	     struct an_error *err)
{
	struct sock_exchange x = { .sock = sock, .want = n_acks, .err = err };

	return sock_run(&x, buf, len, ret_failed);
}

/* End the building, and set @flags in each message. Return: 0 or a negative errno. */
static int sock_prepare(struct msg *m, uint16_t flags, struct an_error *err)
{
	int r = msg_finish(m);

	if (!r && !m->count)
		r = -EINVAL;
	if (r < 0)
		return error_errno(err, AN_FAILED, -r, "", "build the request");
	for (size_t at = 0; at < m->len;) {
		struct nlmsghdr *nlh = (void *)(m->buf + at);

		nlh->nlmsg_flags |= flags;
		at += nlh->nlmsg_len;
	}
	return 0;
}

int nl_call(struct nl_sock *sock, struct msg *m, nl_cb *cb, void *data, unsigned int *ret_failed,
	    struct an_error *err)
{
	struct sock_exchange x = { .sock = sock, .cb = cb, .data = data, .err = err };
	int r = sock_prepare(m, NLM_F_REQUEST | NLM_F_ACK, err);

	if (r < 0) {
		if (ret_failed)
			*ret_failed = 0;
		return r;
	}
	x.want = m->count;
	return sock_run(&x, m->buf, m->len, ret_failed);
}

int nl_dump(struct nl_sock *sock, struct msg *m, nl_cb *cb, void (*reset)(void *data), void *data,
	    struct an_error *err)
{
	int r = sock_prepare(m, NLM_F_REQUEST | NLM_F_DUMP, err);

	if (!r && m->count != 1)
		r = error_set(err, AN_FAILED, EINVAL, "", "a dump is one request, not %u", m->count);
	for (unsigned int i = 0; !r && i < SOCK_DUMP_TRIES; i++) {
		struct sock_exchange x = { .sock = sock, .cb = cb, .data = data, .want = 1, .err = err };

		if (reset)
			reset(data);
		x.first = sock->seq + 1;
		x.n_messages = sock_number(sock, m->buf, m->len);
		r = sock_request(sock, m->buf, m->len, err);
		if (!r)
			r = sock_collect(&x);
		if (!r && !x.interrupted)
			return 0;
	}
	if (r < 0)
		return r;
	return error_set(err, AN_FAILED, EAGAIN, "", "dump was interrupted by changes %d times",
			 SOCK_DUMP_TRIES);
}
