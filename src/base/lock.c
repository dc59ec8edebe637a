/* SPDX-License-Identifier: Apache-2.0 */
/* A lock between processes that dies with its holder. */
#include "base/lock.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LOCK_POLL_MIN_US 100U
#define LOCK_POLL_MAX_US 5000U

/* Directory of @path, made if missing. Return: descriptor or a negative errno. */
static int lock_directory(const char *path, const char **ret_name)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (!slash || slash == path)
		text_copy(dir, sizeof(dir), slash ? "/" : ".");
	else if ((size_t)(slash - path) >= sizeof(dir))
		return -ENAMETOOLONG;
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Open the lock file. Return: descriptor or a negative errno. */
static int lock_open(const char *path)
{
	_cleanup_fd_ int dir = -1, fd = -1;
	const char *name;
	struct stat st;

	dir = lock_directory(path, &name);
	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return take_fd(&fd);
}

/* Is the open file still the one of that path? Its last holder may have removed it while we waited. */
static bool lock_is_current(int fd, const char *path)
{
	struct stat held, there;

	return !fstat(fd, &held) && !lstat(path, &there) && held.st_dev == there.st_dev &&
	       held.st_ino == there.st_ino;
}

/*
 * Pid of the holder, 0 if not found. Lines read "1: FLOCK  ADVISORY  WRITE 742 00:19:1234 0 EOF"
 * (proc_locks(5)), those of waiters have "->" after the number.
 */
static int lock_holder(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	unsigned int dev_major, dev_minor;
	unsigned long inode;
	struct stat st;
	char line[256];
	int pid, found = 0;

	if (!locks)
		return 0;
	if (fstat(fd, &st) < 0)
		st.st_ino = 0;
	while (!found && fgets(line, sizeof(line), locks)) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &dev_major, &dev_minor, &inode) !=
		    4)
			continue;
		if (inode == st.st_ino && makedev(dev_major, dev_minor) == st.st_dev)
			found = pid;
	}
	fclose(locks);
	return found;
}

static int lock_error_busy(int fd, const char *path, unsigned int wait_ms, struct an_error *err)
{
	char comm_path[32], comm[32] = "";
	int pid = lock_holder(fd);

	if (pid <= 0) {
		error_set(err, AN_FAILED, EBUSY, path, "locked for over %u ms by another process", wait_ms);
		error_remedy(err, "wait until it has finished and try again");
		return -EBUSY;
	}
	snprintf(comm_path, sizeof(comm_path), "/proc/%d/comm", pid);
	text_read_file(AT_FDCWD, comm_path, comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = '\0';
	error_set(err, AN_FAILED, EBUSY, path, "locked for over %u ms by pid %d (%s)", wait_ms, pid,
		  comm[0] ? comm : "gone, a child of it holds on");
	error_remedy(err, "wait until it has finished and try again");
	return -EBUSY;
}

static int lock_error_open(int errnum, const char *path, struct an_error *err)
{
	int r = error_errno(err, AN_FAILED, errnum, path, "open lock file");

	if (errnum == EACCES || errnum == EPERM)
		error_remedy(err, "run it as root");
	if (errnum == EROFS)
		error_remedy(err, "its directory must be writable: mount a tmpfs there");
	if (errnum == ELOOP || errnum == ENOTDIR || errnum == EINVAL)
		error_remedy(err,
			     "remove what is at that path: it must be a plain file in a plain directory");
	return r;
}

/*
 * Try once. A file that is no more the one of its path is closed, held or not: @fd is -1 then.
 * Return: 1 if held, 0 if not, or a negative errno.
 */
static int lock_try(int *fd, const char *path)
{
	bool held = !flock(*fd, LOCK_EX | LOCK_NB);

	if (!held && errno != EWOULDBLOCK && errno != EINTR)
		return -errno;
	if (lock_is_current(*fd, path))
		return held;
	*fd = fd_close(*fd);
	return 0;
}

int lock_take(const char *path, unsigned int wait_ms, struct an_error *err)
{
	uint64_t deadline_us = clock_us() + wait_ms * (uint64_t)1000;
	unsigned int pause_us = LOCK_POLL_MIN_US;
	_cleanup_fd_ int fd = -1;

	/* flock(2) knows no time limit, and a signal to end it is the caller's business: so ask repeatedly. */
	for (;;) {
		int r;

		if (fd < 0)
			fd = lock_open(path);
		if (fd < 0)
			return lock_error_open(-fd, path, err);
		r = lock_try(&fd, path);
		if (r < 0)
			return error_errno(err, AN_FAILED, -r, path, "lock");
		if (r > 0)
			return take_fd(&fd);
		if (fd < 0)
			continue;
		if (clock_us() >= deadline_us)
			return lock_error_busy(fd, path, wait_ms, err);
		nanosleep(&(struct timespec){ .tv_nsec = (long)pause_us * 1000 }, NULL);
		pause_us = pause_us * 2 > LOCK_POLL_MAX_US ? LOCK_POLL_MAX_US : pause_us * 2;
	}
}

void lock_drop(int fd)
{
	if (fd < 0)
		return;
	/* Not by closing alone: a child that was just forked has the descriptor too, until it calls exec. */
	flock(fd, LOCK_UN);
	fd_close(fd);
}

void lock_remove(int fd, const char *path)
{
	if (fd >= 0 && lock_is_current(fd, path))
		unlink(path);
	lock_drop(fd);
}
