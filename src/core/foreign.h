/* SPDX-License-Identifier: Apache-2.0 */
/* Other owners' firewalls in the worker, which an accept of ours can't override. */
#ifndef CORE_FOREIGN_H
#define CORE_FOREIGN_H

#include "core/worker.h"

/** foreign_notice() - what would drop forwarded packets, and what to do; empty if nothing would. */
void foreign_notice(struct an_worker *w, char *buf, size_t size);

#endif
