/* SPDX-License-Identifier: Apache-2.0 */
/* The name under which bundles know their network namespace: /run/netns/ateom:<pod uid>. */
#include "ateom/podns.h"

#include "ateom/paths.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "plane/layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

int podns_init(struct podns *ret_podns, const char *pod_uid, struct an_error *err)
{
	struct podns podns;
	char path[NETNS_PATH];
	int r = paths_segment_check("pod uid", pod_uid, err);

	if (r < 0)
		return r;
	if (snprintf(podns.name, sizeof(podns.name), PODNS_PREFIX "%s", pod_uid) >= (int)sizeof(podns.name))
		return error_set(err, AN_USAGE, EINVAL, "pod uid", "is too long for the name of a namespace");
	r = netns_path(podns.name, path, err);
	if (r == 0)
		r = podns_remove(&podns, err);
	if (r == 0)
		*ret_podns = podns;
	return r;
}

int podns_bind(const struct podns *podns, const char *netns, struct an_error *err)
{
	_cleanup_fd_ int fd = -1;
	char path[NETNS_PATH];
	int r = podns_remove(podns, err);

	if (r == 0)
		r = netns_path(podns->name, path, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (fd < 0)
		return error_errno(err, AN_FAILED, errno, path, "make");
	if (mount(netns, path, NULL, MS_BIND, NULL) < 0) {
		r = error_errno(err, AN_FAILED, errno, path, "bind %.64s there", netns);
		unlink(path);
	}
	return r;
}

/* The slot with the highest number: they only grow, so it is not the one that was released just now. */
static int podns_choose(const char *name, void *data)
{
	char *best = data;
	size_t len = strlen(name), best_len = strlen(best);

	if (len < NETNS_PATH && (len > best_len || (len == best_len && strcmp(name, best) > 0)))
		text_copy(best, NETNS_PATH, name);
	return 0;
}

int podns_rest(const struct podns *podns, const char *worker_id, struct an_error *err)
{
	char prefix[NETNS_PATH], best[NETNS_PATH] = "", path[NETNS_PATH];
	int r;

	snprintf(prefix, sizeof(prefix), LAYOUT_NETNS "%.16s-", worker_id);
	r = netns_dump(prefix, podns_choose, best, err);
	if (r < 0)
		return r;
	if (!best[0]) {
		r = podns_remove(podns, err);
		return r < 0 ? r : error_set(err, AN_NO_SLOT, ENOENT, podns->name, "there is no slot");
	}
	r = netns_path(best, path, err);
	return r < 0 ? r : podns_bind(podns, path, err);
}

int podns_remove(const struct podns *podns, struct an_error *err)
{
	int r = netns_del(podns->name, err);

	return r < 0 ? r : 0;
}
