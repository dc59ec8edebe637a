/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces: made, pinned to a name, opened, entered for the length of one call.
 *
 * A thread that is left in a foreign namespace would set up the wrong network without noticing. So the way
 * back is open before the way in is taken, and it alone passes by the fault border.
 */
#include "netns/netns.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define NETNS_SELF	  "/proc/thread-self/ns/net"
#define NETNS_LEAVE_TRIES 1000

/**
 * struct netns_dir - what netns_dir_make() made of NETNS_DIR
 * @created: the directory
 * @mounted: its being a mount point
 */
struct netns_dir {
	bool created, mounted;
};

static int netns_error(struct an_error *err, int errnum, const char *name, const char *operation)
{
	char object[sizeof(err->object)];
	int r;

	snprintf(object, sizeof(object), "network namespace '%.120s'", name);
	r = error_errno(err, errnum == EEXIST ? AN_CONFLICT : AN_FAILED, errnum, object, "%s", operation);
	if (errnum == EPERM || errnum == EACCES)
		error_remedy(err, "run it as root, or with CAP_SYS_ADMIN");
	return r;
}

int netns_path(const char *name, char buf[static NETNS_PATH], struct an_error *err)
{
	static const char dir[] = NETNS_DIR "/";
	size_t len = strlen(name);

	if (!len || !strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
		return error_set(err, AN_USAGE, EINVAL, name, "no name of a network namespace");
	if (len >= NETNS_PATH - (sizeof(dir) - 1))
		return error_set(err, AN_USAGE, EINVAL, name, "name of a network namespace is over %zu bytes",
				 NETNS_PATH - sizeof(dir));
	memcpy(buf, dir, sizeof(dir) - 1);
	memcpy(buf + sizeof(dir) - 1, name, len + 1);
	return 0;
}

/*
 * open(2) across the border; never waits, whatever the path is of. Return: descriptor, or -1 with errno set.
 */
static int netns_open_path(const char *path)
{
	return fault_point("open") < 0 ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* ioctl_nsfs(2) */
static bool netns_is_one(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == NSFS_MAGIC && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

int netns_open(const char *name_or_path, struct an_error *err)
{
	_cleanup_fd_ int fd = -1;
	char buf[NETNS_PATH];
	const char *path = name_or_path;
	int r;

	if (!strchr(name_or_path, '/')) {
		r = netns_path(name_or_path, buf, err);
		if (r < 0)
			return r;
		path = buf;
	}
	fd = netns_open_path(path);
	if (fd < 0) {
		r = netns_error(err, errno, name_or_path, "open");
		if (r == -ENOENT)
			error_remedy(err, "`ip netns list` shows those there are");
		return r;
	}
	if (netns_is_one(fd))
		return take_fd(&fd);
	/* What a pin leaves when its mount is gone, as after a reboot of a container. */
	error_set(err, AN_FAILED, EINVAL, "", "the file %s is no network namespace", path);
	error_object(err, "network namespace '%.120s'", name_or_path);
	if (!strncmp(path, NETNS_DIR "/", strlen(NETNS_DIR "/")))
		error_remedy(err, "remove %s if it is a left-over", path);
	else
		error_remedy(err, "give the path of one, for example /proc/PID/ns/net");
	return -EINVAL;
}

int netns_open_self(struct an_error *err)
{
	int fd = netns_open_path(NETNS_SELF);

	return fd < 0 ? netns_error(err, errno, NETNS_SELF, "open") : fd;
}

int netns_inode(int fd, uint64_t *ret_inode, struct an_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, AN_FAILED, errno, "network namespace", "identify");
	*ret_inode = st.st_ino;
	return 0;
}

int netns_enter(int netns_fd, struct an_error *err)
{
	_cleanup_fd_ int previous = netns_open_self(err);

	if (previous < 0)
		return previous;
	if (fault_point("setns") < 0 || setns(netns_fd, CLONE_NEWNET) < 0) {
		int r = error_errno(err, AN_FAILED, errno, "network namespace", "enter");

		if (r == -EPERM)
			error_remedy(err, "run it as root, or with CAP_SYS_ADMIN");
		return r;
	}
	return take_fd(&previous);
}

int netns_leave(int previous, int r, struct an_error *err)
{
	int saved = errno, back = 0;

	if (previous < 0)
		return r;
	/* We came from there: only a passing lack of memory keeps us out, or a right that was lost meanwhile. */
	for (int i = 0; i < NETNS_LEAVE_TRIES; i++) {
		back = setns(previous, CLONE_NEWNET) < 0 ? -errno : 0;
		if (back != -ENOMEM)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	fd_close(previous);
	errno = saved;
	return back < 0 ? error_errno(err, AN_FAILED, -back, "network namespace", "leave") : r;
}

int netns_socket(int netns_fd, int domain, int type, int protocol, struct an_error *err)
{
	int previous = netns_enter(netns_fd, err);
	int fd, errnum, r;

	if (previous < 0)
		return previous;
	fd = fault_point("socket") < 0 ? -1 : socket(domain, type | SOCK_CLOEXEC, protocol);
	errnum = errno;
	r = netns_leave(previous, 0, err);
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	if (fd < 0 && domain == AF_NETLINK && errnum == EPROTONOSUPPORT)
		return error_feature(err, "a kind of netlink",
				     protocol == NETLINK_NETFILTER   ? "NETFILTER_NETLINK"
				     : protocol == NETLINK_SOCK_DIAG ? "INET_DIAG"
								     : "NET");
	if (fd < 0)
		return error_errno(err, AN_FAILED, errnum, "network namespace", "open a socket in it");
	return fd;
}

/* Undo netns_dir_make(). Neither call harms a mount or file that someone else put there meanwhile. */
static void netns_dir_unmake(const struct netns_dir *dir)
{
	int saved = errno;

	if (dir->mounted)
		umount2(NETNS_DIR, UMOUNT_NOFOLLOW);
	if (dir->created)
		rmdir(NETNS_DIR);
	errno = saved;
}

/* Return: 0, or -1 with errno set. */
static int netns_dir_share(void)
{
	return fault_point("mount") < 0 ? -1 : mount("", NETNS_DIR, "none", MS_SHARED, NULL);
}

/*
 * Make NETNS_DIR a shared mount point, as ip-netns(8) does: what is pinned there shows in other mount
 * namespaces too, and whoever comes later mounts nothing over it. Mounts made in a shared one are shared by
 * themselves.
 * Return: 0, or -1 with errno set and what was made in @dir.
 */
static int netns_dir_make(struct netns_dir *dir)
{
	if (fault_point("mkdir") < 0)
		return -1;
	dir->created = !mkdir(NETNS_DIR, 0755);
	if (!dir->created && errno != EEXIST)
		return -1;
	if (!netns_dir_share())
		return 0;
	/* EINVAL: not a mount point yet (mount(2)). */
	if (errno != EINVAL)
		return -1;
	if (fault_point("mount") < 0 || mount(NETNS_DIR, NETNS_DIR, "none", MS_BIND | MS_REC, NULL) < 0)
		return -1;
	dir->mounted = true;
	return netns_dir_share();
}

/* A new namespace, the thread being back in its own. Return: descriptor, or -1 with errno set. */
static int netns_make(void)
{
	int previous = netns_open_path(NETNS_SELF);
	int fd, r;

	if (previous < 0)
		return -1;
	if (fault_point("unshare") < 0 || unshare(CLONE_NEWNET) < 0)
		return fd_close(previous);
	fd = netns_open_path(NETNS_SELF);
	r = netns_leave(previous, 0, NULL);
	if (r < 0) {
		fd_close(fd);
		errno = -r;
		return -1;
	}
	return fd;
}

/* Mount the namespace over a file made for it. Return: 0, or -1 with errno set and nothing left. */
static int netns_pin(int netns_fd, const char *path)
{
	char source[64];
	int fd, saved;

	fd = fault_point("open") < 0 ? -1 : open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	fd_close(fd);
	snprintf(source, sizeof(source), "/proc/thread-self/fd/%d", netns_fd);
	if (fault_point("mount") == 0 && mount(source, path, "none", MS_BIND, NULL) == 0)
		return 0;
	saved = errno;
	unlink(path);
	errno = saved;
	return -1;
}

int netns_add(const char *name, struct an_error *err)
{
	_cleanup_fd_ int fd = -1;
	struct netns_dir dir = { 0 };
	char path[NETNS_PATH];
	const char *operation = "share " NETNS_DIR;
	int r = netns_path(name, path, err);

	if (r == 0)
		r = netns_lasting(err);
	if (r < 0)
		return r;
	if (netns_dir_make(&dir) < 0)
		goto undo;
	operation = "make";
	fd = netns_make();
	if (fd < 0 && errno == EINVAL) { /* unshare(2) */
		netns_dir_unmake(&dir);
		return error_feature(err, "network namespaces", "NET_NS");
	}
	if (fd < 0)
		goto undo;
	operation = "pin";
	if (netns_pin(fd, path) < 0)
		goto undo;
	return take_fd(&fd);
undo:
	netns_dir_unmake(&dir);
	return netns_error(err, errno, name, operation);
}

/* Take off all mounts of a path. Return: 0, or -1 with errno set. */
static int netns_unmount(const char *path)
{
	do {
		if (fault_point("umount2") < 0)
			return -1;
	} while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW));
	/* EINVAL: nothing is mounted there, or no more (umount(2)). */
	return errno == EINVAL || errno == ENOENT ? 0 : -1;
}

int netns_del(const char *name, struct an_error *err)
{
	char path[NETNS_PATH];
	struct stat st;
	int r = netns_path(name, path, err);

	if (r < 0)
		return r;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : netns_error(err, errno, name, "delete");
	if (!S_ISREG(st.st_mode)) {
		r = netns_error(err, S_ISLNK(st.st_mode) ? ELOOP : EINVAL, name,
				"delete what is no plain file");
		error_remedy(err, "look at %s, which actornet did not make", path);
		return r;
	}
	if (netns_unmount(path) < 0)
		return netns_error(err, errno, name, "unmount");
	if (fault_point("unlink") == 0 && unlink(path) == 0)
		return 1;
	return errno == ENOENT ? 1 : netns_error(err, errno, name, "delete");
}

static void netns_close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int netns_dump(const char *prefix, netns_cb *cb, void *data, struct an_error *err)
{
	_cleanup_(netns_close_dir) DIR *dir = fault_point("open") < 0 ? NULL : opendir(NETNS_DIR);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_errno(err, AN_FAILED, errno, NETNS_DIR, "list");
	while (!r && (errno = 0, entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    !strncmp(name, prefix, strlen(prefix)))
			r = cb(name, data);
	}
	if (!r && errno)
		return error_errno(err, AN_FAILED, errno, NETNS_DIR, "list");
	return r < 0 ? r : 0;
}
