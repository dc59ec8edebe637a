/* SPDX-License-Identifier: Apache-2.0 */
/* Routes. */
#ifndef RTNL_ROUTE_H
#define RTNL_ROUTE_H

#include "base/addr.h"
#include "nl/sock.h"

/**
 * struct route - a route
 * @dst:      destination; prefix 0 and all zero: default route; the family is that of the route
 * @gateway:  next hop, of an IPv4 route possibly an IPv6 one; family 0: on-link
 * @prefsrc:  preferred source; family 0: none
 * @index:    outgoing device, 0 for a type that has none
 * @table:    RT_TABLE_*
 * @type:     RTN_UNICAST, RTN_BLACKHOLE, …; 0 in a spec: RTN_UNICAST
 * @metric:   0: the kernel's default
 * @onlink:   RTNH_F_ONLINK: the gateway need not be in a connected prefix
 */
struct route {
	struct addr dst, gateway, prefsrc;
	uint32_t index, table, metric;
	uint8_t type, protocol;
	bool onlink;
};

/* rtm_protocol of the routes and rules that actornet makes (one that iproute2's rt_protos leaves free). */
#define ROUTE_PROTOCOL 97

/** route_build() - append the request of route_add() (RTM_NEWROUTE) or route_del() (RTM_DELROUTE). */
void route_build(struct msg *m, uint16_t type, const struct route *route);
/**
 * route_add() - add, with ROUTE_PROTOCOL
 * Return: 1, 0 if the same was there (by whomever), or a negative errno: EEXIST if another route of this
 * destination, table and metric is there.
 */
int route_add(struct nl_sock *rtnl, const struct route *route, struct an_error *err);
/**
 * route_del() - delete the first one that has all of this; what is 0 in @route matches anything
 * Return: 1, 0 if there was none, or a negative errno.
 */
int route_del(struct nl_sock *rtnl, const struct route *route, struct an_error *err);
/** route_dump() - of one family, all tables. Of several next hops the first is given. */
typedef int route_cb(const struct route *route, void *data);
int route_dump(struct nl_sock *rtnl, uint8_t family, route_cb *cb, void *data, struct an_error *err);

#endif
