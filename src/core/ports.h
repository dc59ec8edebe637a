/* SPDX-License-Identifier: Apache-2.0 */
/* Are the inbound ports that an actor asks for free? */
#ifndef CORE_PORTS_H
#define CORE_PORTS_H

#include "core/worker.h"
#include "plane/elements.h"

/** port_canonical() - the same port with every byte that means nothing zero, so that ports can be compared as bytes. */
struct an_port port_canonical(const struct an_port *port);
/** ports_overlap() - would one packet find both? */
bool ports_overlap(const struct an_port *a, const struct an_port *b);
/** ports_too_many() - the error for more than AN_SPECS_MAX. Return: -EINVAL. */
int ports_too_many(size_t n, struct an_error *err);
/**
 * ports_valid() - right in themselves: count, overlaps among them, family, masquerade range. Return: 0 or a
 * negative errno.
 */
int ports_valid(const struct an_worker *w, const struct an_port *ports, size_t n, struct an_error *err);
/**
 * ports_free() - held by no socket of the worker, and by no other actor at another address
 * @a:  whose they are to be; ports that are its own already are free
 *
 * That no other actor has the very same is found out by putting them in: their elements must be new. The lock is
 * held, so what is free stays free among writers of ours.
 *
 * Return: 0, or a negative errno: EADDRINUSE with the holder named; ENOENT: the worker's table is gone.
 */
int ports_free(struct an_worker *w, const struct actor *a, struct an_error *err);
/**
 * ports_blame() - why their elements were not new
 * Return: -EADDRINUSE with the holder named; 0: nobody has them, an element was left behind.
 */
int ports_blame(struct an_worker *w, const struct actor *a, struct an_error *err);
/**
 * ports_own() - queue for the worker's table the ports that the worker's own sockets hold now: they stay the worker's
 * though an actor has all ports. Return: 0 or a negative errno.
 */
int ports_own(struct an_worker *w, struct an_error *err);
/** ports_own_renew() - bring them up to date, if an actor has all ports. Return: 0 or a negative errno. */
int ports_own_renew(struct an_worker *w, struct an_error *err);

#endif
