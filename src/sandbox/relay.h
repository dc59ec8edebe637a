/* SPDX-License-Identifier: Apache-2.0 */
/* A container's output, tagged line by line, into a log file of bounded size. */
#ifndef SANDBOX_RELAY_H
#define SANDBOX_RELAY_H

#include "sandbox/output.h"

#include <actornet/actor.h>
#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#define RELAY_LOG_MAX 1048576 /* bytes; then it becomes LOG.1, and a new one is begun */

/**
 * struct relay - from a container's pipe to its log file
 * @output: what the container prints
 * @path:   of the log file, empty: none is written
 * @tag:    put before each line
 * @log_fd: -1: not open
 * @size:   bytes in it
 * @pid:    the sandbox's process, whose end is a line of the log; 0: none
 */
struct relay {
	struct output output;
	char path[PATH_MAX];
	char tag[AN_ACTOR_NAME_MAX + 1];
	int log_fd;
	size_t size;
	pid_t pid;
};

/** relay_init() - nothing to relay yet. */
void relay_init(struct relay *relay);
/** relay_open() - begin a log file, mode 0600. Return: 0 or a negative errno. */
int relay_open(struct relay *relay, const char *path, const char *tag);
/** relay_say() - a line of our own in it. */
void relay_say(struct relay *relay, const char *text);
/** relay_close() - take what is left of the output and close both; for _cleanup_(). */
void relay_close(struct relay *relay);

#endif
