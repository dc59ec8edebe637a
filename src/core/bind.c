/* SPDX-License-Identifier: Apache-2.0 */
/* Elements into and out of the two tables. */
#include "core/bind.h"
#include "nf/dump.h"

void bind_add(struct an_worker *w, const struct element *e, bool excl)
{
	txn_elem_add(&w->side[e->table].txn, e->set, &e->elem, excl);
}

void bind_del(struct an_worker *w, const struct element *e)
{
	txn_elem_del(&w->side[e->table].txn, e->set, &e->elem);
}

void bind_add_all(struct an_worker *w, const struct elements *list, bool excl)
{
	for (size_t i = 0; i < list->n; i++)
		bind_add(w, &list->list[i], excl);
}

void bind_del_all(struct an_worker *w, const struct elements *list)
{
	for (size_t i = 0; i < list->n; i++)
		bind_del(w, &list->list[i]);
}

static void queue_add(const struct element *e, void *data)
{
	bind_add(data, e, true);
}

static void queue_del(const struct element *e, void *data)
{
	bind_del(data, e);
}

static void ignore(const struct element *e, void *data)
{
	(void)e;
	(void)data;
}

/* A changed value is a deletion and an addition of one key: all deletions go first. */
void bind_change(struct an_worker *w, const struct elements *present, const struct elements *wanted)
{
	elements_diff(present, wanted, ignore, queue_del, w);
	elements_diff(present, wanted, queue_add, ignore, w);
}

int bind_commit(struct an_worker *w, enum elements_table table, char *ret_set, struct an_error *err)
{
	return txn_commit(&w->side[table].txn, &w->side[table].nf, ret_set, err);
}

void bind_forget(struct an_worker *w)
{
	for (unsigned int i = 0; i < ELEMENTS_TABLES; i++)
		txn_reset(&w->side[i].txn);
}

int bind_get(struct an_worker *w, enum elements_table table, const struct nf_set *set,
	     const struct nf_elem *key, struct nf_elem *ret_elem, struct an_error *err)
{
	return elem_get(&w->side[table].nf, &layout_table, set, key, ret_elem, err);
}
