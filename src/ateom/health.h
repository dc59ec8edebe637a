/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1, by which Kubernetes and others ask whether we serve. */
#ifndef ATEOM_HEALTH_H
#define ATEOM_HEALTH_H

#include "ateom/rpc.h"

/**
 * health_check() - an rpc_handler for Check: how it is with "" and the services there are, NOT_FOUND for others
 * @data: const _Atomic bool *: SERVING or NOT_SERVING
 */
void health_check(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data);

#endif
