/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's record once more, where it outlives our links: as the comment of an element, in a table of its own.
 *
 * With the gateway's namespace both ends of the link go, and the records in their aliases with them. Without any, no
 * one would know that the uplink did not forward before `up`. Slots are counted by the block there: to replace an
 * element is to delete one, and who does that waits for a grace period when it ends.
 */
#ifndef CORE_WITNESS_H
#define CORE_WITNESS_H

#include "core/worker.h"

/** witness_agrees() - would it tell the same of both? */
bool witness_agrees(const struct record_worker *a, const struct record_worker *b);
/** witness_save() - write w->record there, in place of what there was. Return: 0 or a negative errno. */
int witness_save(struct an_worker *w, struct an_error *err);
/** witness_recall() - Return: 0; -ENOENT: there is none (@err untouched); -EPROTO: of a newer version, … */
int witness_recall(struct an_worker *w, struct record_worker *ret_record, struct an_error *err);
/** witness_drop() - Return: 1, 0 if there was none, or a negative errno. */
int witness_drop(struct an_worker *w, struct an_error *err);

#endif
