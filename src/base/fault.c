/* SPDX-License-Identifier: Apache-2.0 */
/* The border to the kernel: tests may make any call across it fail. */
#include "base/fault.h"

#include <errno.h>
#include <stddef.h>

_Thread_local fault_hook *fault_hook_fn;

int fault_point(const char *what)
{
	int errnum;

	if (!fault_hook_fn)
		return 0;
	errnum = fault_hook_fn(what);
	if (!errnum)
		return 0;
	errno = errnum;
	return -1;
}
