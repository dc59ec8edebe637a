/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.reflection.v1 and v1alpha, by which a client learns what is served. */
#ifndef ATEOM_REFLECTION_H
#define ATEOM_REFLECTION_H

#include "ateom/rpc.h"

/**
 * struct reflection_file - a .proto file; it imports no other
 * @service:    its one service
 * @symbols:    full names of all that it defines, NULL-terminated
 * @descriptor, @size: google.protobuf.FileDescriptorProto
 */
struct reflection_file {
	const char *name, *service;
	const char *const *symbols;
	const uint8_t *descriptor;
	size_t size;
};

/* Made at build time from src/ateom/proto. */
extern const struct reflection_file reflection_files[];
extern const size_t reflection_n_files;

/** reflection_answer() - an rpc_handler for each message of ServerReflectionInfo. */
void reflection_answer(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data);

#endif
