/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in a protobuf message, looked at before it is decoded. */
#include "ateom/wire.h"

#include "ateom/utf8.h"
#include "base/error.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Deeper than any of our messages. */
#define WIRE_DEPTH 8

/* Wire types (protobuf's documentation, "Encoding"). */
enum wire_type {
	WIRE_VARINT = 0,
	WIRE_I64 = 1,
	WIRE_LEN = 2,
	WIRE_I32 = 5,
};

struct wire {
	const uint8_t *at, *end;
};

static bool wire_varint(struct wire *wire, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && wire->at < wire->end; shift += 7) {
		uint8_t byte = *wire->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* The next field: its number and wire type, for WIRE_LEN also what it holds. Return: is there one? */
static bool wire_next(struct wire *wire, uint64_t *ret_key, struct wire *ret_inner)
{
	uint64_t len = 0;

	*ret_inner = (struct wire){ 0 };
	if (!wire_varint(wire, ret_key))
		return false;
	switch (*ret_key & 7) {
	case WIRE_VARINT:
		return wire_varint(wire, &len);
	case WIRE_I64:
		len = 8;
		break;
	case WIRE_I32:
		len = 4;
		break;
	case WIRE_LEN:
		if (!wire_varint(wire, &len))
			return false;
		break;
	default:
		return false;
	}
	if (len > (uint64_t)(wire->end - wire->at))
		return false;
	*ret_inner = (struct wire){ .at = wire->at, .end = wire->at + len };
	wire->at += len;
	return true;
}

static int wire_check_text(const ProtobufCFieldDescriptor *field, const struct wire *text,
			   struct an_error *err)
{
	size_t len = (size_t)(text->end - text->at);

	if (memchr(text->at, '\0', len))
		return error_set(err, AN_USAGE, EINVAL, field->name, "holds a NUL");
	if (!utf8_check((const char *)text->at, len))
		return error_set(err, AN_USAGE, EINVAL, field->name, "is not UTF-8");
	return 0;
}

static int wire_check(const ProtobufCMessageDescriptor *type, struct wire wire, int depth,
		      struct an_error *err)
{
	struct wire inner;
	uint64_t key;

	while (wire_next(&wire, &key, &inner)) {
		const ProtobufCFieldDescriptor *field =
			key >> 3 <= UINT32_MAX
				? protobuf_c_message_descriptor_get_field(type, (unsigned int)(key >> 3))
				: NULL;
		int r = 0;

		if (!field || (key & 7) != WIRE_LEN)
			continue;
		if (field->type == PROTOBUF_C_TYPE_STRING)
			r = wire_check_text(field, &inner, err);
		else if (field->type == PROTOBUF_C_TYPE_MESSAGE && depth > 0)
			r = wire_check(field->descriptor, inner, depth - 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int wire_check_texts(const ProtobufCMessageDescriptor *type, const uint8_t *body, size_t len,
		     struct an_error *err)
{
	if (len == 0)
		return 0;
	return wire_check(type, (struct wire){ .at = body, .end = body + len }, WIRE_DEPTH, err);
}
