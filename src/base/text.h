/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded text building and strict number parsing. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct text - text that grows in a caller's buffer and is always terminated
 * @truncated: something did not fit
 */
struct text {
	char *buf;
	size_t size, len;
	bool truncated;
};

/** text_over() - start over a buffer of the caller's. */
struct text text_over(char *buf, size_t size);
/** text_add() - append, printf-like; what doesn't fit is cut and marked. */
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** text_copy() - copy a string whole. Return: 0 or -ENAMETOOLONG, then dst is empty. */
int text_copy(char *dst, size_t size, const char *src);
/**
 * text_to_u64() - decimal, digits only, no sign, no leading zero but "0" itself.
 * Return: 0, -EINVAL, -ERANGE (> max).
 */
int text_to_u64(const char *text, size_t len, uint64_t max, uint64_t *ret);
/**
 * text_read_file() - a small file (/proc, /sys) whole, terminated.
 * Return: its length, or a negative errno (-EFBIG: too long).
 */
int text_read_file(int dirfd, const char *path, char *buf, size_t size);

#endif
