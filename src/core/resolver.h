/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's resolvers, from its resolv.conf(5). */
#ifndef CORE_RESOLVER_H
#define CORE_RESOLVER_H

#include "plane/layout.h"

/**
 * resolver_read() - nameservers that actors can be sent to
 * @path: resolv.conf of the worker
 * A loopback stub can't be reached from outside the worker: behind systemd-resolved's its upstream servers are taken.
 * Return: how many, 0 where there is none or no file.
 */
unsigned int resolver_read(const char *path, struct addr ret_resolvers[static LAYOUT_RESOLVERS]);

#endif
