/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that no signal interrupts. */
#ifndef ATEOM_THREAD_H
#define ATEOM_THREAD_H

#include <pthread.h>
#include <stddef.h>

/**
 * thread_start() - start a thread in which all signals are blocked, so that the first thread gets them
 * Programs started from it don't inherit that: sandbox/spawn.h resets it.
 *
 * @stack: bytes
 * Return: 0 or a negative errno.
 */
int thread_start(pthread_t *ret_thread, size_t stack, void *(*run)(void *data), void *data);

#endif
