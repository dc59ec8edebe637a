/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in a protobuf message, looked at before it is decoded. */
#ifndef ATEOM_WIRE_H
#define ATEOM_WIRE_H

#include <actornet/error.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/**
 * wire_check_texts() - every field that is a string, on each level, is UTF-8 and holds no NUL
 * protobuf-c decodes a string without a look at it and forgets its length, so that what stands behind a NUL would be
 * hidden. What is no message at all is left to the decoder. Return: 0, or -EINVAL (AN_USAGE) with the field named.
 */
int wire_check_texts(const ProtobufCMessageDescriptor *type, const uint8_t *body, size_t len,
		     struct an_error *err);

#endif
