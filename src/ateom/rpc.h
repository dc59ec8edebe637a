/* SPDX-License-Identifier: Apache-2.0 */
/* Where transport and service meet: a unary call as bytes, an answer as bytes and a status. */
#ifndef ATEOM_RPC_H
#define ATEOM_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Status codes of gRPC (its documentation, statuscodes.md). */
enum rpc_code {
	RPC_OK = 0,
	RPC_CANCELLED = 1,
	RPC_UNKNOWN = 2,
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_ALREADY_EXISTS = 6,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_FAILED_PRECONDITION = 9,
	RPC_ABORTED = 10,
	RPC_UNIMPLEMENTED = 12,
	RPC_INTERNAL = 13,
	RPC_UNAVAILABLE = 14,
};

#define RPC_MESSAGE_MAX 2048 /* bytes of a status message, NUL included */
#define RPC_TIMINGS_MAX 8

/** struct rpc_timing - microseconds of one stage; also trailer "x-server-<name>-us". @name: static, lower case */
struct rpc_timing {
	const char *name;
	uint64_t us;
};

/**
 * struct rpc_call - a request
 * @body, @len: the message, without gRPC's prefix, uncompressed
 * @cancel_fd:  readable once the caller has gone, its deadline has passed, or the server is told to end; -1: never
 */
struct rpc_call {
	const uint8_t *body;
	size_t len;
	int cancel_fd;
};

/**
 * struct rpc_reply - the answer
 * @code:    RPC_OK, or why not
 * @message: text for a code other than RPC_OK, UTF-8
 * @body:    the message on RPC_OK, malloc()ed, the transport frees it; NULL: the empty message
 * @len:     bytes of it
 * @timings: @n_timings stages
 */
struct rpc_reply {
	enum rpc_code code;
	char message[RPC_MESSAGE_MAX];
	uint8_t *body;
	size_t len;
	struct rpc_timing timings[RPC_TIMINGS_MAX];
	size_t n_timings;
};

/**
 * typedef rpc_handler - answers one call
 * @ret_reply: zeroed
 * @data:      of the method
 *
 * Runs in the service thread, one call at a time, in the order in which they came. It may take seconds.
 */
typedef void rpc_handler(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data);

/** struct rpc_method - "/ateom.Ateom/RunWorkload" and who answers it */
struct rpc_method {
	const char *path;
	rpc_handler *handler;
	void *data;
};

#endif
