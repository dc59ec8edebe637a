/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's own network, all in namespaces: a client, workers beside it, the seed's way of doing things. */
#ifndef BENCH_LAB_H
#define BENCH_LAB_H

#include "base/addr.h"
#include "nl/sock.h"
#include <actornet/actor.h>
#include <actornet/worker.h>

#define LAB_PREFIX "anbench-" /* of namespaces; followed by the pid and a dash */
#define LAB_NAME   48
#define LAB_PLACES 12 /* namespaces a lab may have */

/**
 * struct lab_place - a namespace with a link to the client's
 * @name:   under /run/netns
 * @ns:     its descriptor
 * @addr:   its own address on the link
 * @client: the client's address on that link
 */
struct lab_place {
	char name[LAB_NAME];
	int ns;
	struct addr addr, client;
};

/**
 * struct lab - the client, and what was made beside it
 * @client: namespace of the outside world
 */
struct lab {
	int client;
	unsigned int n_places;
	struct lab_place places[LAB_PLACES];
};

/** lab_open() - make the client. Return: 0 or a negative errno. */
int lab_open(struct lab *lab, struct an_error *err);
/**
 * lab_place() - make a namespace with a link "eth0" to the client, both families' addresses, default routes
 * Return: it, owned by the lab, or NULL.
 */
struct lab_place *lab_place(struct lab *lab, const char *name, struct an_error *err);
/** lab_alone() - make a namespace without links. Return: it, owned by the lab, or NULL. */
struct lab_place *lab_alone(struct lab *lab, const char *name, struct an_error *err);
/** lab_close() - remove all of it. */
void lab_close(struct lab *lab);
/** lab_sweep() - remove what a process left; 0: what every process left that is no more. */
void lab_sweep(int pid);
/**
 * lab_drained() - wait until the kernel has done away with every namespace dropped before
 * It says nothing of that by itself, but it works through dropped namespaces in order, all that wait in one
 * go. So a namespace is made and dropped whose link reaches into the client's: once that is gone the kernel
 * is at it, once a second such link is gone it is done. Return: 0, or a negative errno: ETIME after ten
 * seconds.
 */
int lab_drained(struct lab *lab, struct an_error *err);
/** lab_rtnl() - a route netlink socket of a namespace. Return: 0 or a negative errno. */
int lab_rtnl(int ns, struct nl_sock *ret_sock, struct an_error *err);

/* --- seed.c: one actor's network as the seed builds and removes it --- */

/**
 * struct seed - what it works on
 * @worker, @actor: namespaces; the actor's stays, as the seed has it made at start-up
 * @pod:            worker's address that tcp/80 is taken from
 * @udp_port:       one more port, 0: none. The seed has no UDP; the packet bench needs it, and it costs only
 *                  the first packet of a flow.
 * @rtnl, @actor_rtnl, @nf: sockets, kept: the seed opened one a call, which is small beside its waits
 */
struct seed {
	int worker, actor;
	struct addr pod;
	uint16_t udp_port;
	struct nl_sock rtnl, actor_rtnl, nf;
};

#define SEED_ACTOR_ADDRESS "169.254.17.2/30"

int seed_open(struct seed *s, const struct lab_place *worker, const struct lab_place *actor,
	      struct an_error *err);
int seed_build(struct seed *s, struct an_error *err);
int seed_remove(struct seed *s, struct an_error *err);
void seed_close(struct seed *s);

/* --- fleet.c: a prepared worker with so many active actors --- */

#define FLEET_ACTOR_PORT 8000 /* where an actor's TCP and UDP port lead */

/**
 * struct fleet - a worker of ours
 * @worker: handle
 * @id:     names its namespaces
 * @active: actors, named fleet-0 and so on
 * @probes: probe actors made so far: each has a name and ports of its own
 */
struct fleet {
	const struct lab_place *place;
	struct an_worker *worker;
	char id[16];
	unsigned int active, probes;
};

/** fleet_up() - prepare the worker, or change its number of idle slots. Return: 0 or a negative errno. */
int fleet_up(struct fleet *f, const struct lab_place *place, uint32_t slots, struct an_error *err);
/** fleet_grow() - activate more actors until there are so many. */
int fleet_grow(struct fleet *f, unsigned int active, struct an_error *err);
/** fleet_down() - take the worker down; what it left behind is an error that says what. */
int fleet_down(struct fleet *f, struct an_error *err);

/**
 * struct probe - an actor that is activated and released to be measured
 * @name, @ports: ports[0] TCP, ports[1] UDP; both lead to FLEET_ACTOR_PORT
 */
struct probe {
	char name[32];
	struct an_port ports[2];
	struct an_actor_spec spec;
	struct an_actor_info info;
};

/** fleet_probe() - the next probe actor. */
void fleet_probe(struct fleet *f, struct probe *p);
/** fleet_ports() - the two ports of an actor, both at the worker's port @port. */
void fleet_ports(struct an_port ports[2], uint16_t port);

/* --- packet.c: does the very next packet pass? --- */

/**
 * struct packet - sockets ready to send before the call that is measured
 * @client_fd: client's, connected to the worker's port
 * @sink_fd:   client's, bound
 * @sink_port: where, host order
 */
struct packet {
	int client_fd, sink_fd;
	uint16_t sink_port;
	const struct lab *lab;
	const struct lab_place *worker;
};

int packet_open(struct packet *p, const struct lab *lab, const struct lab_place *worker, uint16_t port,
		struct an_error *err);
void packet_close(struct packet *p);
/** packet_in() - send one datagram in; did it reach the actor's kernel? Return: 1, 0, or a negative errno. */
int packet_in(struct packet *p, int actor_ns, struct an_error *err);
/**
 * packet_out() - send one datagram out of a namespace; did it arrive, with the worker's address?
 * Return: 1, 0, or a negative errno.
 */
int packet_out(struct packet *p, int actor_ns, unsigned int wait_ms, struct an_error *err);

#endif
