/* SPDX-License-Identifier: Apache-2.0 */
/* Elements into and out of the two tables: one transaction each. */
#ifndef CORE_BIND_H
#define CORE_BIND_H

#include "core/worker.h"
#include "plane/elements.h"

/** bind_add() - queue an element's addition for its table. @excl: EEXIST if its key is there. */
void bind_add(struct an_worker *w, const struct element *e, bool excl);
void bind_del(struct an_worker *w, const struct element *e);
/** bind_add_all(), bind_del_all() - queue a whole list. */
void bind_add_all(struct an_worker *w, const struct elements *list, bool excl);
void bind_del_all(struct an_worker *w, const struct elements *list);
/** bind_change() - queue what turns one sorted list into another: deletions first. */
void bind_change(struct an_worker *w, const struct elements *present, const struct elements *wanted);

/**
 * bind_commit() - commit what is queued for one table
 * @ret_set: name of the set that was refused, [NF_NAME]; may be NULL
 */
int bind_commit(struct an_worker *w, enum elements_table table, char *ret_set, struct an_error *err);
/** bind_forget() - drop what is queued for both. */
void bind_forget(struct an_worker *w);

/** bind_get() - one element. Return: 1, 0 if there is none, or a negative errno. */
int bind_get(struct an_worker *w, enum elements_table table, const struct nf_set *set,
	     const struct nf_elem *key, struct nf_elem *ret_elem, struct an_error *err);

#endif
