/* SPDX-License-Identifier: Apache-2.0 */
/* What others have in the worker: firewalls, which an accept of ours can't override, and our names. */
#ifndef CORE_FOREIGN_H
#define CORE_FOREIGN_H

#include "core/worker.h"

/** foreign_notice() - what would drop forwarded packets, and what to do; empty if nothing would. */
void foreign_notice(struct an_worker *w, char *buf, size_t size);

/**
 * foreign_allow() - let forwarded packets of ours through where an owner offers a place for others' rules (DOCKER-USER)
 * Two rules at its head, with a comment that names us. Idempotent. Return: 1 if there is such a place, 0 if not.
 */
int foreign_allow(struct an_worker *w, struct an_error *err);
/** foreign_withdraw() - take those rules away. Return: 1, 0 if there were none, or a negative errno. */
int foreign_withdraw(struct an_worker *w, struct an_error *err);

/**
 * foreign_table() - whose is the table of our name?
 * To be asked where nothing else tells that the worker was prepared.
 * Return: 1: by its chains ours, 0: there is none, or a negative errno: EEXIST (AN_CONFLICT): another's.
 */
int foreign_table(struct an_worker *w, struct an_error *err);

#endif
