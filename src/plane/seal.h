/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's other table, family netdev: it takes the seal off (layout.h).
 *
 * Packets of the gateway are addressed to another host, and no stack takes such in. This table says, before the
 * stack, that they are for this one (only this family can), if the worker's table, at the hook before, has given its
 * consent: a mark, which goes here. So with either table gone, or emptied, nothing of the actors' gets into the
 * worker's routing: it can't leave with its outer address.
 */
#ifndef PLANE_SEAL_H
#define PLANE_SEAL_H

#include "nf/model.h"

#define SEAL_MARK 0x40000000U /* firewall mark between the two hooks, and nowhere else */

/** seal_model() - on actornet0: what has the mark is for this host, all else is dropped. */
void seal_model(struct nf_model *m);

#endif
