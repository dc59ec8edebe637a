/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC's text and bytes, which come from whoever may connect: messages in pieces, time limits, content types. */
#include "ateom/grpc.h"
#include "input.h"
#include "replay.h"
#include <errno.h>

/* Read it all in pieces of this size. Return: messages read, or the negative errno that ended it. */
static int read_messages(const uint8_t *data, size_t size, size_t piece, size_t *ret_bytes)
{
	struct grpc_reader reader = { 0 };
	int n = 0;

	*ret_bytes = 0;
	while (size > 0) {
		size_t left = piece < size ? piece : size, len;
		const uint8_t *at = data;
		int r = grpc_reader_add(&reader, &at, &left);

		promise(r >= 0 || r == -EMSGSIZE || r == -EOPNOTSUPP || r == -EPROTO || r == -ENOMEM);
		promise(at > data && at <= data + size);
		if (r < 0) {
			grpc_reader_fini(&reader);
			return r;
		}
		promise(r == 1 || left == 0);
		size -= (size_t)(at - data);
		data = at;
		if (r == 0)
			continue;
		free(grpc_reader_take(&reader, &len));
		promise(len <= GRPC_MESSAGE_MAX);
		*ret_bytes += len;
		n++;
	}
	grpc_reader_fini(&reader);
	return n;
}

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* What was encoded is decoded to the same, and is fit for a header. */
static void encode(const char *text)
{
	char buf[GRPC_TEXT_MAX], back[GRPC_TEXT_MAX];
	size_t n = 0, len = grpc_message_encode(text, buf);

	promise(len < sizeof(buf) && len == strlen(buf));
	for (size_t i = 0; i < len; i++) {
		promise(buf[i] >= ' ' && buf[i] <= '~');
		if (buf[i] != '%') {
			back[n++] = buf[i];
			continue;
		}
		promise(i + 2 < len);
		back[n++] = (char)(hex_value(buf[i + 1]) << 4 | hex_value(buf[i + 2]));
		i += 2;
	}
	promise(n == strlen(text) || n >= RPC_MESSAGE_MAX - 1);
	promise(memcmp(back, text, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole_bytes, bytes;
	int n = read_messages(data, size, SIZE_MAX, &whole_bytes);
	char *text = input_text(data, size);
	uint64_t us;

	for (size_t piece = 1; piece < 8; piece++) {
		promise(read_messages(data, size, piece, &bytes) == n);
		promise(bytes == whole_bytes);
	}
	if (grpc_timeout_parse(text, size, &us) == 0)
		promise(size >= 2 && size <= 9 && us <= UINT64_C(99999999) * 3600000000U);
	if (grpc_content_type_ok(text, size))
		promise(!strncmp(text, "application/grpc", 16));
	encode(text);
	free(text);
	return 0;
}
