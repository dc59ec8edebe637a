/* SPDX-License-Identifier: Apache-2.0 */
/* Dropping gateways whose worker is gone. */
#include "core/orphans.h"
#include "base/lock.h"
#include "rtnl/link.h"
#include "rtnl/nsid.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ID_DIGITS 8

static int drop_name(const char *name, void *data)
{
	(void)data;
	netns_del(name, NULL); /* the next `up` tries again */
	return 0;
}

/*
 * Is the worker of the gateway of that name gone? Its link may have been deleted by hand, and then the gateway keeps
 * what is to be put back. One that can't be looked at counts as not lost.
 */
static bool has_lost_worker(const char *name)
{
	struct side side = { .netns_fd = -1, .rtnl = NL_SOCK_CLOSED, .nf = NL_SOCK_CLOSED };
	int fd = netns_open(name, NULL);
	bool lost = false;
	struct link up;

	if (fd < 0)
		return false;
	if (side_open(&side, fd, NULL) == 0)
		lost = link_get(&side.rtnl, LAYOUT_UP_LINK, &up, NULL) == -ENODEV &&
		       nsid_alive(&side.rtnl, LAYOUT_WORKER_NSID, NULL) == 0;
	side_close(&side);
	return lost;
}

static bool drop_if_lost(const char *name, const char *id)
{
	struct an_worker gone = { .inode = 0 };
	char path[64];
	bool lost;
	int lock;

	snprintf(gone.plane.id, sizeof(gone.plane.id), "%s", id);
	worker_lock_path(&gone, path);
	lock = lock_take(path, 0, NULL);
	if (lock < 0)
		return false;
	lost = has_lost_worker(name);
	if (lost)
		netns_dump(name, drop_name, NULL, NULL); /* its slots' names start with its own */
	if (lost)
		lock_remove(lock, path);
	else
		lock_drop(lock);
	return lost;
}

struct orphans {
	const char *own;
	int dropped;
};

static int consider(const char *name, void *data)
{
	const char *id = name + strlen(LAYOUT_NETNS);
	struct orphans *o = data;

	if (strlen(id) == ID_DIGITS && strspn(id, "0123456789abcdef") == ID_DIGITS && strcmp(id, o->own) != 0)
		o->dropped += drop_if_lost(name, id);
	return 0;
}

int orphans_drop(const struct an_worker *w, struct an_error *err)
{
	struct orphans o = { .own = w->plane.id };
	int r = netns_dump(LAYOUT_NETNS, consider, &o, err);

	return r < 0 ? r : o.dropped;
}
