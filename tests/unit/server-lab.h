/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a socket of the test's own, with handlers that the test steers. */
#ifndef UNIT_SERVER_LAB_H
#define UNIT_SERVER_LAB_H

#include "ateom/server.h"
#include "http2-client.h"

#define LAB_ECHO "/ateom.Ateom/Echo" /* the request is the answer */
#define LAB_FAIL "/ateom.Ateom/Fail" /* INTERNAL, "100% f\303\244il\n" */
#define LAB_WAIT \
	"/ateom.Ateom/Wait" /* until lab.release_fd (OK) or the call's cancel_fd (CANCELLED) is readable */
#define LAB_HEALTH     "/grpc.health.v1.Health/Check"
#define LAB_REFLECTION "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

/**
 * struct lab - what the handlers say and are told; one server at a time
 * @path:       of the socket
 * @started_fd: an eventfd: calls of LAB_WAIT that began
 * @ended_fd:   likewise, that ended
 * @release_fd: a semaphore (eventfd): each lets one of them go
 * @calls:      of any handler that began
 * @afters:     calls of after() so far; it returns true while @more is > 0 and counts that down
 */
struct lab {
	struct server *server;
	char folder[64], path[128];
	int started_fd, ended_fd, release_fd;
	_Atomic int calls, cancelled, afters, more;
};

extern struct lab lab;

/** lab_open() - start it; time limits in ms, 0: the usual. */
void lab_open(unsigned int handshake_ms, unsigned int request_ms);
/** lab_close() - stop it; what it leaves behind fails the test. */
void lab_close(void);
/** lab_await() - wait until an eventfd has counted one. Return: did it, within @ms? */
bool lab_await(int fd, int ms);
/** lab_release() - let a call of LAB_WAIT go. */
void lab_release(void);
/** lab_client() - a connection; fails the test where there is none. */
struct client *lab_client(void);
/** lab_ask() - begin a call with a message "hi", no more headers than needed. */
void lab_ask(struct client *client, struct client_answer *answer, const char *path, const char *timeout);
/** lab_answered() - wait for its end. */
void lab_answered(struct client *client, struct client_answer *answer);
/** lab_serves() - a new client's call gets its answer: the control in tests of abuse. */
void lab_serves(void);
/** lab_answer() - memory for an answer; not for several at once. */
struct client_answer *lab_answer(void);
/** lab_fds() - how many descriptors are open. */
int lab_fds(void);

#endif
