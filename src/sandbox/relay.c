/* SPDX-License-Identifier: Apache-2.0 */
/* A container's output, tagged line by line, into a log file of bounded size. */
#include "sandbox/relay.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

static int relay_begin(struct relay *relay)
{
	relay->size = 0;
	relay->log_fd =
		open(relay->path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	return relay->log_fd < 0 ? -errno : 0;
}

/* The full log gives way to a new one. */
static void relay_rotate(struct relay *relay)
{
	char old[PATH_MAX + 4];

	snprintf(old, sizeof(old), "%s.1", relay->path);
	/* Removed with its directory: the sandbox is being taken away. */
	if (rename(relay->path, old) < 0)
		return;
	relay->log_fd = fd_close(relay->log_fd);
	relay_begin(relay);
}

static void relay_line(const char *line, size_t len, void *data)
{
	struct relay *relay = data;
	struct iovec parts[] = {
		{ .iov_base = relay->tag, .iov_len = strlen(relay->tag) },
		{ .iov_base = (void *)(uintptr_t) ": ", .iov_len = 2 },
		{ .iov_base = (void *)(uintptr_t)line, .iov_len = len },
		{ .iov_base = (void *)(uintptr_t) "\n", .iov_len = 1 },
	};
	ssize_t n;

	if (relay->log_fd < 0)
		return;
	/* A full disk loses lines, never stops the container. */
	n = writev(relay->log_fd, parts, sizeof(parts) / sizeof(parts[0]));
	if (n > 0)
		relay->size += (size_t)n;
	if (relay->size >= RELAY_LOG_MAX)
		relay_rotate(relay);
}

void relay_init(struct relay *relay)
{
	relay->path[0] = relay->tag[0] = '\0';
	relay->log_fd = -1;
	relay->size = 0;
	relay->pid = 0;
	output_init(&relay->output, relay_line, relay);
}

int relay_open(struct relay *relay, const char *path, const char *tag)
{
	if (text_copy(relay->path, sizeof(relay->path), path) < 0 ||
	    text_copy(relay->tag, sizeof(relay->tag), tag) < 0)
		return -ENAMETOOLONG;
	return relay_begin(relay);
}

void relay_say(struct relay *relay, const char *text)
{
	relay_line(text, strlen(text), relay);
}

void relay_close(struct relay *relay)
{
	output_drain(&relay->output);
	output_fini(&relay->output);
	relay->log_fd = fd_close(relay->log_fd);
}
