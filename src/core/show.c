/* SPDX-License-Identifier: Apache-2.0 */
/* Actors and the worker as the kernel has them. */
#include "base/error.h"
#include "base/sized.h"
#include "core/bind.h"
#include "core/find.h"
#include "core/pool.h"
#include "core/slot.h"
#include "nf/dump.h"
#include "plane/gateway.h"
#include "rtnl/link.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The gateway's end receives what the actor sends. What the fast lane hands to the actor its own end alone counts. */
static int count_link(struct an_worker *w, const struct link *link, struct an_actor_info *info,
		      struct an_error *err)
{
	struct rtnl_link_stats64 peer = { .rx_packets = link->stats.tx_packets,
					  .rx_bytes = link->stats.tx_bytes };
	int r = 0;

	if (w->plane.lane)
		r = link_peer_stats(&GATEWAY_SIDE(w)->rtnl, link, &peer, err);
	info->tx_packets = link->stats.rx_packets;
	info->tx_bytes = link->stats.rx_bytes;
	info->rx_packets = peer.rx_packets;
	info->rx_bytes = peer.rx_bytes;
	return r == -ENODEV ? 0 : r; /* it has just gone */
}

static int count_denied(struct an_worker *w, uint32_t n, struct an_actor_info *info, struct an_error *err)
{
	for (uint32_t reason = 0; reason < AN_REASON_COUNT; reason++) {
		struct nf_elem key = { .key_len = 0 }, elem;
		int r;

		elements_link_key(&key, n);
		elem_key_u32(&key, GATEWAY_REASON + reason);
		r = bind_get(w, ELEMENTS_GATEWAY, &gateway_denied, &key, &elem, err);
		if (r < 0)
			return r;
		info->denied[reason] = r ? elem.packets : 0;
	}
	return 0;
}

/* By name in the table; where that is gone, by the aliases. */
static int find(struct an_worker *w, const char *name, struct actor *ret_actor, struct an_error *err)
{
	struct find_all all = { .n = 0 };
	int r = an_actor_name_check(name, err);

	if (r == 0)
		r = worker_current(w, err);
	if (r == 0)
		r = find_actor(w, name, ret_actor, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = find_everyone(w, &all, err);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < all.n && r < 0; i++) {
		if (strcmp(all.list[i].name, name) == 0) {
			*ret_actor = all.list[i];
			r = 0;
		}
	}
	find_all_fini(&all);
	return r < 0 ? find_no_actor(name, err) : 0;
}

int an_actor_show(struct an_worker *worker, const char *name, struct an_actor_info *ret_info,
		  struct an_error *err)
{
	struct an_actor_info info = { .size = sizeof(info) };
	struct actor a = { .n = 0 };
	struct link link = { .index = 0 };
	int r = sized_check(ret_info, err);

	if (r == 0)
		r = find(worker, name, &a, err);
	if (r < 0)
		return r;
	find_info(worker, &a, &info);
	r = link_get(&GATEWAY_SIDE(worker)->rtnl, info.slot, &link, err);
	if (r == 0)
		r = count_link(worker, &link, &info, err);
	else if (r == -ENODEV)
		info.state = AN_STATE_LOST;
	if (r < 0 && r != -ENODEV)
		return r;
	r = count_denied(worker, a.n, &info, err);
	if (r == 0)
		sized_give(ret_info, &info);
	return r;
}

/** struct listing - @links: of @list, as the gateway has them; index 0: none */
struct listing {
	struct an_actor_info *list;
	struct link *links;
	struct find_all *all;
};

static int list_link(const struct link *link, void *data)
{
	struct listing *l = data;
	uint32_t n = layout_slot_number(link->name);
	struct actor *a = n ? find_slot(l->all, n) : NULL;

	if (a)
		l->links[a - l->all->list] = *link;
	return 0;
}

static int list_denied(const struct nf_elem *elem, void *data)
{
	struct listing *l = data;
	uint32_t n = elements_link_read(elem), mark;
	struct actor *a = n ? find_slot(l->all, n) : NULL;

	memcpy(&mark, elem->key + sizeof(uint32_t), sizeof(mark));
	if (a && mark - GATEWAY_REASON < AN_REASON_COUNT)
		l->list[a - l->all->list].denied[mark - GATEWAY_REASON] = elem->packets;
	return 0;
}

static int by_name(const void *x, const void *y)
{
	return strcmp(((const struct an_actor_info *)x)->name, ((const struct an_actor_info *)y)->name);
}

static int fill_list(struct an_worker *w, struct listing *l, struct an_error *err)
{
	int r;

	for (size_t i = 0; i < l->all->n; i++) {
		l->list[i].size = sizeof(*l->list);
		find_info(w, &l->all->list[i], &l->list[i]);
	}
	r = link_dump(&GATEWAY_SIDE(w)->rtnl, true, list_link, l, err);
	for (size_t i = 0; r == 0 && i < l->all->n; i++)
		if (l->links[i].index)
			r = count_link(w, &l->links[i], &l->list[i], err);
	if (r == 0)
		r = elem_dump(&GATEWAY_SIDE(w)->nf, &layout_table, &gateway_denied, list_denied, l, err);
	return r == -ENOENT ? 0 : r;
}

int an_actor_list(struct an_worker *worker, an_actor_cb *cb, void *data, struct an_error *err)
{
	struct find_all all = { .n = 0 };
	struct listing l = { .all = &all };
	int r = worker_current(worker, err);

	if (r == 0)
		r = find_everyone(worker, &all, err);
	if (r < 0)
		return r;
	l.list = calloc(all.n + 1, sizeof(*l.list));
	l.links = calloc(all.n + 1, sizeof(*l.links));
	r = l.list && l.links ? fill_list(worker, &l, err)
			      : error_set(err, AN_FAILED, ENOMEM, "list", "out of memory");
	if (r == 0 && l.list && all.n > 0)
		qsort(l.list, all.n, sizeof(*l.list), by_name);
	for (size_t i = 0; r == 0 && i < all.n; i++)
		r = cb(&l.list[i], data);
	free(l.links);
	free(l.list);
	find_all_fini(&all);
	return r;
}

int an_actor_netns(struct an_worker *worker, const char *name, struct an_error *err)
{
	struct actor a = { .n = 0 };
	int r = find(worker, name, &a, err);

	return r < 0 ? r : slot_open(worker, a.n, err);
}

/* It may be gone for the moment, or without an address. */
static int find_uplink(struct an_worker *w, struct uplink *ret_uplink, struct an_error *err)
{
	struct an_error why = { .kind = 0 };
	int r = uplink_find(&WORKER_SIDE(w)->rtnl, w->plane.uplink, ret_uplink, &why);

	if (r == 0 || r == -ENODEV || r == -EADDRNOTAVAIL)
		return 0;
	if (err)
		*err = why;
	return r;
}

int an_worker_info(struct an_worker *worker, struct an_worker_info *ret_info, struct an_error *err)
{
	struct an_worker_info info = { .size = sizeof(info) };
	char name[LAYOUT_NETNS_NAME], text[ADDR_TEXT];
	struct uplink uplink = { .n_addresses = 0 };
	int r = sized_check(ret_info, err);

	if (r == 0)
		r = worker_current(worker, err);
	if (r < 0)
		return r;
	r = pool_look(worker, err);
	if (r == 0 || r == -ENOENT)
		r = pool_count(worker, &info.slots, err);
	if (r == 0)
		r = find_uplink(worker, &uplink, err);
	if (r < 0)
		return r;
	snprintf(info.id, sizeof(info.id), "%s", worker->plane.id);
	info.netns_inode = worker->inode;
	snprintf(info.uplink, sizeof(info.uplink), "%s", worker->plane.uplink);
	for (unsigned int i = 0; i < uplink.n_addresses; i++) {
		size_t len = strlen(info.uplink_addresses);

		snprintf(info.uplink_addresses + len, sizeof(info.uplink_addresses) - len, "%s%s",
			 len ? " " : "", addr_format(&uplink.addresses[i], text));
	}
	snprintf(info.gateway_netns, sizeof(info.gateway_netns), NETNS_DIR "/%s",
		 layout_gateway_netns(&worker->plane, name));
	snprintf(info.inner, sizeof(info.inner), "%s", addr_format(&worker->plane.inner, text));
	snprintf(info.range, sizeof(info.range), "%s", addr_format(&worker->plane.range, text));
	if (worker->plane.ipv6) {
		snprintf(info.inner6, sizeof(info.inner6), "%s", addr_format(&worker->plane.inner6, text));
		snprintf(info.range6, sizeof(info.range6), "%s", addr_format(&worker->plane.range6, text));
	}
	info.mtu = worker->plane.mtu;
	info.ipv6 = worker->plane.ipv6;
	info.fast_lane = worker->plane.lane != 0;
	info.idle = (uint32_t)worker->n_idle;
	info.idle_target = worker->record.idle_target;
	info.max = worker->record.max;
	sized_give(ret_info, &info);
	return 0;
}
