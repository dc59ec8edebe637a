/* SPDX-License-Identifier: Apache-2.0 */
/* The program's standard output: one JSON object a line, each written whole, by whichever thread. */
#include "ateom/log.h"

#include "ateom/jsonline.h"
#include "base/cleanup.h"
#include "base/clock.h"
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
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define LOG_SAY_MAX   4096
#define LOG_PRODUCT   "/sys/class/dmi/id/product_name"
#define LOG_ACTOR_ID  "ate.dev/actor_id"
#define LOG_TEMPLATE  "ate.dev/actor_template_name"
#define LOG_NAMESPACE "ate.dev/actor_template_namespace"
#define LOG_CONTAINER "ate.dev/container_name"
/* Most that a line of so many bytes becomes: a byte may be "\u0000", and it may have labels beside it. */
#define LOG_NEEDS(len) ((size_t)6 * (len) + (size_t)2 * LOG_LABELS_MAX + 256)
/* What is not written yet: room for two of the longest lines of containers, and what only our own may use. */
#define LOG_RESERVE_MAX 262144
#define LOG_QUEUE_MAX	(2 * LOG_NEEDS(LOG_LINE_MAX) + LOG_RESERVE_MAX)
/* That much is on its way at most before containers' output is left where it is. */
#define LOG_FULL 131072
/* A pipe that is writable takes so much without waiting, in one piece (pipe(7)). */
#define LOG_CHUNK 4096
/* A reader that takes nothing for so long is not waited for, and lines may be lost. */
#define LOG_STALL_US 1000000U
/* How long a line without room waits for a reader that is not known to be stuck. */
#define LOG_WAIT_MS 50

static const char *const log_levels[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};
static_assert(sizeof(log_levels) / sizeof(log_levels[0]) == LOG_LEVEL_COUNT, "a word for each level");

static const char *const log_label_names[] = { LOG_ACTOR_ID, LOG_TEMPLATE, LOG_NAMESPACE, LOG_CONTAINER,
					       NULL };

/*
 * The queue's pages that no line needed are never touched. Nothing blocks: a reader that stalls must hold up neither
 * signals nor calls.
 */
static struct {
	pthread_mutex_t lock;
	int fd;
	int epoll;    /* readable while what is queued can be written */
	bool watched; /* @fd is in it */
	bool held;    /* containers' lines gather */
	bool waited;  /* in vain, since anything was taken last */
	enum log_level level;
	const char *labels_key;
	uint64_t stalled_us; /* since when nothing was taken that was to be; 0: it flows */
	unsigned long lost;
	size_t head, len; /* queued: from, bytes */
	char queue[LOG_QUEUE_MAX];
} logger = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fd = STDOUT_FILENO,
	.epoll = -1,
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
	fd_close(logger.epoll);
	logger.epoll = epoll_create1(EPOLL_CLOEXEC);
	logger.watched = logger.held = logger.waited = false;
	logger.stalled_us = logger.lost = 0;
	logger.head = logger.len = 0;
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

/* Let the main thread see to what is queued. A regular file can't be watched, and need not be: it takes all at once. */
static void log_watch(bool on)
{
	struct epoll_event event = { .events = EPOLLOUT };

	if (on != logger.watched &&
	    epoll_ctl(logger.epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, logger.fd, &event) == 0)
		logger.watched = on;
}

static bool log_writable(int timeout_ms)
{
	struct pollfd fd = { .fd = logger.fd, .events = POLLOUT };

	return poll(&fd, 1, timeout_ms) > 0;
}

/* Write what is taken without waiting. One that has gone, or a full disk, loses what there is. */
static void log_write(void)
{
	while (logger.len > 0 && log_writable(0)) {
		size_t size = logger.len < LOG_CHUNK ? logger.len : LOG_CHUNK;
		ssize_t n = write(logger.fd, logger.queue + logger.head, size);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0)
			n = (ssize_t)logger.len;
		logger.head += (size_t)n;
		logger.len -= (size_t)n;
		logger.stalled_us = 0;
		logger.waited = false;
	}
	if (logger.len == 0)
		logger.head = 0;
	else if (logger.stalled_us == 0)
		logger.stalled_us = clock_us();
	log_watch(logger.len > 0);
}

/* Room for a line behind what is queued; only our own may use the reserve. */
static bool log_has_room(size_t needs, bool own)
{
	size_t most = own ? LOG_QUEUE_MAX : LOG_QUEUE_MAX - LOG_RESERVE_MAX;

	if (logger.head > 0 && logger.head + logger.len + needs > most) {
		memmove(logger.queue, logger.queue + logger.head, logger.len);
		logger.head = 0;
	}
	return logger.head + logger.len + needs <= most;
}

/* Begin a line. The lock is held until log_end(). Return: false: it is lost, and there is no lock. */
static bool log_begin(struct text *ret_out, size_t needs, bool own)
{
	pthread_mutex_lock(&logger.lock);
	if (!log_has_room(needs, own)) {
		log_write();
		while (!log_has_room(needs, own) && !logger.waited) {
			logger.waited = !log_writable(LOG_WAIT_MS);
			log_write();
		}
	}
	if (!log_has_room(needs, own)) {
		logger.lost++;
		pthread_mutex_unlock(&logger.lock);
		return false;
	}
	*ret_out = text_over(logger.queue + logger.head + logger.len, needs);
	return true;
}

static void log_end_line(struct text *out)
{
	jsonline_add_bytes(out, "}\n", 2);
	logger.len += out->len;
}

static void log_end(struct text *out, bool own)
{
	log_end_line(out);
	if (own || !logger.held)
		log_write();
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
	struct text out;

	if (!log_begin(&out, LOG_NEEDS(LOG_SAY_MAX), true))
		return;
	jsonline_add_bytes(&out, "{", 1);
	log_add_time(&out);
	log_add_message(&out, message, strlen(message));
	for (size_t i = 0; i < n; i++)
		text_add(&out, ",\"%s_us\":%llu", timings[i].name, (unsigned long long)timings[i].us);
	log_add_labels(&out, labels, NULL);
	log_end(&out, true);
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
	struct text out;

	if (!log_begin(&out, LOG_NEEDS(len), false))
		return;
	if (jsonline_read(&line, text, len, logger.labels_key) == 0) {
		log_add_object(&out, &line, labels);
	} else {
		jsonline_add_bytes(&out, "{", 1);
		log_add_time(&out);
		log_add_message(&out, text, len);
		log_add_labels(&out, labels, NULL);
	}
	log_end(&out, false);
}

/* A line of our own, into room that there is. */
static void log_add_own(struct text *out, enum log_level level, const char *message)
{
	jsonline_add_bytes(out, "{", 1);
	log_add_time(out);
	text_add(out, "\"level\":\"%s\",", log_levels[level]);
	log_add_message(out, message, strlen(message));
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
	if (!log_begin(&out, LOG_NEEDS(LOG_SAY_MAX), true))
		return;
	log_add_own(&out, level, message);
	log_end(&out, true);
}

/* How many lines were lost, once there is room to say it. */
static void log_say_lost(void)
{
	char message[96];
	struct text out;

	if (logger.lost == 0 || logger.len > LOG_FULL || !log_has_room(LOG_NEEDS(sizeof(message)), true))
		return;
	snprintf(message, sizeof(message), "%lu lines were lost, since nobody read the log", logger.lost);
	logger.lost = 0;
	out = text_over(logger.queue + logger.head + logger.len, LOG_NEEDS(sizeof(message)));
	log_add_own(&out, LOG_LEVEL_WARN, message);
	log_end_line(&out);
}

void log_hold(void)
{
	pthread_mutex_lock(&logger.lock);
	logger.held = true;
	pthread_mutex_unlock(&logger.lock);
}

void log_flush(void)
{
	pthread_mutex_lock(&logger.lock);
	logger.held = false;
	log_write();
	log_say_lost();
	log_write();
	pthread_mutex_unlock(&logger.lock);
}

int log_fd(void)
{
	return logger.epoll;
}

bool log_full(void)
{
	bool full;

	pthread_mutex_lock(&logger.lock);
	full = logger.len > LOG_FULL &&
	       (logger.stalled_us == 0 || clock_us() - logger.stalled_us < LOG_STALL_US);
	pthread_mutex_unlock(&logger.lock);
	return full;
}

void log_close(unsigned int timeout_ms)
{
	uint64_t deadline_us = clock_us() + (uint64_t)timeout_ms * 1000U;

	log_flush();
	pthread_mutex_lock(&logger.lock);
	for (uint64_t now; logger.len > 0 && (now = clock_us()) < deadline_us;) {
		log_writable((int)((deadline_us - now) / 1000U) + 1);
		log_write();
	}
	pthread_mutex_unlock(&logger.lock);
}
