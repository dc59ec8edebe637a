/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink transport: requests with all their acknowledgements, dumps that restart. */
#ifndef NL_SOCK_H
#define NL_SOCK_H

#include "nl/msg.h"
#include <actornet/error.h>
#include <stdbool.h>

/**
 * struct nl_sock - one netlink socket
 * @fd:     close-on-exec, extended acknowledgements, capped acks, strict checking; -1 when closed
 * @seq:    last sequence number used
 * @broken: an error left replies unread: the next use drains or refuses, never mistakes an old reply for a
 *          new one
 */
struct nl_sock {
	int fd;
	uint32_t seq;
	bool broken;
};

#define NL_SOCK_CLOSED   \
	{                \
		.fd = -1 \
	}

/**
 * nl_open() - take over a raw netlink descriptor and set its options
 * @fd: from socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, …), owned by the callee whatever happens
 * Return: 0 or a negative errno.
 */
int nl_open(struct nl_sock *ret_sock, int fd, struct an_error *err);
/** nl_close() - may be called twice; keeps errno. */
void nl_close(struct nl_sock *sock);

/* Called for each reply but acknowledgements. Return: 0, or a negative errno, which ends the exchange. */
typedef int nl_cb(const struct nlmsghdr *nlh, void *data);

/**
 * nl_call() - send the messages of @m in one system call, collect one acknowledgement each
 * @m:          finished by this call; NLM_F_REQUEST is set in each, NLM_F_ACK too
 * @cb:         for replies other than acknowledgements; may be NULL
 * @ret_failed: index of the first message that was refused; may be NULL
 *
 * All acknowledgements are drained even after an error, so that the socket can be used again. Messages
 * between NFNL_MSG_BATCH_BEGIN and _END are a batch: nf/txn.h does those.
 *
 * Messages after a refused one are carried out all the same (each is a request of its own).
 *
 * Return: 0, or the first negative errno; @err then has the kernel's extended acknowledgement text, its
 * object is empty (callers use error_object()).
 */
int nl_call(struct nl_sock *sock, struct msg *m, nl_cb *cb, void *data, unsigned int *ret_failed,
	    struct an_error *err);

/**
 * nl_batch() - like nl_call(), for bytes that libnftnl built
 * @buf:       whole messages, sequence numbers set here, starting after @sock->seq
 * @n_acks:    how many of them asked for an acknowledgement
 *
 * A batch that is refused as a whole counts as a refusal of its first message (index 0).
 */
int nl_batch(struct nl_sock *sock, void *buf, size_t len, unsigned int n_acks, unsigned int *ret_failed,
	     struct an_error *err);

/**
 * nl_dump() - send one dump request, call @cb for each object
 * @reset: called before each try, so that @cb starts afresh after an interrupted dump; may be NULL
 *
 * An interrupted dump (NLM_F_DUMP_INTR) is restarted, at most three times, then it fails with EAGAIN. A
 * truncated receive is an error. The errno in NLMSG_DONE counts.
 */
int nl_dump(struct nl_sock *sock, struct msg *m, nl_cb *cb, void (*reset)(void *data), void *data,
	    struct an_error *err);

#endif
