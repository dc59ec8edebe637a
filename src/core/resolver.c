/* SPDX-License-Identifier: Apache-2.0 */
/* Reading resolv.conf(5). */
#include "core/resolver.h"
#include <stdio.h>
#include <string.h>

/* Where systemd-resolved keeps the servers behind its stub (systemd-resolved.service(8)). */
#define UPSTREAM "/run/systemd/resolve/resolv.conf"

/* A file without an end is read so far: so many pieces of lines, a longer line being several. */
#define PIECE  256
#define PIECES 65536

/* One line: "nameserver ADDRESS". A zone ("%eth0") names a link-local server, which nobody else can reach. */
static bool read_line(const char *line, struct addr *ret)
{
	char address[ADDR_TEXT];

	return sscanf(line, " nameserver %55s", address) == 1 && !strchr(address, '/') &&
	       addr_parse(address, ret) == 0;
}

/* Loopback, also as an IPv4-mapped address; the unspecified address is this host, too (resolv.conf(5), RFC 1122). */
static bool is_local(const struct addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct addr any = { .family = a->family };
	struct addr v4;

	if (a->family == AF_INET6 && memcmp(a->bytes, mapped, sizeof(mapped)) == 0) {
		v4 = addr_from(AF_INET, a->bytes + sizeof(mapped));
		return is_local(&v4);
	}
	return addr_is_loopback(a) || addr_same_host(a, &any);
}

static unsigned int read_file(const char *path, struct addr *resolvers, bool *ret_stub)
{
	FILE *f = fopen(path, "re");
	char piece[PIECE];
	unsigned int n = 0;
	bool at_start = true;

	*ret_stub = false;
	if (!f)
		return 0;
	for (int i = 0; i < PIECES && n < LAYOUT_RESOLVERS && fgets(piece, sizeof(piece), f); i++) {
		const bool line = at_start && read_line(piece, &resolvers[n]);

		at_start = strchr(piece, '\n') != NULL;
		if (!line)
			continue;
		if (is_local(&resolvers[n]))
			*ret_stub = true;
		else
			n++;
	}
	fclose(f);
	return n;
}

unsigned int resolver_read(const char *path, struct addr ret_resolvers[static LAYOUT_RESOLVERS])
{
	bool stub;
	unsigned int n = read_file(path, ret_resolvers, &stub);

	if (n == 0 && stub)
		n = read_file(UPSTREAM, ret_resolvers, &stub);
	return n;
}
