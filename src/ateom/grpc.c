/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC over HTTP/2 as far as it is pure text and bytes. */
#include "ateom/grpc.h"

#include "base/cleanup.h"

#include <string.h>

/* The prefix is whole: make room for what it announces. */
static int reader_begin(struct grpc_reader *reader)
{
	const uint8_t *prefix = reader->prefix;
	uint32_t len =
		(uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 | prefix[4];

	if (prefix[0] > 1)
		return -EPROTO;
	if (prefix[0] == 1)
		return -EOPNOTSUPP;
	if (len > GRPC_MESSAGE_MAX)
		return -EMSGSIZE;
	reader->body = malloc(len ? len : 1);
	if (!reader->body)
		return -ENOMEM;
	reader->len = len;
	reader->filled = 0;
	return 0;
}

/* Move up to @want bytes from the input. Return: how many. */
static size_t reader_move(uint8_t *to, size_t want, const uint8_t **data, size_t *size)
{
	size_t n = want < *size ? want : *size;

	if (n)
		memcpy(to, *data, n);
	*data += n;
	*size -= n;
	return n;
}

int grpc_reader_add(struct grpc_reader *reader, const uint8_t **data, size_t *size)
{
	int r;

	if (!reader->body) {
		reader->n_prefix += reader_move(reader->prefix + reader->n_prefix,
						GRPC_PREFIX - reader->n_prefix, data, size);
		if (reader->n_prefix < GRPC_PREFIX)
			return 0;
		r = reader_begin(reader);
		if (r < 0)
			return r;
	}
	reader->filled +=
		reader_move(reader->body + reader->filled, reader->len - reader->filled, data, size);
	return reader->filled == reader->len;
}

uint8_t *grpc_reader_take(struct grpc_reader *reader, size_t *ret_len)
{
	uint8_t *body = take_ptr(reader->body);

	*ret_len = reader->len;
	*reader = (struct grpc_reader){ 0 };
	return body;
}

bool grpc_reader_partial(const struct grpc_reader *reader)
{
	return reader->n_prefix > 0;
}

void grpc_reader_fini(struct grpc_reader *reader)
{
	free(reader->body);
	*reader = (struct grpc_reader){ 0 };
}

void grpc_prefix_build(uint8_t prefix[static GRPC_PREFIX], uint32_t len)
{
	prefix[0] = 0;
	prefix[1] = (uint8_t)(len >> 24);
	prefix[2] = (uint8_t)(len >> 16);
	prefix[3] = (uint8_t)(len >> 8);
	prefix[4] = (uint8_t)len;
}

size_t grpc_message_encode(const char *text, char buf[static GRPC_TEXT_MAX])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *text && n + 3 < GRPC_TEXT_MAX; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= ' ' && c <= '~' && c != '%') {
			buf[n++] = (char)c;
			continue;
		}
		buf[n++] = '%';
		buf[n++] = hex[c >> 4];
		buf[n++] = hex[c & 15];
	}
	buf[n] = '\0';
	return n;
}

/* Nanoseconds of a unit; 0: there is no such unit. */
static uint64_t timeout_unit_ns(char unit)
{
	switch (unit) {
	case 'H':
		return UINT64_C(3600000000000);
	case 'M':
		return UINT64_C(60000000000);
	case 'S':
		return 1000000000;
	case 'm':
		return 1000000;
	case 'u':
		return 1000;
	case 'n':
		return 1;
	default:
		return 0;
	}
}

int grpc_timeout_parse(const char *text, size_t len, uint64_t *ret_us)
{
	uint64_t value = 0, unit_ns;

	if (len < 2 || len > 9)
		return -EINVAL;
	for (size_t i = 0; i < len - 1; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	unit_ns = timeout_unit_ns(text[len - 1]);
	if (unit_ns == 0)
		return -EINVAL;
	/* Eight digits of hours are 3.6e20 ns, but 3.6e17 us; less than a microsecond is one. */
	*ret_us = unit_ns >= 1000 ? value * (unit_ns / 1000) : (value + 999) / 1000;
	return 0;
}

bool grpc_content_type_ok(const char *text, size_t len)
{
	static const char type[] = "application/grpc", proto[] = "+proto";
	size_t n = sizeof(type) - 1;

	if (len < n || memcmp(text, type, n) != 0)
		return false;
	if (len - n >= sizeof(proto) - 1 && memcmp(text + n, proto, sizeof(proto) - 1) == 0)
		n += sizeof(proto) - 1;
	return len == n || text[n] == ';' || text[n] == ' ';
}
