/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets share: promises that hold for each input, and inputs as text. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <actornet/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A promise; broken, the input that did it is a find, like one that makes a sanitizer speak. */
#define promise(condition)                                                                      \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* An error says which errno, of what kind, about what, and why. */
static inline void promise_error(const struct an_error *err, int r, int kind)
{
	promise(r < 0);
	promise(err->err == -r);
	promise(err->kind == kind);
	promise(err->object[0] && err->message[0]);
	promise(memchr(err->object, '\0', sizeof(err->object)));
	promise(memchr(err->message, '\0', sizeof(err->message)));
}

/* Success leaves the error alone. */
static inline void promise_no_error(const struct an_error *err, int r)
{
	promise(r >= 0);
	promise(err->kind == 0 && err->err == 0);
}

/* The input as text, in a block of exactly its size, so that a step past its end is seen. To be freed. */
static inline char *input_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	promise(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Take up to @len bytes off the front of the input; what is missing is zero. */
static inline void input_take(const uint8_t **data, size_t *size, void *ret, size_t len)
{
	size_t there = *size < len ? *size : len;

	memset(ret, 0, len);
	if (there)
		memcpy(ret, *data, there);
	*data += there;
	*size -= there;
}

#endif
