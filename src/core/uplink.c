/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the uplink by the default route. */
#include "core/uplink.h"
#include "base/error.h"
#include "rtnl/address.h"
#include "rtnl/route.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

struct search {
	uint32_t index, metric;
	bool found;
};

static int consider(const struct route *route, void *data)
{
	struct search *s = data;

	if (route->dst.prefix != 0 || route->table != RT_TABLE_MAIN || route->type != RTN_UNICAST ||
	    !route->index)
		return 0;
	if (!s->found || route->metric < s->metric)
		*s = (struct search){ route->index, route->metric, true };
	return 0;
}

static int find_index(struct nl_sock *rtnl, uint32_t *ret_index, struct an_error *err)
{
	const uint8_t families[] = { AF_INET, AF_INET6 };

	for (size_t i = 0; i < sizeof(families); i++) {
		struct search s = { .found = false };
		int r = route_dump(rtnl, families[i], consider, &s, err);

		if (r < 0)
			return r;
		if (s.found) {
			*ret_index = s.index;
			return 0;
		}
	}
	error_set(err, AN_FAILED, ENETUNREACH, "uplink", "the worker has no default route to find it by");
	return error_remedy(err, "add a default route, or name the link: actornet up --uplink IF");
}

struct by_index {
	uint32_t index;
	struct link *link;
};

static int match_index(const struct link *link, void *data)
{
	struct by_index *search = data;

	if (link->index == search->index)
		*search->link = *link;
	return 0;
}

static int find_link(struct nl_sock *rtnl, const char *name, struct link *ret_link, struct an_error *err)
{
	struct by_index search = { .link = ret_link };
	char object[LINK_NAME + 48];
	int r;

	if (!name) {
		r = find_index(rtnl, &search.index, err);
		return r < 0 ? r : link_dump(rtnl, false, match_index, &search, err);
	}
	r = strlen(name) < LINK_NAME && *name ? link_get(rtnl, name, ret_link, err) : -ENODEV;
	if (r != -ENODEV)
		return r;
	snprintf(object, sizeof(object), "uplink '%.40s'", name);
	error_set(err, AN_USAGE, ENODEV, object, "the worker has no such link");
	return error_remedy(err, "ip link shows those there are");
}

static int collect(const struct address *address, void *data)
{
	struct uplink *u = data;

	if (address->index != u->link.index || address->scope != RT_SCOPE_UNIVERSE ||
	    u->n_addresses == UPLINK_ADDRESSES)
		return 0;
	u->addresses[u->n_addresses++] = address->addr;
	if (address->addr.family == AF_INET6)
		u->ipv6 = true;
	return 0;
}

int uplink_find(struct nl_sock *rtnl, const char *name, struct uplink *ret_uplink, struct an_error *err)
{
	struct uplink u = { .n_addresses = 0 };
	char object[LINK_NAME + 16];
	int r = find_link(rtnl, name, &u.link, err);

	if (r == 0)
		r = address_dump(rtnl, AF_UNSPEC, collect, &u, err);
	if (r < 0)
		return r;
	if (u.n_addresses == 0) {
		snprintf(object, sizeof(object), "uplink %s", u.link.name);
		error_set(err, AN_FAILED, EADDRNOTAVAIL, object, "has no global address");
		return error_remedy(err, "give it one, or name another link: actornet up --uplink IF");
	}
	*ret_uplink = u;
	return 0;
}
