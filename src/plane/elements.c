/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of actors: what each part of one is called in the tables. */
#include "plane/elements.h"
#include "plane/gateway.h"
#include "plane/worker.h"
#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

/* Of the fourth number of an actor's element: its flags, and its egress set above them. */
#define FLAGS_MASK   0x7fU
#define FLAG_LOST    0x80U
#define EGRESS_SHIFT 8

void elements_fini(struct elements *e)
{
	free(e->list);
	memset(e, 0, sizeof(*e));
}

static struct nf_elem *append(struct elements *e, enum elements_table table, const struct nf_set *set)
{
	static struct nf_elem scratch; /* written, never read, once out of memory */
	struct element *slot;

	if (e->n == e->size && !e->err) {
		size_t size = e->size ? 2 * e->size : 32;
		struct element *list = reallocarray(e->list, size, sizeof(*list));

		if (!list) {
			e->err = -ENOMEM;
		} else {
			e->list = list;
			e->size = size;
		}
	}
	if (e->err)
		return &scratch;
	slot = &e->list[e->n++];
	memset(slot, 0, sizeof(*slot));
	slot->table = table;
	slot->set = set;
	return &slot->elem;
}

#define GATEWAY(set) append(e, ELEMENTS_GATEWAY, &gateway_##set)
#define WORKER(set)  append(e, ELEMENTS_WORKER, &worker_##set)

void elements_copy(struct elements *e, enum elements_table table, const struct nf_set *set,
		   const struct nf_elem *elem)
{
	*append(e, table, set) = *elem;
}

struct nf_elem elements_actor_key(const uint8_t hash[static 16])
{
	struct nf_elem elem = { .key_len = 0 };

	elem_key(&elem, hash, 16);
	return elem;
}

void elements_link_key(struct nf_elem *elem, uint32_t n)
{
	elem_key_u32(elem, n + LAYOUT_SLOT_INDEX);
}

uint32_t elements_link_read(const struct nf_elem *elem)
{
	uint32_t index;

	memcpy(&index, elem->key, sizeof(index));
	return index > LAYOUT_SLOT_INDEX ? index - LAYOUT_SLOT_INDEX : 0;
}

static void actor_identity(struct elements *e, const struct plane *p, const struct actor *a, uint8_t family)
{
	const struct addr outer = layout_outer(p, family, a->n);
	struct nf_elem *elem;

	elem = family == AF_INET ? GATEWAY(outer4) : GATEWAY(outer6);
	elements_link_key(elem, a->n);
	elem_value_addr(elem, &outer);
	elem = family == AF_INET ? GATEWAY(known4) : GATEWAY(known6);
	elem_key_addr(elem, &outer);
}

static void actor_policy(struct elements *e, const struct actor *a)
{
	struct nf_elem *elem;

	elem = GATEWAY(egress);
	elements_link_key(elem, a->n);
	elem_value_u32(elem, GATEWAY_EGRESS + (uint32_t)a->egress);
	elem = GATEWAY(current);
	elements_link_key(elem, a->n);
	elem_value_u32(elem, a->policy);
	elem = GATEWAY(judged);
	elements_link_key(elem, a->n);
	elem_key_u32(elem, a->policy);
}

void elements_actor(struct elements *e, const struct plane *p, const struct actor *a)
{
	struct nf_elem *elem = GATEWAY(actors);

	elem_key(elem, a->hash, 16);
	elem_value_u32(elem, a->n);
	elem_value_u32(elem, (uint32_t)a->n_ports);
	elem_value_u32(elem, a->since);
	elem_value_u32(elem, (a->flags & FLAGS_MASK) | (a->policy ? 0 : FLAG_LOST) |
				     (uint32_t)a->egress << EGRESS_SHIFT);
	memcpy(elem->comment, a->name, sizeof(a->name));
	if (!a->policy)
		return;
	actor_policy(e, a);
	actor_identity(e, p, a, AF_INET);
	if (p->ipv6)
		actor_identity(e, p, a, AF_INET6);
}

static uint32_t value_u32(const struct nf_elem *elem, size_t index)
{
	uint32_t value = 0;

	if ((index + 1) * sizeof(value) <= elem->value_len)
		memcpy(&value, elem->value + index * sizeof(value), sizeof(value));
	return value;
}

void elements_actor_read(const struct nf_elem *elem, struct actor *ret_actor)
{
	uint32_t egress = value_u32(elem, 3) >> EGRESS_SHIFT;

	memset(ret_actor, 0, offsetof(struct actor, ports));
	memcpy(ret_actor->name, elem->comment, sizeof(ret_actor->name) - 1);
	memcpy(ret_actor->hash, elem->key, sizeof(ret_actor->hash));
	ret_actor->n = value_u32(elem, 0);
	ret_actor->n_ports = value_u32(elem, 1) <= AN_SPECS_MAX ? value_u32(elem, 1) : AN_SPECS_MAX;
	ret_actor->since = value_u32(elem, 2);
	ret_actor->flags = value_u32(elem, 3) & FLAGS_MASK;
	ret_actor->egress = egress <= AN_EGRESS_NONE ? (enum an_egress)egress : AN_EGRESS_NONE;
	ret_actor->policy = value_u32(elem, 3) & FLAG_LOST ? 0 : GATEWAY_FIRST_POLICY;
}

struct nf_elem elements_ports_key(uint32_t n, uint32_t nth)
{
	struct nf_elem elem = { .key_len = 0 };

	elements_link_key(&elem, n);
	elem_key_u32(&elem, nth);
	return elem;
}

/* A port of any address is kept as ::, one of an IPv4 address mapped. */
static void port_record(struct elements *e, const struct actor *a, uint32_t nth)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct an_port *port = &a->ports[nth];
	struct nf_elem *elem = GATEWAY(ports);
	uint8_t address[16] = { 0 };

	if (port->family == AF_INET6)
		memcpy(address, port->address, 16);
	if (port->family == AF_INET) {
		memcpy(address, mapped, sizeof(mapped));
		memcpy(address + sizeof(mapped), port->address, 4);
	}
	*elem = elements_ports_key(a->n, nth);
	elem_value_u8(elem, port->protocol);
	elem_value_u16_be(elem, port->port);
	elem_value_u16_be(elem, port->end_port);
	elem_value_u16_be(elem, port->actor_port);
	elem_value(elem, address, 16);
}

uint16_t elements_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

void elements_port_read(const struct nf_elem *elem, uint32_t *ret_n, uint32_t *ret_nth,
			struct an_port *ret_port)
{
	struct in6_addr address;

	*ret_n = elements_link_read(elem);
	memcpy(ret_nth, elem->key + sizeof(uint32_t), sizeof(*ret_nth));
	memset(ret_port, 0, sizeof(*ret_port));
	ret_port->protocol = elem->value[0];
	ret_port->port = elements_u16(elem->value + 4);
	ret_port->end_port = elements_u16(elem->value + 8);
	ret_port->actor_port = elements_u16(elem->value + 12);
	memcpy(&address, elem->value + 16, sizeof(address));
	if (IN6_IS_ADDR_UNSPECIFIED(&address))
		return;
	ret_port->family = IN6_IS_ADDR_V4MAPPED(&address) ? AF_INET : AF_INET6;
	if (ret_port->family == AF_INET)
		memcpy(ret_port->address, address.s6_addr + 12, 4);
	else
		memcpy(ret_port->address, address.s6_addr, 16);
}

static void key_proto_port(struct nf_elem *elem, uint8_t protocol, uint16_t port)
{
	elem_key_u8(elem, protocol);
	elem_key_u16_be(elem, port);
}

/* One port of one family: where it is mapped in the worker, and that the gateway lets it through. */
static void port_family(struct elements *e, const struct addr *outer, const struct an_port *port,
			uint16_t offset)
{
	const struct addr at = addr_from(outer->family, port->address);
	const bool v4 = outer->family == AF_INET;
	const uint16_t public = (uint16_t)(port->port + offset),
		       inner = (uint16_t)(port->actor_port + offset);
	struct nf_elem *elem;

	if (port->family == AF_UNSPEC) {
		elem = v4 ? WORKER(ports4) : WORKER(ports6);
	} else {
		elem = v4 ? WORKER(mapped_at4) : WORKER(mapped_at6);
		elem_key_addr(elem, &at);
		key_proto_port(elem, port->protocol, public);
		elem = v4 ? WORKER(at4) : WORKER(at6);
		elem_key_addr(elem, &at);
	}
	key_proto_port(elem, port->protocol, public);
	elem_value_addr(elem, outer);
	elem_value_u16_be(elem, inner);
	elem = v4 ? GATEWAY(open4) : GATEWAY(open6);
	elem_key_addr(elem, outer);
	key_proto_port(elem, port->protocol, inner);
}

static void port_each(struct elements *e, const struct plane *p, const struct actor *a,
		      const struct an_port *port)
{
	const struct addr outer = layout_outer(p, AF_INET, a->n), outer6 = layout_outer(p, AF_INET6, a->n);

	for (uint16_t i = 0; i <= port->end_port - port->port; i++) {
		struct nf_elem *elem = port->family == AF_UNSPEC ? WORKER(mapped) : WORKER(at_ports);

		key_proto_port(elem, port->protocol, (uint16_t)(port->port + i));
		if (port->family != AF_UNSPEC)
			elem_key_u32(elem, a->n);
		if (port->family != AF_INET6)
			port_family(e, &outer, port, i);
		if (port->family != AF_INET && p->ipv6)
			port_family(e, &outer6, port, i);
	}
}

static void all_ports(struct elements *e, const struct plane *p, const struct actor *a, uint8_t family)
{
	const struct addr outer = layout_outer(p, family, a->n);
	const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct nf_elem *elem;

	elem = family == AF_INET ? GATEWAY(open_all4) : GATEWAY(open_all6);
	elem_key_addr(elem, &outer);
	for (size_t i = 0; i < sizeof(protocols); i++) {
		elem = family == AF_INET ? WORKER(all4) : WORKER(all6);
		elem_key_u8(elem, protocols[i]);
		elem_value_addr(elem, &outer);
	}
}

void elements_ports(struct elements *e, const struct plane *p, const struct actor *a)
{
	for (uint32_t i = 0; i < a->n_ports; i++) {
		port_record(e, a, i);
		port_each(e, p, a, &a->ports[i]);
	}
	if (a->flags & AN_ACTOR_ALL_PORTS) {
		all_ports(e, p, a, AF_INET);
		if (p->ipv6)
			all_ports(e, p, a, AF_INET6);
	}
	elements_sort(e);
}

void elements_idle(struct elements *e, uint32_t n)
{
	elem_key_u32(GATEWAY(idle), n);
}

void elements_claimed(struct elements *e, uint32_t n)
{
	elem_key_u32(GATEWAY(claimed), n);
}

void elements_local(struct elements *e, const struct addr *a)
{
	elem_key_addr(a->family == AF_INET ? GATEWAY(local4) : GATEWAY(local6), a);
}

void elements_own(struct elements *e, uint8_t protocol, uint16_t port)
{
	key_proto_port(WORKER(own), protocol, port);
}

static void resolver(struct elements *e, enum elements_table table, const struct addr *a, uint8_t protocol)
{
	const bool v4 = a->family == AF_INET;
	const struct nf_set *gateway = v4 ? &gateway_resolver4 : &gateway_resolver6;
	const struct nf_set *worker = v4 ? &worker_resolver4 : &worker_resolver6;
	struct nf_elem *elem = append(e, table, table == ELEMENTS_GATEWAY ? gateway : worker);

	elem_key_addr(elem, a);
	key_proto_port(elem, protocol, 53);
}

/* The inner gateway's port 53 stands for the first resolver of its family. */
static void resolver_alias(struct elements *e, const struct addr *alias, const struct addr *target,
			   uint8_t protocol)
{
	struct nf_elem *elem;

	resolver(e, ELEMENTS_GATEWAY, alias, protocol);
	elem = alias->family == AF_INET ? WORKER(dns4) : WORKER(dns6);
	elem_key_addr(elem, alias);
	key_proto_port(elem, protocol, 53);
	elem_value_addr(elem, target);
}

void elements_resolvers(struct elements *e, const struct plane *p)
{
	const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t k = 0; k < sizeof(protocols); k++) {
		bool seen4 = false, seen6 = false;

		for (unsigned int i = 0; i < p->n_resolvers; i++) {
			const struct addr *r = &p->resolvers[i];
			bool *seen = r->family == AF_INET ? &seen4 : &seen6;

			resolver(e, ELEMENTS_GATEWAY, r, protocols[k]);
			resolver(e, ELEMENTS_WORKER, r, protocols[k]);
			if (!*seen)
				resolver_alias(e, r->family == AF_INET ? &p->gateway : &p->gateway6, r,
					       protocols[k]);
			*seen = true;
		}
	}
	elements_sort(e);
}

/* By table, set, key; values last, so that a changed value is a deletion and an addition. */
static int element_compare(const void *x, const void *y)
{
	const struct element *a = x, *b = y;
	int order;

	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	order = memcmp(a->elem.key, b->elem.key, sizeof(a->elem.key));
	return order ? order : memcmp(a->elem.value, b->elem.value, sizeof(a->elem.value));
}

void elements_sort(struct elements *e)
{
	size_t kept = 0;

	if (e->n == 0)
		return;
	qsort(e->list, e->n, sizeof(*e->list), element_compare);
	for (size_t i = 1; i < e->n; i++) {
		if (element_compare(&e->list[kept], &e->list[i]) != 0)
			e->list[++kept] = e->list[i];
	}
	e->n = kept + 1;
}

void elements_diff(const struct elements *present, const struct elements *wanted,
		   void (*add)(const struct element *, void *), void (*del)(const struct element *, void *),
		   void *data)
{
	size_t i = 0, k = 0;

	while (i < present->n || k < wanted->n) {
		int order = 1;

		if (k == wanted->n)
			order = -1;
		else if (i < present->n)
			order = element_compare(&present->list[i], &wanted->list[k]);
		if (order < 0)
			del(&present->list[i++], data);
		else if (order > 0)
			add(&wanted->list[k++], data);
		else
			i++, k++;
	}
}
