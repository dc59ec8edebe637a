/* SPDX-License-Identifier: Apache-2.0 */
/* Permanent neighbours. */
#ifndef RTNL_NEIGH_H
#define RTNL_NEIGH_H

#include "base/addr.h"
#include "nl/sock.h"

/** neigh_build() - append the request of neigh_set(). */
void neigh_build(struct msg *m, uint32_t index, const struct addr *addr, const uint8_t mac[static 6]);
/** neigh_set() - permanent entry, replacing what is there. Return: 0 or a negative errno. */
int neigh_set(struct nl_sock *rtnl, uint32_t index, const struct addr *addr, const uint8_t mac[static 6],
	      struct an_error *err);

#endif
