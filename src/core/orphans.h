/* SPDX-License-Identifier: Apache-2.0 */
/* Gateways whose worker is gone without `down`: a pod that was deleted, a namespace that someone removed. */
#ifndef CORE_ORPHANS_H
#define CORE_ORPHANS_H

#include "core/worker.h"

/**
 * orphans_drop() - unpin gateways that have lost their link for good, and their slots
 * The link goes with the worker's namespace, the names under /run/netns would stay. A gateway whose lock someone holds
 * is being made or removed: it is left alone. Return: how many, or a negative errno.
 */
int orphans_drop(const struct an_worker *w, struct an_error *err);

#endif
