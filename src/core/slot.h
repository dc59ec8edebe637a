/* SPDX-License-Identifier: Apache-2.0 */
/* A slot: a namespace with a veth into the gateway, addresses, routes and neighbours, made ahead. */
#ifndef CORE_SLOT_H
#define CORE_SLOT_H

#include "core/worker.h"

/**
 * slot_make() - make slot @n, whole; idle: no element of any table names it yet
 * Packets pass when it returns; should the kernel not have set the actor's end running within 20 ms, that is no error:
 * it will in time.
 * Return: 1 made, 0 if its outer address is still in use (take the next number), or a negative errno with nothing left.
 */
int slot_make(struct an_worker *w, uint32_t n, struct an_error *err);
/**
 * slot_finish() - have the kernel notice that a new slot's link is ready
 * That takes it the longer the more slots there are, and saves it some of that for the next ones. Nothing depends on
 * it, so it has no errors: may be done later, or not.
 */
void slot_finish(struct an_worker *w, uint32_t n);
/** slot_dress() - put addresses, routes and neighbours (again) into a slot: a sandbox wipes them at each start. */
int slot_dress(struct an_worker *w, uint32_t n, struct an_error *err);
/** slot_shield() - for sandboxes: keep the host kernel from answering in their place. Idempotent. */
int slot_shield(struct an_worker *w, uint32_t n, struct an_error *err);
/** slot_unshield() - the reverse. Return: 0 or a negative errno. */
int slot_unshield(struct an_worker *w, uint32_t n, struct an_error *err);
/**
 * slot_drop() - unpin its namespace: the kernel takes it, and the veth, in its own time. Return: 1, 0 if it
 * was gone.
 */
int slot_drop(struct an_worker *w, uint32_t n, struct an_error *err);
/** slot_open() - its namespace. Return: descriptor or a negative errno. */
int slot_open(const struct an_worker *w, uint32_t n, struct an_error *err);

#endif
