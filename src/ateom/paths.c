/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from the wire that become paths, and an actor's directory, in which no symbolic link is followed.
 *
 * The way is walked segment by segment with O_NOFOLLOW, which every kernel and every pod's seccomp filter lets us do
 * (openat2(2) is refused by older filters).
 */
#include "ateom/paths.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int paths_segment_check(const char *what, const char *name, struct an_error *err)
{
	size_t len = strlen(name);

	if (len == 0)
		return error_set(err, AN_USAGE, EINVAL, what, "is empty");
	if (!strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
		return error_set(err, AN_USAGE, EINVAL, what, "'%.64s' is not one segment of a path", name);
	if (len > PATHS_SEGMENT_MAX)
		return error_set(err, AN_USAGE, EINVAL, what, "is longer than %d bytes", PATHS_SEGMENT_MAX);
	return 0;
}

/* Open one segment. Return: an O_PATH descriptor, or a negative errno: ELOOP: it is a link. */
static int paths_step(int dirfd, const char *name, struct stat *ret_st)
{
	_cleanup_fd_ int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	/* With O_PATH a link itself is opened (open(2)). */
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	return S_ISLNK(ret_st->st_mode) ? -ELOOP : take_fd(&fd);
}

/* The descriptor of @below, whose type is in @ret_st, or a negative errno. */
static int paths_walk(int dirfd, const char *below, struct stat *ret_st)
{
	_cleanup_fd_ int fd = -1;
	char name[PATHS_SEGMENT_MAX + 1];

	for (;;) {
		size_t len = strcspn(below, "/");
		int next;

		if (len >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, below, len);
		name[len] = '\0';
		next = paths_step(fd < 0 ? dirfd : fd, name, ret_st);
		if (next < 0 || !below[len])
			return next;
		fd_close(fd);
		fd = next;
		below += len + 1;
	}
}

static int paths_error(const char *path, int errnum, struct an_error *err)
{
	if (errnum == ENOENT)
		return error_set(err, AN_USAGE, ENOENT, path, "there is none");
	if (errnum == ELOOP)
		return error_set(err, AN_USAGE, EINVAL, path, "is a symbolic link, which is not followed");
	if (errnum == ENOTDIR)
		return error_set(err, AN_USAGE, EINVAL, path, "is not a directory");
	return error_errno(err, AN_FAILED, errnum, path, "open");
}

int actor_dir_open(struct actor_dir *ret_dir, const char *base, const char *key, struct an_error *err)
{
	struct actor_dir dir;
	_cleanup_fd_ int actors = -1;
	struct stat st = { .st_mode = 0 };

	if (snprintf(dir.path, sizeof(dir.path), "%s/actors/%s", base, key) >= (int)sizeof(dir.path))
		return error_set(err, AN_USAGE, EINVAL, key, "makes too long a path");
	actors = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (actors >= 0) {
		int fd = paths_step(actors, "actors", &st);

		fd_close(actors);
		actors = fd;
	} else {
		actors = -errno;
	}
	dir.fd = actors < 0 ? actors : paths_step(actors, key, &st);
	if (dir.fd < 0)
		return paths_error(dir.path, -dir.fd, err);
	if (!S_ISDIR(st.st_mode)) {
		fd_close(dir.fd);
		return paths_error(dir.path, ENOTDIR, err);
	}
	*ret_dir = dir;
	return 0;
}

void actor_dir_close(struct actor_dir *dir)
{
	dir->fd = fd_close(dir->fd);
}

const char *actor_dir_path(const struct actor_dir *dir, const char *below, char buf[static ACTOR_DIR_PATH])
{
	struct text t = text_over(buf, ACTOR_DIR_PATH);

	text_add(&t, "%s/%s", dir->path, below);
	return buf;
}

int actor_dir_find(const struct actor_dir *dir, const char *below, mode_t type, struct an_error *err)
{
	char path[ACTOR_DIR_PATH];
	struct stat st = { .st_mode = 0 };
	_cleanup_fd_ int fd = paths_walk(dir->fd, below, &st);

	actor_dir_path(dir, below, path);
	if (fd < 0)
		return paths_error(path, -fd, err);
	if ((st.st_mode & S_IFMT) != type)
		return type == S_IFDIR ? paths_error(path, ENOTDIR, err)
				       : error_set(err, AN_USAGE, EINVAL, path, "is not a regular file");
	return take_fd(&fd);
}

int actor_dir_make(const struct actor_dir *dir, const char *name, struct an_error *err)
{
	char path[ACTOR_DIR_PATH];
	int fd;

	if (mkdirat(dir->fd, name, 0700) < 0 && errno != EEXIST)
		return error_errno(err, AN_FAILED, errno, actor_dir_path(dir, name, path), "make directory");
	fd = actor_dir_find(dir, name, S_IFDIR, err);
	fd_close(fd);
	return fd < 0 ? fd : 0;
}

/* Open a directory for reading. Return: it, or NULL with @err set. */
static DIR *actor_dir_list(const struct actor_dir *dir, const char *name, struct an_error *err)
{
	char path[ACTOR_DIR_PATH];
	int fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		paths_error(actor_dir_path(dir, name, path), errno, err);
		fd_close(fd);
	}
	return d;
}

static bool paths_is(DIR *d, const struct dirent *entry, mode_t type)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return (mode_t)DTTOIF(entry->d_type) == type;
	return !fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && (st.st_mode & S_IFMT) == type;
}

static int paths_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Pointers before the names that they point to. Return: the block, or NULL without memory. */
static char **paths_list(const char *names, size_t size, size_t n)
{
	char **list = malloc((n + 1) * sizeof(*list) + size);
	char *to;

	if (!list)
		return NULL;
	to = (char *)(list + n + 1);
	if (size)
		memcpy(to, names, size);
	for (size_t i = 0; i < n; i++) {
		list[i] = to;
		to += strlen(to) + 1;
	}
	list[n] = NULL;
	qsort(list, n, sizeof(*list), paths_compare);
	return list;
}

/* Add a name to [@size] bytes of them. Return: 0 or -ENOMEM. */
static int paths_add(char **names, size_t *size, const char *name)
{
	size_t len = strlen(name) + 1;
	char *more = realloc(*names, *size + len);

	if (!more)
		return -ENOMEM;
	memcpy(more + *size, name, len);
	*names = more;
	*size += len;
	return 0;
}

int actor_dir_files(const struct actor_dir *dir, const char *name, char ***ret_names, size_t *ret_n,
		    struct an_error *err)
{
	DIR *d = actor_dir_list(dir, name, err);
	char *names = NULL;
	const struct dirent *entry;
	char **list = NULL;
	size_t size = 0, n = 0;
	int r = 0;

	if (!d)
		return err ? -err->err : -EIO;
	while (r == 0 && (entry = readdir(d))) {
		if (!paths_is(d, entry, S_IFREG))
			continue;
		r = paths_add(&names, &size, entry->d_name);
		n++;
	}
	closedir(d);
	if (r == 0)
		list = paths_list(names, size, n);
	free(names);
	if (!list)
		return error_errno(err, AN_FAILED, ENOMEM, name, "list");
	*ret_names = list;
	*ret_n = n;
	return 0;
}

int actor_dir_clear(const struct actor_dir *dir, const char *name, struct an_error *err)
{
	DIR *d = actor_dir_list(dir, name, err);
	struct dirent *entry;
	int r = 0;

	if (!d)
		return err ? -err->err : -EIO;
	while (r == 0 && (entry = readdir(d))) {
		if (!paths_is(d, entry, S_IFDIR) && unlinkat(dirfd(d), entry->d_name, 0) < 0)
			r = error_errno(err, AN_FAILED, errno, name, "remove %.64s", entry->d_name);
	}
	closedir(d);
	return r;
}

void actor_dir_remove(const struct actor_dir *dir, const char *below, const char *name)
{
	int fd = actor_dir_find(dir, below, S_IFDIR, NULL);

	if (fd >= 0)
		unlinkat(fd, name, 0);
	fd_close(fd);
}

void actor_dir_remove_each(const struct actor_dir *dir, const char *below, const char *name)
{
	DIR *d = actor_dir_list(dir, below, NULL);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d))) {
		int fd = openat(dirfd(d), entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(fd, name, 0);
		fd_close(fd);
	}
	closedir(d);
}

int paths_mount_check(const char *what, const char *mount, struct an_error *err)
{
	if (mount[0] != '/' || strlen(mount) >= PATH_MAX)
		return error_set(err, AN_USAGE, EINVAL, what, "'%.64s' is not an absolute path", mount);
	for (const char *at = mount; *at; at += strcspn(at, "/")) {
		at++;
		if (strcspn(at, "/") == 2 && !memcmp(at, "..", 2))
			return error_set(err, AN_USAGE, EINVAL, what, "'%.64s' has .. in it", mount);
	}
	return 0;
}
