/* SPDX-License-Identifier: Apache-2.0 */
/* Release: an actor's elements go, then, after the answer, its slot. */
#include "base/clock.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/sized.h"
#include "core/actor.h"
#include "core/bind.h"
#include "core/lane.h"
#include "core/pool.h"
#include "core/tables.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* All elements of an actor, as they were put in, and of its slot in the pool. */
static int gather(struct an_worker *w, const struct actor *a, enum elements_table table, struct elements *e)
{
	elements_actor(e, &w->plane, a);
	if (table == ELEMENTS_GATEWAY)
		pool_unclaim(w, a->n, e);
	if (a->policy)
		elements_ports(e, &w->plane, a);
	return e->err;
}

/*
 * Those of them that are there: for tables that someone has meddled with, or where the answer was what got lost. Asked
 * for first, since a transaction each would wait for a grace period each.
 */
static int take_out_present(struct an_worker *w, const struct elements *e, enum elements_table table)
{
	for (size_t i = 0; i < e->n; i++) {
		struct nf_elem found;
		int r = 0;

		if (e->list[i].table == table)
			r = bind_get(w, table, e->list[i].set, &e->list[i].elem, &found, NULL);
		if (r == 1)
			bind_del(w, &e->list[i]);
		if (r < 0) {
			bind_forget(w);
			return r;
		}
	}
	return bind_commit(w, table, NULL, NULL);
}

int actor_take_out(struct an_worker *w, const struct actor *a, enum elements_table table)
{
	struct elements e = { .n = 0 };
	int r = gather(w, a, table, &e);

	for (size_t i = 0; r == 0 && i < e.n; i++) {
		if (e.list[i].table == table)
			bind_del(w, &e.list[i]);
	}
	if (r == 0 && bind_commit(w, table, NULL, NULL) < 0)
		r = take_out_present(w, &e, table);
	elements_fini(&e);
	return r;
}

int actor_release(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	int gateway = actor_take_out(w, a, ELEMENTS_GATEWAY), worker, r;
	char object[AN_ACTOR_NAME_MAX + 16];

	lane_shut(w, a->n); /* from here on nothing passes */
	worker = actor_take_out(w, a, ELEMENTS_WORKER);
	r = gateway < 0 ? gateway : worker;
	if (gateway == 0)
		numbers_push(&w->released, &w->n_released, &w->size_released, a->n);
	if (r == 0)
		return 0;
	snprintf(object, sizeof(object), "actor %s", a->name);
	error_set(err, AN_FAILED, -r, object, "its rules can't be removed: %s", strerror(-r));
	return error_remedy(err, "try again; actornet down removes everything");
}

static int release(struct an_worker *w, const char *name, uint64_t generation, struct actor *ret_actor,
		   struct an_error *err)
{
	char object[AN_ACTOR_NAME_MAX + 16];
	int r = find_actor(w, name, ret_actor, err);

	if (r < 0)
		return r;
	if (r == 0)
		return find_no_actor(name, err);
	if (generation && generation != ret_actor->n) {
		snprintf(object, sizeof(object), "actor %s", name);
		error_set(err, AN_CONFLICT, ESTALE, object, "is of generation %u, not %llu", ret_actor->n,
			  (unsigned long long)generation);
		return error_remedy(err, "it was activated again since: leave it");
	}
	return actor_release(w, ret_actor, err);
}

int an_actor_release(struct an_worker *worker, const char *name, uint64_t generation,
		     struct an_actor_info *ret_info, struct an_error *err)
{
	const uint64_t start = clock_us();
	struct an_actor_info info = { .size = sizeof(info) };
	struct actor a;
	int r = an_actor_name_check(name, err), lock;

	if (r == 0)
		r = sized_check(ret_info, err);
	if (r < 0)
		return r;
	lock = worker_lock(worker, err);
	if (lock < 0)
		return lock;
	r = release(worker, name, generation, &a, err);
	if (r == -ENOENT && tables_repair(worker, false, err) == 1)
		r = release(worker, name, generation, &a, err);
	lock_drop(lock);
	worker_wake(worker);
	if (r >= 0 && ret_info) {
		find_info(worker, &a, &info);
		info.elapsed_us = clock_us() - start;
		sized_give(ret_info, &info);
	}
	return r;
}
