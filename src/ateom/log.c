/* SPDX-License-Identifier: Apache-2.0 */
/* The program's standard output: one JSON object a line, each written whole, by whichever thread. */
#include "ateom/log.h"

#include "ateom/jsonline.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_SAY_MAX   4096
#define LOG_PRODUCT   "/sys/class/dmi/id/product_name"
#define LOG_ACTOR_ID  "ate.dev/actor_id"
#define LOG_TEMPLATE  "ate.dev/actor_template_name"
#define LOG_NAMESPACE "ate.dev/actor_template_namespace"
#define LOG_CONTAINER "ate.dev/container_name"
/* A byte may become "\u0000"; a line may become the message and have labels beside it. */
#define LOG_BUFFER_MAX (6 * LOG_LINE_MAX + 2 * LOG_LABELS_MAX + 256)

static const char *const log_levels[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};
static_assert(sizeof(log_levels) / sizeof(log_levels[0]) == LOG_LEVEL_COUNT, "a word for each level");

static const char *const log_label_names[] = { LOG_ACTOR_ID, LOG_TEMPLATE, LOG_NAMESPACE, LOG_CONTAINER,
					       NULL };

/* Pages of the buffer that no line needed are never touched. */
static struct {
	pthread_mutex_t lock;
	int fd;
	enum log_level level;
	const char *labels_key;
	char buf[LOG_BUFFER_MAX];
} logger = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fd = STDOUT_FILENO,
	.level = LOG_LEVEL_INFO,
	.labels_key = "labels",
};

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (int level = 0; level < LOG_LEVEL_COUNT; level++) {
		if (!strcmp(text, log_levels[level])) {
			*ret_level = (enum log_level)level;
			return 0;
		}
	}
	return -EINVAL;
}

void log_open(int fd, enum log_level level, bool gce)
{
	logger.fd = fd;
	logger.level = level;
	logger.labels_key = gce ? "logging.googleapis.com/labels" : "labels";
}

/* As Google's client libraries tell, but for the question over the network, which would hold up the start. */
bool log_on_gce(void)
{
	char product[64];

	if (getenv("GCE_METADATA_HOST"))
		return true;
	if (text_read_file(AT_FDCWD, LOG_PRODUCT, product, sizeof(product)) < 0)
		return false;
	product[strcspn(product, "\n")] = '\0';
	return !strcmp(product, "Google") || !strcmp(product, "Google Compute Engine");
}

/* Begin a line; the lock is held until log_end(). */
static struct text log_begin(void)
{
	pthread_mutex_lock(&logger.lock);
	return text_over(logger.buf, sizeof(logger.buf));
}

/* One write, unless the other side takes less; a reader that has gone loses the line. */
static void log_end(struct text *out)
{
	size_t done = 0;

	jsonline_add_bytes(out, "}\n", 2);
	while (done < out->len) {
		ssize_t n = write(logger.fd, out->buf + done, out->len - done);
		struct pollfd fd = { .fd = logger.fd, .events = POLLOUT };

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			poll(&fd, 1, -1);
		else if (n == 0 || errno != EINTR)
			break;
	}
	pthread_mutex_unlock(&logger.lock);
}

/* "time":"2006-01-02T15:04:05.999999999Z", */
static void log_add_time(struct text *out)
{
	struct timespec now;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	text_add(out, "\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ\",", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec);
}

static void log_add_message(struct text *out, const char *message, size_t len)
{
	text_add(out, "\"message\":");
	jsonline_add_string(out, message, len);
}

static void log_add_labels(struct text *out, const struct log_labels *labels,
			   const struct jsonline_span *others)
{
	text_add(out, ",\"%s\":{", logger.labels_key);
	if (others)
		jsonline_add_others(out, others, log_label_names);
	jsonline_add_bytes(out, labels->text, strlen(labels->text));
	jsonline_add_bytes(out, "}", 1);
}

static void log_add_label(struct text *out, const char *name, const char *value)
{
	text_add(out, "%s\"%s\":", out->len ? "," : "", name);
	jsonline_add_string(out, value, strlen(value));
}

void log_labels_set(struct log_labels *ret_labels, const char *template_ns, const char *template_name,
		    const char *actor_id, const char *container)
{
	struct text out = text_over(ret_labels->text, sizeof(ret_labels->text));

	log_add_label(&out, LOG_ACTOR_ID, actor_id);
	log_add_label(&out, LOG_TEMPLATE, template_name);
	log_add_label(&out, LOG_NAMESPACE, template_ns);
	if (container)
		log_add_label(&out, LOG_CONTAINER, container);
}

void log_event(const struct log_labels *labels, const char *message)
{
	log_timings(labels, message, NULL, 0);
}

void log_timings(const struct log_labels *labels, const char *message, const struct rpc_timing *timings,
		 size_t n)
{
	struct text out = log_begin();

	jsonline_add_bytes(&out, "{", 1);
	log_add_time(&out);
	log_add_message(&out, message, strlen(message));
	for (size_t i = 0; i < n; i++)
		text_add(&out, ",\"%s_us\":%llu", timings[i].name, (unsigned long long)timings[i].us);
	log_add_labels(&out, labels, NULL);
	log_end(&out);
}

/* The members of an object, with ours. */
static void log_add_object(struct text *out, const struct jsonline *line, const struct log_labels *labels)
{
	jsonline_add_bytes(out, "{", 1);
	if (!line->has_time)
		log_add_time(out);
	jsonline_add_bytes(out, line->before.text, line->before.len);
	if (line->before.len && line->after.len)
		jsonline_add_bytes(out, ",", 1);
	jsonline_add_bytes(out, line->after.text, line->after.len);
	/* Where nothing at all stands before the labels, the comma that they begin with is one too many. */
	if (out->buf[out->len - 1] == ',')
		out->len--;
	log_add_labels(out, labels, &line->labels);
}

void log_container(const struct log_labels *labels, const char *text, size_t len)
{
	struct jsonline line;
	struct text out = log_begin();

	if (jsonline_read(&line, text, len, logger.labels_key) == 0) {
		log_add_object(&out, &line, labels);
	} else {
		jsonline_add_bytes(&out, "{", 1);
		log_add_time(&out);
		log_add_message(&out, text, len);
		log_add_labels(&out, labels, NULL);
	}
	log_end(&out);
}

void log_say(enum log_level level, const char *format, ...)
{
	char message[LOG_SAY_MAX];
	struct text out;
	va_list args;

	if (level < logger.level)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	out = log_begin();
	jsonline_add_bytes(&out, "{", 1);
	log_add_time(&out);
	text_add(&out, "\"level\":\"%s\",", log_levels[level]);
	log_add_message(&out, message, strlen(message));
	log_end(&out);
}
