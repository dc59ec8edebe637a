/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving a worker as `up` found it. */
#include "base/error.h"
#include "base/lock.h"
#include "core/attach.h"
#include "core/teardown.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* All records of an earlier `up` are lost. Does the uplink forward, which it may not have done before? */
static int blame_forwarding(struct an_worker *w, struct an_error *err)
{
	struct record_found now;
	struct uplink uplink;
	char object[IFNAMSIZ + 16];

	if (uplink_find(&WORKER_SIDE(w)->rtnl, NULL, &uplink, NULL) < 0)
		return 0;
	snprintf(w->plane.uplink, sizeof(w->plane.uplink), "%s", uplink.link.name);
	if (attach_look(w, &now, NULL) < 0 || (now.forward4 != 1 && now.forward6 != 1))
		return 0;
	snprintf(object, sizeof(object), "uplink %s", uplink.link.name);
	error_set(err, AN_FINDING, ENODATA, object,
		  "all of actornet is gone, but every record of how the worker was before was lost: the link "
		  "forwards packets now");
	return error_remedy(err,
			    "look at net.ipv4.conf.%s.forwarding and net.ipv6.conf.%s, and set them to 0 if "
			    "the worker is to be no router",
			    uplink.link.name, now.all6 ? "all.forwarding" : "*.force_forwarding");
}

static int down(struct an_worker *w, uint32_t *ret_removed, struct an_error *err)
{
	const int presence = presence_look(w, err);
	uint32_t removed = 0;
	int r = presence < 0 ? presence : teardown(w, &removed, err);

	if (r < 0)
		return r;
	*ret_removed = removed;
	if (presence == PRESENCE_HALF && removed > 0 && !w->record.uplink[0] && blame_forwarding(w, err) < 0)
		return -ENODATA;
	return r;
}

int an_worker_down(int netns_fd, uint32_t *ret_removed, struct an_error *err)
{
	uint32_t removed = 0;
	struct an_worker *w;
	char path[64];
	bool fresh;
	int r = worker_new(&w, netns_fd, err), lock;

	if (r < 0)
		return r;
	worker_lock_path(w, path);
	fresh = access(path, F_OK) < 0;
	lock = worker_lock(w, err);
	r = lock < 0 ? lock : down(w, &removed, err);
	if (r >= 0 || fresh || r == -ENODATA)
		lock_remove(lock, path);
	else
		lock_drop(lock);
	if (ret_removed)
		*ret_removed = removed;
	an_worker_close(w);
	return r;
}
