/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containers print, from their pipes to the log.
 *
 * The main thread reads, whenever there is something; the service thread opens and closes, and may ask for a
 * container's last words. One lock is held for as long as either works on a pipe, and the main thread takes little of
 * one pipe at a time and lets the other go first: a container that prints without end holds up nobody.
 */
#ifndef ATEOM_FOLLOW_H
#define ATEOM_FOLLOW_H

#include "ateom/log.h"
#include "ateom/request.h"
#include "sandbox/output.h"

#include <actornet/error.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define FOLLOW_MAX (REQUEST_CONTAINERS_MAX + 1)

/**
 * struct follow_stream - one container's output
 * @out: the end to print to, for programs still to be started; -1: the container has it, or nobody any more
 */
struct follow_stream {
	struct output output;
	int out;
	struct log_labels labels;
	char line[LOG_LINE_MAX];
};

/**
 * struct follow - those that are followed
 * @lock:    held while @streams is used
 * @wanted:  how many wait for it beside the main thread
 * @epoll:   readable while one of them has something
 * @streams: NULL: free
 * @ended:   whose output has been closed by all that had it
 */
struct follow {
	pthread_mutex_t lock;
	atomic_int wanted;
	int epoll;
	struct follow_stream *streams[FOLLOW_MAX];
	atomic_bool ended[FOLLOW_MAX];
};

/** follow_init() - none yet. Return: 0 or a negative errno. */
int follow_init(struct follow *follow, struct an_error *err);
/** follow_fini() - the same as follow_close_all(), for good. */
void follow_fini(struct follow *follow);

/**
 * follow_open() - follow one more
 * @index: the container's, below FOLLOW_MAX
 * Return: 0 or a negative errno.
 */
int follow_open(struct follow *follow, size_t index, const struct log_labels *labels, struct an_error *err);
/** follow_out() - the end to print to, for a program that is to be started. Return: it, the stream's own; -1: none. */
int follow_out(const struct follow *follow, size_t index);
/** follow_seal() - nobody else will get it: from here on its end is the container's. */
void follow_seal(struct follow *follow, size_t index);

/** follow_dispatch() - log some of what has been printed; the main thread calls it when @epoll is readable. */
void follow_dispatch(struct follow *follow);

/** follow_ended() - has the container, and all it started, closed its output? */
bool follow_ended(const struct follow *follow, size_t index);

/** follow_tail() - its last lines in one, as output_tail(); empty where it is not followed. Return: @buf. */
char *follow_tail(struct follow *follow, size_t index, char *buf, size_t size);

/** follow_close_all() - log what is left of all, and follow none. */
void follow_close_all(struct follow *follow);

#endif
