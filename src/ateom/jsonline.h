/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of JSON, into which labels are to be put: where its parts are.
 *
 * The text itself is kept, not decoded and written again: numbers, order and escapes stay as the container wrote them,
 * and it costs no memory.
 */
#ifndef ATEOM_JSONLINE_H
#define ATEOM_JSONLINE_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/** struct jsonline_span - a part of the line; @text NULL: there is none */
struct jsonline_span {
	const char *text;
	size_t len;
};

/**
 * struct jsonline - an object's parts
 * @before:   its members up to the one that holds labels, without braces
 * @after:    those behind it
 * @labels:   members of the object that holds labels
 * @has_time: there is a member "time"
 */
struct jsonline {
	struct jsonline_span before, after, labels;
	bool has_time;
};

/**
 * jsonline_read() - find them
 * @labels_key: name of the member that holds labels; what it holds is dropped where that is no object
 * Return: 0, or -EINVAL: not one whole JSON object (RFC 8259) in UTF-8, nested too deeply, or with two such members.
 */
int jsonline_read(struct jsonline *ret_line, const char *text, size_t len, const char *labels_key);

/**
 * jsonline_add_others() - append those members of @labels whose names are none of @names, each with a comma behind
 * @names: NULL-terminated
 */
void jsonline_add_others(struct text *out, const struct jsonline_span *labels, const char *const *names);

/** jsonline_add_string() - append any bytes as a JSON string; what is not UTF-8 becomes U+FFFD. */
void jsonline_add_string(struct text *out, const char *text, size_t len);
/** jsonline_add_bytes() - append bytes as they are. */
void jsonline_add_bytes(struct text *out, const char *text, size_t len);

#endif
