/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: made, pinned to a name, opened, entered for the length of one call. */
#ifndef NETNS_NETNS_H
#define NETNS_NETNS_H

#include <actornet/error.h>
#include <stdbool.h>
#include <stdint.h>

#define NETNS_DIR  "/run/netns" /* as ip-netns(8) */
#define NETNS_PATH 64

/**
 * netns_path() - path of a name.
 * Return: 0, or -EINVAL for "", ".", "..", a slash, or a name that is too long.
 */
int netns_path(const char *name, char buf[static NETNS_PATH], struct an_error *err);
/**
 * netns_open() - a name under NETNS_DIR, or a path (with a slash); checked to be a network namespace.
 * Return: descriptor or a negative errno.
 */
int netns_open(const char *name_or_path, struct an_error *err);
/** netns_open_self() - the calling thread's. */
int netns_open_self(struct an_error *err);
/** netns_inode() - identity of a namespace. Return: 0 or a negative errno. */
int netns_inode(int fd, uint64_t *ret_inode, struct an_error *err);

/**
 * netns_lasting() - do names that are pinned now outlive this program?
 * Return: 0 if so, or a negative errno: EINVAL (AN_USAGE): not those made under `ip netns exec`.
 */
int netns_lasting(struct an_error *err);

/**
 * netns_add() - make a namespace and pin it under NETNS_DIR
 * The calling thread is in its own namespace again on return. NETNS_DIR is made a shared mount point first,
 * as ip-netns(8) does, so that names made later by others don't hide ours.
 * Return: a descriptor of the new namespace, or a negative errno: EEXIST, or as netns_lasting(). Nothing is left after
 * a failure.
 */
int netns_add(const char *name, struct an_error *err);
/** netns_del() - unpin a name, mounted or not. Return: 1, 0 if there was none, or a negative errno. */
int netns_del(const char *name, struct an_error *err);
/* Called for each name; may delete it. Return: 0, or a negative errno, which ends the listing. */
typedef int netns_cb(const char *name, void *data);
/**
 * netns_dump() - call @cb for each name under NETNS_DIR that starts with @prefix.
 * Return: 0 or a negative errno.
 */
int netns_dump(const char *prefix, netns_cb *cb, void *data, struct an_error *err);

/**
 * netns_socket() - a socket of that namespace, always close-on-exec; the thread is back in its own on return.
 * Return: descriptor or a negative errno.
 */
int netns_socket(int netns_fd, int domain, int type, int protocol, struct an_error *err);

/**
 * netns_enter() - make @netns_fd the thread's.
 * Return: descriptor of the one before for netns_leave(), or a negative errno.
 */
int netns_enter(int netns_fd, struct an_error *err);
/**
 * netns_leave() - back to it; closes the descriptor
 * @r: what came of the visit
 * Return: @r; or a negative errno if the thread could not go back: nothing more is to be done in it then.
 */
int netns_leave(int previous, int r, struct an_error *err);

#endif
