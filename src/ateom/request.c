/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the service, decoded and checked as far as that goes without a look at the disk. */
#include "ateom/request.h"

#include "ateom.pb-c.h"
#include "ateom/wire.h"
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_READY_PATH     "/readyz"
#define REQUEST_READY_PATH_MAX 1024

static const ProtobufCMessageDescriptor *request_type(enum request_kind kind)
{
	switch (kind) {
	case REQUEST_CHECKPOINT:
		return &ateom__checkpoint_workload_request__descriptor;
	case REQUEST_RESTORE:
		return &ateom__restore_workload_request__descriptor;
	case REQUEST_RUN:
	case REQUEST_KIND_COUNT:
		break;
	}
	return &ateom__run_workload_request__descriptor;
}

/* What the three messages have alike lies in structs that are not. */
#define REQUEST_TAKE(request, message)                                        \
	do {                                                                  \
		(request)->template_ns = (message)->actor_template_namespace; \
		(request)->template_name = (message)->actor_template_name;    \
		(request)->actor_id = (message)->actor_id;                    \
		(request)->runsc_path = (message)->runsc_path;                \
		spec = (message)->spec;                                       \
	} while (0)

/* Return: the specification of the containers, NULL where there is none. */
static const Ateom__WorkloadSpec *request_take(struct request *request, Ateom__SnapshotScope *ret_scope)
{
	const Ateom__WorkloadSpec *spec = NULL;

	*ret_scope = ATEOM__SNAPSHOT_SCOPE__SNAPSHOT_SCOPE_FULL;
	switch (request->kind) {
	case REQUEST_CHECKPOINT:
		REQUEST_TAKE(request, (const Ateom__CheckpointWorkloadRequest *)request->message);
		*ret_scope = ((const Ateom__CheckpointWorkloadRequest *)request->message)->scope;
		break;
	case REQUEST_RESTORE:
		REQUEST_TAKE(request, (const Ateom__RestoreWorkloadRequest *)request->message);
		*ret_scope = ((const Ateom__RestoreWorkloadRequest *)request->message)->scope;
		break;
	case REQUEST_RUN:
	case REQUEST_KIND_COUNT:
		REQUEST_TAKE(request, (const Ateom__RunWorkloadRequest *)request->message);
		break;
	}
	return spec;
}

static int request_check_names(struct request *request, struct an_error *err)
{
	int n;

	if (paths_segment_check("actor_template_namespace", request->template_ns, err) < 0 ||
	    paths_segment_check("actor_template_name", request->template_name, err) < 0 ||
	    paths_segment_check("actor_id", request->actor_id, err) < 0)
		return -EINVAL;
	n = snprintf(request->key, sizeof(request->key), "%s:%s:%s", request->template_ns,
		     request->template_name, request->actor_id);
	if (n >= (int)sizeof(request->key))
		return error_set(
			err, AN_USAGE, EINVAL, "actor_id",
			"is with template and namespace longer than %d bytes, the name of a directory",
			PATHS_SEGMENT_MAX);
	if (request->runsc_path[0] != '/')
		return error_set(err, AN_USAGE, EINVAL, "runsc_path", "'%.64s' is not an absolute path",
				 request->runsc_path);
	if (strlen(request->runsc_path) >= PATH_MAX)
		return error_set(err, AN_USAGE, EINVAL, "runsc_path", "is longer than %d bytes",
				 PATH_MAX - 1);
	return 0;
}

static int request_check_scope(struct request *request, Ateom__SnapshotScope scope, struct an_error *err)
{
	/* Open in proto3: any number may come. */
	if (scope == ATEOM__SNAPSHOT_SCOPE__SNAPSHOT_SCOPE_FULL)
		request->scope = REQUEST_FULL;
	else if (scope == ATEOM__SNAPSHOT_SCOPE__SNAPSHOT_SCOPE_DATA)
		request->scope = REQUEST_DATA;
	else
		return error_set(err, AN_USAGE, EINVAL, "scope", "%d is neither FULL (1) nor DATA (2)",
				 (int)scope);
	return 0;
}

/* The name is a directory, and runsc's: letters, digits, "_", "+", "-", "."; one with a dash first would be a flag. */
static int request_check_name(const struct request *request, const char *name, struct an_error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.";

	if (paths_segment_check("container name", name, err) < 0)
		return -EINVAL;
	if (name[0] == '-' || name[strspn(name, allowed)])
		return error_set(err, AN_USAGE, EINVAL, "container name",
				 "'%.64s' holds other characters than A-Z a-z 0-9 _ + - . or begins with -",
				 name);
	if (!strcmp(name, REQUEST_ROOT))
		return error_set(err, AN_USAGE, EINVAL, "container name", "'%s' is the root container's",
				 name);
	for (size_t i = 0; i < request->n_containers; i++) {
		if (!strcmp(request->containers[i].name, name))
			return error_set(err, AN_USAGE, EINVAL, "container name", "'%.64s' comes twice",
					 name);
	}
	return 0;
}

static int request_check_ready(struct request_container *container, const Ateom__Readyz *readyz,
			       struct an_error *err)
{
	const Ateom__HTTPGetAction *get = readyz ? readyz->http_get : NULL;

	if (!get)
		return 0;
	if (get->port < 1 || get->port > UINT16_MAX)
		return error_set(err, AN_USAGE, EINVAL, "readyz", "%d of container %.64s is not a port",
				 (int)get->port, container->name);
	container->ready_port = (uint16_t)get->port;
	container->ready_path = get->path[0] ? get->path : REQUEST_READY_PATH;
	if (container->ready_path[0] != '/' || strlen(container->ready_path) > REQUEST_READY_PATH_MAX)
		return error_set(err, AN_USAGE, EINVAL, "readyz",
				 "path of container %.64s doesn't begin with / or is longer than %d bytes",
				 container->name, REQUEST_READY_PATH_MAX);
	for (const char *c = container->ready_path; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return error_set(err, AN_USAGE, EINVAL, "readyz",
					 "path of container %.64s holds a blank or control character",
					 container->name);
	}
	return 0;
}

static int request_check_volumes(const struct request_container *container, struct an_error *err)
{
	for (size_t i = 0; i < container->n_volumes; i++) {
		if (paths_mount_check("durable_dir_volumes", container->volumes[i], err) < 0)
			return -EINVAL;
	}
	return 0;
}

static int request_take_containers(struct request *request, const Ateom__WorkloadSpec *spec,
				   struct an_error *err)
{
	size_t n = spec ? spec->n_containers : 0;

	if (n > REQUEST_CONTAINERS_MAX)
		return error_set(err, AN_USAGE, EINVAL, "containers", "%zu are more than %d", n,
				 REQUEST_CONTAINERS_MAX);
	request->containers = calloc(n + 1, sizeof(*request->containers));
	if (!request->containers)
		return error_errno(err, AN_FAILED, ENOMEM, "request", "decode");
	for (size_t i = 0; i < n; i++) {
		const Ateom__Container *from = spec->containers[i];
		struct request_container *to = &request->containers[i];

		to->name = from->name;
		to->volumes = from->durable_dir_volumes;
		to->n_volumes = from->n_durable_dir_volumes;
		if (request_check_name(request, to->name, err) < 0 ||
		    request_check_ready(to, from->readyz, err) < 0 || request_check_volumes(to, err) < 0)
			return -EINVAL;
		request->n_containers++;
		request->n_volumes += to->n_volumes;
	}
	if (request->n_volumes > REQUEST_VOLUMES_MAX)
		return error_set(err, AN_USAGE, EINVAL, "durable_dir_volumes", "%zu are more than %d",
				 request->n_volumes, REQUEST_VOLUMES_MAX);
	return 0;
}

int request_decode(struct request *ret_request, enum request_kind kind, const uint8_t *body, size_t len,
		   struct an_error *err)
{
	const ProtobufCMessageDescriptor *type = request_type(kind);
	struct request request = { .kind = kind };
	const Ateom__WorkloadSpec *spec;
	Ateom__SnapshotScope scope;
	int r = wire_check_texts(type, body, len, err);

	if (r < 0)
		return r;
	request.message = protobuf_c_message_unpack(type, NULL, len, body);
	if (!request.message)
		return error_set(err, AN_USAGE, EINVAL, "request", "is not a message of type %s", type->name);
	spec = request_take(&request, &scope);
	r = request_check_names(&request, err);
	if (r == 0)
		r = request_check_scope(&request, scope, err);
	if (r == 0)
		r = request_take_containers(&request, spec, err);
	if (r < 0)
		request_fini(&request);
	else
		*ret_request = request;
	return r;
}

void request_fini(struct request *request)
{
	free(request->containers);
	request->containers = NULL;
	if (request->message)
		protobuf_c_message_free_unpacked(request->message, NULL);
	request->message = NULL;
}
