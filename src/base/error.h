/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in a struct an_error. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <actornet/error.h>

/**
 * error_set() - say what went wrong, once, where it is born
 * @err:    may be NULL
 * @kind:   enum an_kind
 * @errnum: positive errno
 * @object: what it is about, copied
 * @format: why
 *
 * Return: -errnum, for "return error_set(...)".
 */
int error_set(struct an_error *err, int kind, int errnum, const char *object, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/**
 * error_errno() - like error_set(), with ": REASON" added in the errno's words, lower case.
 * Return: -errnum.
 */
int error_errno(struct an_error *err, int kind, int errnum, const char *object, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/**
 * error_feature() - the kernel lacks something
 * @what:   in words: "veth links"
 * @config: names of kernel options without CONFIG_, parted by blanks
 * Return: -EOPNOTSUPP.
 */
int error_feature(struct an_error *err, const char *what, const char *config);

#define ERROR_TEXT 64
/** error_text() - the errno's words, lower case: "file exists". Return: @buf. */
const char *error_text(int errnum, char buf[static ERROR_TEXT]);

/** error_remedy() - add what to do about it, right after error_set(). Return: what that did, also where err is NULL. */
int error_remedy(struct an_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** error_object() - name the object afterwards, for errors of a layer that can't know it, unless it has one. */
void error_object(struct an_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** error_context() - put "CONTEXT: " before the message, for a caller that knows more. */
void error_context(struct an_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
