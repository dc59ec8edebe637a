/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 and IPv6 addresses and prefixes in one type. */
#include "base/addr.h"

#include "base/text.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

size_t addr_size(uint8_t family)
{
	switch (family) {
	case AF_INET:
		return 4;
	case AF_INET6:
		return 16;
	default:
		return 0;
	}
}

/* Full prefix length of a family. */
static uint8_t addr_bits(uint8_t family)
{
	return (uint8_t)(addr_size(family) * 8);
}

struct addr addr_from(uint8_t family, const void *bytes)
{
	struct addr a = { .family = family, .prefix = addr_bits(family) };

	memcpy(a.bytes, bytes, addr_size(family));
	return a;
}

struct addr addr_v4(uint32_t host_order, uint8_t prefix)
{
	uint32_t number_be = htonl(host_order);
	struct addr a = addr_from(AF_INET, &number_be);

	a.prefix = prefix;
	return a;
}

int addr_parse(const char *text, struct addr *ret)
{
	struct addr a = { 0 };
	char host[INET6_ADDRSTRLEN];
	size_t host_len = strcspn(text, "/");
	uint64_t prefix;

	if (host_len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, host_len);
	host[host_len] = '\0';

	/* inet_pton(3) takes no blanks, no zone and, in IPv4, no leading zeros. */
	a.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, host, a.bytes) != 1)
		return -EINVAL;

	a.prefix = addr_bits(a.family);
	if (text[host_len] == '/') {
		const char *digits = text + host_len + 1;

		if (text_to_u64(digits, strlen(digits), a.prefix, &prefix) < 0)
			return -EINVAL;
		a.prefix = (uint8_t)prefix;
	}
	*ret = a;
	return 0;
}

const char *addr_format_host(const struct addr *a, char buf[static ADDR_TEXT])
{
	if (!inet_ntop(a->family, a->bytes, buf, ADDR_TEXT))
		text_copy(buf, ADDR_TEXT, "none");
	return buf;
}

const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT])
{
	size_t len;

	addr_format_host(a, buf);
	len = strlen(buf);
	if (a->prefix != addr_bits(a->family))
		snprintf(buf + len, ADDR_TEXT - len, "/%u", a->prefix);
	return buf;
}

struct addr addr_network(const struct addr *a)
{
	struct addr network = *a;
	size_t whole = a->prefix / 8;

	if (whole >= addr_size(a->family))
		return network;
	network.bytes[whole] &= (uint8_t)(0xff00U >> (a->prefix % 8));
	memset(network.bytes + whole + 1, 0, sizeof(network.bytes) - whole - 1);
	return network;
}

struct addr addr_nth(const struct addr *prefix, uint64_t n)
{
	struct addr a = addr_network(prefix);
	size_t size = addr_size(a.family);
	size_t stop = size > 8 ? size - 8 : 0;
	unsigned int carry = 0;

	for (size_t i = size; i > stop; i--, n >>= 8) {
		unsigned int sum = a.bytes[i - 1] + (unsigned int)(n & 0xff) + carry;

		a.bytes[i - 1] = (uint8_t)sum;
		carry = sum >> 8;
	}
	a.prefix = addr_bits(a.family);
	return a;
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, addr_size(a->family));
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->prefix == b->prefix && addr_same_host(a, b);
}

bool addr_contains(const struct addr *outer, const struct addr *inner)
{
	struct addr outer_network, inner_network;

	if (!outer->family || outer->family != inner->family || outer->prefix > inner->prefix)
		return false;
	inner_network = *inner;
	inner_network.prefix = outer->prefix;
	inner_network = addr_network(&inner_network);
	outer_network = addr_network(outer);
	return addr_same_host(&outer_network, &inner_network);
}

bool addr_overlaps(const struct addr *a, const struct addr *b)
{
	/* Two prefixes are disjoint, or one holds the other. */
	return addr_contains(a, b) || addr_contains(b, a);
}

bool addr_is_loopback(const struct addr *a)
{
	const struct addr v4 = addr_v4(0x7f000000, 8), v6 = { AF_INET6, 128, { [15] = 1 } };

	return addr_contains(a->family == AF_INET ? &v4 : &v6, a);
}
