/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 and IPv6 addresses and prefixes in one type. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "[" IPv6 "]/128" NUL. */
#define ADDR_TEXT 56

/**
 * struct addr - an address, or a prefix
 * @family: AF_INET, AF_INET6, or 0: none
 * @prefix: length in bits; 32 or 128 for a plain address
 * @bytes:  network order; IPv4 in the first four, the rest zero
 */
struct addr {
	uint8_t family;
	uint8_t prefix;
	uint8_t bytes[16];
};

/** addr_size() - bytes of an address of this family: 4, 16, or 0. */
size_t addr_size(uint8_t family);
/** addr_from() - from bytes in network order, full prefix length. */
struct addr addr_from(uint8_t family, const void *bytes);
/** addr_v4() - from a host-order number. */
struct addr addr_v4(uint32_t host_order, uint8_t prefix);
/**
 * addr_parse() - "1.2.3.4", "1.2.3.4/24", "fd00::1/64"; no prefix length means the full one. Strict: no
 * leading zeros, no blanks, no zone, nothing behind. Return: 0 or -EINVAL.
 */
int addr_parse(const char *text, struct addr *ret);
/** addr_format() - with "/prefix" where it is not the full length. Return: @buf. */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT]);
/** addr_format_host() - without the prefix. Return: @buf. */
const char *addr_format_host(const struct addr *a, char buf[static ADDR_TEXT]);
/** addr_network() - host bits cleared. */
struct addr addr_network(const struct addr *a);
/** addr_nth() - the nth address of a prefix (0: the network's), full length; n is added to the low 64 bits. */
struct addr addr_nth(const struct addr *prefix, uint64_t n);
/** addr_equal() - same family, prefix and bytes. */
bool addr_equal(const struct addr *a, const struct addr *b);
/** addr_same_host() - same family and address, whatever the prefix. */
bool addr_same_host(const struct addr *a, const struct addr *b);
/** addr_contains() - is all of @inner within @outer? */
bool addr_contains(const struct addr *outer, const struct addr *inner);
/** addr_overlaps() - have they an address in common? */
bool addr_overlaps(const struct addr *a, const struct addr *b);

/** addr_is_loopback() - within 127.0.0.0/8, or ::1. */
bool addr_is_loopback(const struct addr *a);

#endif
