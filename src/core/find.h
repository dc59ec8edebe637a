/* SPDX-License-Identifier: Apache-2.0 */
/* Actors, read from the tables: one by name in a few look-ups, or all. */
#ifndef CORE_FIND_H
#define CORE_FIND_H

#include "core/worker.h"
#include "plane/elements.h"

/** find_hash() - the hash of a name, by which the kernel finds it. */
void find_hash(const struct an_worker *w, const char *name, uint8_t ret_hash[static 16]);
/** find_actor() - by name, with its ports. Return: 1, 0 if there is none, or a negative errno. */
int find_actor(struct an_worker *w, const char *name, struct actor *ret_actor, struct an_error *err);
/** find_no_actor() - the error for it. Return: -ENOENT. */
int find_no_actor(const char *name, struct an_error *err);

/** struct find_all - all actors, ordered by slot; owns its list */
struct find_all {
	struct actor *list;
	size_t n, size;
};

/** find_all() - every actor in the gateway's table, with its ports: one dump of the actors, one of the ports. */
int find_all(struct an_worker *w, struct find_all *ret_all, struct an_error *err);
/**
 * find_everyone() - the same; where that table is gone, the actors that the slots' aliases name: lost,
 * without ports.
 */
int find_everyone(struct an_worker *w, struct find_all *ret_all, struct an_error *err);
void find_all_fini(struct find_all *all);
/** find_slot() - the actor of a slot in such a list, or NULL. */
struct actor *find_slot(const struct find_all *all, uint32_t n);
/** find_info() - what a caller is told of an actor; counters stay 0. */
void find_info(const struct an_worker *w, const struct actor *a, struct an_actor_info *ret_info);

#endif
