/* SPDX-License-Identifier: Apache-2.0 */
/* What containers print, from their pipes to the log. */
#include "ateom/follow.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <sys/epoll.h>

#define FOLLOW_EVENTS 16

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

static void follow_line(const char *line, size_t len, void *data)
{
	const struct follow_stream *stream = data;

	log_container(&stream->labels, line, len);
}

static void follow_free(struct follow_stream *stream)
{
	fd_close(stream->out);
	output_drain(&stream->output);
	output_fini(&stream->output);
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
	pthread_mutex_lock(&follow->lock);
	follow->streams[index] = stream;
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

	pthread_mutex_lock(&follow->lock);
	for (int i = 0; i < n; i++) {
		/* A pipe that was closed may have an event still, while a program that is just being started holds a
		 * copy of it. So events name no memory; at worst another's output is read sooner. */
		struct follow_stream *stream = follow->streams[events[i].data.u64];

		if (stream)
			output_drain(&stream->output);
	}
	pthread_mutex_unlock(&follow->lock);
}

bool follow_ended(struct follow *follow, size_t index)
{
	struct follow_stream *stream;
	bool ended;

	pthread_mutex_lock(&follow->lock);
	stream = follow->streams[index];
	ended = stream && stream->output.fd < 0;
	pthread_mutex_unlock(&follow->lock);
	return ended;
}

char *follow_tail(struct follow *follow, size_t index, char *buf, size_t size)
{
	struct follow_stream *stream;

	buf[0] = '\0';
	pthread_mutex_lock(&follow->lock);
	stream = follow->streams[index];
	if (stream) {
		output_drain(&stream->output);
		output_tail(&stream->output, buf, size);
	}
	pthread_mutex_unlock(&follow->lock);
	return buf;
}

void follow_close_all(struct follow *follow)
{
	pthread_mutex_lock(&follow->lock);
	for (size_t i = 0; i < FOLLOW_MAX; i++) {
		struct follow_stream *stream = follow->streams[i];

		follow->streams[i] = NULL;
		if (stream)
			follow_free(stream);
	}
	pthread_mutex_unlock(&follow->lock);
}
