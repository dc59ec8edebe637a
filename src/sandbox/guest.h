/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox's process: held by descriptor, so that a reused number is never mistaken for it. */
#ifndef SANDBOX_GUEST_H
#define SANDBOX_GUEST_H

#include <actornet/error.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * struct guest - a sandbox's process
 * @pid:   0: none
 * @pidfd: readable once it has ended; -1: none
 */
struct guest {
	pid_t pid;
	int pidfd;
};

/**
 * guest_open() - by the file that runsc wrote its process id to
 * @pid_file: that file
 * @root:     runsc's -root, which the process has among its arguments: the number may be another's by now
 * Return: 1 if it runs, 0 if not (any more, or not yet), or a negative errno.
 */
int guest_open(struct guest *ret_guest, const char *pid_file, const char *root, struct an_error *err);
/**
 * guest_names() - has a process @root among its arguments?
 * Return: 1, 0, or a negative errno: ESRCH: it has none, as one that is ending or has ended (or a kernel's thread).
 */
int guest_names(pid_t pid, const char *root);
/** guest_open_pid() - the same by its number. */
int guest_open_pid(struct guest *ret_guest, pid_t pid, const char *root, struct an_error *err);
/** guest_close() - let go of it; for _cleanup_(). */
void guest_close(struct guest *guest);

/** guest_runs() - has it not ended? */
bool guest_runs(const struct guest *guest);
/** guest_kill() - SIGKILL; nothing if it has ended. */
void guest_kill(const struct guest *guest);

/**
 * guest_wait() - wait until it is gone: ended and, by us if it is our child, reaped
 * runsc takes a process that is not reaped for a running one and refuses to delete it.
 * Return: 0, or -ETIMEDOUT.
 */
int guest_wait(const struct guest *guest, unsigned int timeout_ms);

/** guest_reap_all() - reap children until there are none. Return: 0, or -ETIMEDOUT. */
int guest_reap_all(unsigned int timeout_ms);

#endif
