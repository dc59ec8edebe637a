/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that begin with their size, between callers and a library of different age. */
#include "base/sized.h"

#include "base/error.h"
#include <errno.h>
#include <string.h>

static size_t size_of(const void *sized)
{
	size_t size;

	memcpy(&size, sized, sizeof(size));
	return size;
}

int sized_take(void *to, const void *from, size_t least, const char *what, struct an_error *err)
{
	const size_t own = size_of(to), size = from ? size_of(from) : 0;
	const unsigned char *bytes = from;

	if (!from || size < least) {
		error_set(err, AN_USAGE, EINVAL, what, "its size is %zu", size);
		return error_remedy(err, "set size to that of the struct");
	}
	for (size_t i = own; i < size; i++) {
		if (bytes[i] == 0)
			continue;
		error_set(err, AN_USAGE, E2BIG, what,
			  "it asks for something that this version does not know of");
		return error_remedy(err, "use the newer library that the caller was built for");
	}
	memcpy(to, from, size < own ? size : own);
	memcpy(to, &own, sizeof(own));
	return 0;
}

int sized_check(const void *to, struct an_error *err)
{
	if (!to || size_of(to) >= sizeof(size_t))
		return 0;
	error_set(err, AN_USAGE, EINVAL, "result", "its size is %zu", size_of(to));
	return error_remedy(err, "set size to that of the struct");
}

void sized_give(void *to, const void *from)
{
	const size_t size = size_of(to), own = size_of(from);

	memcpy(to, from, size < own ? size : own);
	if (size > own)
		memset((char *)to + own, 0, size - own);
	memcpy(to, &size, sizeof(size));
}
