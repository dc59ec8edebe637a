/* SPDX-License-Identifier: Apache-2.0 */
/* The actors of a worker one of whose tables is gone, read from what is left. */
#ifndef CORE_REBUILD_H
#define CORE_REBUILD_H

#include "core/find.h"

/**
 * rebuild_read() - actors, idle slots and resolvers from the table that is left and the slots' aliases
 * @ret_actors: policy 0: lost (both tables are gone)
 * The handle's idle slots and resolvers are filled in.
 */
int rebuild_read(struct an_worker *w, struct find_all *ret_actors, struct an_error *err);

#endif
