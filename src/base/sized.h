/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs of the public headers that begin with their size (size_t): they grow at their end.
 *
 * A caller and the library may have been built with headers of different age. Each then knows a part of the other's
 * struct; what one side does not know of is zero, or the default, to it.
 */
#ifndef BASE_SIZED_H
#define BASE_SIZED_H

#include <actornet/error.h>
#include <stddef.h>

/* Bytes of a struct up to the end of one of its members. */
#define SIZED_TO(type, member) (offsetof(type, member) + sizeof(((type *)NULL)->member))

/**
 * sized_take() - a caller's struct into one of ours
 * @to:    has its size, and the defaults of what the caller's may lack
 * @from:  the caller's; may be NULL
 * @least: bytes that it must have
 * @what:  it is, for the error
 * Return: 0, or a negative errno (AN_USAGE): EINVAL: missing or too small; E2BIG: it asks for what we don't know of.
 */
int sized_take(void *to, const void *from, size_t least, const char *what, struct an_error *err);
/** sized_check() - can a result be handed out? @to: the caller's; may be NULL. Return: 0 or -EINVAL (AN_USAGE). */
int sized_check(const void *to, struct an_error *err);
/** sized_give() - hand out as much of ours as a caller's struct has room for; it keeps its size. */
void sized_give(void *to, const void *from);

#endif
