/* SPDX-License-Identifier: Apache-2.0 */
/* Actors, read from the tables. */
#include "core/find.h"
#include "base/error.h"
#include "base/siphash.h"
#include "core/bind.h"
#include "nf/dump.h"
#include "plane/gateway.h"
#include "rtnl/link.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void find_hash(const struct an_worker *w, const char *name, uint8_t ret_hash[static 16])
{
	siphash128(w->plane.key, name, strlen(name), ret_hash);
}

int find_no_actor(const char *name, struct an_error *err)
{
	char object[AN_ACTOR_NAME_MAX + 16];

	snprintf(object, sizeof(object), "actor %s", name);
	error_set(err, AN_NO_ACTOR, ENOENT, object, "is not active on this worker");
	return error_remedy(err, "actornet list shows those that are");
}

static int read_ports(struct an_worker *w, struct actor *a, struct an_error *err)
{
	for (uint32_t i = 0; i < a->n_ports; i++) {
		struct nf_elem key = elements_ports_key(a->n, i), elem;
		int r = bind_get(w, ELEMENTS_GATEWAY, &gateway_ports, &key, &elem, err);
		uint32_t n, nth;

		if (r < 0)
			return r;
		if (r == 0) { /* between two writes of another process: what is there counts */
			a->n_ports = i;
			return 0;
		}
		elements_port_read(&elem, &n, &nth, &a->ports[i]);
	}
	return 0;
}

int find_actor(struct an_worker *w, const char *name, struct actor *ret_actor, struct an_error *err)
{
	struct nf_elem key, elem;
	uint8_t hash[16];
	int r;

	find_hash(w, name, hash);
	key = elements_actor_key(hash);
	r = bind_get(w, ELEMENTS_GATEWAY, &gateway_actors, &key, &elem, err);
	if (r <= 0)
		return r;
	elements_actor_read(&elem, ret_actor);
	r = read_ports(w, ret_actor, err);
	return r < 0 ? r : 1;
}

static struct actor *append(struct find_all *all)
{
	if (all->n == all->size) {
		size_t size = all->size ? 2 * all->size : 16;
		struct actor *list = reallocarray(all->list, size, sizeof(*list));

		if (!list)
			return NULL;
		all->list = list;
		all->size = size;
	}
	memset(&all->list[all->n], 0, sizeof(*all->list));
	return &all->list[all->n++];
}

static int collect_actor(const struct nf_elem *elem, void *data)
{
	struct actor *a = append(data);

	if (!a)
		return -ENOMEM;
	elements_actor_read(elem, a);
	a->n_ports = 0;
	return 0;
}

static int by_slot(const void *x, const void *y)
{
	const struct actor *a = x, *b = y;

	return a->n < b->n ? -1 : a->n > b->n;
}

struct actor *find_slot(const struct find_all *all, uint32_t n)
{
	size_t low = 0, high = all->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (all->list[middle].n == n)
			return &all->list[middle];
		if (all->list[middle].n < n)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int collect_port(const struct nf_elem *elem, void *data)
{
	struct actor *a;
	struct an_port port;
	uint32_t n, nth;

	elements_port_read(elem, &n, &nth, &port);
	a = find_slot(data, n);
	if (!a || nth >= AN_SPECS_MAX)
		return 0;
	a->ports[nth] = port;
	if (a->n_ports <= nth)
		a->n_ports = nth + 1;
	return 0;
}

int find_all(struct an_worker *w, struct find_all *ret_all, struct an_error *err)
{
	struct nl_sock *nf = &GATEWAY_SIDE(w)->nf;
	struct find_all all = { .list = NULL };
	int r = elem_dump(nf, &layout_table, &gateway_actors, collect_actor, &all, err);

	if (r == 0) {
		if (all.n > 0)
			qsort(all.list, all.n, sizeof(*all.list), by_slot);
		r = elem_dump(nf, &layout_table, &gateway_ports, collect_port, &all, err);
	}
	if (r < 0 && r != -ENOENT) {
		find_all_fini(&all);
		return r;
	}
	*ret_all = all;
	return 0;
}

struct alias_search {
	struct an_worker *w;
	struct find_all *all;
};

static int collect_alias(const struct link *link, void *data)
{
	struct alias_search *search = data;
	struct actor alias = { .n = layout_slot_number(link->name) }, *a;

	if (!alias.n || record_actor_parse(link->alias, &alias) < 0)
		return 0;
	a = append(search->all);
	if (!a)
		return -ENOMEM;
	*a = alias;
	a->n_ports = 0;
	find_hash(search->w, a->name, a->hash);
	return 0;
}

int find_everyone(struct an_worker *w, struct find_all *ret_all, struct an_error *err)
{
	struct find_all all = { .list = NULL };
	struct alias_search search = { w, &all };
	int r = table_exists(&GATEWAY_SIDE(w)->nf, NFPROTO_INET, LAYOUT_TABLE, err);

	if (r < 0)
		return r;
	if (r == 1)
		return find_all(w, ret_all, err);
	r = link_dump(&GATEWAY_SIDE(w)->rtnl, false, collect_alias, &search, err);
	if (r < 0) {
		find_all_fini(&all);
		return r;
	}
	if (all.n > 0)
		qsort(all.list, all.n, sizeof(*all.list), by_slot);
	*ret_all = all;
	return 0;
}

void find_all_fini(struct find_all *all)
{
	free(all->list);
	memset(all, 0, sizeof(*all));
}

static void host(const struct addr *a, char *buf, size_t size)
{
	char text[ADDR_TEXT];

	snprintf(buf, size, "%s", addr_format_host(a, text));
}

static void whole(const struct addr *a, char *buf, size_t size)
{
	char text[ADDR_TEXT];

	snprintf(buf, size, "%s", addr_format(a, text));
}

void find_info(const struct an_worker *w, const struct actor *a, struct an_actor_info *ret_info)
{
	const struct addr outer = layout_outer(&w->plane, AF_INET, a->n),
			  outer6 = layout_outer(&w->plane, AF_INET6, a->n);
	const uint8_t *mac = layout_mac_inner;
	char name[LAYOUT_NETNS_NAME];
	struct an_actor_info info = { .size = ret_info->size };

	memcpy(info.name, a->name, sizeof(info.name));
	info.state = a->policy ? AN_STATE_ACTIVE : AN_STATE_LOST;
	info.generation = a->n;
	layout_slot_link(a->n, info.slot);
	snprintf(info.netns, sizeof(info.netns), NETNS_DIR "/%s", layout_slot_netns(&w->plane, a->n, name));
	snprintf(info.interface, sizeof(info.interface), LAYOUT_INNER_LINK);
	whole(&w->plane.inner, info.address, sizeof(info.address));
	host(&w->plane.gateway, info.gateway, sizeof(info.gateway));
	host(&outer, info.outer, sizeof(info.outer));
	if (w->plane.ipv6) {
		whole(&w->plane.inner6, info.address6, sizeof(info.address6));
		host(&w->plane.gateway6, info.gateway6, sizeof(info.gateway6));
		host(&outer6, info.outer6, sizeof(info.outer6));
	}
	snprintf(info.mac, sizeof(info.mac), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	info.mtu = w->plane.mtu;
	info.n_ports = a->n_ports;
	memcpy(info.ports, a->ports, a->n_ports * sizeof(*a->ports));
	info.egress = a->egress;
	info.flags = a->flags;
	info.since = a->since;
	*ret_info = info;
}
