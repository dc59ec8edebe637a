/* SPDX-License-Identifier: Apache-2.0 */
/* The elements that stand for an actor, an idle slot, or the worker's surroundings. */
#ifndef PLANE_ELEMENTS_H
#define PLANE_ELEMENTS_H

#include "nf/model.h"
#include "plane/layout.h"
#include <actornet/actor.h>

/* Which of the two tables. */
enum elements_table { ELEMENTS_GATEWAY, ELEMENTS_WORKER, ELEMENTS_TABLES };

/** struct element - an element and where it belongs */
struct element {
	enum elements_table table;
	const struct nf_set *set;
	struct nf_elem elem;
};

/** struct elements - a list that owns its memory; @err is a sticky -ENOMEM */
struct elements {
	struct element *list;
	size_t n, size;
	int err;
};

void elements_fini(struct elements *e);

/**
 * struct actor - an actor as the tables hold it
 * @n:      its slot, which is its generation
 * @hash:   of its name, by which the kernel finds it
 * @policy: mark of the flows its present policy let through; 0: lost, denied everything
 * @ports:  @n_ports
 */
struct actor {
	char name[AN_ACTOR_NAME_MAX + 1];
	uint8_t hash[16];
	uint32_t n, policy, flags;
	enum an_egress egress;
	uint32_t since;
	size_t n_ports;
	struct an_port ports[AN_SPECS_MAX];
};

/** elements_copy() - append an element that the kernel told of. */
void elements_copy(struct elements *e, enum elements_table table, const struct nf_set *set,
		   const struct nf_elem *elem);
/** elements_actor() - everything that makes an actor work but its ports; of a lost one only that it is known. */
void elements_actor(struct elements *e, const struct plane *p, const struct actor *a);
/** elements_ports() - its ports in both tables: sorted, each once. */
void elements_ports(struct elements *e, const struct plane *p, const struct actor *a);
/** elements_idle() - a slot that waits. */
void elements_idle(struct elements *e, uint32_t n);
/** elements_claimed() - one that waited until an actor got it. */
void elements_claimed(struct elements *e, uint32_t n);
/** elements_link_key() - append the link of slot n to a key. */
void elements_link_key(struct nf_elem *elem, uint32_t n);
/** elements_link_read() - slot of the link that a key starts with, 0 if it is no slot's. */
uint32_t elements_link_read(const struct nf_elem *elem);
/** elements_actor_key() - only the key of @a in gateway_actors. */
struct nf_elem elements_actor_key(const uint8_t hash[static 16]);
/** elements_ports_key() - key of an actor's nth port in gateway_ports. */
struct nf_elem elements_ports_key(uint32_t n, uint32_t nth);

/** elements_actor_read() - what an element of gateway_actors says: name, slot, number of ports, time, egress, flags. */
void elements_actor_read(const struct nf_elem *elem, struct actor *ret_actor);
/** elements_u16() - a port as keys and values have it. */
uint16_t elements_u16(const uint8_t *bytes);
/** elements_port_read() - what an element of gateway_ports says. @ret_n: slot; @ret_nth: which port. */
void elements_port_read(const struct nf_elem *elem, uint32_t *ret_n, uint32_t *ret_nth,
			struct an_port *ret_port);

/** elements_resolvers() - the worker's resolvers, in both tables. */
void elements_resolvers(struct elements *e, const struct plane *p);
/** elements_local() - an address of the worker, in the gateway's floor. */
void elements_local(struct elements *e, const struct addr *a);
/** elements_own() - a port that a socket of the worker holds, kept from the all-ports actor. */
void elements_own(struct elements *e, uint8_t protocol, uint16_t port);

/**
 * elements_diff() - what turns one sorted list into another
 * @add, @del: called with each element that only @wanted has, that only @present has
 */
void elements_sort(struct elements *e);
void elements_diff(const struct elements *present, const struct elements *wanted,
		   void (*add)(const struct element *, void *), void (*del)(const struct element *, void *),
		   void *data);

#endif
