/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound ownership: a local that owns something is freed where its scope ends, unless taken. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/**
 * fd_close() - close a descriptor unless it is negative; keeps errno.
 * Return: -1, for "fd = fd_close(fd)".
 */
static inline int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return -1;
}

static inline void cleanup_fd(int *fd)
{
	fd_close(*fd);
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _cleanup_fd_   _cleanup_(cleanup_fd)
#define _cleanup_free_ _cleanup_(cleanup_free)

/** take_fd() - hand a descriptor on: the variable no longer owns it. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/** take_ptr() - hand a pointer on: the variable no longer owns it. */
#define take_ptr(p)                       \
	({                                \
		__typeof__(p) taken_ = p; \
		p = NULL;                 \
		taken_;                   \
	})

#endif
