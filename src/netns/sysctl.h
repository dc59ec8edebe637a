/* SPDX-License-Identifier: Apache-2.0 */
/* Values under /proc/sys/net of the calling thread's namespace: callers enter it first (netns_enter()). */
#ifndef NETNS_SYSCTL_H
#define NETNS_SYSCTL_H

#include <actornet/error.h>
#include <stddef.h>

/**
 * sysctl_get() - read one of the calling thread's namespace
 * @name: "ipv4/ip_forward", below /proc/sys/net; a device name within keeps its dots
 * Return: 0, or a negative errno: ENOENT if this kernel has none (@err untouched then).
 */
int sysctl_get(const char *name, char *buf, size_t size, struct an_error *err);

/**
 * sysctl_set() - write one, unless it has the value already
 * A read-only /proc/sys (EROFS) is remounted read-write for the length of the write, which takes
 * CAP_SYS_ADMIN.
 * Return: 1 written, 0 it was so, or a negative errno: ENOENT, EROFS and EPERM with the remedy.
 */
int sysctl_set(const char *name, const char *value, struct an_error *err);

/**
 * sysctl_set_list() - write pairs of name and value, but for names that this kernel hasn't
 * Return: 0 or a negative errno, as sysctl_set(); those before are written then.
 */
int sysctl_set_list(const char *const list[][2], size_t n, struct an_error *err);

#endif
