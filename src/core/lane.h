/* SPDX-License-Identifier: Apache-2.0 */
/* The fast lane (plane/lane.h) in a gateway. */
#ifndef CORE_LANE_H
#define CORE_LANE_H

#include "core/worker.h"

/**
 * lane_make() - load its programs, and put them at the gateway's end of the link to the worker
 * The plane says whether there is one: where it can't be made there is none, and everything else is the same.
 * Return: 0 or a negative errno.
 */
int lane_make(struct an_worker *w, struct an_error *err);
/** lane_tune() - what a gateway with a lane has otherwise, if it has one. Return: 0 or a negative errno. */
int lane_tune(const struct an_worker *w, struct an_error *err);
/** lane_join() - a slot's link, before it is up, if there is a lane. Return: 0 or a negative errno. */
int lane_join(struct an_worker *w, uint32_t index, struct an_error *err);
/** lane_shut() - what was let through of slot n's flows before is forgotten, on return. */
void lane_shut(const struct an_worker *w, uint32_t n);

#endif
