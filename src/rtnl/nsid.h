/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers by which a network namespace knows others.
 *
 * The kernel drops a number with the namespace that it stands for. So it tells what an inode can't, which the next
 * namespace may get: is that one alive still, and is it the same one?
 */
#ifndef RTNL_NSID_H
#define RTNL_NSID_H

#include "nl/sock.h"

/**
 * nsid_set() - have the socket's namespace know another by a number of our choice
 * @netns_fd: the other
 * Return: 0, or a negative errno: EEXIST: it knows it by another number, or another by that one.
 */
int nsid_set(struct nl_sock *rtnl, int netns_fd, int nsid, struct an_error *err);
/**
 * nsid_get() - by which number does the socket's namespace know another?
 * Return: 0 with @ret_nsid set, below 0 where it does not; or a negative errno.
 */
int nsid_get(struct nl_sock *rtnl, int netns_fd, int *ret_nsid, struct an_error *err);
/** nsid_alive() - does the number stand for a namespace? Return: 1, 0, or a negative errno. */
int nsid_alive(struct nl_sock *rtnl, int nsid, struct an_error *err);

#endif
