/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic of one flow for a slice of time, through whatever lies between a client and an actor. */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include "base/addr.h"
#include <actornet/error.h>
#include <stdint.h>

/* What is measured. "in": towards the actor, in a flow the client opened; "out": the other way round. */
enum traffic {
	TRAFFIC_TCP_IN,
	TRAFFIC_TCP_OUT,
	TRAFFIC_UDP_IN,
	TRAFFIC_UDP_OUT,
	TRAFFIC_REQUEST,
	TRAFFIC_COUNT,
};

/**
 * struct traffic_path - two ends and how each reaches the other
 * @client_ns, @actor_ns: where the sockets are
 * @entry:      address at which the client reaches the actor
 * @client:     address at which the actor reaches the client
 * @tcp_port, @udp_port: ports of @entry
 * @actor_tcp_port, @actor_udp_port: where they lead in the actor
 */
struct traffic_path {
	int client_ns, actor_ns;
	struct addr entry, client;
	uint16_t tcp_port, udp_port, actor_tcp_port, actor_udp_port;
};

/**
 * traffic_slice() - run it
 * @ms:        length, after a warm-up of a fifth of it
 * @ret_value: Gbit/s, thousand packets received a second, or median microseconds of a request with its answer
 *
 * The sending thread is pinned to the first of the processors allowed, the receiving one to the last: over
 * veth the sender's processor does the work of all hops, so what it manages to send tells the cost of the
 * path.
 *
 * Return: 0 or a negative errno.
 */
int traffic_slice(const struct traffic_path *path, enum traffic kind, unsigned int ms, double *ret_value,
		  struct an_error *err);

/** traffic_name() - "tcp in"; traffic_unit() - of its values. */
const char *traffic_name(enum traffic kind);
const char *traffic_unit(enum traffic kind);

#endif
