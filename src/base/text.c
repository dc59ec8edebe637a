/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded text building and strict number parsing. */
#include "base/text.h"

#include "base/cleanup.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct text text_over(char *buf, size_t size)
{
	if (size)
		buf[0] = '\0';
	return (struct text){ .buf = buf, .size = size };
}

void text_add(struct text *t, const char *format, ...)
{
	size_t room = t->size - t->len;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->buf + t->len, room, format, args);
	va_end(args);

	if (n >= 0 && (size_t)n < room) {
		t->len += (size_t)n;
		return;
	}
	t->truncated = true;
	if (!room)
		return;
	if (n < 0)
		t->buf[t->len] = '\0';
	else
		t->len = t->size - 1;
}

int text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size) {
		if (size)
			dst[0] = '\0';
		return -ENAMETOOLONG;
	}
	memcpy(dst, src, len + 1);
	return 0;
}

int text_to_u64(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;
	bool over = false;

	if (!len || (len > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		unsigned int digit = (unsigned int)(unsigned char)text[i] - '0';

		if (digit > 9)
			return -EINVAL;
		/* Go on to the end: what is no number at all is EINVAL, however long. */
		over = over || __builtin_mul_overflow(value, 10U, &value) ||
		       __builtin_add_overflow(value, digit, &value);
	}
	if (over || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int text_read_file(int dirfd, const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = -1;
	size_t len = 0;

	if (!size)
		return -EINVAL;
	buf[0] = '\0';
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			buf[0] = '\0';
			return -errno;
		}
		if (!n) {
			buf[len] = '\0';
			return (int)len;
		}
		len += (size_t)n;
	}
	/* The terminator has no room: too long, or just so. */
	buf[0] = '\0';
	return -EFBIG;
}
