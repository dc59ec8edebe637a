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
/** gateway_mend() - what someone may have changed: link down, sysctls, routing rules, routes. Idempotent. */
int gateway_mend(struct an_worker *w, struct an_error *err);
/**
 * gateway_recall() - the worker's record as of `up`, kept in the alias of the gateway's loopback device
 * For when actornet0 was deleted, and up0 with it: the sysctls as found must still be put back.
 * Return: 0, or a negative errno: ESTALE: it is that of an earlier worker, whose inode this one has got.
 */
int gateway_recall(struct an_worker *w, struct record_worker *ret_record);
/**
 * gateway_drop() - unpin it: the kernel takes everything in it. Return: 1, 0 if there was none, or a
 * negative errno.
 */
int gateway_drop(struct an_worker *w, struct an_error *err);

#endif
