/* SPDX-License-Identifier: Apache-2.0 */
/* Making both tables, and making them again. */
#include "core/tables.h"
#include "base/error.h"
#include "core/attach.h"
#include "core/bind.h"
#include "core/pool.h"
#include "core/rebuild.h"
#include "nf/dump.h"
#include "plane/gateway.h"
#include "plane/worker.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include <errno.h>
#include <string.h>

static int look_at_uplink(struct an_worker *w, struct an_error *err)
{
	struct link link = { .index = 0 };
	int r = link_get(&WORKER_SIDE(w)->rtnl, w->plane.uplink, &link, err);

	w->plane.uplink_index = link.index;
	return r == -ENODEV ? 0 : r;
}

static int model_of(struct an_worker *w, enum elements_table which, struct nf_model *m, struct an_error *err)
{
	int r;

	if (which == ELEMENTS_GATEWAY) {
		gateway_model(m, &w->plane);
		return 0;
	}
	r = look_at_uplink(w, err);
	if (r == 0)
		worker_model(m, &w->plane);
	return r;
}

static int collect_local(const struct address *address, void *data)
{
	if (!addr_is_loopback(&address->addr))
		elements_local(data, &address->addr);
	return 0;
}

/* What both tables say of the worker itself. */
static int around(struct an_worker *w, struct elements *e, struct an_error *err)
{
	int r = address_dump(&WORKER_SIDE(w)->rtnl, AF_UNSPEC, collect_local, e, err);

	if (r < 0)
		return r;
	elements_resolvers(e, &w->plane); /* sorts */
	return e->err;
}

/* Replace one table: what is there goes and the new one comes in one transaction. */
static int remake(struct an_worker *w, enum elements_table which, const struct elements *all,
		  struct an_error *err)
{
	struct side *side = &w->side[which];
	struct nf_model model;
	int r = table_exists(&side->nf, NFPROTO_INET, LAYOUT_TABLE, err);
	bool exists;

	if (r < 0)
		return r;
	exists = r == 1;
	r = model_of(w, which, &model, err);
	if (r < 0)
		return r;
	txn_reset(&side->txn);
	if (exists)
		txn_table_del(&side->txn);
	txn_model(&side->txn, &model);
	model_fini(&model);
	for (size_t i = 0; i < all->n; i++) {
		if (all->list[i].table == which)
			bind_add(w, &all->list[i], false);
	}
	r = bind_commit(w, which, NULL, err);
	if (r < 0)
		error_context(err, "%s table", which == ELEMENTS_GATEWAY ? "gateway's" : "worker's");
	return r;
}

static int make(struct an_worker *w, const struct find_all *actors, bool gateway_too, struct an_error *err)
{
	struct elements all = { .n = 0 };
	int r;

	for (size_t i = 0; i < actors->n; i++) {
		elements_actor(&all, &w->plane, &actors->list[i]);
		if (actors->list[i].policy)
			elements_ports(&all, &w->plane, &actors->list[i]);
	}
	for (size_t i = 0; i < w->n_idle; i++)
		elements_idle(&all, w->idle[i]);
	r = around(w, &all, err);
	elements_sort(&all);
	if (r == 0)
		r = all.err;
	if (r == 0 && gateway_too)
		r = remake(w, ELEMENTS_GATEWAY, &all, err);
	if (r == 0)
		r = remake(w, ELEMENTS_WORKER, &all, err);
	elements_fini(&all);
	return r;
}

int tables_make(struct an_worker *w, const struct find_all *actors, struct an_error *err)
{
	return make(w, actors, true, err);
}

/* Return: 1 if the table is whole, 0 if not, or a negative errno. */
static int whole(struct an_worker *w, enum elements_table which, bool deep, struct an_error *err)
{
	struct side *side = &w->side[which];
	struct nf_model model;
	char diff[256];
	int r = table_exists(&side->nf, NFPROTO_INET, LAYOUT_TABLE, err);

	if (r <= 0 || !deep)
		return r;
	r = model_of(w, which, &model, err);
	if (r < 0)
		return r;
	r = model_compare(&side->nf, &model, diff, sizeof(diff), err);
	model_fini(&model);
	return r < 0 ? r : r == 0;
}

int tables_repair(struct an_worker *w, bool deep, struct an_error *err)
{
	struct find_all actors = { .n = 0 };
	int gateway, worker, r;

	attach_guard(&w->record.found, &w->plane);
	gateway = whole(w, ELEMENTS_GATEWAY, deep, err);
	worker = gateway < 0 ? gateway : whole(w, ELEMENTS_WORKER, deep, err);
	if (worker < 0 || (gateway == 1 && worker == 1))
		return worker < 0 ? worker : 0;
	r = rebuild_read(w, &actors, err);
	if (r == 0)
		r = tables_make(w, &actors, err);
	find_all_fini(&actors);
	if (r == 0 && gateway == 0)
		r = pool_sweep(w, err);
	return r < 0 ? r : 1;
}

int tables_remake_worker(struct an_worker *w, struct an_error *err)
{
	struct find_all actors = { .n = 0 };
	int r;

	attach_guard(&w->record.found, &w->plane);
	r = rebuild_read(w, &actors, err);
	if (r == 0)
		r = make(w, &actors, false, err);
	find_all_fini(&actors);
	return r;
}

struct collect {
	struct elements *elements;
	enum elements_table table;
	const struct nf_set *set;
};

static int collect(const struct nf_elem *elem, void *data)
{
	struct collect *c = data;

	elements_copy(c->elements, c->table, c->set, elem);
	return c->elements->err;
}

/* Elements of one set as they are in the kernel. */
static int present(struct an_worker *w, enum elements_table table, const struct nf_set *set,
		   struct elements *e, struct an_error *err)
{
	struct collect c = { e, table, set };

	return elem_dump(&w->side[table].nf, &layout_table, set, collect, &c, err);
}

/* The worker's elements of all actors' ports, as the gateway's table knows the actors. */
static int wanted_ports(struct an_worker *w, struct elements *wanted, struct an_error *err)
{
	struct find_all actors = { .n = 0 };
	int r = find_all(w, &actors, err);

	for (size_t i = 0; r == 0 && i < actors.n; i++) {
		struct elements own = { .n = 0 };

		if (actors.list[i].policy)
			elements_ports(&own, &w->plane, &actors.list[i]);
		for (size_t k = 0; k < own.n; k++) {
			if (own.list[k].table == ELEMENTS_WORKER)
				elements_copy(wanted, ELEMENTS_WORKER, own.list[k].set, &own.list[k].elem);
		}
		r = own.err ? own.err : wanted->err;
		elements_fini(&own);
		if (r < 0)
			error_set(err, AN_FAILED, ENOMEM, "ports", "%s", strerror(ENOMEM));
	}
	find_all_fini(&actors);
	return r;
}

int tables_agree(struct an_worker *w, struct an_error *err)
{
	const struct nf_set *const sets[] = { &worker_ports4,	 &worker_ports6,   &worker_at4,
					      &worker_at6,	 &worker_at_ports, &worker_all4,
					      &worker_all6,	 &worker_mapped,   &worker_mapped_at4,
					      &worker_mapped_at6 };
	struct elements now = { .n = 0 }, wanted = { .n = 0 };
	int r = wanted_ports(w, &wanted, err);

	for (size_t i = 0; r == 0 && i < sizeof(sets) / sizeof(*sets); i++)
		r = present(w, ELEMENTS_WORKER, sets[i], &now, err);
	elements_sort(&now);
	elements_sort(&wanted);
	if (r == 0) {
		bind_change(w, &now, &wanted);
		r = bind_commit(w, ELEMENTS_WORKER, NULL, err);
	}
	elements_fini(&now);
	elements_fini(&wanted);
	return r;
}

int tables_around(struct an_worker *w, struct an_error *err)
{
	const struct nf_set *const gateway[] = { &gateway_local4, &gateway_local6, &gateway_resolver4,
						 &gateway_resolver6 };
	const struct nf_set *const worker[] = { &worker_dns4, &worker_dns6, &worker_resolver4,
						&worker_resolver6 };
	struct elements now = { .n = 0 }, wanted = { .n = 0 };
	int r = around(w, &wanted, err);

	for (size_t i = 0; r == 0 && i < sizeof(gateway) / sizeof(*gateway); i++)
		r = present(w, ELEMENTS_GATEWAY, gateway[i], &now, err);
	for (size_t i = 0; r == 0 && i < sizeof(worker) / sizeof(*worker); i++)
		r = present(w, ELEMENTS_WORKER, worker[i], &now, err);
	elements_sort(&now);
	elements_sort(&wanted);
	if (r == 0) {
		bind_change(w, &now, &wanted);
		r = bind_commit(w, ELEMENTS_GATEWAY, NULL, err);
	}
	if (r == 0)
		r = bind_commit(w, ELEMENTS_WORKER, NULL, err);
	bind_forget(w);
	elements_fini(&now);
	elements_fini(&wanted);
	return r;
}

int tables_drop(struct an_worker *w, struct an_error *err)
{
	struct side *side = WORKER_SIDE(w);
	int r = table_exists(&side->nf, NFPROTO_INET, LAYOUT_TABLE, err);

	if (r <= 0)
		return r;
	txn_reset(&side->txn);
	txn_table_del(&side->txn);
	r = txn_commit(&side->txn, &side->nf, NULL, err);
	return r < 0 ? r : 1;
}
