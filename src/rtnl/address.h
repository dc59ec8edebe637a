/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of devices. */
#ifndef RTNL_ADDRESS_H
#define RTNL_ADDRESS_H

#include "base/addr.h"
#include "nl/sock.h"

/**
 * struct address - an address of a device
 * @addr:  with its prefix length
 * @scope: RT_SCOPE_*, as the kernel has it
 * @flags: IFA_F_*
 */
struct address {
	uint32_t index;
	struct addr addr;
	uint8_t scope;
	uint32_t flags;
};

/** address_build() - append the request of address_add() (RTM_NEWADDR). */
void address_build(struct msg *m, uint16_t type, uint32_t index, const struct addr *addr, uint32_t flags);
/**
 * address_add() - add, without duplicate address detection
 * @flags: IFA_F_*: no prefix route with IFA_F_NOPREFIXROUTE
 *
 * An IPv6 address is there at once, but the kernel makes its route in table local from a work queue some 100
 * µs later (addrconf_dad_start(), even without detection): until then a packet to it may be lost.
 *
 * Return: 1, 0 if it was there (IPv6: with whatever prefix length), or a negative errno.
 */
int address_add(struct nl_sock *rtnl, uint32_t index, const struct addr *addr, uint32_t flags,
		struct an_error *err);
/** address_dump() - of one family; AF_UNSPEC: both. */
typedef int address_cb(const struct address *address, void *data);
int address_dump(struct nl_sock *rtnl, uint8_t family, address_cb *cb, void *data, struct an_error *err);

#endif
