/* SPDX-License-Identifier: Apache-2.0 */
/* What containers print, from their pipes to the log. */
#include "ateom/follow.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FOLLOW_EVENTS 16
/* What is taken of one pipe at a time: about so much, as a line becomes a longer one. */
#define FOLLOW_BYTES 65536
#define FOLLOW_LINES 1024
/* The main thread lets others have the lock: looked again so often. */
#define FOLLOW_YIELD_US 50
#define FOLLOW_YIELDS	40

int follow_init(struct follow *follow, struct an_error *err)
{
	*follow = (struct follow){ .lock = PTHREAD_MUTEX_INITIALIZER };
	follow->epoll = epoll_create1(EPOLL_CLOEXEC);
	return follow->epoll < 0 ? error_errno(err, AN_FAILED, errno, "output", "make an epoll") : 0;
}

void follow_fini(struct follow *follow)
{
	follow_close_all(follow);
	follow->epoll = fd_close(follow->epoll);
}

/* For all but the main thread, which would else have it again before anyone could wake up. */
static void follow_lock(struct follow *follow)
{
	atomic_fetch_add(&follow->wanted, 1);
	pthread_mutex_lock(&follow->lock);
	atomic_fetch_sub(&follow->wanted, 1);
}

static void follow_yield(struct follow *follow)
{
	for (int i = 0; i < FOLLOW_YIELDS && atomic_load(&follow->wanted) > 0; i++)
		usleep(FOLLOW_YIELD_US);
}

/* Take some of what one printed, a pipe's worth at most; with the lock. */
static void follow_take(struct follow *follow, size_t index, size_t lines)
{
	struct follow_stream *stream = follow->streams[index];

	if (!stream)
		return;
	log_hold();
	if (!output_drain_some(&stream->output, FOLLOW_BYTES, lines))
		atomic_store(&follow->ended[index], true);
	log_flush();
}

static void follow_line(const char *line, size_t len, void *data)
{
	const struct follow_stream *stream = data;

	log_container(&stream->labels, line, len);
}

static void follow_free(struct follow_stream *stream)
{
	fd_close(stream->out);
	/* A pipe's worth: who printed has ended. */
	log_hold();
	output_drain_some(&stream->output, FOLLOW_BYTES, SIZE_MAX);
	output_fini(&stream->output);
	log_flush();
	free(stream);
}

int follow_open(struct follow *follow, size_t index, const struct log_labels *labels, struct an_error *err)
{
	struct follow_stream *stream = malloc(sizeof(*stream)); /* lines touch as much of it as they need */
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = index };

	if (!stream)
		return error_errno(err, AN_FAILED, ENOMEM, "output", "follow");
	output_init(&stream->output, follow_line, stream);
	stream->output.large = stream->line;
	stream->output.large_size = sizeof(stream->line);
	stream->labels = *labels;
	stream->out = output_pipe(&stream->output);
	if (stream->out < 0 || epoll_ctl(follow->epoll, EPOLL_CTL_ADD, stream->output.fd, &event) < 0) {
		int r = stream->out < 0 ? stream->out : -errno;

		follow_free(stream);
		return error_errno(err, AN_FAILED, -r, "output", "make a pipe");
	}
	follow_lock(follow);
	follow->streams[index] = stream;
	atomic_store(&follow->ended[index], false);
	pthread_mutex_unlock(&follow->lock);
	return 0;
}

/* The service thread's alone, as @out is: no lock. */
int follow_out(const struct follow *follow, size_t index)
{
	return follow->streams[index] ? follow->streams[index]->out : -1;
}

void follow_seal(struct follow *follow, size_t index)
{
	struct follow_stream *stream = follow->streams[index];

	if (stream)
		stream->out = fd_close(stream->out);
}

void follow_dispatch(struct follow *follow)
{
	struct epoll_event events[FOLLOW_EVENTS];
	int n = epoll_wait(follow->epoll, events, FOLLOW_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		follow_yield(follow);
		pthread_mutex_lock(&follow->lock);
		/* A pipe that was closed may have an event still, while a program that is just being started holds a
		 * copy of it. So events name no memory; at worst another's output is read sooner. */
		follow_take(follow, events[i].data.u64, FOLLOW_LINES);
		pthread_mutex_unlock(&follow->lock);
	}
}

bool follow_ended(const struct follow *follow, size_t index)
{
	return atomic_load(&follow->ended[index]);
}

char *follow_tail(struct follow *follow, size_t index, char *buf, size_t size)
{
	struct follow_stream *stream;

	buf[0] = '\0';
	follow_lock(follow);
	follow_take(follow, index, SIZE_MAX);
	stream = follow->streams[index];
	if (stream)
		output_tail(&stream->output, buf, size);
	pthread_mutex_unlock(&follow->lock);
	return buf;
}

void follow_close_all(struct follow *follow)
{
	follow_lock(follow);
	for (size_t i = 0; i < FOLLOW_MAX; i++) {
		struct follow_stream *stream = follow->streams[i];

		follow->streams[i] = NULL;
		atomic_store(&follow->ended[i], false);
		if (stream)
			follow_free(stream);
	}
	pthread_mutex_unlock(&follow->lock);
}
