/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1, by which Kubernetes and others ask whether we serve. */
#include "ateom/health.h"

#include "ateom/reflection.h"
#include "health.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool health_known(const char *service)
{
	for (size_t i = 0; i < reflection_n_files; i++)
		if (!strcmp(reflection_files[i].service, service))
			return true;
	return service[0] == '\0';
}

/* A server that ends takes no calls any more, so that who asks then hears nothing. */
void health_check(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	Grpc__Health__V1__HealthCheckRequest *request =
		grpc__health__v1__health_check_request__unpack(NULL, call->len, call->body);
	Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
	const _Atomic bool *serving = data;

	if (!request) {
		ret_reply->code = RPC_INVALID_ARGUMENT;
		snprintf(ret_reply->message, sizeof(ret_reply->message),
			 "the message is no HealthCheckRequest");
		return;
	}
	response.status = *serving ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
				   : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
	if (!health_known(request->service)) {
		ret_reply->code = RPC_NOT_FOUND;
		snprintf(ret_reply->message, sizeof(ret_reply->message), "unknown service");
	} else {
		ret_reply->body = malloc(grpc__health__v1__health_check_response__get_packed_size(&response));
		ret_reply->code = ret_reply->body ? RPC_OK : RPC_RESOURCE_EXHAUSTED;
		if (ret_reply->body)
			ret_reply->len =
				grpc__health__v1__health_check_response__pack(&response, ret_reply->body);
	}
	grpc__health__v1__health_check_request__free_unpacked(request, NULL);
}
