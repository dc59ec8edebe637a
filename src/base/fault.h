/* SPDX-License-Identifier: Apache-2.0 */
/* The border to the kernel: tests may make any call across it fail. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

/**
 * typedef fault_hook - decides for each call across the border
 * @what: name of the call, e.g. "sendmsg", "unshare"
 * Return: 0 lets it through, a positive errno makes it fail with that instead.
 */
typedef int fault_hook(const char *what);

/* NULL but in tests, which link the library with all symbols visible. One a thread. */
extern _Thread_local fault_hook *fault_hook_fn;

/**
 * fault_point() - to be asked before each call across the border
 * Return: 0: make the call; -1 with errno set: act as if it had failed.
 */
int fault_point(const char *what);

#endif
