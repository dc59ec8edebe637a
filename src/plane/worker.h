/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's table: inbound ports, masquerade, and a seal.
 *
 * Theory of operation. Packets from the gateway are sealed: their source address is a multicast one (layout.h), which
 * the stack takes from nobody. The chain "unseal", before the stack, puts the right first byte back, and drops what
 * was not sealed. So with this table gone nothing of the actors' gets into the worker's routing: it can't leave with
 * its outer address.
 *
 *   ingress 0         unseal
 *   prerouting -101   inbound ports to actors; DNS of actors to the worker's resolver; the actors' other egress gets
 *                     an identity mapping, or the REDIRECT of a service mesh would take it
 *   output -101       the worker's own connections to its own address and an actor's port
 *   forward 0         only actornet0 to uplink, and inbound what was mapped here; by another link it is refused. New
 *                     flows are limited by how many conntrack has of the actor
 *   input 0           to the worker itself an actor gets replies only; stray segments of mapped and masqueraded
 *                     ports are dropped
 *   postrouting 99    masquerade
 */
#ifndef PLANE_WORKER_H
#define PLANE_WORKER_H

#include "nf/model.h"
#include "plane/layout.h"

/* Ports of every address of the worker: protocol, port : outer address, port at the actor. */
extern const struct nf_set worker_ports4, worker_ports6;
/* Ports of one address: address, protocol, port : outer address, port at the actor. */
extern const struct nf_set worker_at4, worker_at6;
/* Which of those there are, for look-ups without an address: protocol, port, slot. No rule reads it. */
extern const struct nf_set worker_at_ports;
/* All other ports, by protocol : outer address. Ports the worker's own sockets hold. */
extern const struct nf_set worker_all4, worker_all6, worker_own;
/* What is mapped: protocol and port; address, protocol and port. */
extern const struct nf_set worker_mapped, worker_mapped_at4, worker_mapped_at6;
/* Inner gateway address, protocol, port 53 : resolver. */
extern const struct nf_set worker_dns4, worker_dns6;
/* Resolvers as address, protocol, port, in case one is the worker itself. */
extern const struct nf_set worker_resolver4, worker_resolver6;
/* Flows that the worker's conntrack has of an actor's outer address: those it began, those to it. */
extern const struct nf_set worker_flows4, worker_flows6, worker_inflows4, worker_inflows6;

/** worker_model() - the table of a worker, without the actors' elements. */
void worker_model(struct nf_model *m, const struct plane *p);

#endif
