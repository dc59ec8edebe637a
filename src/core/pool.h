/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: idle slots ready to be claimed, and what is put off until after an answer.
 *
 * Theory of operation. The set gateway_idle holds the numbers of idle slots. A claim takes one out in the same
 * transaction that puts the actor in, so two processes never get the same; the handle's own list is only a guess at
 * what the set holds. Numbers count up and never return: the record of actornet0 keeps how many were ever made, and is
 * written before the slots are.
 */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "core/worker.h"

/** pool_look() - read the idle slots. Return: 0 or a negative errno. */
int pool_look(struct an_worker *w, struct an_error *err);
/**
 * pool_take() - a slot to try: idle, or made now. The lock is held. Return: 1 idle, 2 made now, or a
 * negative errno: -ENOSPC.
 */
int pool_take(struct an_worker *w, uint32_t *ret_n, struct an_error *err);
/**
 * pool_fill() - make slots up to the idle target, for at most so long (0: no limit). Return: 1 if some are
 * missing, 0, or a negative errno.
 */
int pool_fill(struct an_worker *w, uint64_t deadline_us, struct an_error *err);
/** pool_reap() - drop the namespaces of released slots. Return: 0 or a negative errno. */
int pool_reap(struct an_worker *w, struct an_error *err);
/**
 * pool_sweep() - drop slots that are neither idle nor an actor's: someone was killed at the wrong moment.
 * Return: how many, or a negative errno.
 */
int pool_sweep(struct an_worker *w, struct an_error *err);
/**
 * pool_trim() - drop idle slots above the target. Return: how many, or a negative errno with all of them
 * idle as before.
 */
int pool_trim(struct an_worker *w, struct an_error *err);
/** pool_drop() - drop one slot, idle or not there. */
void pool_drop(struct an_worker *w, uint32_t n);
/** pool_count() - slots there are, idle and active. Return: 0 or a negative errno. */
int pool_count(struct an_worker *w, uint32_t *ret_slots, struct an_error *err);

#endif
