/* SPDX-License-Identifier: Apache-2.0 */
/* Taking everything of ours out of a worker. */
#include "core/teardown.h"
#include "base/error.h"
#include "core/attach.h"
#include "core/foreign.h"
#include "core/gateway.h"
#include "core/tables.h"
#include "core/witness.h"
#include "nf/conntrack.h"
#include "rtnl/link.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* struct drop - slots dropped, and the first error of those that could not be */
struct drop {
	uint32_t count;
	int first;
	struct an_error *err;
};

static int count_and_drop(const char *name, void *data)
{
	struct drop *d = data;
	int r = netns_del(name, d->first ? NULL : d->err);

	if (r > 0)
		d->count++;
	if (r < 0 && !d->first)
		d->first = r;
	return 0;
}

static int drop_slots(struct an_worker *w, uint32_t *count, struct an_error *err)
{
	char prefix[LAYOUT_NETNS_NAME];
	struct drop drop = { .err = err };
	int r = netns_dump(layout_slots_prefix(&w->plane, prefix), count_and_drop, &drop, err);

	*count = drop.count;
	return r < 0 ? r : drop.first;
}

/* struct outcome - of several steps that are all taken: the first error, and whether there was anything */
struct outcome {
	int first;
	bool found;
	struct an_error *err;
};

/* Where a step's error goes: only the first is kept. */
static struct an_error *error_of(const struct outcome *o)
{
	return o->first ? NULL : o->err;
}

static void note(struct outcome *o, int r)
{
	if (r > 0)
		o->found = true;
	if (r < 0 && !o->first)
		o->first = r;
}

/* What the worker's conntrack knows of the outer range: the next to get it is not to meet it. */
static int forget_flows(struct an_worker *w, struct an_error *err)
{
	const struct party ranges[] = { { .addr = w->plane.range }, { .addr = w->plane.range6 } };
	int r = conntrack_del(&WORKER_SIDE(w)->nf, ranges, 2, err);

	return r < 0 ? r : 0;
}

/* What failed is tried once more: without the sysctls as found nothing of the worker's table may go. */
static int detach(struct an_worker *w, struct an_error *err)
{
	struct an_error first = { .kind = 0 };
	int r = attach_undo(w, &first);

	return r < 0 ? attach_undo(w, err) : r;
}

/*
 * The worker's table keeps others' packets from being forwarded, and the witness tells what is to be put back: both
 * stay as long as that can't be done.
 */
static void clean_worker(struct an_worker *w, struct outcome *o)
{
	note(o, tables_drop(w, error_of(o)));
	note(o, foreign_withdraw(w, error_of(o)));
	if (w->plane.range.family) /* else nothing was read of it */
		note(o, forget_flows(w, error_of(o)));
	if (!o->first)
		note(o, witness_drop(w, error_of(o)));
}

/*
 * Killed at any point, it must be seen that something is left, and what: so the sysctls go first, then the gateway,
 * without which no one takes what is left of the slots for a pool, and the witness of the sysctls as found goes last.
 */
int teardown(struct an_worker *w, uint32_t *ret_slots, struct an_error *err)
{
	struct outcome o = { .err = err };
	uint32_t slots = 0;
	int detached = detach(w, error_of(&o));

	note(&o, detached);
	note(&o, gateway_drop(w, error_of(&o)));
	note(&o, drop_slots(w, &slots, error_of(&o)));
	if (detached >= 0)
		clean_worker(w, &o);
	w->n_idle = w->n_fresh = w->n_released = w->n_named = 0;
	if (ret_slots)
		*ret_slots = slots;
	return o.first ? o.first : o.found || slots > 0;
}

/* Ours, but killed before its alias was written? */
static bool is_nameless(const struct link *link)
{
	return !link->alias[0] && strcmp(link->kind, "veth") == 0 &&
	       memcmp(link->mac, layout_mac_worker, sizeof(layout_mac_worker)) == 0;
}

static int exists(const char *name, void *data)
{
	(void)name;
	*(bool *)data = true;
	return 0;
}

/* Without the link: are there namespaces of this worker, its table, the witness? What is known to be put back? */
static int look_for_rest(struct an_worker *w, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME];
	bool found = false, stale;
	int r = witness_recall(w, &w->record, err), gateway;

	if (r != -ENOENT)
		return r < 0 ? r : PRESENCE_HALF;
	gateway = gateway_recall(w, &w->record);
	if (gateway == 0)
		return PRESENCE_HALF;
	stale = gateway == -ESTALE;
	r = foreign_table(w, err);
	if (r < 0)
		return r;
	found = r == 1;
	r = netns_dump(layout_gateway_netns(&w->plane, name), exists, &found, err);
	if (r < 0)
		return r;
	if (!found)
		return PRESENCE_NONE;
	return stale ? PRESENCE_STALE : PRESENCE_HALF;
}

int presence_look(struct an_worker *w, struct an_error *err)
{
	struct an_error quiet = { .kind = 0 };
	struct link link;
	int r = link_get(&WORKER_SIDE(w)->rtnl, LAYOUT_WORKER_LINK, &link, err);

	if (r == -ENODEV)
		return look_for_rest(w, err);
	if (r < 0)
		return r;
	w->worker_index = link.index;
	if (is_nameless(&link))
		return PRESENCE_HALF;
	r = record_worker_parse(link.alias, &w->record, err);
	if (r < 0)
		return r;
	r = worker_load(w, &quiet);
	if (r == -ENOENT)
		return PRESENCE_HALF;
	if (r < 0 && err)
		*err = quiet;
	return r < 0 ? r : PRESENCE_WHOLE;
}
