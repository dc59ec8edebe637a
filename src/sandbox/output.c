/* SPDX-License-Identifier: Apache-2.0 */
/* What a program prints: cut into lines for someone who wants them, its end kept for error messages. */
#include "sandbox/output.h"

#include "base/cleanup.h"
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

/* A program that prints faster than we read must not hold us up for good. */
#define OUTPUT_DRAIN_MAX 1048576

void output_init(struct output *output, output_line *line, void *data)
{
	*output = (struct output){ .fd = -1, .line = line, .data = data };
}

int output_pipe(struct output *output)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	/* Our end alone: the flag belongs to the open file, and the program's end is to block as usual. */
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		int saved = errno;

		close(ends[0]);
		close(ends[1]);
		return -saved;
	}
	fd_close(output->fd);
	output->fd = ends[0];
	return ends[1];
}

static char *output_buffer(struct output *output)
{
	return output->large ? output->large : output->buf;
}

static void output_deliver(struct output *output)
{
	if (output->line)
		output->line(output_buffer(output), output->len, output->data);
	output->lines++;
	output->len = 0;
}

void output_fini(struct output *output)
{
	if (output->len > 0)
		output_deliver(output);
	output->fd = fd_close(output->fd);
}

/* Keep the end of all that was printed. */
static void output_keep(struct output *output, const char *bytes, size_t n)
{
	size_t room = sizeof(output->tail) - output->tail_len;

	if (n >= sizeof(output->tail)) {
		memcpy(output->tail, bytes + n - sizeof(output->tail), sizeof(output->tail));
		output->tail_len = sizeof(output->tail);
		return;
	}
	if (n > room) {
		memmove(output->tail, output->tail + (n - room), output->tail_len - (n - room));
		output->tail_len -= n - room;
	}
	memcpy(output->tail + output->tail_len, bytes, n);
	output->tail_len += n;
}

void output_feed(struct output *output, const char *bytes, size_t n)
{
	char *buf = output_buffer(output);
	size_t size = output->large ? output->large_size : sizeof(output->buf);

	output_keep(output, bytes, n);
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n') {
			output_deliver(output);
			continue;
		}
		if (output->len == size)
			output_deliver(output);
		buf[output->len++] = bytes[i];
	}
}

bool output_drain(struct output *output)
{
	return output_drain_some(output, OUTPUT_DRAIN_MAX, SIZE_MAX);
}

bool output_drain_some(struct output *output, size_t bytes, size_t lines)
{
	size_t before = output->lines;
	char buf[4096];

	for (size_t total = 0; output->fd >= 0 && total < bytes && output->lines - before < lines;) {
		/* So many bytes have no more lines. */
		size_t left = lines - (output->lines - before);
		ssize_t n = read(output->fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n > 0) {
			output_feed(output, buf, (size_t)n);
			total += (size_t)n;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			break;
		} else {
			output_fini(output);
		}
	}
	return output->fd >= 0;
}

const char *output_tail(const struct output *output, char *buf, size_t size)
{
	const char *from, *end = output->tail + output->tail_len;
	size_t room = size - 1, len = 0;

	while (end > output->tail && (unsigned char)end[-1] <= ' ')
		end--;
	/* As much of the end as fits; a newline takes two bytes. */
	for (from = end; from > output->tail; from--) {
		size_t needs = from[-1] == '\n' ? 2 : 1;

		if (needs > room)
			break;
		room -= needs;
	}
	/* Where the beginning is cut off, start with a whole line if there is one. */
	if (from > output->tail || output->tail_len == sizeof(output->tail)) {
		const char *newline = memchr(from, '\n', (size_t)(end - from));

		from = newline ? newline + 1 : from;
	}
	for (; from < end; from++) {
		if (*from == '\n')
			buf[len++] = ';';
		buf[len++] = (unsigned char)*from < ' ' || *from == 0x7f ? ' ' : *from;
	}
	buf[len] = '\0';
	return buf;
}
