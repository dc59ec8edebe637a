/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the service, decoded and checked as far as that goes without a look at the disk. */
#ifndef ATEOM_REQUEST_H
#define ATEOM_REQUEST_H

#include "ateom/paths.h"

#include <actornet/error.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_ROOT	       "pause" /* the root container, which no request names */
#define REQUEST_CONTAINERS_MAX 64
#define REQUEST_VOLUMES_MAX    256 /* mount points of all containers */

enum request_kind {
	REQUEST_RUN,
	REQUEST_CHECKPOINT,
	REQUEST_RESTORE,
	REQUEST_KIND_COUNT,
};

enum request_scope {
	REQUEST_FULL,
	REQUEST_DATA,
};

/**
 * struct request_container - a container beside the root
 * @name:        also what runsc knows it by
 * @ready_path:  with @ready_port: asked until the answer is 200
 * @ready_port:  0: not asked
 * @volumes:     [@n_volumes] mount points of durable directories
 */
struct request_container {
	const char *name;
	const char *ready_path;
	uint16_t ready_port;
	char *const *volumes;
	size_t n_volumes;
};

/**
 * struct request - what the three have in common; texts belong to @message
 * @key: "<template namespace>:<template>:<actor>"
 *
 * snapshot_uri_prefix and runtime_asset_paths are the caller's own business: they are checked as text and not used.
 */
struct request {
	enum request_kind kind;
	enum request_scope scope;
	const char *template_ns, *template_name, *actor_id, *runsc_path;
	char key[PATHS_SEGMENT_MAX + 1];
	struct request_container *containers;
	size_t n_containers, n_volumes;
	ProtobufCMessage *message;
};

/**
 * request_decode() - read one
 * Return: 0, or -EINVAL (AN_USAGE) with the field named, -ENOMEM.
 */
int request_decode(struct request *ret_request, enum request_kind kind, const uint8_t *body, size_t len,
		   struct an_error *err);
/** request_fini() - for _cleanup_(). */
void request_fini(struct request *request);

#endif
