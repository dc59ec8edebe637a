/* SPDX-License-Identifier: Apache-2.0 */
/* A container's line in the log: whatever it is, one JSON object comes of it, whose labels are ours. */
#include "ateom/log.h"
#include "input.h"
#include "replay.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

static struct log_labels labels;
static int pipe_fds[2];

static void make_all(void)
{
	if (labels.text[0])
		return;
	promise(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == 0);
	promise(fcntl(pipe_fds[1], F_SETPIPE_SZ, 1 << 20) > 0);
	log_labels_set(&labels, "ns", "t", "a", "web");
}

/* Is it the line that was logged, with these labels? Another reader than ours says so. */
static void check(const char *text, size_t len, const char *key)
{
	json_error_t why;
	json_t *line = json_loadb(text, len, JSON_ALLOW_NUL, &why);
	json_t *ours;

	/* A number may be larger than this reader can hold, a member's name may have a NUL in it. */
	if (!line) {
		promise(json_error_code(&why) == json_error_numeric_overflow ||
			json_error_code(&why) == json_error_null_byte_in_key);
		return;
	}
	ours = json_object_get(line, key);
	promise(json_object_get(line, "time"));
	promise(!strcmp(json_string_value(json_object_get(ours, "ate.dev/actor_id")), "a"));
	promise(!strcmp(json_string_value(json_object_get(ours, "ate.dev/container_name")), "web"));
	json_decref(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buf[1 << 20];
	const bool gce = size > 0 && data[0] == ' ';
	ssize_t n;

	make_all();
	if (size > LOG_LINE_MAX || (size > 0 && memchr(data, '\n', size)))
		return 0;
	log_open(pipe_fds[1], LOG_LEVEL_INFO, gce);
	log_container(&labels, (const char *)data, size);
	log_flush();
	n = read(pipe_fds[0], buf, sizeof(buf));
	promise(n > 1 && buf[n - 1] == '\n');
	promise(memchr(buf, '\n', (size_t)n) == buf + n - 1);
	check(buf, (size_t)n, gce ? "logging.googleapis.com/labels" : "labels");
	return 0;
}
