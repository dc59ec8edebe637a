/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the mount namespace outlive the command?
 *
 * A name under NETNS_DIR is a mount. ip-netns(8) runs its programs in a mount namespace made for that one program,
 * which hears of others' mounts and tells of none ("slave", mount_namespaces(7)): a name made there is gone with the
 * program, and what it named goes with it. Containers have a mount namespace of their own too, and often as a slave,
 * but theirs lives as long as the container, so propagation alone says nothing. What tells is the /sys that ip-netns(8)
 * mounts for its program: a sysfs whose source is the name of the network namespace.
 */
#include "netns/netns.h"

#include "base/cleanup.h"
#include "base/error.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTINFO "/proc/thread-self/mountinfo"
#define MOUNT_NS  "/proc/thread-self/ns/mnt"

/* The mount namespace that was found to last: the list of mounts is long where there are many slots. */
static _Thread_local ino_t lasting;

/**
 * struct mounts - what the list of mounts says
 * @sysfs:  source of the sysfs on /sys, if one is
 * @shared: NETNS_DIR is a mount point that tells others of its mounts and hears of none: the machine's own
 */
struct mounts {
	char sysfs[NETNS_PATH];
	bool shared;
};

/* "36 35 98:0 /root /point rw,noatime shared:1 master:2 - type source rw" (proc_pid_mountinfo(5)) */
static void read_mount(char *line, struct mounts *m)
{
	char *rest = strstr(line, " - "), point[sizeof(NETNS_DIR)] = "", type[16] = "",
	     source[NETNS_PATH] = "";

	if (!rest)
		return;
	*rest = '\0';
	if (sscanf(line, "%*s %*s %*s %*s %10s", point) != 1 ||
	    sscanf(rest + 3, "%15s %63s", type, source) != 2)
		return;
	/* the last one is on top */
	if (strcmp(point, "/sys") == 0)
		snprintf(m->sysfs, sizeof(m->sysfs), "%s", strcmp(type, "sysfs") == 0 ? source : "");
	if (strcmp(point, NETNS_DIR) == 0)
		m->shared = strstr(line, " shared:") && !strstr(line, " master:");
}

static int read_mounts(struct mounts *m, struct an_error *err)
{
	FILE *file = fopen(MOUNTINFO, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return error_errno(err, AN_FAILED, errno, MOUNTINFO, "open");
	while (getline(&line, &size, file) > 0)
		read_mount(line, m);
	fclose(file);
	return 0;
}

/* Return: 1 if it lasts, 0 if not, or a negative errno. @ret_name: of the network namespace that it was made for. */
static int look(char ret_name[static NETNS_PATH], struct an_error *err)
{
	struct mounts m = { .sysfs = "" };
	int r = read_mounts(&m, err), fd;

	if (r < 0)
		return r;
	if (m.shared || !m.sysfs[0] || strchr(m.sysfs, '/'))
		return 1;
	fd = netns_open(m.sysfs, NULL);
	if (fd < 0)
		return 1;
	fd_close(fd);
	memcpy(ret_name, m.sysfs, NETNS_PATH);
	return 0;
}

int netns_lasting(struct an_error *err)
{
	char name[NETNS_PATH];
	struct stat st;
	int r;

	if (stat(MOUNT_NS, &st) < 0)
		return error_errno(err, AN_FAILED, errno, MOUNT_NS, "identify");
	if (st.st_ino == lasting)
		return 0;
	r = look(name, err);
	if (r < 0)
		return r;
	if (r > 0) {
		lasting = st.st_ino;
		return 0;
	}
	error_set(
		err, AN_USAGE, EINVAL, "mount namespace",
		"it is one of `ip netns exec`, and ends with the command: the names of namespaces that are made in "
		"it would, too");
	return error_remedy(err, "use actornet --worker %s, or nsenter --net=" NETNS_DIR "/%s instead", name,
			    name);
}
