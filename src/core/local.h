/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's own addresses, on whatever link: what comes to one of them may be for a socket of the worker. */
#ifndef CORE_LOCAL_H
#define CORE_LOCAL_H

#include "core/worker.h"

/** local_open() - a socket that hears of changes of the worker's addresses. Return: descriptor or a negative errno. */
int local_open(int netns_fd, struct an_error *err);
/**
 * local_look() - bring w->addresses up to date
 * A dump, but only where something has changed since the last one: else one system call. Return: 0 or a negative errno.
 */
int local_look(struct an_worker *w, struct an_error *err);
/** local_link() - number of the link that has an address. Return: 0 if none is known to. */
uint32_t local_link(const struct an_worker *w, const struct addr *a);

#endif
