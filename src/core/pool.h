/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: idle slots ready to be claimed, and what is put off until after an answer.
 *
 * Theory of operation. The set gateway_idle holds the numbers of slots that were put into the pool, gateway_claimed
 * those of them that were taken since: a claim only adds. For the kernel frees what a transaction deleted after a
 * grace period, and who closes his socket before that waits for it: a process that activates one actor and ends would
 * wait ten milliseconds. Both numbers go together at the release, or many at once when the pool is filled. The lock
 * and the claim's exclusiveness see to it that two processes never get the same slot; the handle's own list is only a
 * guess. Numbers count up and never return: the record of actornet0 keeps how many were ever made, and is written
 * before the slots are.
 */
#ifndef CORE_POOL_H
#define CORE_POOL_H

#include "core/worker.h"
#include "plane/elements.h"

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
/** pool_is_idle() - by the kernel's word. Return: 1, 0, or a negative errno. */
int pool_is_idle(struct an_worker *w, uint32_t n, struct an_error *err);
/** pool_unclaim() - add to a list what a claim and the idle slot before it left in the tables, if it did. */
void pool_unclaim(struct an_worker *w, uint32_t n, struct elements *e);
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
/** pool_recall() - read the worker's record again: another process may have adjusted it. */
int pool_recall(struct an_worker *w, struct an_error *err);
/** pool_count() - slots there are, idle and active. Return: 0 or a negative errno. */
int pool_count(struct an_worker *w, uint32_t *ret_slots, struct an_error *err);

#endif
