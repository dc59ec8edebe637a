/* SPDX-License-Identifier: Apache-2.0 */
/* Values under /proc/sys/net of the calling thread's namespace. */
#include "netns/sysctl.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/text.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <time.h>

#define SYSCTL_DIR   "/proc/sys/net/"
#define SYSCTL_VALUE 512
/* Of what another process may be in the way of for a moment. */
#define SYSCTL_TRIES	100
#define SYSCTL_PAUSE_NS 1000000

static int sysctl_error(struct an_error *err, int errnum, const char *name, const char *operation)
{
	char object[sizeof(err->object)];

	snprintf(object, sizeof(object), "sysctl 'net/%.120s'", name);
	return error_errno(err, AN_FAILED, errnum, object, "%s", operation);
}

/* Path of a value. Return: 0 or -EINVAL. */
static int sysctl_path(const char *name, char buf[static PATH_MAX], struct an_error *err)
{
	struct text path = text_over(buf, PATH_MAX);

	text_add(&path, SYSCTL_DIR "%s", name);
	if (!name[0] || path.truncated || strstr(path.buf, "/../") || strstr(path.buf, "//"))
		return sysctl_error(err, EINVAL, name, "find");
	return 0;
}

/* The value without its line's end. Return: 0 or a negative errno. */
static int sysctl_read(const char *path, char *buf, size_t size)
{
	int r = fault_point("open") < 0 ? -errno : text_read_file(AT_FDCWD, path, buf, size);

	if (r < 0)
		return r;
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int sysctl_get(const char *name, char *buf, size_t size, struct an_error *err)
{
	char path[PATH_MAX];
	int r = sysctl_path(name, path, err);

	if (r < 0)
		return r;
	r = sysctl_read(path, buf, size);
	return r < 0 && r != -ENOENT ? sysctl_error(err, -r, name, "read") : r;
}

/* The same value? The kernel parts several numbers by a tab, where we may have written a blank. */
static bool sysctl_same(const char *a, const char *b)
{
	static const char blanks[] = " \t";

	for (;;) {
		size_t len_a, len_b;

		a += strspn(a, blanks);
		b += strspn(b, blanks);
		len_a = strcspn(a, blanks);
		len_b = strcspn(b, blanks);
		if (len_a != len_b || memcmp(a, b, len_a) != 0)
			return false;
		if (!len_a)
			return true;
		a += len_a;
		b += len_b;
	}
}

/* Return: 0 or a negative errno. */
static int sysctl_write(const char *path, const char *value)
{
	_cleanup_fd_ int fd = fault_point("open") < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* In one call: the kernel takes each write for a whole value. */
	n = fault_point("write") < 0 ? -1 : write(fd, value, strlen(value));
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(value) ? 0 : -EIO;
}

/* Flags for mount(2) that keep what a mount has, as statvfs(3) tells it. */
static unsigned long sysctl_mount_flags(const struct statvfs *fs)
{
	static const struct {
		unsigned long st, ms;
	} flags[] = {
		{ ST_RDONLY, MS_RDONLY },     { ST_NOSUID, MS_NOSUID },		{ ST_NODEV, MS_NODEV },
		{ ST_NOEXEC, MS_NOEXEC },     { ST_NODIRATIME, MS_NODIRATIME }, { ST_NOATIME, MS_NOATIME },
		{ ST_RELATIME, MS_RELATIME },
	};
	unsigned long ms = MS_REMOUNT | MS_BIND;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (fs->f_flag & flags[i].st)
			ms |= flags[i].ms;
	}
	return ms;
}

static int sysctl_error_read_only(struct an_error *err, const char *name, const char *value)
{
	sysctl_error(err, EROFS, name, "write");
	error_remedy(err, "give the container CAP_SYS_ADMIN, or set it to '%s' from outside", value);
	return -EROFS;
}

/*
 * Nobody may have a file of it open to write meanwhile (EBUSY): another's write is soon over. Return: 0, or -1 with
 * errno set.
 */
static int sysctl_close_mount(const char *mount_point, unsigned long flags)
{
	int r;

	for (int i = 0; (r = mount(NULL, mount_point, NULL, flags, NULL)) < 0 && errno == EBUSY; i++) {
		if (i == SYSCTL_TRIES)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = SYSCTL_PAUSE_NS }, NULL);
	}
	return r;
}

/**
 * sysctl_write_remounted() - write to a read-only /proc/sys
 *
 * Container engines mount /proc/sys over itself, read-only. We lift that for the length of one write.
 * Whatever happens between, it is read-only again after: that call doesn't pass by the fault border. Another
 * process may do the same at the same time: so what is found now need not be what was there before, and the
 * other's end may come before our write, which is then tried again.
 *
 * Return: 0 or a negative errno, @err set.
 */
static int sysctl_write_remounted(const char *name, const char *path, const char *value, struct an_error *err)
{
	static const char mount_point[] = "/proc/sys";
	unsigned long flags;
	struct statvfs fs;
	int r = -EROFS;

	if (statvfs(mount_point, &fs) < 0)
		return sysctl_error(err, errno, name, "look at /proc/sys for");
	flags = sysctl_mount_flags(&fs) & ~(unsigned long)MS_RDONLY;
	for (int i = 0; r == -EROFS && i < SYSCTL_TRIES; i++) {
		if (fault_point("mount") < 0 || mount(NULL, mount_point, NULL, flags, NULL) < 0)
			return sysctl_error_read_only(err, name, value);
		r = sysctl_write(path, value);
	}
	if (sysctl_close_mount(mount_point, flags | MS_RDONLY) < 0) {
		sysctl_error(err, errno, name, "make /proc/sys read-only again after");
		return error_remedy(err, "mount -o remount,bind,ro %s", mount_point);
	}
	if (r == -EROFS)
		return sysctl_error_read_only(err, name, value);
	return r < 0 ? sysctl_error(err, -r, name, "write") : 0;
}

int sysctl_set(const char *name, const char *value, struct an_error *err)
{
	char path[PATH_MAX], old[SYSCTL_VALUE];
	int r = sysctl_path(name, path, err);

	if (r < 0)
		return r;
	/* What can't be read may be writable all the same: only its absence ends it here. */
	r = sysctl_read(path, old, sizeof(old));
	if (r == -ENOENT)
		return sysctl_error(err, ENOENT, name, "write");
	if (!r && sysctl_same(old, value))
		return 0;

	r = sysctl_write(path, value);
	if (r == -EROFS) {
		r = sysctl_write_remounted(name, path, value, err);
		return r < 0 ? r : 1;
	}
	if (r < 0) {
		sysctl_error(err, -r, name, "write");
		if (r == -EPERM || r == -EACCES)
			error_remedy(err, "run it as root, or set it to '%s' from outside", value);
		return r;
	}
	return 1;
}

int sysctl_set_list(const char *const list[][2], size_t n, struct an_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = sysctl_set(list[i][0], list[i][1], err);
		if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? r : 0;
}
