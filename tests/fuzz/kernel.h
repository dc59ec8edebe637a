/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel that answers netlink requests with what the input says. */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include "nl/sock.h"

/**
 * kernel_open() - a socket whose replies are ready
 * @data: datagrams, each behind its length (two bytes, little endian; too long: the rest)
 *
 * The first request has the sequence number 1. Each datagram is put at the very end of the reader's buffer, behind a
 * message that says nothing, so that a sanitizer sees a step past its end. Nothing waits: when the replies are at an
 * end, they stay so.
 */
void kernel_open(struct nl_sock *ret_sock, const uint8_t *data, size_t size);
/** kernel_close() - both ends. */
void kernel_close(struct nl_sock *sock);

#endif
