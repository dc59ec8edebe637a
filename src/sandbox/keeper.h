/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stays with a sandbox when the command that started it has returned. */
#ifndef SANDBOX_KEEPER_H
#define SANDBOX_KEEPER_H

#include "sandbox/relay.h"

#include <actornet/error.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct keeper_spec - what the keeper is to do
 * @work:   done first; opens the relay if there is output to follow, stops when @cancel_fd is hung up because the
 *          command no longer waits, fills in @answer. Return: stay? Else the keeper ends when it has done @after.
 * @after:  done when the answer is given; trouble with it goes into @err
 * @data:   for both; the keeper's copy
 * @answer: @size bytes, at most a page
 */
struct keeper_spec {
	bool (*work)(struct relay *relay, int cancel_fd, void *answer, void *data);
	void (*after)(void *data, struct an_error *err);
	void *data;
	void *answer;
	size_t size;
};

/**
 * keeper_start() - do some work in a process that then stays
 * The keeper is in a session of its own, with no descriptor of the caller's once it has answered. What the work leaves
 * behind becomes its child, so that it is reaped at once whatever process 1 does. It copies the container's output to
 * its log and ends with the last child.
 *
 * Return: a descriptor for keeper_settle() once @spec->answer is filled in, or a negative errno.
 */
int keeper_start(const struct keeper_spec *spec, struct an_error *err);

/**
 * keeper_settle() - wait until @after is done; closes the descriptor
 * Return: 0, or -1 with its trouble in @ret_err.
 */
int keeper_settle(int fd, struct an_error *ret_err);

#endif
