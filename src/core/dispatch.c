/* SPDX-License-Identifier: Apache-2.0 */
/* What is put off until after an answer: links finished, aliases, namespaces, conntrack entries, counters, the pool. */
#include "base/clock.h"
#include "base/lock.h"
#include "core/actor.h"
#include "core/bind.h"
#include "core/pool.h"
#include "core/slot.h"
#include "nf/conntrack.h"
#include "plane/gateway.h"
#include "rtnl/link.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void actor_name_later(struct an_worker *w, const struct actor *a)
{
	if (w->n_named == w->size_named) {
		size_t size = w->size_named ? 2 * w->size_named : 4;
		struct actor *list = reallocarray(w->named, size, sizeof(*list));

		if (!list)
			return; /* the tables know the actor; `up` writes the alias */
		w->named = list;
		w->size_named = size;
	}
	w->named[w->n_named++] = *a;
}

static int finish_fresh(struct an_worker *w, uint64_t deadline_us)
{
	while (w->n_fresh > 0) {
		if (deadline_us && clock_us() > deadline_us)
			return 1;
		slot_finish(w, w->fresh[--w->n_fresh]);
	}
	return 0;
}

/* The slot may be released by now: a missing link is no error. */
static int write_alias(struct an_worker *w, const struct actor *a, struct an_error *err)
{
	char text[RECORD_TEXT];
	int r = link_set_alias(&GATEWAY_SIDE(w)->rtnl, a->n + LAYOUT_SLOT_INDEX, record_actor_format(a, text),
			       err);

	return r == -ENODEV ? 0 : r;
}

/* An element that a rule made for a slot, if it is there. The kernel may collect it meanwhile: as good. */
static int forget_element(struct an_worker *w, const struct nf_set *set, const struct nf_elem *key,
			  struct an_error *err)
{
	struct an_error why = { .kind = 0 };
	struct nf_elem elem;
	int r = bind_get(w, ELEMENTS_GATEWAY, set, key, &elem, err);

	if (r <= 0)
		return r;
	txn_elem_del(&GATEWAY_SIDE(w)->txn, set, key);
	r = bind_commit(w, ELEMENTS_GATEWAY, NULL, &why);
	if (r < 0 && r != -ENOENT && err)
		*err = why;
	return r == -ENOENT ? 0 : r;
}

static int forget_counters(struct an_worker *w, uint32_t n, struct an_error *err)
{
	const struct nf_set *const sets[] = { &gateway_frags, &gateway_flows, &gateway_inflows,
					      &gateway_rates };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(sets) / sizeof(*sets); i++) {
		struct nf_elem key = { .key_len = 0 };

		elements_link_key(&key, n);
		r = forget_element(w, sets[i], &key, err);
	}
	for (uint32_t reason = 0; r == 0 && reason < AN_REASON_COUNT; reason++) {
		struct nf_elem key = { .key_len = 0 };

		elements_link_key(&key, n);
		elem_key_u32(&key, GATEWAY_REASON + reason);
		r = forget_element(w, &gateway_denied, &key, err);
	}
	return r;
}

/* The peers' next packets then meet no flow: the worker's own stack answers them. */
static int forget_flows(struct an_worker *w, uint32_t n, struct an_error *err)
{
	const struct party outer[] = { { .addr = layout_outer(&w->plane, AF_INET, n) },
				       { .addr = layout_outer(&w->plane, AF_INET6, n) } };
	int r = 0;

	for (unsigned int i = 0; r >= 0 && i < ELEMENTS_TABLES; i++)
		r = conntrack_del(&w->side[i].nf, outer, w->plane.ipv6 ? 2 : 1, err);
	return r < 0 ? r : 0;
}

static int finish_release(struct an_worker *w, struct an_error *err)
{
	uint32_t n = w->released[w->n_released - 1];
	int r = forget_flows(w, n, err);

	if (r == 0)
		r = slot_drop(w, n, err);
	if (r >= 0)
		r = forget_counters(w, n, err);
	if (r >= 0)
		w->n_released--;
	return r < 0 ? r : 0;
}

int actor_finish_releases(struct an_worker *w, uint64_t deadline_us, struct an_error *err)
{
	int r = 0;

	while (r == 0 && w->n_released > 0) {
		if (deadline_us && clock_us() > deadline_us)
			return 1;
		r = finish_release(w, err);
	}
	return r;
}

static int write_aliases(struct an_worker *w, uint64_t deadline_us, struct an_error *err)
{
	int r = 0;

	while (r == 0 && w->n_named > 0) {
		if (deadline_us && clock_us() > deadline_us)
			return 1;
		r = write_alias(w, &w->named[w->n_named - 1], err);
		if (r == 0)
			w->n_named--;
	}
	return r;
}

/* Another process may have adjusted the worker since. */
static int refill(struct an_worker *w, uint64_t deadline_us, struct an_error *err)
{
	int lock, r;

	if (w->n_idle >= w->record.idle_target)
		return 0;
	lock = worker_lock(w, err);
	if (lock < 0)
		return lock;
	r = pool_recall(w, err);
	if (r == 0)
		r = pool_fill(w, deadline_us, err);
	lock_drop(lock);
	return r;
}

int an_worker_dispatch(struct an_worker *worker, unsigned int budget_us, struct an_error *err)
{
	const uint64_t deadline_us = budget_us ? clock_us() + budget_us : 0;
	int r = worker_current(worker, err);

	/* first: where a link is not ready yet, a new alias makes the kernel find its routes' link down */
	if (r == 0)
		r = finish_fresh(worker, deadline_us);
	if (r == 0)
		r = write_aliases(worker, deadline_us, err);
	if (r == 0)
		r = actor_finish_releases(worker, deadline_us, err);
	if (r == 0)
		r = refill(worker, deadline_us, err);
	if (r > 0)
		worker_wake(worker);
	else if (r == 0) /* also where the pool is short, at its limit: the next release wakes us */
		worker_rest(worker);
	return r;
}
