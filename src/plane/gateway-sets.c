/* SPDX-License-Identifier: Apache-2.0 */
/* Sets and maps of the gateway's table. */
#include "plane/gateway.h"

#define V4    NF_TYPE_IPV4_ADDR
#define V6    NF_TYPE_IPV6_ADDR
#define LINK  NF_TYPE_IFINDEX /* four bytes against sixteen of a name, in every look-up */
#define MARK_ NF_TYPE_MARK
#define PROTO NF_TYPE_INET_PROTO
#define PORT  NF_TYPE_INET_SERVICE

#define SET(set, keys, opts) const struct nf_set gateway_##set = { .name = #set, .key = keys, opts }
#define MAP(set, keys, values) \
	const struct nf_set gateway_##set = { .name = #set, .key = keys, .value = values }
#define T(...)              \
	{                   \
		__VA_ARGS__ \
	}
/* One element an actor (or an actor and reason), made by a rule. */
#define DYNAMIC .flags = NFT_SET_EVAL, .size = 65535

MAP(outer4, T(LINK), T(V4));
MAP(outer6, T(LINK), T(V6));
SET(known4, T(V4), );
SET(known6, T(V6), );
MAP(egress, T(LINK), T(MARK_));
MAP(current, T(LINK), T(MARK_));
SET(judged, T(LINK, MARK_), );
SET(open4, T(V4, PROTO, PORT), );
SET(open6, T(V6, PROTO, PORT), );
SET(open_all4, T(V4), );
SET(open_all6, T(V6), );
SET(local4, T(V4), );
SET(local6, T(V6), );
SET(resolver4, T(V4, PROTO, PORT), );
SET(resolver6, T(V6, PROTO, PORT), );
SET(frags, T(LINK), DYNAMIC);
SET(flows, T(LINK), DYNAMIC);
SET(inflows, T(LINK), DYNAMIC);
SET(rates, T(LINK), DYNAMIC);
SET(denied, T(LINK, MARK_), DYNAMIC);
/* hash of the name (comment: the name) : slot, number of ports, seconds since 1970, flags and egress */
MAP(actors, T(V6), T(MARK_, MARK_, MARK_, MARK_));
/* link, which one : protocol, port, end, port at the actor, address (:: any, IPv4 mapped) */
MAP(ports, T(LINK, MARK_), T(PROTO, PORT, PORT, PORT, V6));
SET(idle, T(MARK_), );
SET(claimed, T(MARK_), );
