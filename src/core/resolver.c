/* SPDX-License-Identifier: Apache-2.0 */
/* Reading resolv.conf(5). */
#include "core/resolver.h"
#include "base/text.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Where systemd-resolved keeps the servers behind its stub (systemd-resolved.service(8)). */
#define UPSTREAM "/run/systemd/resolve/resolv.conf"

/* One line: "nameserver ADDRESS". A zone ("%eth0") names a link-local server, which nobody else can reach. */
static bool read_line(const char *line, struct addr *ret)
{
	char address[ADDR_TEXT];

	return sscanf(line, " nameserver %55s", address) == 1 && !strchr(address, '/') &&
	       addr_parse(address, ret) == 0;
}

static unsigned int read_file(const char *path, struct addr *resolvers, bool *ret_stub)
{
	char text[4096], *rest = text, *line;
	unsigned int n = 0;

	*ret_stub = false;
	if (text_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	while (n < LAYOUT_RESOLVERS && (line = strsep(&rest, "\n")) != NULL) {
		if (!read_line(line, &resolvers[n]))
			continue;
		if (addr_is_loopback(&resolvers[n]))
			*ret_stub = true;
		else
			n++;
	}
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
