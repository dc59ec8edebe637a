/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's standard output: one JSON object a line, each written whole, by whichever thread.
 *
 * Theory of operation: nobody waits for its reader. What is not taken at once is queued, and the main thread writes it
 * when log_fd() is readable. While much is queued log_full() asks for containers' output to be left in their pipes, so
 * that they wait and not we. With a reader that takes nothing for a second it is taken nevertheless, and what has no
 * room in the queue is lost, counted, and told once there is a reader again; the program's own lines have room kept
 * free.
 */
#ifndef ATEOM_LOG_H
#define ATEOM_LOG_H

#include "ateom/rpc.h"

#include <stdbool.h>
#include <stddef.h>

/* A container's longest line; a longer one is logged in pieces. */
#define LOG_LINE_MAX 65536

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_COUNT,
};

/** log_level_parse() - "debug", "info", "warn", "error". Return: 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

/**
 * log_open() - begin
 * @fd:    to write to
 * @level: lines of the program's own below it are left out; those of actors never are
 * @gce:   on Google Compute Engine, where logs have another key for labels
 */
void log_open(int fd, enum log_level level, bool gce);
/** log_close() - write what is queued, as long as @timeout_ms at most. */
void log_close(unsigned int timeout_ms);
/** log_on_gce() - does this machine's firmware, or GCE_METADATA_HOST, say so? */
bool log_on_gce(void);

/* Members of the labels: each name and value, escaped. */
#define LOG_LABELS_MAX 8192

/** struct log_labels - whose line it is: members of a JSON object */
struct log_labels {
	char text[LOG_LABELS_MAX];
};

/** log_labels_set() - @container: NULL: the actor as a whole */
void log_labels_set(struct log_labels *ret_labels, const char *template_ns, const char *template_name,
		    const char *actor_id, const char *container);

/** log_event() - a line of an actor's life, e.g. "Actor starting" */
void log_event(const struct log_labels *labels, const char *message);

/** log_timings() - the same with how long each stage took, in microseconds. */
void log_timings(const struct log_labels *labels, const char *message, const struct rpc_timing *timings,
		 size_t n);

/**
 * log_container() - a line that a container printed
 * A JSON object keeps its members, gets a time if it has none, and the labels among its own; what else it is becomes
 * the message. The container can't claim another's labels: those of the same name are dropped.
 */
void log_container(const struct log_labels *labels, const char *line, size_t len);

/** log_say() - a line of the program's own. */
void log_say(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** log_hold() - several lines of containers follow: they are gathered until log_flush(). */
void log_hold(void);
/** log_flush() - write what is taken at once; the main thread calls it when log_fd() is readable. */
void log_flush(void);
/** log_fd() - readable while something is queued that would be taken. Return: a descriptor, the log's own. */
int log_fd(void);
/** log_full() - is so much queued that containers are better not read now? */
bool log_full(void);

#endif
