/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of inbound ports. */
#include "core/ports.h"
#include "base/error.h"
#include "core/bind.h"
#include "core/find.h"
#include "core/local.h"
#include "nf/dump.h"
#include "plane/worker.h"
#include "rtnl/sockdiag.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(const struct an_port *port, int kind, int errnum, const char *why, const char *remedy,
		  struct an_error *err)
{
	char object[AN_PORT_TEXT + 8], text[AN_PORT_TEXT];

	snprintf(object, sizeof(object), "port %s", an_port_format(port, text));
	error_set(err, kind, errnum, object, "%s", why);
	return error_remedy(err, "%s", remedy);
}

static bool is_broadcast(const struct addr *own, const struct addr *at)
{
	struct addr last;

	if (own->family != AF_INET || own->prefix > 30)
		return false;
	last = addr_nth(own, (1ULL << (32 - own->prefix)) - 1);
	return addr_same_host(&last, at);
}

/*
 * Where nothing for an actor ever arrives: no host's address, or one of actornet's own. An address that the worker has
 * not may come yet.
 */
static bool is_impossible(const struct an_worker *w, const struct addr *at)
{
	static const char *const blocks[] = { "0.0.0.0/8", "127.0.0.0/8",   "224.0.0.0/3",
					      "::/127",	   "::ffff:0:0/96", "ff00::/8" };
	const struct plane *p = &w->plane;
	const struct addr *const ours[] = { &p->inner, &p->inner6, &p->range, &p->range6 };

	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		struct addr block;

		if (addr_parse(blocks[i], &block) == 0 && addr_contains(&block, at))
			return true;
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		if (addr_contains(ours[i], at))
			return true;
	}
	for (unsigned int i = 0; i < w->n_addresses; i++) {
		if (is_broadcast(&w->addresses[i].addr, at))
			return true;
	}
	return false;
}

static int one_valid(const struct an_worker *w, const struct an_port *port, struct an_error *err)
{
	const uint32_t last = (uint32_t)port->actor_port + port->end_port - port->port;
	const struct addr at = addr_from(port->family, port->address);
	char why[160], remedy[120];

	if ((port->protocol != IPPROTO_TCP && port->protocol != IPPROTO_UDP) || !port->port ||
	    port->end_port < port->port || !port->actor_port || last > UINT16_MAX)
		return refuse(port, AN_USAGE, EINVAL, "is not a port or range of tcp or udp",
			      "see an_port_parse()", err);
	if (port->family != AF_UNSPEC && port->family != AF_INET && port->family != AF_INET6)
		return refuse(port, AN_USAGE, EINVAL, "its address is of no known family",
			      "see an_port_parse()", err);
	if (port->family != AF_UNSPEC && is_impossible(w, &at))
		return refuse(port, AN_USAGE, EINVAL, "its address is none that the worker is reached at",
			      "give an address of the worker, or leave it out", err);
	if (port->family == AF_INET6 && !w->plane.ipv6)
		return refuse(
			port, AN_CONFLICT, EAFNOSUPPORT, "the worker has no IPv6",
			"leave the address out, or give the worker a global IPv6 address and run actornet up",
			err);
	if (port->port <= w->plane.nat_max && port->end_port >= w->plane.nat_min) {
		snprintf(why, sizeof(why), "lies in the ports that actors' outgoing flows use, %u-%u",
			 w->plane.nat_min, w->plane.nat_max);
		snprintf(remedy, sizeof(remedy),
			 "use a port outside, or other ports with actornet up --nat-ports");
		return refuse(port, AN_CONFLICT, EADDRINUSE, why, remedy, err);
	}
	return 0;
}

bool ports_overlap(const struct an_port *a, const struct an_port *b)
{
	return a->protocol == b->protocol &&
	       (a->family == AF_UNSPEC || b->family == AF_UNSPEC ||
		(a->family == b->family && memcmp(a->address, b->address, sizeof(a->address)) == 0)) &&
	       a->port <= b->end_port && b->port <= a->end_port;
}

int ports_too_many(size_t n, struct an_error *err)
{
	error_set(err, AN_USAGE, EINVAL, "ports", "%zu of them are more than %d", n, AN_SPECS_MAX);
	return error_remedy(err, "join neighbouring ports to ranges, or use --all-ports");
}

struct an_port port_canonical(const struct an_port *port)
{
	struct an_port p;

	memset(&p, 0, sizeof(p));
	p.protocol = port->protocol;
	p.family = port->family;
	if (port->family != AF_UNSPEC)
		memcpy(p.address, port->address, addr_size(port->family));
	p.port = port->port;
	p.end_port = port->end_port;
	p.actor_port = port->actor_port;
	return p;
}

int ports_valid(const struct an_worker *w, const struct an_port *ports, size_t n, struct an_error *err)
{
	uint32_t count = 0;

	if (n > AN_SPECS_MAX)
		return ports_too_many(n, err);
	for (size_t i = 0; i < n; i++) {
		int r = one_valid(w, &ports[i], err);

		if (r < 0)
			return r;
		count += 1U + ports[i].end_port - ports[i].port;
		for (size_t k = 0; k < i; k++) {
			if (ports_overlap(&ports[i], &ports[k]))
				return refuse(&ports[i], AN_USAGE, EINVAL,
					      "is given twice, or overlaps another of the same call",
					      "give each port once", err);
		}
	}
	if (count > AN_PORTS_MAX) {
		error_set(err, AN_USAGE, EINVAL, "ports", "%u of them are more than %d", count, AN_PORTS_MAX);
		return error_remedy(err, "use --all-ports");
	}
	return 0;
}

/* struct holder - searched: one port at one place; found: who has it there */
struct holder {
	struct an_worker *w;
	const struct actor *asker;
	const struct an_port *port;
	uint8_t family;
	struct addr outer;
	bool found;
};

static bool is_askers(const struct holder *h)
{
	return h->asker->n && layout_is_outer(&h->w->plane, &h->outer, h->asker->n);
}

/* Return: -EADDRINUSE with the holder named; 0 if no actor has that outer address: the element was left behind. */
static int taken(struct holder *h, struct an_error *err)
{
	struct find_all all = { .n = 0 };
	const char *name = NULL;
	char why[AN_ACTOR_NAME_MAX + 64];
	int r = find_all(h->w, &all, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < all.n; i++) {
		if (layout_is_outer(&h->w->plane, &h->outer, all.list[i].n))
			name = all.list[i].name;
	}
	if (name) {
		snprintf(why, sizeof(why), "is taken by actor %s", name);
		r = refuse(h->port, AN_CONFLICT, EADDRINUSE, why,
			   "choose another port, or release that actor", err);
	}
	find_all_fini(&all);
	return r;
}

/* At every address of the worker. */
static int check_any(struct holder *h, uint16_t port, struct an_error *err)
{
	struct nf_elem key = { .key_len = 0 }, elem;
	int r;

	elem_key_u8(&key, h->port->protocol);
	elem_key_u16_be(&key, port);
	r = bind_get(h->w, ELEMENTS_WORKER, &worker_ports4, &key, &elem, err);
	if (r <= 0)
		return r;
	h->outer = addr_from(AF_INET, elem.value);
	return is_askers(h) ? 0 : taken(h, err);
}

/* At the address that is asked for. */
static int check_at(struct holder *h, uint16_t port, struct an_error *err)
{
	const bool v4 = h->port->family == AF_INET;
	const struct addr at = addr_from(h->port->family, h->port->address);
	struct nf_elem key = { .key_len = 0 }, elem;
	int r;

	elem_key_addr(&key, &at);
	elem_key_u8(&key, h->port->protocol);
	elem_key_u16_be(&key, port);
	r = bind_get(h->w, ELEMENTS_WORKER, v4 ? &worker_at4 : &worker_at6, &key, &elem, err);
	if (r <= 0)
		return r;
	h->outer = addr_from(h->port->family, elem.value);
	return is_askers(h) ? 0 : taken(h, err);
}

static int match_at(const struct nf_elem *elem, void *data)
{
	struct holder *h = data;
	const uint16_t port = (uint16_t)(elem->key[4] << 8 | elem->key[5]);
	uint32_t slot;

	memcpy(&slot, elem->key + 8, sizeof(slot));
	if (slot == h->asker->n)
		return 0;
	for (size_t i = 0; i < h->asker->n_ports && !h->found; i++) {
		const struct an_port *p = &h->asker->ports[i];

		if (p->family != AF_UNSPEC || elem->key[0] != p->protocol || port < p->port ||
		    port > p->end_port)
			continue;
		h->port = p;
		h->outer = layout_outer(&h->w->plane, AF_INET, slot);
		h->found = true;
	}
	return 0;
}

/* A port of every address must not be anyone's at one address: few have those, so the dump is short. */
static int check_every_at(struct holder *h, struct an_error *err)
{
	int r = elem_dump(&WORKER_SIDE(h->w)->nf, &layout_table, &worker_at_ports, match_at, h, err);

	if (r < 0)
		return r;
	return h->found ? taken(h, err) : 0;
}

/* A port of one address must not be anyone's at every address. */
static int check_any_each(struct holder *h, struct an_error *err)
{
	int r = 0;

	for (uint32_t p = h->port->port; r == 0 && p <= h->port->end_port; p++)
		r = check_any(h, (uint16_t)p, err);
	return r;
}

static int check_at_each(struct holder *h, struct an_error *err)
{
	int r = 0;

	for (uint32_t p = h->port->port; r == 0 && p <= h->port->end_port; p++)
		r = check_at(h, (uint16_t)p, err);
	return r;
}

/* Between ports of every address and of one: their elements are in different sets, so no key of theirs collides. */
static int check_across(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	struct holder h = { .w = w, .asker = a };
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n_ports; i++) {
		h.port = &a->ports[i];
		if (h.port->family == AF_UNSPEC)
			any = true;
		else
			r = check_any_each(&h, err);
	}
	return r == 0 && any ? check_every_at(&h, err) : r;
}

/* Only one actor can have all the ports that nobody else has. */
static int check_all_ports(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	const struct an_port all = {
		.protocol = IPPROTO_TCP, .port = 1, .end_port = UINT16_MAX, .actor_port = 1
	};
	struct holder h = { .w = w, .asker = a, .port = &all };
	struct nf_elem key = { .key_len = 0 }, elem;
	int r;

	elem_key_u8(&key, IPPROTO_TCP);
	r = bind_get(w, ELEMENTS_WORKER, &worker_all4, &key, &elem, err);
	if (r <= 0)
		return r;
	h.outer = addr_from(AF_INET, elem.value);
	return is_askers(&h) ? 0 : taken(&h, err);
}

static int held_by_socket(const struct an_port *port, const struct sockdiag *socket, struct an_error *err)
{
	char why[256], owner[160];

	snprintf(why, sizeof(why), "a process of the worker listens on %u: %s", socket->port,
		 sockdiag_owner(socket->inode, owner, sizeof(owner)));
	return refuse(port, AN_CONFLICT, EADDRINUSE, why, "choose another port, or stop that process", err);
}

static const struct an_port *asked_for(const struct actor *a, const struct sockdiag *socket)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		const struct an_port *p = &a->ports[i];

		if (p->protocol == socket->protocol && socket->port >= p->port && socket->port <= p->end_port)
			return p;
	}
	return &a->ports[0];
}

/* Places to look for a socket: one a port and address of the worker, gathered and asked for together. */
struct lookups {
	struct an_worker *w;
	const struct actor *a;
	uint8_t protocol;
	size_t n;
	struct sockdiag_place places[SOCKDIAG_MANY];
};

static int look_up(struct lookups *l, struct an_error *err)
{
	struct sockdiag socket;
	int r = sockdiag_find_any(&l->w->diag, l->protocol, l->places, l->n, &socket, err);

	l->n = 0;
	return r > 0 ? held_by_socket(asked_for(l->a, &socket), &socket, err) : r;
}

static int add_lookup(struct lookups *l, const struct addr *at, uint16_t port, uint32_t link,
		      struct an_error *err)
{
	int r = l->n == SOCKDIAG_MANY ? look_up(l, err) : 0;

	if (r == 0)
		l->places[l->n++] = (struct sockdiag_place){ *at, port, link };
	return r;
}

/* A port without an address is mapped at every one of the worker's, on whatever link. */
static int add_lookups(struct lookups *l, const struct an_port *port, struct an_error *err)
{
	const struct addr at = addr_from(port->family, port->address);
	const struct an_worker *w = l->w;
	int r = 0;

	for (uint32_t p = port->port; r == 0 && p <= port->end_port; p++) {
		if (port->family != AF_UNSPEC)
			r = add_lookup(l, &at, (uint16_t)p, local_link(w, &at), err);
		for (unsigned int i = 0; port->family == AF_UNSPEC && r == 0 && i < w->n_addresses; i++) {
			if (w->addresses[i].addr.family == AF_INET || w->plane.ipv6)
				r = add_lookup(l, &w->addresses[i].addr, (uint16_t)p, w->addresses[i].index,
					       err);
		}
	}
	return r;
}

static int check_sockets(struct an_worker *w, const struct actor *a, uint8_t protocol, struct an_error *err)
{
	struct lookups l = { .w = w, .a = a, .protocol = protocol };
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n_ports; i++) {
		if (a->ports[i].protocol == protocol)
			r = add_lookups(&l, &a->ports[i], err);
	}
	return r == 0 ? look_up(&l, err) : r;
}

/* struct meeting - searched: a socket at a port that is asked for */
struct meeting {
	const struct actor *a;
	struct sockdiag socket;
	const struct an_port *port;
};

/* A socket of every IPv6 address may take IPv4 as well. */
static bool takes_from(const struct sockdiag *socket, const struct an_port *port)
{
	const struct addr at = addr_from(port->family, port->address),
			  any = { .family = socket->addr.family };

	if (port->family == AF_UNSPEC)
		return !addr_is_loopback(&socket->addr);
	if (addr_same_host(&socket->addr, &any))
		return any.family == port->family || (any.family == AF_INET6 && !socket->v6only);
	return addr_same_host(&socket->addr, &at);
}

static int meet(const struct sockdiag *socket, void *data)
{
	struct meeting *m = data;

	for (size_t i = 0; i < m->a->n_ports && !m->port; i++) {
		const struct an_port *p = &m->a->ports[i];

		if (p->protocol == socket->protocol && socket->port >= p->port &&
		    socket->port <= p->end_port && takes_from(socket, p)) {
			m->socket = *socket;
			m->port = p;
		}
	}
	return 0;
}

static int check_all_sockets(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	struct meeting m = { .a = a };
	int r = sockdiag_dump(&w->diag, meet, &m, err);

	return r == 0 && m.port ? held_by_socket(m.port, &m.socket, err) : r;
}

/* More lookups than this cost more than a list of all sockets. */
#define LOOKUPS 1024

static bool is_costly(const struct an_worker *w, const struct actor *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n_ports; i++)
		n += ((size_t)1 + a->ports[i].end_port - a->ports[i].port) *
		     (a->ports[i].family == AF_UNSPEC ? w->n_addresses : 1U);
	return w->more_addresses || n > LOOKUPS;
}

int ports_free(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	int r = check_across(w, a, err);

	if (r == 0)
		r = local_look(w, err);
	if (r < 0 || a->n_ports == 0)
		return r;
	if (is_costly(w, a))
		return check_all_sockets(w, a, err);
	r = check_sockets(w, a, IPPROTO_TCP, err);
	return r == 0 ? check_sockets(w, a, IPPROTO_UDP, err) : r;
}

int ports_blame(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	int r = a->flags & AN_ACTOR_ALL_PORTS ? check_all_ports(w, a, err) : 0;

	for (size_t i = 0; r == 0 && i < a->n_ports; i++) {
		struct holder h = { .w = w, .asker = a, .port = &a->ports[i] };

		r = h.port->family == AF_UNSPEC ? check_any_each(&h, err) : check_at_each(&h, err);
	}
	return r;
}

static int collect_own(const struct sockdiag *socket, void *data)
{
	if (!addr_is_loopback(&socket->addr))
		elements_own(data, socket->protocol, socket->port);
	return 0;
}

int ports_own(struct an_worker *w, struct an_error *err)
{
	struct elements own = { .n = 0 };
	int r = sockdiag_dump(&w->diag, collect_own, &own, err);

	elements_sort(&own);
	if (r == 0 && own.err)
		r = error_set(err, AN_FAILED, ENOMEM, "ports", "%s", strerror(ENOMEM));
	if (r == 0) {
		txn_set_flush(&WORKER_SIDE(w)->txn, &worker_own);
		bind_add_all(w, &own, false);
	}
	elements_fini(&own);
	return r;
}

static int stop(const struct nf_elem *elem, void *data)
{
	(void)elem;
	(void)data;
	return 1;
}

int ports_own_renew(struct an_worker *w, struct an_error *err)
{
	int r = elem_dump(&WORKER_SIDE(w)->nf, &layout_table, &worker_all4, stop, NULL, err);

	if (r != 1)
		return r;
	r = ports_own(w, err);
	return r == 0 ? bind_commit(w, ELEMENTS_WORKER, NULL, err) : r;
}
