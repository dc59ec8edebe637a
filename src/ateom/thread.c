/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that no signal interrupts. */
#include "ateom/thread.h"

#include <signal.h>

int thread_start(pthread_t *ret_thread, size_t stack, void *(*run)(void *data), void *data)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int r;

	r = pthread_attr_init(&attr);
	if (r != 0)
		return -r;
	pthread_attr_setstacksize(&attr, stack);
	/* A thread inherits the mask of its maker at that moment, so there is no moment without. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret_thread, &attr, run, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}
