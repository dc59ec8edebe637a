/* SPDX-License-Identifier: Apache-2.0 */
/* A line of JSON, into which labels are to be put: where its parts are. */
#include "ateom/jsonline.h"

#include "ateom/utf8.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define JSONLINE_DEPTH 64

struct cursor {
	const char *at, *end;
};

static bool cursor_value(struct cursor *c, int depth);

static void cursor_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r' || *c->at == '\n'))
		c->at++;
}

/* Is this next? Then go behind it. */
static bool cursor_take(struct cursor *c, char byte)
{
	if (c->at == c->end || *c->at != byte)
		return false;
	c->at++;
	return true;
}

/* Four hexadecimal digits. Return: is it that? */
static bool cursor_hex(struct cursor *c, unsigned int *ret)
{
	unsigned int code = 0;

	for (int i = 0; i < 4; i++, c->at++) {
		unsigned int byte = c->at < c->end ? (unsigned char)*c->at : 0, lower = byte | 0x20U;

		if (byte >= '0' && byte <= '9')
			code = code * 16 + byte - '0';
		else if (lower >= 'a' && lower <= 'f')
			code = code * 16 + lower - 'a' + 10;
		else
			return false;
	}
	*ret = code;
	return true;
}

/* What follows a backslash. Half a surrogate pair is refused: not every reader of ours would take it. */
static bool cursor_escape(struct cursor *c)
{
	unsigned int code;

	if (c->at == c->end || !*c->at || !strchr("\"\\/bfnrtu", *c->at))
		return false;
	if (*c->at++ != 'u')
		return true;
	if (!cursor_hex(c, &code) || (code & 0xfc00U) == 0xdc00U)
		return false;
	if ((code & 0xfc00U) != 0xd800U)
		return true;
	return cursor_take(c, '\\') && cursor_take(c, 'u') && cursor_hex(c, &code) &&
	       (code & 0xfc00U) == 0xdc00U;
}

static bool cursor_string(struct cursor *c)
{
	if (!cursor_take(c, '"'))
		return false;
	while (c->at < c->end) {
		size_t n = utf8_next(c->at, (size_t)(c->end - c->at));

		if (n == 0 || (unsigned char)*c->at < ' ')
			return false;
		if (cursor_take(c, '"'))
			return true;
		if (!cursor_take(c, '\\'))
			c->at += n;
		else if (!cursor_escape(c))
			return false;
	}
	return false;
}

static size_t cursor_digits(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return (size_t)(c->at - from);
}

static bool cursor_number(struct cursor *c)
{
	cursor_take(c, '-');
	if (!cursor_take(c, '0') && cursor_digits(c) == 0)
		return false;
	if (cursor_take(c, '.') && cursor_digits(c) == 0)
		return false;
	if (cursor_take(c, 'e') || cursor_take(c, 'E')) {
		if (!cursor_take(c, '+'))
			cursor_take(c, '-');
		return cursor_digits(c) > 0;
	}
	return true;
}

static bool cursor_word(struct cursor *c, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
		return false;
	c->at += len;
	return true;
}

/* A member's name and the colon. */
static bool cursor_key(struct cursor *c, struct jsonline_span *ret_key)
{
	cursor_blanks(c);
	ret_key->text = c->at;
	if (!cursor_string(c))
		return false;
	ret_key->len = (size_t)(c->at - ret_key->text);
	cursor_blanks(c);
	return cursor_take(c, ':');
}

/* What follows a member or an element: more, or the end. Return: 1, 0, or -1: neither. */
static int cursor_more(struct cursor *c, char close)
{
	cursor_blanks(c);
	if (cursor_take(c, ','))
		return 1;
	return cursor_take(c, close) ? 0 : -1;
}

/* The rest of an object or an array, its first bracket taken. */
static bool cursor_inside(struct cursor *c, bool object, int depth)
{
	const char close = object ? '}' : ']';
	struct jsonline_span key;
	int more;

	cursor_blanks(c);
	if (cursor_take(c, close))
		return true;
	do {
		if ((object && !cursor_key(c, &key)) || !cursor_value(c, depth))
			return false;
		more = cursor_more(c, close);
	} while (more == 1);
	return more == 0;
}

static bool cursor_value(struct cursor *c, int depth)
{
	cursor_blanks(c);
	if (c->at == c->end || depth == 0)
		return false;
	switch (*c->at) {
	case '{':
	case '[':
		c->at++;
		return cursor_inside(c, c->at[-1] == '{', depth - 1);
	case '"':
		return cursor_string(c);
	case 't':
		return cursor_word(c, "true");
	case 'f':
		return cursor_word(c, "false");
	case 'n':
		return cursor_word(c, "null");
	default:
		return cursor_number(c);
	}
}

/* The next character of a name that is valid, escapes decoded; what is not ASCII comes as 0x80. */
static unsigned int key_next(struct cursor *c)
{
	unsigned int code = 0;

	if (*c->at != '\\')
		return (unsigned char)*c->at++ < 0x80 ? (unsigned char)c->at[-1] : 0x80;
	c->at += 2;
	if (c->at[-1] != 'u') {
		static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
		const char *found = strchr(from, c->at[-1]);

		return (unsigned char)(found ? to[found - from] : c->at[-1]);
	}
	cursor_hex(c, &code);
	return code < 0x80 ? code : 0x80;
}

/* Is a member's name, as it stands in the line, this one, which is ASCII? However it is escaped: readers decode it. */
static bool key_is(const struct jsonline_span *key, const char *name)
{
	struct cursor c = { .at = key->text + 1, .end = key->text + key->len - 1 };

	while (c.at < c.end && *name) {
		if (key_next(&c) != (unsigned char)*name++)
			return false;
	}
	return c.at == c.end && !*name;
}

static struct jsonline_span span_of(const char *from, const char *to)
{
	return (struct jsonline_span){ .text = from, .len = (size_t)(to - from) };
}

/* Without blanks, and without the comma to the part that was cut off. */
static struct jsonline_span span_trim(struct jsonline_span span)
{
	static const char skipped[] = " \t\r\n,";

	while (span.len > 0 && strchr(skipped, *span.text)) {
		span.text++;
		span.len--;
	}
	while (span.len > 0 && strchr(skipped, span.text[span.len - 1]))
		span.len--;
	return span;
}

/* One member of the whole. Return: is it well-formed, and not a second one with labels? */
static bool jsonline_member(struct jsonline *line, struct cursor *c, const char *begin,
			    const char *labels_key)
{
	struct jsonline_span key;
	const char *value;

	if (!cursor_key(c, &key))
		return false;
	cursor_blanks(c);
	value = c->at;
	if (!cursor_value(c, JSONLINE_DEPTH))
		return false;
	if (key_is(&key, "time"))
		line->has_time = true;
	if (!key_is(&key, labels_key))
		return true;
	if (line->before.text)
		return false;
	line->before = span_trim(span_of(begin, key.text));
	line->after.text = c->at;
	if (*value == '{')
		line->labels = span_trim(span_of(value + 1, c->at - 1));
	return true;
}

int jsonline_read(struct jsonline *ret_line, const char *text, size_t len, const char *labels_key)
{
	struct cursor c = { .at = text, .end = text + len };
	struct jsonline line = { .has_time = false };
	const char *begin;
	int more = 0;

	cursor_blanks(&c);
	if (!cursor_take(&c, '{'))
		return -EINVAL;
	begin = c.at;
	cursor_blanks(&c);
	if (!cursor_take(&c, '}')) {
		do {
			if (!jsonline_member(&line, &c, begin, labels_key))
				return -EINVAL;
			more = cursor_more(&c, '}');
		} while (more == 1);
	}
	if (more < 0)
		return -EINVAL;
	if (line.after.text)
		line.after = span_trim(span_of(line.after.text, c.at - 1));
	else
		line.before = span_trim(span_of(begin, c.at - 1));
	cursor_blanks(&c);
	if (c.at != c.end)
		return -EINVAL;
	*ret_line = line;
	return 0;
}

void jsonline_add_bytes(struct text *out, const char *text, size_t len)
{
	/* text_add() takes a length as int, and would look for a NUL within. */
	if (out->size - out->len <= len) {
		out->truncated = true;
		return;
	}
	if (len)
		memcpy(out->buf + out->len, text, len);
	out->len += len;
	out->buf[out->len] = '\0';
}

void jsonline_add_others(struct text *out, const struct jsonline_span *labels, const char *const *names)
{
	struct cursor c = { .at = labels->text };

	if (labels->len == 0)
		return;
	c.end = labels->text + labels->len;
	while (c.at < c.end) {
		struct jsonline_span key;
		bool ours = false;

		/* It was read before, so it is well-formed. */
		if (!cursor_key(&c, &key) || !cursor_value(&c, JSONLINE_DEPTH))
			return;
		for (const char *const *name = names; *name; name++)
			ours = ours || key_is(&key, *name);
		if (!ours) {
			jsonline_add_bytes(out, key.text, (size_t)(c.at - key.text));
			jsonline_add_bytes(out, ",", 1);
		}
		cursor_blanks(&c);
		cursor_take(&c, ',');
		cursor_blanks(&c);
	}
}

/* A character that JSON wants escaped, or that no one wants in a log as it is. */
static void add_escaped(struct text *out, unsigned char byte)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *found = byte ? strchr(from, byte) : NULL;

	if (found)
		text_add(out, "\\%c", to[found - from]);
	else
		text_add(out, "\\u%04x", byte);
}

void jsonline_add_string(struct text *out, const char *text, size_t len)
{
	jsonline_add_bytes(out, "\"", 1);
	for (size_t i = 0; i < len;) {
		size_t n = utf8_next(text + i, len - i);
		unsigned char byte = (unsigned char)text[i];

		if (n == 0)
			jsonline_add_bytes(out, "\xef\xbf\xbd", 3);
		else if (byte < ' ' || byte == '"' || byte == '\\' || byte == 0x7f)
			add_escaped(out, byte);
		else
			jsonline_add_bytes(out, text + i, n);
		i += n ? n : 1;
	}
	jsonline_add_bytes(out, "\"", 1);
}
