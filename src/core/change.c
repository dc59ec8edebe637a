/* SPDX-License-Identifier: Apache-2.0 */
/* Changing an active actor's inbound ports. */
#include "base/error.h"
#include "base/lock.h"
#include "core/actor.h"
#include "core/bind.h"
#include "core/lane.h"
#include "core/portlist.h"
#include "core/ports.h"
#include "core/tables.h"
#include "nf/conntrack.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void gather(const struct an_worker *w, const struct actor *a, struct elements *e)
{
	elements_actor(e, &w->plane, a);
	elements_ports(e, &w->plane, a); /* sorts the whole list */
}

/*
 * Where one fails, what was done is changed back. The failed one too, since the answer may be what was lost: where the
 * table was not changed, that is refused as a whole. But not where the kernel found another's port in the way.
 */
static int commit(struct an_worker *w, const struct elements *now, const struct elements *wanted,
		  struct an_error *err)
{
	int worker = 0, gateway;

	bind_change(w, now, wanted);
	gateway = bind_commit(w, ELEMENTS_GATEWAY, NULL, err);
	if (gateway == 0)
		worker = bind_commit(w, ELEMENTS_WORKER, NULL, err);
	if (gateway == 0 && worker == 0)
		return 0;
	bind_forget(w);
	bind_change(w, wanted, now);
	bind_commit(w, ELEMENTS_GATEWAY, NULL, NULL);
	if (worker < 0 && worker != -EEXIST)
		bind_commit(w, ELEMENTS_WORKER, NULL, NULL);
	bind_forget(w);
	return gateway < 0 ? gateway : worker;
}

static int change(struct an_worker *w, const struct actor *there, const struct actor *wanted,
		  struct an_error *err)
{
	struct elements before = { .n = 0 }, after = { .n = 0 };
	int r;

	gather(w, there, &before);
	gather(w, wanted, &after);
	r = before.err || after.err ? error_set(err, AN_FAILED, ENOMEM, there->name, "%s", strerror(ENOMEM))
				    : 0;
	if (r == 0)
		r = commit(w, &before, &after, err);
	elements_fini(&before);
	elements_fini(&after);
	return r;
}

static bool same_ports(const struct actor *a, const struct actor *b)
{
	return a->n_ports == b->n_ports && memcmp(a->ports, b->ports, a->n_ports * sizeof(*a->ports)) == 0;
}

/* A port as the gateway knows it: at the actor, whatever leads there. */
static struct an_port inside(const struct an_port *port)
{
	struct an_port p = { .protocol = port->protocol,
			     .port = port->actor_port,
			     .actor_port = port->actor_port };

	p.end_port = (uint16_t)(port->actor_port + port->end_port - port->port);
	return p;
}

/* Who answers at ports that are gone: in the worker by the public port, in the gateway by the actor's. */
static size_t gone(const struct an_worker *w, enum elements_table side, const struct actor *before,
		   const struct actor *after, struct party *parties)
{
	const bool worker = side == ELEMENTS_WORKER;
	struct an_port left[AN_SPECS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < after->n_ports; i++)
		left[i] = worker ? after->ports[i] : inside(&after->ports[i]);
	for (size_t i = 0; i < before->n_ports; i++) {
		const struct an_port port = worker ? before->ports[i] : inside(&before->ports[i]);
		struct party party = { .protocol = port.protocol };

		for (uint32_t from = port.port, to; portlist_gap(left, after->n_ports, &port, &from, &to);
		     from = to + 1) {
			party.port = (uint16_t)from;
			party.end_port = (uint16_t)to;
			party.addr = layout_outer(&w->plane, AF_INET, before->n);
			parties[n++] = party;
			party.addr = layout_outer(&w->plane, AF_INET6, before->n);
			parties[n++] = party;
		}
	}
	return n;
}

/* Flows of ports that are gone end: the peer's next segment meets the worker's own stack. */
static int end_flows(struct an_worker *w, const struct actor *before, const struct actor *after,
		     struct an_error *err)
{
	/* of each port before, one more piece than there are ports to cut it, in two families */
	struct party *parties = calloc(2 * (before->n_ports + 1) * (after->n_ports + 1), sizeof(*parties));
	int r = parties ? 0 : error_set(err, AN_FAILED, ENOMEM, before->name, "%s", strerror(ENOMEM));

	for (unsigned int i = 0; parties && r >= 0 && i < ELEMENTS_TABLES; i++) {
		size_t n = gone(w, (enum elements_table)i, before, after, parties);

		if (n > 0)
			r = conntrack_del(&w->side[i].nf, parties, n, err);
		if (n > 0 && i == ELEMENTS_GATEWAY)
			lane_shut(w, before->n);
	}
	free(parties);
	return r < 0 ? r : 0;
}

/* struct given - ports that a caller gave, and how they change those there are */
struct given {
	enum { HOW_SET, HOW_ADD, HOW_DEL } how;
	const struct an_port *ports;
	size_t n;
};

static int no_such_port(const struct an_port *port, const char *name, struct an_error *err)
{
	char object[AN_PORT_TEXT + 8], text[AN_PORT_TEXT];

	snprintf(object, sizeof(object), "port %s", an_port_format(port, text));
	error_set(err, AN_FAILED, ENOENT, object, "is not one of actor %s", name);
	return error_remedy(err, "actornet port list %s shows its ports", name);
}

/* The port that is meant, or holds it: where the actor's own is not given, it is whatever there is. */
static size_t find_port(const struct actor *a, const struct an_port *port, bool any_actor_port)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		struct an_port p = *port;

		if (any_actor_port && port->actor_port == port->port)
			p.actor_port = (uint16_t)(a->ports[i].actor_port + port->port - a->ports[i].port);
		if (portlist_covers(&a->ports[i], 1, &p))
			return i;
	}
	return a->n_ports;
}

static int add_port(struct actor *a, const struct an_port *port, struct an_error *err)
{
	char object[AN_PORT_TEXT + 8], text[AN_PORT_TEXT];

	if (find_port(a, port, false) < a->n_ports)
		return 0;
	for (size_t i = 0; i < a->n_ports; i++) {
		if (!ports_overlap(&a->ports[i], port))
			continue;
		snprintf(object, sizeof(object), "port %s", an_port_format(port, text));
		an_port_format(&a->ports[i], text);
		error_set(err, AN_CONFLICT, EADDRINUSE, object, "overlaps with %s of the actor itself", text);
		return error_remedy(err, "actornet port del %s %s", a->name, text);
	}
	if (a->n_ports == AN_SPECS_MAX)
		return ports_too_many(a->n_ports + 1, err);
	a->ports[a->n_ports++] = *port;
	return 0;
}

static int del_port(struct actor *a, const struct an_port *port, struct an_error *err)
{
	size_t at = find_port(a, port, true);

	if (at == a->n_ports)
		return no_such_port(port, a->name, err);
	return portlist_cut(a->ports, &a->n_ports, at, port) < 0 ? ports_too_many(a->n_ports + 1, err) : 0;
}

static int apply(struct actor *a, const struct given *given, struct an_error *err)
{
	int r = 0;

	if (given->how == HOW_SET)
		a->n_ports = 0;
	for (size_t i = 0; r == 0 && i < given->n; i++) {
		const struct an_port port = port_canonical(&given->ports[i]);

		r = given->how == HOW_DEL ? del_port(a, &port, err) : add_port(a, &port, err);
	}
	return r;
}

static int change_ports(struct an_worker *w, const struct actor *there, const struct actor *wanted,
			struct an_error *err)
{
	int r = ports_valid(w, wanted->ports, wanted->n_ports, err);

	if (r == 0)
		r = ports_free(w, wanted, err);
	if (r == 0)
		r = change(w, there, wanted, err);
	if (r == -EEXIST)
		r = ports_blame(w, wanted, err) < 0 ? -EADDRINUSE : r;
	if (r < 0)
		return r;
	r = end_flows(w, there, wanted, err);
	if (r <
	    0) { /* changed back, or the next try would find the ports as they are to be, and leave the flows */
		change(w, wanted, there, NULL);
		return r;
	}
	actor_name_later(w, wanted); /* the alias tells the number of ports */
	return 1;
}

static int set_ports(struct an_worker *w, const char *name, const struct given *given, struct an_error *err)
{
	struct actor there, wanted;
	int r = find_actor(w, name, &there, err);

	if (r < 0)
		return r;
	if (r == 0 || !there.policy)
		return find_no_actor(name, err);
	wanted = there;
	r = apply(&wanted, given, err);
	if (r < 0)
		return r;
	if (same_ports(&there, &wanted)) /* who changed them may have been killed in the middle */
		return tables_agree(w, err);
	return change_ports(w, &there, &wanted, err);
}

static int ports_call(struct an_worker *worker, const char *name, const struct given *given,
		      struct an_error *err)
{
	int r = an_actor_name_check(name, err), lock;

	if (r == 0)
		r = ports_valid(worker, given->ports, given->n, err);
	if (r < 0)
		return r;
	lock = worker_lock(worker, err);
	if (lock < 0)
		return lock;
	r = tables_repair(worker, false, err);
	if (r >= 0)
		r = set_ports(worker, name, given, err);
	lock_drop(lock);
	worker_wake(worker);
	return r;
}

int an_actor_ports_set(struct an_worker *worker, const char *name, const struct an_port *ports,
		       size_t n_ports, struct an_error *err)
{
	return ports_call(worker, name, &(const struct given){ HOW_SET, ports, n_ports }, err);
}

int an_actor_ports_add(struct an_worker *worker, const char *name, const struct an_port *ports,
		       size_t n_ports, struct an_error *err)
{
	return ports_call(worker, name, &(const struct given){ HOW_ADD, ports, n_ports }, err);
}

int an_actor_ports_del(struct an_worker *worker, const char *name, const struct an_port *ports,
		       size_t n_ports, struct an_error *err)
{
	return ports_call(worker, name, &(const struct given){ HOW_DEL, ports, n_ports }, err);
}
