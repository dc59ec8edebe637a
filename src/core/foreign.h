/* SPDX-License-Identifier: Apache-2.0 */
/* Other owners' firewalls in the worker, which an accept of ours can't override. */
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

#endif
