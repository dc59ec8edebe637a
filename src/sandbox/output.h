/* SPDX-License-Identifier: Apache-2.0 */
/* What a program prints: cut into lines for someone who wants them, its end kept for error messages. */
#ifndef SANDBOX_OUTPUT_H
#define SANDBOX_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_LINE_MAX 8192 /* a longer line is delivered in pieces, unless there is a larger buffer */
#define OUTPUT_TAIL_MAX 1024 /* bytes of the end that are kept */

/** typedef output_line - takes one line, without its newline; not NUL-terminated, any bytes */
typedef void output_line(const char *line, size_t len, void *data);

/**
 * struct output - what was printed so far
 * @fd:       read end of the pipe, non-blocking; -1: none, or at its end
 * @line:     called for each line; may be NULL
 * @data:     for @line
 * @len:      bytes of the line begun
 * @tail_len: bytes of @tail
 * @lines:    how many were delivered
 * @large:    the caller's buffer of @large_size bytes for lines longer than OUTPUT_LINE_MAX; NULL: none
 */
struct output {
	int fd;
	output_line *line;
	void *data;
	size_t len, tail_len;
	size_t lines;
	char *large;
	size_t large_size;
	char buf[OUTPUT_LINE_MAX];
	char tail[OUTPUT_TAIL_MAX];
};

/** output_init() - nothing printed yet, no pipe. */
void output_init(struct output *output, output_line *line, void *data);
/** output_pipe() - make the pipe. Return: the end to write to (close-on-exec, the caller's), or a negative errno. */
int output_pipe(struct output *output);
/** output_fini() - close the pipe after having delivered what is begun. */
void output_fini(struct output *output);

/** output_feed() - take @n bytes as printed. */
void output_feed(struct output *output, const char *bytes, size_t n);
/**
 * output_drain() - take what the pipe holds now, without waiting
 * Return: is there still a pipe that may bring more?
 */
bool output_drain(struct output *output);
/** output_drain_some() - the same, but about @bytes at most, and no more than @lines. */
bool output_drain_some(struct output *output, size_t bytes, size_t lines);

/**
 * output_tail() - the last lines in one, separated by "; ", control bytes replaced by blanks
 * Return: @buf, empty where nothing was printed; at most @size - 1 bytes, the end of the text where it is longer.
 */
const char *output_tail(const struct output *output, char *buf, size_t size);

#endif
