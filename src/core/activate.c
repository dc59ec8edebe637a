/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activation: a name is bound to a slot.
 *
 * Theory of operation. Under the lock: is the name free, are the ports; then one transaction in the gateway claims the
 * slot and puts the actor in, and one in the worker maps its ports. Neither takes the kernel's
 * global lock of network devices. The alias of the slot's link is written later (an_worker_dispatch()): until then
 * the tables alone know the actor, which is enough.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/sized.h"
#include "core/actor.h"
#include "core/bind.h"
#include "core/pool.h"
#include "core/portlist.h"
#include "core/ports.h"
#include "core/slot.h"
#include "core/tables.h"
#include "nf/dump.h"
#include "plane/gateway.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAKE_TRIES 8 /* slots, or tables of the worker made anew, before an activation gives up */

static int check_spec(const struct an_worker *w, const struct an_actor_spec *spec, struct an_error *err)
{
	int r = an_actor_name_check(spec->name, err);

	if (r < 0)
		return r;
	if (spec->egress > AN_EGRESS_NONE || (spec->flags & ~(AN_ACTOR_ALL_PORTS | AN_ACTOR_SANDBOXED)))
		return error_set(err, AN_USAGE, EINVAL, "actor spec",
				 "its egress %d or flags 0x%x are unknown", (int)spec->egress, spec->flags);
	return ports_valid(w, spec->ports, spec->n_ports, err);
}

static void fill_actor(const struct an_worker *w, const struct an_actor_spec *spec, struct actor *a)
{
	memset(a, 0, offsetof(struct actor, ports));
	snprintf(a->name, sizeof(a->name), "%s", spec->name);
	find_hash(w, a->name, a->hash);
	a->policy = GATEWAY_FIRST_POLICY;
	a->flags = spec->flags;
	a->egress = spec->egress;
	a->since = (uint32_t)time(NULL);
	a->n_ports = spec->n_ports;
	for (size_t i = 0; i < spec->n_ports; i++)
		a->ports[i] = port_canonical(&spec->ports[i]);
}

static bool has_ports(const struct actor *there, const struct actor *wanted)
{
	for (size_t i = 0; i < wanted->n_ports; i++) {
		if (!portlist_covers(there->ports, there->n_ports, &wanted->ports[i]))
			return false;
	}
	return true;
}

static bool same_settings(const struct actor *there, const struct actor *wanted)
{
	return there->egress == wanted->egress && there->flags == wanted->flags && has_ports(there, wanted) &&
	       has_ports(wanted, there);
}

static int exists_differently(const struct actor *there, struct an_error *err)
{
	char object[AN_ACTOR_NAME_MAX + 16];

	snprintf(object, sizeof(object), "actor %s", there->name);
	error_set(err, AN_CONFLICT, EEXIST, object, "is active with other settings (egress %s, %zu ports)",
		  an_egress_name(there->egress), there->n_ports);
	return error_remedy(err, "actornet show %s; change ports with actornet port, or release it first",
			    there->name);
}

/* Queue all of an actor, its slot claimed where it is one of the pool, and what stays the worker's of all ports. */
static int queue(struct an_worker *w, const struct actor *a, bool from_idle, struct an_error *err)
{
	struct elements own = { .n = 0 }, ports = { .n = 0 };
	int r;

	if (from_idle)
		elements_claimed(&own, a->n);
	elements_actor(&own, &w->plane, a);
	elements_ports(&ports, &w->plane, a);
	bind_add_all(w, &own, true);
	bind_add_all(w, &ports, true);
	r = own.err || ports.err ? error_set(err, AN_FAILED, ENOMEM, "actor", "%s", strerror(ENOMEM)) : 0;
	elements_fini(&own);
	elements_fini(&ports);
	return r == 0 && a->flags & AN_ACTOR_ALL_PORTS ? ports_own(w, err) : r;
}

/*
 * Take all of an actor out of one table again, in one transaction: where it was never in, that is refused and changes
 * nothing, so it may be done after a failure of which it is not known whether the kernel did it.
 */
static int take_back(struct an_worker *w, const struct actor *a, enum elements_table table, bool from_idle)
{
	struct elements e = { .n = 0 };
	int r;

	elements_actor(&e, &w->plane, a);
	elements_ports(&e, &w->plane, a);
	if (from_idle)
		elements_claimed(&e, a->n);
	for (size_t i = 0; !e.err && i < e.n; i++) {
		if (e.list[i].table == table)
			bind_del(w, &e.list[i]);
	}
	r = e.err ? e.err : bind_commit(w, table, NULL, NULL);
	bind_forget(w);
	elements_fini(&e);
	return r;
}

/* A slot whose actor was taken back waits again if the kernel says so, else it goes. Nothing has run in it. */
static void give_back(struct an_worker *w, uint32_t n)
{
	int idle = pool_is_idle(w, n, NULL);

	if (idle == 1)
		numbers_push(&w->idle, &w->n_idle, &w->size_idle, n);
	if (idle == 0 && slot_drop(w, n, NULL) < 0)
		numbers_push(&w->released, &w->n_released, &w->size_released, n);
}

static void withdraw(struct an_worker *w, const struct actor *a, bool from_idle)
{
	if (take_back(w, a, ELEMENTS_GATEWAY, from_idle) < 0)
		actor_take_out(w, a, ELEMENTS_GATEWAY);
	give_back(w, a->n);
}

/* The worker's table refused a port: another actor's, or what a killed process left there, which goes. */
static int refused_port(struct an_worker *w, const struct actor *a, int r, struct an_error *err)
{
	struct an_error why = { .kind = 0 };
	int blame = r == -EEXIST ? ports_blame(w, a, &why) : r;

	if (blame == 0)
		return tables_remake_worker(w, err) < 0 ? r : 1;
	if (why.kind && err)
		*err = why;
	return blame;
}

/*
 * Put it in. Return: 0; 1 if another try may do, with another slot or with the worker's table made anew; or a negative
 * errno. Whenever it is not 0, nothing of the actor is there, and the slot is idle as before, or dropped.
 */
static int put_in(struct an_worker *w, const struct actor *a, bool from_idle, struct an_error *err)
{
	char set[NF_NAME] = "";
	int r = queue(w, a, from_idle, err);

	if (r == 0)
		r = bind_commit(w, ELEMENTS_GATEWAY, set, err);
	if (r < 0) {
		bind_forget(w);
		if (r == -EEXIST && strcmp(set, gateway_claimed.name) == 0)
			return 1; /* by someone who does not mind the lock */
		take_back(w, a, ELEMENTS_GATEWAY, from_idle);
		give_back(w, a->n);
		return r;
	}
	r = bind_commit(w, ELEMENTS_WORKER, set, err);
	if (r == 0)
		return 0;
	if (r != -EEXIST) /* else the kernel found another's port there, and did nothing */
		take_back(w, a, ELEMENTS_WORKER, false);
	withdraw(w, a, from_idle);
	return refused_port(w, a, r, err);
}

/* Once the slot is the actor's: as long as it is only believed to be idle, it may be in use by another one. */
static int shield(struct an_worker *w, const struct actor *a, bool from_idle, struct an_error *err)
{
	int r = slot_shield(w, a->n, err);

	if (r == 0)
		return 0;
	take_back(w, a, ELEMENTS_WORKER, false);
	withdraw(w, a, from_idle);
	if (slot_unshield(w, a->n, NULL) < 0)
		pool_drop(w, a->n);
	return r;
}

static int take_slot(struct an_worker *w, struct actor *a, struct an_error *err)
{
	int r = 1, from = 0;

	for (int tries = 0; r == 1 && tries < TAKE_TRIES; tries++) {
		from = pool_take(w, &a->n, err);
		r = from < 0 ? from : put_in(w, a, from == 1, err);
	}
	if (r == 1)
		return error_set(err, AN_FAILED, EBUSY, "slots",
				 "others take them as fast as they are found");
	return r == 0 && a->flags & AN_ACTOR_SANDBOXED ? shield(w, a, from == 1, err) : r;
}

/* Who activated it may have been killed before its ports were in the worker's table: what is there already stays. */
static int again(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	struct elements ports = { .n = 0 };
	int r;

	elements_ports(&ports, &w->plane, a);
	for (size_t i = 0; !ports.err && i < ports.n; i++) {
		if (ports.list[i].table == ELEMENTS_WORKER)
			bind_add(w, &ports.list[i], false);
	}
	r = ports.err ? error_set(err, AN_FAILED, ENOMEM, "actor", "%s", strerror(ENOMEM)) : 0;
	if (r == 0 && a->flags & AN_ACTOR_ALL_PORTS)
		r = ports_own(w, err);
	if (r == 0)
		r = bind_commit(w, ELEMENTS_WORKER, NULL, err);
	elements_fini(&ports);
	bind_forget(w);
	if (r == 0 && a->flags & AN_ACTOR_SANDBOXED)
		r = slot_shield(w, a->n, err);
	return r == 0 ? slot_dress(w, a->n, err) : r;
}

/* Without ports nothing is put into the worker's table, so it would not be noticed that it is gone. */
static int check_worker(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	int r;

	if (a->n_ports > 0 || a->flags & AN_ACTOR_ALL_PORTS)
		return ports_free(w, a, err);
	r = table_exists(&WORKER_SIDE(w)->nf, NFPROTO_INET, LAYOUT_TABLE, err);
	return r == 0 ? -ENOENT : r < 0 ? r : 0;
}

static int activate(struct an_worker *w, struct actor *a, struct an_error *err)
{
	struct actor there;
	int r = find_actor(w, a->name, &there, err);

	if (r == 1 && !there.policy) { /* lost: what is left of it goes */
		r = actor_release(w, &there, err);
	} else if (r == 1) {
		if (!same_settings(&there, a))
			return exists_differently(&there, err);
		*a = there;
		return again(w, a, err);
	}
	if (r < 0)
		return r;
	r = check_worker(w, a, err);
	if (r == 0)
		r = take_slot(w, a, err);
	if (r < 0)
		return r;
	actor_name_later(w, a);
	return 1;
}

int an_actor_activate(struct an_worker *worker, const struct an_actor_spec *spec,
		      struct an_actor_info *ret_info, struct an_error *err)
{
	const uint64_t start = clock_us();
	struct an_actor_spec own = { .size = sizeof(own) };
	struct an_actor_info info = { .size = sizeof(info) };
	struct actor a;
	int r = sized_take(&own, spec, SIZED_TO(struct an_actor_spec, name), "actor spec", err), lock;

	if (r == 0)
		r = sized_check(ret_info, err);
	if (r == 0)
		r = check_spec(worker, &own, err);
	if (r < 0)
		return r;
	fill_actor(worker, &own, &a);
	lock = worker_lock(worker, err);
	if (lock < 0)
		return lock;
	r = activate(worker, &a, err);
	if (r == -ENOENT && tables_repair(worker, false, err) == 1)
		r = activate(worker, &a, err);
	lock_drop(lock);
	worker_wake(worker);
	if (r >= 0 && ret_info) {
		find_info(worker, &a, &info);
		info.elapsed_us = clock_us() - start;
		sized_give(ret_info, &info);
	}
	return r;
}
