/* SPDX-License-Identifier: Apache-2.0 */
/* Make the Nth call across the border to the kernel fail. */
#ifndef UNIT_FAULTS_H
#define UNIT_FAULTS_H

#include "base/fault.h"
#include <stddef.h>
#include <string.h>

/**
 * struct faults - which call is to fail
 * @only:   calls of this name alone count, or NULL: all
 * @at:     which of them fails, from 1; 0: none
 * @errnum: with what
 * @seen:   calls that counted so far
 */
struct faults {
	const char *only;
	unsigned int at, seen;
	int errnum;
};

static struct faults faults;

static inline int faults_hook(const char *what)
{
	if (faults.only && strcmp(faults.only, what) != 0)
		return 0;
	return ++faults.seen == faults.at ? faults.errnum : 0;
}

static inline void faults_set(const char *only, unsigned int at, int errnum)
{
	faults = (struct faults){ .only = only, .at = at, .errnum = errnum };
	fault_hook_fn = faults_hook;
}

/* Return: calls that counted since faults_set(). */
static inline unsigned int faults_clear(void)
{
	fault_hook_fn = NULL;
	return faults.seen;
}

#endif
