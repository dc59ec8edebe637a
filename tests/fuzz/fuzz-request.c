/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the supervisor's service: what is taken is safe as a path and as words of a command. */
#include "ateom/request.h"
#include "ateom/utf8.h"
#include "input.h"
#include "replay.h"
#include <errno.h>

/* The first byte chooses the kind. */
static enum request_kind kind_of(const uint8_t **data, size_t *size)
{
	uint8_t byte = 0;

	input_take(data, size, &byte, 1);
	return (enum request_kind)(byte % REQUEST_KIND_COUNT);
}

static void check_segment(const char *name)
{
	size_t len = strlen(name);

	promise(len > 0 && len <= PATHS_SEGMENT_MAX && utf8_check(name, len));
	promise(!strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
}

static void check_container(const struct request_container *container)
{
	check_segment(container->name);
	promise(container->name[0] != '-' && strcmp(container->name, REQUEST_ROOT) != 0);
	promise(!container->ready_port == !container->ready_path);
	if (container->ready_port) {
		promise(container->ready_path[0] == '/');
		promise(!strpbrk(container->ready_path, " \r\n\t"));
	}
	for (size_t i = 0; i < container->n_volumes; i++) {
		promise(container->volumes[i][0] == '/');
		promise(!strstr(container->volumes[i], "/../"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum request_kind kind = kind_of(&data, &size);
	struct an_error err = { 0 };
	struct request request;
	int r = request_decode(&request, kind, data, size, &err);

	if (r < 0) {
		promise_error(&err, r, AN_USAGE);
		return 0;
	}
	promise_no_error(&err, r);
	promise(request.kind == kind);
	check_segment(request.key);
	check_segment(request.template_ns);
	check_segment(request.template_name);
	check_segment(request.actor_id);
	promise(request.runsc_path[0] == '/');
	promise(request.n_containers <= REQUEST_CONTAINERS_MAX && request.n_volumes <= REQUEST_VOLUMES_MAX);
	for (size_t i = 0; i < request.n_containers; i++)
		check_container(&request.containers[i]);
	request_fini(&request);
	return 0;
}
