/* SPDX-License-Identifier: Apache-2.0 */
/* Steps in an actor's life that more than one public call takes. */
#ifndef CORE_ACTOR_H
#define CORE_ACTOR_H

#include "core/find.h"
#include "core/worker.h"

/** actor_take_out() - all elements of an actor out of one table; those that are missing are no error. */
int actor_take_out(struct an_worker *w, const struct actor *a, enum elements_table table);
/** actor_release() - deny it everything, free its ports, leave its slot to an_worker_dispatch(). The lock is held. */
int actor_release(struct an_worker *w, const struct actor *a, struct an_error *err);
/** actor_name_later() - leave the writing of its alias to an_worker_dispatch(). */
void actor_name_later(struct an_worker *w, const struct actor *a);

/**
 * actor_finish_releases() - drop released slots, their flows and counters, until @deadline_us of clock_us() (0: all)
 * Return: 1 if there are more, 0 if not, or a negative errno.
 */
int actor_finish_releases(struct an_worker *w, uint64_t deadline_us, struct an_error *err);

#endif
