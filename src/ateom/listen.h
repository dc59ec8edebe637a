/* SPDX-License-Identifier: Apache-2.0 */
/* The unix socket that callers find by its path. */
#ifndef ATEOM_LISTEN_H
#define ATEOM_LISTEN_H

#include <actornet/error.h>
#include <sys/types.h>
#include <sys/un.h>

/**
 * struct listen - a listening socket and the file that stands for it
 * @fd:        non-blocking; -1: closed
 * @path:      the file
 * @dev, @ino: which file it is, so that no other's is removed
 */
struct listen {
	int fd;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	dev_t dev;
	ino_t ino;
};

/**
 * listen_open() - make the folder, mode 0700, and the socket in it
 * Folders above are made where they are missing. A socket that nobody listens on any more is replaced.
 *
 * The folder is locked meanwhile (flock(2)), so that of two that start at once one fails.
 *
 * @path: 107 bytes at most, as the kernel has it (unix(7))
 * Return: 0 or a negative errno: -ENAMETOOLONG, -EADDRINUSE (someone listens there, or is about to), -EEXIST (it is no
 * socket), ...
 */
int listen_open(struct listen *ret_listen, const char *path, struct an_error *err);

/** listen_close() - close it and remove its file; more than once does no harm. */
void listen_close(struct listen *listen);

#endif
