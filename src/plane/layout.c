/* SPDX-License-Identifier: Apache-2.0 */
/* Names and addresses derived from a worker's parameters and a slot's number. */
#include "plane/layout.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct nf_table layout_table = { NFPROTO_INET, LAYOUT_TABLE };

const uint8_t layout_mac_gateway[6] = { 0x02, 0xa8, 0x1e, 0x00, 0x00, 0x01 };
const uint8_t layout_mac_inner[6] = { 0x02, 0xa8, 0x1e, 0x00, 0x00, 0x02 };
const uint8_t layout_mac_worker[6] = { 0x02, 0xa8, 0x1e, 0x00, 0x00, 0x03 };
const uint8_t layout_mac_up[6] = { 0x02, 0xa8, 0x1e, 0x00, 0x00, 0x04 };

const char *layout_gateway_netns(const struct plane *p, char buf[static LAYOUT_NETNS_NAME])
{
	snprintf(buf, LAYOUT_NETNS_NAME, LAYOUT_NETNS "%s", p->id);
	return buf;
}

const char *layout_slot_netns(const struct plane *p, uint32_t n, char buf[static LAYOUT_NETNS_NAME])
{
	snprintf(buf, LAYOUT_NETNS_NAME, LAYOUT_NETNS "%s-%u", p->id, n);
	return buf;
}

const char *layout_slots_prefix(const struct plane *p, char buf[static LAYOUT_NETNS_NAME])
{
	snprintf(buf, LAYOUT_NETNS_NAME, LAYOUT_NETNS "%s-", p->id);
	return buf;
}

const char *layout_slot_link(uint32_t n, char buf[static IFNAMSIZ])
{
	snprintf(buf, IFNAMSIZ, LAYOUT_SLOT_LINK "%u", n);
	return buf;
}

uint32_t layout_slot_number(const char *link)
{
	size_t prefix = strlen(LAYOUT_SLOT_LINK);
	uint64_t n;

	if (strncmp(link, LAYOUT_SLOT_LINK, prefix) != 0 ||
	    text_to_u64(link + prefix, strlen(link + prefix), UINT32_MAX, &n) < 0)
		return 0;
	return (uint32_t)n;
}

static struct addr range_nth(const struct plane *p, uint8_t family, uint64_t n)
{
	return addr_nth(family == AF_INET ? &p->range : &p->range6, n);
}

struct addr layout_link_worker(const struct plane *p, uint8_t family)
{
	struct addr a = range_nth(p, family, 1);

	a.prefix = family == AF_INET ? 30 : 126;
	return a;
}

struct addr layout_link_gateway(const struct plane *p, uint8_t family)
{
	struct addr a = range_nth(p, family, 2);

	a.prefix = family == AF_INET ? 30 : 126;
	return a;
}

struct addr layout_outer(const struct plane *p, uint8_t family, uint32_t n)
{
	uint64_t nth = (uint64_t)n - 1;

	/* IPv6 has room for every slot there ever is; IPv4 goes round. */
	return range_nth(p, family, LAYOUT_FIRST_SLOT + (family == AF_INET ? nth % layout_slots(p) : nth));
}

uint32_t layout_slots(const struct plane *p)
{
	return (1U << (32 - p->range.prefix)) - LAYOUT_FIRST_SLOT - 1; /* without the broadcast address */
}

bool layout_is_outer(const struct plane *p, const struct addr *a, uint32_t n)
{
	struct addr outer = layout_outer(p, a->family, n);

	return addr_same_host(&outer, a);
}

int layout_inner_gateway(const struct addr *inner, struct addr *ret_gateway)
{
	unsigned int bits = inner->family == AF_INET ? 32 : 128;
	struct addr net = addr_network(inner);
	struct addr first = addr_nth(&net, 1);

	/* A /31 or /127 has no network address to spare, a shorter one loses its first and last. */
	if (inner->prefix + 2U > bits)
		return -EINVAL;
	*ret_gateway = addr_same_host(&first, inner) ? addr_nth(&net, 2) : first;
	return 0;
}
