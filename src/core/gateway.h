/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway namespace: made whole, or dropped whole. */
#ifndef CORE_GATEWAY_H
#define CORE_GATEWAY_H

#include "core/worker.h"

/**
 * gateway_make() - the namespace, its link to the worker, addresses, routes, routing rules, and its record
 * The plane is complete; no table yet, so nothing passes. On failure the caller drops it.
 */
int gateway_make(struct an_worker *w, struct an_error *err);
/** gateway_drop() - unpin it: the kernel takes everything in it. Return: 1, 0 if there was none, or a negative errno. */
int gateway_drop(struct an_worker *w, struct an_error *err);

#endif
