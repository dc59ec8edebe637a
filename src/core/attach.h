/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side of the link to the gateway: addresses, one route a family, forwarding. */
#ifndef CORE_ATTACH_H
#define CORE_ATTACH_H

#include "core/worker.h"

/** attach_look() - the sysctls as they are, for the record, before anything is changed. */
int attach_look(struct an_worker *w, struct record_found *ret_found, struct an_error *err);
/** attach_make() - everything but the tables. The link is there and down; the record is in w->record. */
int attach_make(struct an_worker *w, struct an_error *err);
/**
 * attach_undo() - put back what attach_make() changed: sysctls; then the link, which takes the rest
 * Works on what is half there. Return: 1 if anything was there, 0, or a negative errno: the link is there still.
 */
int attach_undo(struct an_worker *w, struct an_error *err);
/** attach_guard() - what our table must keep unforwarded, by what was found. */
void attach_guard(const struct record_found *found, struct plane *p);

#endif
