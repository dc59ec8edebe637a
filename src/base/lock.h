/* SPDX-License-Identifier: Apache-2.0 */
/* A lock between processes that dies with its holder. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <actornet/error.h>

/**
 * lock_take() - take the lock of a file, waiting at most so long
 * @path:    lock file, made if missing (0600; its directory 0700); never followed through a symbolic link
 * @wait_ms: how long to wait for another holder
 *
 * A flock(2) of the file, checked to be still the file of that path once it is held. Another holder is named
 * by its pid and command (from /proc/locks).
 *
 * Return: a descriptor that holds the lock, or a negative errno: EBUSY with the holder named.
 */
int lock_take(const char *path, unsigned int wait_ms, struct an_error *err);

/** lock_drop() - let go of it; negative is allowed. */
void lock_drop(int fd);

/** lock_remove() - let go of it and remove the file, while holding it. */
void lock_remove(int fd, const char *path);

#endif
