/* SPDX-License-Identifier: Apache-2.0 */
/* Idle slots: read, taken, made, dropped. */
#include "core/pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "core/bind.h"
#include "core/find.h"
#include "core/slot.h"
#include "nf/dump.h"
#include "plane/gateway.h"
#include "rtnl/link.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Slot numbers reserved at once: two requests for so many slots. */
#define RESERVE 16
/* Numbers tried in a row before the range counts as used up. */
#define TRIES 64

static int collect(const struct nf_elem *elem, void *data)
{
	struct an_worker *w = data;
	uint32_t n;

	memcpy(&n, elem->key, sizeof(n));
	return numbers_push(&w->idle, &w->n_idle, &w->size_idle, n);
}

int pool_look(struct an_worker *w, struct an_error *err)
{
	w->n_idle = 0;
	return elem_dump(&GATEWAY_SIDE(w)->nf, &layout_table, &gateway_idle, collect, w, err);
}

static int count_slot(const char *name, void *data)
{
	uint32_t *count = data;

	(void)name;
	(*count)++;
	return 0;
}

/* By their names, which go at once; their links go when the kernel finds the time. */
int pool_count(struct an_worker *w, uint32_t *ret_slots, struct an_error *err)
{
	char prefix[LAYOUT_NETNS_NAME + 1];
	uint32_t count = 0;
	int r;

	snprintf(prefix, sizeof(prefix), LAYOUT_NETNS "%s-", w->plane.id);
	r = netns_dump(prefix, count_slot, &count, err);
	if (r == 0)
		*ret_slots = count;
	return r;
}

/* A number that no other process makes a slot of: the record says so before it is used, for some at once. */
static int reserve(struct an_worker *w, uint32_t *ret_n, struct an_error *err)
{
	struct record_worker record = { .made = 0 };
	struct link link;
	int r;

	if (w->next > w->last) {
		r = link_get(&WORKER_SIDE(w)->rtnl, LAYOUT_WORKER_LINK, &link, err);
		if (r == 0)
			r = record_worker_parse(link.alias, &record, err);
		if (r < 0)
			return r;
		w->record = record;
		w->next = record.made + 1;
		w->last = w->record.made = record.made + RESERVE;
		r = worker_save(w, err);
		if (r < 0) {
			w->last = record.made;
			return r;
		}
	}
	*ret_n = w->next++;
	return 0;
}

/* Make one slot; numbers whose outer address is still in use are passed over. */
static int make_one(struct an_worker *w, uint32_t *ret_n, struct an_error *err)
{
	for (int tries = 0; tries < TRIES; tries++) {
		uint32_t n;
		int r = reserve(w, &n, err);

		if (r == 0)
			r = slot_make(w, n, err);
		if (r < 0)
			return r;
		if (r == 1) {
			*ret_n = n;
			return 0;
		}
	}
	error_set(err, AN_NO_SLOT, ENOSPC, "slots", "no outer address is free in the range");
	return error_remedy(err, "release actors, or actornet down and up with a larger --range");
}

/* From the last one on to one that is gone: those before it went with an earlier call. The rest is dispatch's to do. */
int pool_reap(struct an_worker *w, struct an_error *err)
{
	int r = 1;

	for (size_t i = w->n_released; r > 0 && i > 0; i--)
		r = slot_drop(w, w->released[i - 1], err);
	return r < 0 ? r : 0;
}

struct sweep {
	struct an_worker *w;
	const struct find_all *actors;
	size_t prefix;
	int dropped;
};

static bool is_idle(const struct an_worker *w, uint32_t n)
{
	for (size_t i = 0; i < w->n_idle; i++) {
		if (w->idle[i] == n)
			return true;
	}
	return false;
}

static int sweep_slot(const char *name, void *data)
{
	struct sweep *s = data;
	uint64_t n;

	if (text_to_u64(name + s->prefix, strlen(name + s->prefix), UINT32_MAX, &n) < 0 ||
	    find_slot(s->actors, (uint32_t)n) || is_idle(s->w, (uint32_t)n))
		return 0;
	if (slot_drop(s->w, (uint32_t)n, NULL) > 0)
		s->dropped++;
	return 0;
}

int pool_sweep(struct an_worker *w, struct an_error *err)
{
	char prefix[LAYOUT_NETNS_NAME + 1];
	struct find_all actors = { .n = 0 };
	struct sweep sweep = { .w = w, .actors = &actors };
	int r = find_everyone(w, &actors, err);

	sweep.prefix = (size_t)snprintf(prefix, sizeof(prefix), LAYOUT_NETNS "%s-", w->plane.id);
	if (r == 0)
		r = pool_look(w, err);
	if (r == 0)
		r = netns_dump(prefix, sweep_slot, &sweep, err);
	find_all_fini(&actors);
	return r < 0 ? r : sweep.dropped;
}

static int check_max(struct an_worker *w, struct an_error *err)
{
	uint32_t slots = 0;
	int r;

	if (w->record.made <
	    w->record.max) /* there can't be more than were ever made: no need to count them */
		return 0;
	r = pool_count(w, &slots, err);
	if (r < 0)
		return r;
	if (slots < w->record.max)
		return 0;
	r = pool_sweep(w, err);
	if (r != 0)
		return r < 0 ? r : 0;
	error_set(err, AN_NO_SLOT, ENOSPC, "slots",
		  "none is idle and there are %u, the most allowed (--max %u)", slots, w->record.max);
	return error_remedy(err, "release an actor, or actornet up --max with a larger number");
}

/* The one that has had the most time to settle. */
static uint32_t take_oldest(struct an_worker *w)
{
	size_t oldest = 0;
	uint32_t n;

	for (size_t i = 1; i < w->n_idle; i++) {
		if (w->idle[i] < w->idle[oldest])
			oldest = i;
	}
	n = w->idle[oldest];
	w->idle[oldest] = w->idle[--w->n_idle];
	return n;
}

int pool_take(struct an_worker *w, uint32_t *ret_n, struct an_error *err)
{
	int r = 0;

	if (w->n_idle == 0)
		r = pool_look(w, err);
	if (r < 0)
		return r;
	if (w->n_idle > 0) {
		*ret_n = take_oldest(w);
		return 1;
	}
	r = pool_reap(w, err);
	if (r == 0)
		r = check_max(w, err);
	if (r == 0)
		r = make_one(w, ret_n, err);
	if (r < 0)
		return r;
	r = slot_settle(w, *ret_n, err);
	if (r < 0)
		slot_drop(w, *ret_n, NULL);
	return r < 0 ? r : 2;
}

static int no_memory(struct an_error *err)
{
	return error_set(err, AN_FAILED, ENOMEM, "slots", "%s", strerror(ENOMEM));
}

static int enlist(struct an_worker *w, uint32_t n, struct an_error *err)
{
	struct elements e = { .n = 0 };
	int r;

	elements_idle(&e, n);
	bind_add_all(w, &e, false);
	r = e.err ? no_memory(err) : bind_commit(w, ELEMENTS_GATEWAY, NULL, err);
	elements_fini(&e);
	if (r == 0 && numbers_push(&w->idle, &w->n_idle, &w->size_idle, n) < 0)
		r = no_memory(err);
	return r;
}

int pool_fill(struct an_worker *w, uint64_t deadline_us, struct an_error *err)
{
	uint32_t slots = 0;
	int r = pool_look(w, err);

	if (r == 0)
		r = pool_count(w, &slots, err);
	while (r == 0 && w->n_idle < w->record.idle_target && slots < w->record.max) {
		uint32_t n;

		if (deadline_us && clock_us() > deadline_us)
			return 1;
		r = make_one(w, &n, err);
		if (r == 0) {
			slots++;
			r = enlist(w, n, err);
			if (r < 0) /* it may be in the set: the answer can be what was lost */
				pool_drop(w, n);
		}
	}
	return r;
}

/* Take idle slots out of the set in one transaction, or put them in again. */
static int list_all(struct an_worker *w, const uint32_t *list, size_t n, bool in, struct an_error *err)
{
	struct elements e = { .n = 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		elements_idle(&e, list[i]);
	if (!e.err && in)
		bind_add_all(w, &e, true);
	else if (!e.err)
		bind_del_all(w, &e);
	r = e.err ? no_memory(err) : bind_commit(w, ELEMENTS_GATEWAY, NULL, err);
	elements_fini(&e);
	return r;
}

int pool_trim(struct an_worker *w, struct an_error *err)
{
	const uint32_t *surplus;
	size_t n;
	int r = pool_look(w, err);

	if (r < 0 || w->n_idle <= w->record.idle_target)
		return r;
	n = w->n_idle - w->record.idle_target;
	surplus = w->idle + w->record.idle_target;
	r = list_all(w, surplus, n, false, err);
	if (r < 0) { /* refused as a whole where they are in the set: the answer can be what was lost */
		list_all(w, surplus, n, true, NULL);
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		int dropped = slot_drop(w, surplus[i], NULL);

		if (dropped < 0) /* once more: the caller may close the handle without dispatch */
			dropped = slot_drop(w, surplus[i], NULL);
		if (dropped < 0)
			numbers_push(&w->released, &w->n_released, &w->size_released, surplus[i]);
	}
	w->n_idle = w->record.idle_target;
	return (int)n;
}

void pool_drop(struct an_worker *w, uint32_t n)
{
	list_all(w, &n, 1, false, NULL); /* refused if it is not in the set, which is as good */
	slot_drop(w, n, NULL);
}
