/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving a worker as `up` found it. */
#include "base/error.h"
#include "base/lock.h"
#include "core/teardown.h"

int an_worker_down(int netns_fd, uint32_t *ret_removed, struct an_error *err)
{
	struct an_worker *w;
	char path[64];
	int r = worker_new(&w, netns_fd, err), lock;

	if (r < 0)
		return r;
	lock = worker_lock(w, err);
	r = lock < 0 ? lock : presence_look(w, err);
	if (r >= 0)
		r = teardown(w, ret_removed, err);
	worker_lock_path(w, path);
	if (r >= 0)
		lock_remove(lock, path);
	else
		lock_drop(lock);
	an_worker_close(w);
	return r;
}
