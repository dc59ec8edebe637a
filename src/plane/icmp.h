/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers within ICMP errors, which must be rewritten like those around them.
 *
 * An error carries the header of the packet that it is about: from an actor, that packet's destination is the inner
 * address and must become the outer one (else no flow is found for it, and path MTU discovery and port unreachable
 * break); to an actor, its source is the outer address and must become the inner one.
 *
 * nft has no words for it. A raw write at the transport header, with the embedded IPv4 header's own checksum (offset
 * 8 + 10) kept right, leaves the ICMP checksum right by itself: both change by the same sum. Embedded IPv6 has no
 * checksum of its own, so the ICMPv6 one at offset 2 is adjusted. `nft list` does not show these attributes.
 */
#ifndef PLANE_ICMP_H
#define PLANE_ICMP_H

#include "nf/model.h"
#include "plane/layout.h"

/**
 * icmp_entrance_rules() - chain examine_icmp: errors about a packet that was sent to this actor are let through, the
 * embedded destination changed from inner to outer; all others stay in the chain
 */
void icmp_entrance_rules(struct nf_model *m, const struct plane *p);
/** icmp_exit_rules() - chain exit_icmp: embedded source, outer to inner. */
void icmp_exit_rules(struct nf_model *m, const struct plane *p);

#endif
