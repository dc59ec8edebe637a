/* SPDX-License-Identifier: Apache-2.0 */
/* Idle slots: read, taken, made, dropped. */
#include "core/pool.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "core/actor.h"
#include "core/bind.h"
#include "core/find.h"
#include "core/slot.h"
#include "nf/dump.h"
#include "plane/gateway.h"
#include "rtnl/link.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Slot numbers reserved at once at most: two requests for so many slots. A handle that makes few reserves few. */
#define RESERVE 16
/* Claimed slots that may stand among the idle ones until they are weeded out together. */
#define WEED 64
/* Numbers tried in a row before the range counts as used up. */
#define TRIES 64

static uint32_t number(const struct nf_elem *elem)
{
	uint32_t n;

	memcpy(&n, elem->key, sizeof(n));
	return n;
}

static int collect_idle(const struct nf_elem *elem, void *data)
{
	struct an_worker *w = data;

	return numbers_push(&w->idle, &w->n_idle, &w->size_idle, number(elem));
}

static int collect_claimed(const struct nf_elem *elem, void *data)
{
	struct an_worker *w = data;

	return numbers_push(&w->claimed, &w->n_claimed, &w->size_claimed, number(elem));
}

static void forget_idle(struct an_worker *w, uint32_t n)
{
	for (size_t i = 0; i < w->n_idle; i++) {
		if (w->idle[i] == n) {
			w->idle[i] = w->idle[--w->n_idle];
			return;
		}
	}
}

int pool_look(struct an_worker *w, struct an_error *err)
{
	struct nl_sock *nf = &GATEWAY_SIDE(w)->nf;
	int r;

	w->n_idle = w->n_claimed = 0;
	r = elem_dump(nf, &layout_table, &gateway_idle, collect_idle, w, err);
	if (r == 0)
		r = elem_dump(nf, &layout_table, &gateway_claimed, collect_claimed, w, err);
	for (size_t i = 0; r == 0 && i < w->n_claimed; i++)
		forget_idle(w, w->claimed[i]);
	if (r < 0)
		w->n_idle = 0; /* half of it is worse than nothing */
	return r;
}

/* Is a slot's number in a set? Return: 1, 0, or a negative errno. */
static int stands_in(struct an_worker *w, const struct nf_set *set, uint32_t n, struct an_error *err)
{
	struct nf_elem key = { .key_len = 0 }, elem;

	elem_key_u32(&key, n);
	return bind_get(w, ELEMENTS_GATEWAY, set, &key, &elem, err);
}

int pool_is_idle(struct an_worker *w, uint32_t n, struct an_error *err)
{
	int r = stands_in(w, &gateway_idle, n, err);

	if (r != 1)
		return r;
	r = stands_in(w, &gateway_claimed, n, err);
	return r < 0 ? r : !r;
}

void pool_unclaim(struct an_worker *w, uint32_t n, struct elements *e)
{
	if (stands_in(w, &gateway_claimed, n, NULL) == 1) {
		elements_claimed(e, n);
		elements_idle(e, n);
	}
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
	char prefix[LAYOUT_NETNS_NAME];
	uint32_t count = 0;
	int r;

	r = netns_dump(layout_slots_prefix(&w->plane, prefix), count_slot, &count, err);
	if (r == 0)
		*ret_slots = count;
	return r;
}

int pool_recall(struct an_worker *w, struct an_error *err)
{
	struct record_worker record = { .made = 0 };
	struct link link;
	int r = link_get(&WORKER_SIDE(w)->rtnl, LAYOUT_WORKER_LINK, &link, err);

	if (r == 0)
		r = record_worker_parse(link.alias, &record, err);
	if (r == 0)
		w->record = record;
	return r;
}

/* Numbers that no other process makes slots of: the record says so before they are used. Each time more of them. */
static int reserve(struct an_worker *w, struct an_error *err)
{
	int r = pool_recall(w, err);
	const struct record_worker before = w->record;

	if (r < 0)
		return r;
	w->reserve = w->reserve ? 2 * w->reserve : 1;
	if (w->reserve > RESERVE)
		w->reserve = RESERVE;
	w->record.made = before.made + w->reserve;
	r = worker_save(w, &before, err);
	if (r < 0)
		return r;
	w->next = before.made + 1;
	w->last = w->record.made;
	return 0;
}

static int next_number(struct an_worker *w, uint32_t *ret_n, struct an_error *err)
{
	int r = w->next > w->last ? reserve(w, err) : 0;

	if (r == 0)
		*ret_n = w->next++;
	return r;
}

/* Make one slot; numbers whose outer address is still in use are passed over. */
static int make_one(struct an_worker *w, uint32_t *ret_n, struct an_error *err)
{
	for (int tries = 0; tries < TRIES; tries++) {
		uint32_t n;
		int r = next_number(w, &n, err);

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

struct sweep {
	struct an_worker *w;
	const struct find_all *actors;
	size_t prefix;
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
	return numbers_push(&s->w->released, &s->w->n_released, &s->w->size_released, (uint32_t)n);
}

int pool_sweep(struct an_worker *w, struct an_error *err)
{
	char prefix[LAYOUT_NETNS_NAME];
	struct find_all actors = { .n = 0 };
	struct sweep sweep = { .w = w, .actors = &actors };
	const size_t before = w->n_released;
	int r = find_everyone(w, &actors, err), found;

	sweep.prefix = strlen(layout_slots_prefix(&w->plane, prefix));
	if (r == 0)
		r = pool_look(w, err);
	if (r == 0)
		r = netns_dump(prefix, sweep_slot, &sweep, err);
	find_all_fini(&actors);
	found = (int)(w->n_released - before);
	if (r == 0) /* they go as released ones do: flows, namespace, counters */
		r = actor_finish_releases(w, 0, err);
	return r < 0 ? r : found;
}

/* Is there room for one more? What was released and is still to be dropped makes some, then what nobody knows of. */
static int check_max(struct an_worker *w, struct an_error *err)
{
	uint32_t slots = 0;
	int r;

	if (w->record.made <
	    w->record.max) /* there can't be more than were ever made: no need to count them */
		return 0;
	r = pool_count(w, &slots, err);
	if (r == 0 && slots >= w->record.max && w->n_released > 0) {
		r = actor_finish_releases(w, 0, err);
		if (r == 0)
			r = pool_count(w, &slots, err);
	}
	if (r < 0 || slots < w->record.max)
		return r;
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

/*
 * Is its namespace there, for all to open? Someone may have unpinned it, or pinned it where no one else sees it.
 * Return: 1, 0, or a negative errno: it can't be told.
 */
static int is_sound(struct an_worker *w, uint32_t n, struct an_error *err)
{
	int fd = slot_open(w, n, err);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 1 : fd == -ENOENT || fd == -EINVAL ? 0 : fd;
}

/* One that is idle as believed, and sound; the others go. Return: 1, 0 if there is none, or a negative errno. */
static int take_idle(struct an_worker *w, uint32_t *ret_n, struct an_error *err)
{
	while (w->n_idle > 0) {
		uint32_t n = take_oldest(w);
		int r = pool_is_idle(w, n, err);

		if (r == 0)
			continue;
		if (r == 1)
			r = is_sound(w, n, err);
		if (r == 1)
			*ret_n = n;
		if (r != 0)
			return r;
		pool_drop(w, n);
	}
	return 0;
}

int pool_take(struct an_worker *w, uint32_t *ret_n, struct an_error *err)
{
	int r = take_idle(w, ret_n, err);

	if (r == 0) {
		r = pool_look(w, err);
		if (r == 0)
			r = take_idle(w, ret_n, err);
	}
	if (r != 0)
		return r;
	r = check_max(w, err);
	if (r == 0)
		r = make_one(w, ret_n, err);
	if (r < 0)
		return r;
	numbers_push(&w->fresh, &w->n_fresh, &w->size_fresh, *ret_n); /* without memory it stays unfinished */
	return 2;
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

/* Take what is claimed out of both sets, once it is much: a transaction that deletes costs a grace period. */
static int weed(struct an_worker *w, struct an_error *err)
{
	struct elements e = { .n = 0 };
	int r;

	if (w->n_claimed < WEED)
		return 0;
	for (size_t i = 0; i < w->n_claimed; i++) {
		elements_claimed(&e, w->claimed[i]);
		elements_idle(&e, w->claimed[i]);
	}
	bind_del_all(w, &e);
	r = e.err ? no_memory(err) : bind_commit(w, ELEMENTS_GATEWAY, NULL, err);
	elements_fini(&e);
	return r;
}

int pool_fill(struct an_worker *w, uint64_t deadline_us, struct an_error *err)
{
	uint32_t slots = 0;
	int r = pool_look(w, err);

	if (r == 0)
		r = weed(w, err);
	if (r == 0)
		r = pool_count(w, &slots, err);
	while (r == 0 && w->n_idle < w->record.idle_target && slots < w->record.max) {
		uint32_t n;

		if (deadline_us && clock_us() > deadline_us)
			return 1;
		r = make_one(w, &n, err);
		if (r < 0)
			return r;
		slots++;
		slot_finish(w, n);
		r = enlist(w, n, err);
		if (r < 0) /* it may be in the set: the answer can be what was lost */
			pool_drop(w, n);
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
	forget_idle(w, n);
	list_all(w, &n, 1, false, NULL); /* refused if it is not in the set, which is as good */
	slot_drop(w, n, NULL);
}
