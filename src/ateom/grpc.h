/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC over HTTP/2 as far as it is pure text and bytes (its documentation, PROTOCOL-HTTP2.md). */
#ifndef ATEOM_GRPC_H
#define ATEOM_GRPC_H

#include "ateom/rpc.h"

#define GRPC_PREFIX	 5	     /* bytes before each message: compressed flag, length in network order */
#define GRPC_MESSAGE_MAX (64U << 10) /* bytes of a request; the contract's are a few hundred */
#define GRPC_TEXT_MAX	 ((size_t)3 * RPC_MESSAGE_MAX) /* bytes of an encoded status message, NUL included */

/**
 * struct grpc_reader - puts messages together from the bytes of a stream, whatever pieces they come in
 * @prefix, @n_prefix: the prefix, as far as it is there
 * @body:   the message, malloc()ed
 * @len:    how long it will be
 * @filled: how much of it is there
 */
struct grpc_reader {
	uint8_t prefix[GRPC_PREFIX];
	size_t n_prefix;
	uint8_t *body;
	size_t len, filled;
};

/**
 * grpc_reader_add() - take bytes up to the end of one message
 * @data, @size: the input; moved past what was taken
 *
 * Return: 1: a message is whole, in @body and @len; 0: more is needed, all input was taken; or why this can't be read:
 * -EMSGSIZE (longer than GRPC_MESSAGE_MAX), -EOPNOTSUPP (compressed), -EPROTO (neither compressed nor plain), -ENOMEM.
 */
int grpc_reader_add(struct grpc_reader *reader, const uint8_t **data, size_t *size);

/** grpc_reader_take() - the whole message, now the caller's to free; the reader starts over. Return: not NULL. */
uint8_t *grpc_reader_take(struct grpc_reader *reader, size_t *ret_len);

/** grpc_reader_partial() - did the input end inside a message? */
bool grpc_reader_partial(const struct grpc_reader *reader);

/** grpc_reader_fini() - free what there is of a message. */
void grpc_reader_fini(struct grpc_reader *reader);

/** grpc_prefix_build() - prefix of a message of ours, never compressed. */
void grpc_prefix_build(uint8_t prefix[static GRPC_PREFIX], uint32_t len);

/**
 * grpc_message_encode() - a status message as header text: all but printable ASCII, and '%', as %XX
 * @text: cut where the result would not fit
 * Return: length of @buf, which is terminated.
 */
size_t grpc_message_encode(const char *text, char buf[static GRPC_TEXT_MAX]);

/**
 * grpc_timeout_parse() - "100m" and the like: one to eight digits and a unit of H M S m u n
 * Return: 0, or -EINVAL.
 */
int grpc_timeout_parse(const char *text, size_t len, uint64_t *ret_us);

/** grpc_content_type_ok() - "application/grpc", alone or with "+proto" or parameters; messages are protobuf. */
bool grpc_content_type_ok(const char *text, size_t len);

#endif
