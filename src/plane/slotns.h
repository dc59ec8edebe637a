/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a slot that a sandbox is to use: the host kernel never answers in the sandbox's place.
 *
 * A sandbox takes the link over by AF_PACKET, which receives before this hook. Until it does, and between suspend and
 * resume, the kernel would answer for the address, and its reset kills connections that could have survived.
 */
#ifndef PLANE_SLOTNS_H
#define PLANE_SLOTNS_H

#include "nf/model.h"

/** slotns_model() - family netdev: everything that comes in by eth0 is dropped before the kernel's stack. */
void slotns_model(struct nf_model *m);

#endif
