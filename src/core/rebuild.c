/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the actors back from what a flush has left. */
#include "core/rebuild.h"
#include "core/pool.h"
#include "core/resolver.h"
#include "nf/dump.h"
#include "plane/gateway.h"
#include "plane/worker.h"
#include "rtnl/link.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct an_worker *w;
	struct find_all *actors;
	uint8_t family;
	bool at; /* the map's key starts with an address */
};

static struct actor *by_outer(const struct reading *r, const struct addr *outer)
{
	for (size_t i = 0; i < r->actors->n; i++) {
		if (layout_is_outer(&r->w->plane, outer, r->actors->list[i].n))
			return &r->actors->list[i];
	}
	return NULL;
}

/* A port that goes on where one before it ended widens that one. */
static void join(struct actor *a, const struct an_port *port)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		struct an_port *before = &a->ports[i];

		if (before->protocol == port->protocol && before->family == port->family &&
		    memcmp(before->address, port->address, sizeof(port->address)) == 0 &&
		    before->end_port + 1 == port->port &&
		    before->actor_port + (before->end_port + 1 - before->port) == port->actor_port) {
			before->end_port = port->port;
			return;
		}
	}
	if (a->n_ports < AN_SPECS_MAX)
		a->ports[a->n_ports++] = *port;
}

/* An element of one of the worker's port maps. */
static int read_port(const struct nf_elem *elem, void *data)
{
	struct reading *r = data;
	const size_t size = addr_size(r->family);
	const uint8_t *key = elem->key + (r->at ? size : 0);
	const struct addr outer = addr_from(r->family, elem->value);
	struct an_port port = { .protocol = key[0],
				.port = elements_u16(key + 4),
				.actor_port = elements_u16(elem->value + size) };
	struct actor *a = by_outer(r, &outer);

	if (!a)
		return 0;
	port.end_port = port.port;
	if (r->at) {
		port.family = r->family;
		memcpy(port.address, elem->key, size);
	}
	join(a, &port);
	return 0;
}

static int port_order(const void *x, const void *y)
{
	const struct nf_elem *a = x, *b = y;

	return memcmp(a->key, b->key, sizeof(a->key));
}

struct sorted {
	struct nf_elem *list;
	size_t n, size;
};

static int keep(const struct nf_elem *elem, void *data)
{
	struct sorted *s = data;

	if (s->n == s->size) {
		size_t size = s->size ? 2 * s->size : 64;
		struct nf_elem *list = reallocarray(s->list, size, sizeof(*list));

		if (!list)
			return -ENOMEM;
		s->list = list;
		s->size = size;
	}
	s->list[s->n++] = *elem;
	return 0;
}

/* One map, in the order of its keys, so that ranges come together again. */
static int read_map(struct reading *r, const struct nf_set *map, struct an_error *err)
{
	struct sorted s = { .n = 0 };
	int result = elem_dump(&WORKER_SIDE(r->w)->nf, &layout_table, map, keep, &s, err);

	if (s.n > 0)
		qsort(s.list, s.n, sizeof(*s.list), port_order);
	for (size_t i = 0; result == 0 && i < s.n; i++)
		result = read_port(&s.list[i], r);
	free(s.list);
	return result;
}

/* ports6 holds what ports4 holds; at6 is its own. */
static int read_ports(struct an_worker *w, struct find_all *actors, struct an_error *err)
{
	struct reading r = { .w = w, .actors = actors, .family = AF_INET };
	int result = read_map(&r, &worker_ports4, err);

	r.at = true;
	if (result == 0)
		result = read_map(&r, &worker_at4, err);
	r.family = AF_INET6;
	if (result == 0)
		result = read_map(&r, &worker_at6, err);
	return result;
}

static int read_resolver(const struct nf_elem *elem, void *data)
{
	struct reading *r = data;
	struct plane *p = &r->w->plane;
	const struct addr a = addr_from(r->family, elem->key);
	const size_t size = addr_size(r->family);

	if (elem->key[size] != IPPROTO_UDP || addr_same_host(&a, &p->gateway) ||
	    addr_same_host(&a, &p->gateway6) || p->n_resolvers == LAYOUT_RESOLVERS)
		return 0;
	p->resolvers[p->n_resolvers++] = a;
	return 0;
}

/* From whichever table is left, else from where `up` looks by default. */
static void read_resolvers(struct an_worker *w)
{
	struct reading r = { .w = w, .family = AF_INET };

	w->plane.n_resolvers = 0;
	elem_dump(&GATEWAY_SIDE(w)->nf, &layout_table, &gateway_resolver4, read_resolver, &r, NULL);
	if (w->plane.n_resolvers == 0)
		elem_dump(&WORKER_SIDE(w)->nf, &layout_table, &worker_resolver4, read_resolver, &r, NULL);
	r.family = AF_INET6;
	elem_dump(&GATEWAY_SIDE(w)->nf, &layout_table, &gateway_resolver6, read_resolver, &r, NULL);
	if (w->plane.n_resolvers == 0)
		elem_dump(&WORKER_SIDE(w)->nf, &layout_table, &worker_resolver6, read_resolver, &r, NULL);
	if (w->plane.n_resolvers == 0)
		w->plane.n_resolvers = resolver_read("/etc/resolv.conf", w->plane.resolvers);
}

/*
 * The gateway's table is gone. The actors' ports are the worker's to tell. No slot counts as idle: one without an alias
 * may be of an actor whose alias was not written yet, so those are swept, and new ones made.
 */
static int read_links(struct an_worker *w, struct find_all *actors, struct an_error *err)
{
	int r = table_exists(&WORKER_SIDE(w)->nf, NFPROTO_INET, LAYOUT_TABLE, err);

	w->n_idle = 0;
	if (r != 1)
		return r;
	for (size_t i = 0; i < actors->n; i++)
		actors->list[i].policy = GATEWAY_FIRST_POLICY;
	return read_ports(w, actors, err);
}

int rebuild_read(struct an_worker *w, struct find_all *ret_actors, struct an_error *err)
{
	struct find_all actors = { .n = 0 };
	int r = table_exists(&GATEWAY_SIDE(w)->nf, NFPROTO_INET, LAYOUT_TABLE, err);
	bool gateway = r == 1;

	read_resolvers(w);
	if (r >= 0)
		r = find_everyone(w, &actors, err);
	if (r == 0)
		r = gateway ? pool_look(w, err) : read_links(w, &actors, err);
	if (r < 0) {
		find_all_fini(&actors);
		return r;
	}
	*ret_actors = actors;
	return 0;
}
