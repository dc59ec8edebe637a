/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until a server inside an actor answers. */
#ifndef SANDBOX_READY_H
#define SANDBOX_READY_H

#include "sandbox/output.h"

#include <actornet/error.h>
#include <stdbool.h>
#include <stdint.h>

#define READY_TOTAL_MS 30000U /* in all */
#define READY_TRY_MS   250U   /* a try */
#define READY_PAUSE_US 1000   /* between two */

/**
 * struct ready_spec - what to ask
 * @netns_fd:  the worker's network namespace; -1: the caller's
 * @address:   the actor's outer address, text
 * @port, @path: of the request
 * @host:      what the request calls the host; NULL: @address
 * @total_ms:  give up after so long
 * @guest_fd:  readable once the sandbox has ended; -1: not watched
 * @cancel_fd: readable or hung up once the caller wants to stop; -1: never
 * @container: output of the container, read along; may be NULL
 * @hopeless:  asked between two tries: is it pointless to go on? Then it says why. May be NULL.
 * @data:      for @hopeless
 */
struct ready_spec {
	int netns_fd;
	const char *address;
	uint16_t port;
	const char *path;
	const char *host;
	unsigned int total_ms;
	int guest_fd;
	int cancel_fd;
	struct output *container;
	bool (*hopeless)(void *data, struct an_error *err);
	void *data;
};

/**
 * ready_parse() - "http://:PORT[/PATH]": the host is left out since it is the actor
 * @ret_path: points into @url, or is "/"
 * Return: 0 or -EINVAL (AN_USAGE).
 */
int ready_parse(const char *url, uint16_t *ret_port, const char **ret_path, struct an_error *err);

/**
 * ready_wait() - ask until the answer is 200
 * Return: 0, or a negative errno with the last thing seen in @err: ETIMEDOUT, ECANCELED, ESRCH (the sandbox ended,
 * or @spec->hopeless said so).
 */
int ready_wait(const struct ready_spec *spec, struct an_error *err);

#endif
