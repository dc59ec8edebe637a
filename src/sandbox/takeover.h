/* SPDX-License-Identifier: Apache-2.0 */
/* Has a sandbox taken over the link of a namespace? runsc reports success even where it has not. */
#ifndef SANDBOX_TAKEOVER_H
#define SANDBOX_TAKEOVER_H

#include <actornet/error.h>

/**
 * takeover_in_use() - does something read the links of a namespace by a packet socket, as a sandbox does?
 * @netns_fd: the namespace
 * Return: 1, 0, or a negative errno.
 */
int takeover_in_use(int netns_fd, struct an_error *err);

/**
 * takeover_check() - a started sandbox has moved the addresses of @interface inside and holds a packet socket on it
 * Return: 0, or a negative errno: ENETDOWN: it has a loopback only.
 */
int takeover_check(int netns_fd, const char *interface, struct an_error *err);

#endif
