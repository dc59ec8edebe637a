/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's resolv.conf: the image's author may have written it. */
#include "core/resolver.h"
#include "input.h"
#include "replay.h"
#include <sys/mman.h>
#include <unistd.h>

static void check(const struct addr *a)
{
	promise(a->family == AF_INET || a->family == AF_INET6);
	promise(a->prefix == 8 * addr_size(a->family));
	if (a->family == AF_INET)
		promise(a->bytes[0] != 127);
	else
		promise(memcmp(a->bytes, (const uint8_t[16]){ [15] = 1 }, 16) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr resolvers[LAYOUT_RESOLVERS];
	int fd = memfd_create("resolv.conf", MFD_CLOEXEC);
	unsigned int n;
	char path[32];

	promise(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = resolver_read(path, resolvers);
	promise(n <= LAYOUT_RESOLVERS);
	for (unsigned int i = 0; i < n; i++)
		check(&resolvers[i]);
	close(fd);
	return 0;
}
