/* SPDX-License-Identifier: Apache-2.0 */
/* The two tables: made, checked, and made again when someone flushed one. */
#ifndef CORE_TABLES_H
#define CORE_TABLES_H

#include "core/find.h"
#include "core/worker.h"

/** tables_make() - (re)make both tables in one transaction each, with these actors and the handle's idle slots. */
int tables_make(struct an_worker *w, const struct find_all *actors, struct an_error *err);
/**
 * tables_repair() - if a table is gone, or its rules are not ours, make it again from the other and the slots' aliases
 * @deep: compare all rules; else only look whether the tables are there
 * Both gone: every actor is lost. The lock is held. Return: 1 repaired, 0 nothing to do, or a negative errno.
 */
int tables_repair(struct an_worker *w, bool deep, struct an_error *err);
/** tables_remake_worker() - make the worker's table again from the gateway's: something in it is nobody's. */
int tables_remake_worker(struct an_worker *w, struct an_error *err);
/**
 * tables_agree() - bring the ports in the worker's table to what the gateway's says: of two transactions
 * someone who was
 * killed may have made one
 * Return: 0 or a negative errno.
 */
int tables_agree(struct an_worker *w, struct an_error *err);
/** tables_around() - bring the worker's addresses and resolvers in the tables up to date. */
int tables_around(struct an_worker *w, struct an_error *err);
/** tables_drop() - delete the worker's table. Return: 1, 0 if there was none, or a negative errno. */
int tables_drop(struct an_worker *w, struct an_error *err);

#endif
