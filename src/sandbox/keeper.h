/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stays with a sandbox when the command that started it has returned. */
#ifndef SANDBOX_KEEPER_H
#define SANDBOX_KEEPER_H

#include "sandbox/relay.h"

#include <actornet/error.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * typedef keeper_work - what the keeper does before it answers
 * @relay:     to be opened, if there is output to follow
 * @cancel_fd: hung up once the command no longer waits
 * @answer:    to be filled in
 * @data:      the caller's
 * Return: stay? Else the keeper ends once the answer is given.
 */
typedef bool keeper_work(struct relay *relay, int cancel_fd, void *answer, void *data);

/**
 * keeper_start() - do some work in a process that then stays
 * @work:   what
 * @data:   for it
 * @answer: what @work filled in
 * @size:   bytes of it
 *
 * The keeper is in a session of its own, with no descriptor of the caller's once it has answered. Processes that
 * @work's lose become its children, so that they are reaped at once whatever process 1 does. It copies the container's
 * output to its log and ends with the last of them.
 *
 * Return: 0 if there is an answer, or a negative errno.
 */
int keeper_start(keeper_work *work, void *data, void *answer, size_t size, struct an_error *err);

#endif
