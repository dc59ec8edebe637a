/* SPDX-License-Identifier: Apache-2.0 */
/* Changing an active actor's inbound ports. */
#include "base/error.h"
#include "base/lock.h"
#include "core/actor.h"
#include "core/bind.h"
#include "core/ports.h"
#include "core/tables.h"
#include <errno.h>
#include <string.h>

static void gather(const struct an_worker *w, const struct actor *a, struct elements *e)
{
	elements_actor(e, &w->plane, a);
	elements_ports(e, &w->plane, a); /* sorts the whole list */
}

/*
 * Where one fails, what was done is changed back. The failed one too, since the answer may be what was lost: where the
 * table was not changed, that is refused as a whole. But not where the kernel found another's port in the way.
 */
static int commit(struct an_worker *w, const struct elements *now, const struct elements *wanted, struct an_error *err)
{
	int worker = 0, gateway;

	bind_change(w, now, wanted);
	gateway = bind_commit(w, ELEMENTS_GATEWAY, NULL, err);
	if (gateway == 0)
		worker = bind_commit(w, ELEMENTS_WORKER, NULL, err);
	if (gateway == 0 && worker == 0)
		return 0;
	bind_forget(w);
	bind_change(w, wanted, now);
	bind_commit(w, ELEMENTS_GATEWAY, NULL, NULL);
	if (worker < 0 && worker != -EEXIST)
		bind_commit(w, ELEMENTS_WORKER, NULL, NULL);
	bind_forget(w);
	return gateway < 0 ? gateway : worker;
}

static int change(struct an_worker *w, const struct actor *there, const struct actor *wanted, struct an_error *err)
{
	struct elements before = { .n = 0 }, after = { .n = 0 };
	int r;

	gather(w, there, &before);
	gather(w, wanted, &after);
	r = before.err || after.err ? error_set(err, AN_FAILED, ENOMEM, there->name, "%s", strerror(ENOMEM)) : 0;
	if (r == 0)
		r = commit(w, &before, &after, err);
	elements_fini(&before);
	elements_fini(&after);
	return r;
}

static bool same_ports(const struct actor *a, const struct actor *b)
{
	return a->n_ports == b->n_ports && memcmp(a->ports, b->ports, a->n_ports * sizeof(*a->ports)) == 0;
}

static int set_ports(struct an_worker *w, const char *name, const struct an_port *ports, size_t n_ports,
		     struct an_error *err)
{
	struct actor there, wanted;
	int r = find_actor(w, name, &there, err);

	if (r < 0)
		return r;
	if (r == 0 || !there.policy)
		return find_no_actor(name, err);
	wanted = there;
	wanted.n_ports = n_ports;
	if (n_ports)
		memcpy(wanted.ports, ports, n_ports * sizeof(*ports));
	if (same_ports(&there, &wanted)) /* who changed them may have been killed in the middle */
		return tables_agree(w, err);
	r = ports_free(w, &wanted, err);
	if (r == 0)
		r = change(w, &there, &wanted, err);
	if (r == -EEXIST)
		r = ports_blame(w, &wanted, err) < 0 ? -EADDRINUSE : r;
	if (r < 0)
		return r;
	actor_name_later(w, &wanted); /* the alias tells the number of ports */
	return 1;
}

int an_actor_ports_set(struct an_worker *worker, const char *name, const struct an_port *ports, size_t n_ports,
		       struct an_error *err)
{
	int r = an_actor_name_check(name, err), lock;

	if (r == 0)
		r = ports_valid(worker, ports, n_ports, err);
	if (r < 0)
		return r;
	lock = worker_lock(worker, err);
	if (lock < 0)
		return lock;
	r = tables_repair(worker, false, err);
	if (r >= 0)
		r = set_ports(worker, name, ports, n_ports, err);
	lock_drop(lock);
	worker_wake(worker);
	return r;
}
