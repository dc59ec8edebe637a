/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text, and what holds between any two prefixes: two lines of input. */
#include "base/addr.h"
#include "input.h"
#include "replay.h"
#include <errno.h>

static unsigned int bits(const struct addr *a)
{
	return (unsigned int)addr_size(a->family) * 8;
}

static void check_text(const struct addr *a)
{
	static const uint8_t none[12];
	char text[ADDR_TEXT], host[ADDR_TEXT];
	struct addr back;

	promise(a->family == AF_INET || a->family == AF_INET6);
	promise(a->prefix <= bits(a));
	promise(a->family == AF_INET6 || !memcmp(a->bytes + 4, none, sizeof(none)));
	promise(addr_format(a, text) == text && strlen(text) < sizeof(text) - 1);
	promise(addr_parse(text, &back) == 0 && addr_equal(a, &back));
	promise(addr_parse(addr_format_host(a, host), &back) == 0 && addr_same_host(a, &back));
	promise(back.prefix == bits(a));
	back = addr_from(a->family, a->bytes);
	promise(addr_same_host(a, &back) && back.prefix == bits(a));
}

static void check_prefix(const struct addr *a)
{
	const struct addr network = addr_network(a), again = addr_network(&network), first = addr_nth(a, 0);
	unsigned int room = bits(a) - a->prefix; /* bits of a host's number */
	uint64_t n = room >= 64 ? UINT64_MAX : (UINT64_C(1) << room) - 1;
	const struct addr last = addr_nth(a, n), behind = addr_nth(a, n + 1);

	promise(addr_equal(&network, &again));
	promise(addr_contains(a, a) && addr_contains(a, &network) && addr_contains(&network, a));
	promise(addr_same_host(&first, &network) && first.prefix == bits(a));
	promise(addr_contains(a, &first) && addr_contains(a, &last));
	if (room < 64 && a->prefix > 0)
		promise(!addr_contains(a, &behind));
}

static void check_pair(const struct addr *a, const struct addr *b)
{
	const bool ab = addr_contains(a, b), ba = addr_contains(b, a);
	const struct addr na = addr_network(a), nb = addr_network(b);

	promise(addr_overlaps(a, b) == (ab || ba));
	promise(addr_overlaps(a, b) == addr_overlaps(b, a));
	promise((ab && ba) == addr_equal(&na, &nb));
	promise(!ab || (a->family == b->family && a->prefix <= b->prefix));
	promise(addr_equal(a, b) == addr_equal(b, a));
	promise(!addr_equal(a, b) || (addr_same_host(a, b) && ab && ba));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_text(data, size), *second = strchr(text, '\n');
	struct addr a, b;
	int ra, rb = -EINVAL;

	if (second)
		*second++ = '\0';
	ra = addr_parse(text, &a);
	if (second)
		rb = addr_parse(second, &b);
	promise((ra == 0 || ra == -EINVAL) && (rb == 0 || rb == -EINVAL));
	if (ra == 0) {
		check_text(&a);
		check_prefix(&a);
	}
	if (ra == 0 && rb == 0)
		check_pair(&a, &b);
	free(text);
	return 0;
}
