/* SPDX-License-Identifier: Apache-2.0 */
/* The service ateom.Ateom: who answers its calls. */
#ifndef ATEOM_SERVICE_H
#define ATEOM_SERVICE_H

#include "ateom/rpc.h"
#include "ateom/workload.h"

#include <pthread.h>
#include <stdbool.h>

#define SERVICE_METHODS 3

/**
 * struct service - the calls of a worker
 * @preparing: held until the worker is prepared, so that the socket is there before: calls wait for it
 * @prepared:  it is; else calls are refused, and the process is about to end
 * @workload:  of the service thread, once prepared
 * @broken_fd: eventfd, readable once the process is to end, since a clean-up failed
 */
struct service {
	pthread_mutex_t preparing;
	bool prepared;
	struct workload workload;
	int broken_fd;
};

/** service_methods() - who answers what; @service must outlive them. */
void service_methods(struct service *service, struct rpc_method ret_methods[static SERVICE_METHODS]);

/** service_after() - work put off until after the answer; see struct server_spec. */
bool service_after(void *service);

#endif
