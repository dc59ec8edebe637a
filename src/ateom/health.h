/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1, by which Kubernetes and others ask whether we serve. */
#ifndef ATEOM_HEALTH_H
#define ATEOM_HEALTH_H

#include "ateom/rpc.h"

/** health_check() - an rpc_handler for Check: SERVING for "" and the services there are, NOT_FOUND for others. */
void health_check(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data);

#endif
