/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that are ours without our having started them.
 *
 * Theory of operation: runsc leaves sandbox and file servers behind, orphans that the kernel gives to us: as process 1
 * of the container, or as a child subreaper. It gives them to the leader of the thread group, the main thread
 * (find_new_reaper() in the kernel's exit.c: the first thread that is not exiting). What the service thread starts
 * stays that thread's child. So the main thread reaps with __WNOTHREAD (wait(2)): it never sees, let alone takes, a
 * program that spawn_wait() waits for, and needs no list of these.
 */
#ifndef ATEOM_CHILDREN_H
#define ATEOM_CHILDREN_H

#include <actornet/error.h>
#include <stdint.h>

/** children_adopt() - become the one whom orphans are given to. Return: 0 or a negative errno. */
int children_adopt(struct an_error *err);

/** children_reap() - reap what has ended of the calling thread's, which is the main one. To be called on SIGCHLD. */
void children_reap(void);

/**
 * children_end() - kill the orphans of one runsc root, and wait until each is reaped
 * @root: runsc's -root, which they have among their arguments. Others, as of a shell in the container, are left alone.
 * Return: 0 or a negative errno: ETIMEDOUT.
 */
int children_end(const char *root, unsigned int timeout_ms, struct an_error *err);

/**
 * children_end_in() - the same for all processes in a network namespace, whoever's they are
 * @inode: of the namespace
 */
int children_end_in(uint64_t inode, unsigned int timeout_ms, struct an_error *err);

#endif
