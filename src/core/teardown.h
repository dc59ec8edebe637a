/* SPDX-License-Identifier: Apache-2.0 */
/* Taking everything of ours out of a worker, whole, half there, or damaged. */
#ifndef CORE_TEARDOWN_H
#define CORE_TEARDOWN_H

#include "core/worker.h"

/**
 * teardown() - all slots, the gateway, the link, rules, sysctls, table, conntrack entries
 * @w:         its worker's side is open; w->record tells the sysctls as found; without an uplink nobody knows
 * @ret_slots: slots removed; may be NULL
 * Goes on after a failed step. The lock is held. Return: 1 if anything was there, 0, or the first negative errno.
 */
int teardown(struct an_worker *w, uint32_t *ret_slots, struct an_error *err);

/* What is in a worker under our names. */
enum presence {
	PRESENCE_NONE,
	PRESENCE_STALE, /* what an earlier worker left, whose namespace had this inode: its records don't count */
	PRESENCE_HALF, /* `up` or `down` was killed midway, or someone removed a part */
	PRESENCE_WHOLE,
};

/**
 * presence_look() - and open what is there. Return: enum presence, or a negative errno: EPROTO newer,
 * EINVAL or EEXIST not ours.
 */
int presence_look(struct an_worker *w, struct an_error *err);

#endif
