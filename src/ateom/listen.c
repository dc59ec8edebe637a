/* SPDX-License-Identifier: Apache-2.0 */
/* The unix socket that callers find by its path. */
#include "ateom/listen.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define LISTEN_BACKLOG 128

/* Make the folders above and the one that holds the socket. Return: that one's descriptor, or a negative errno. */
static int listen_folder(const char *path, struct an_error *err)
{
	char folder[sizeof(((struct listen *)NULL)->path)];
	_cleanup_fd_ int fd = -1;
	struct stat st;
	char *slash;

	text_copy(folder, sizeof(folder), path);
	*strrchr(folder, '/') = '\0';
	for (slash = folder; slash; *slash = '/') {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(folder, 0700) < 0 && errno != EEXIST)
			return error_errno(err, AN_FAILED, errno, folder, "make the folder");
		if (!slash)
			break;
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, AN_FAILED, errno, folder, "open the folder");
	/* Whoever may connect may run programs as us. */
	if (st.st_uid != geteuid())
		return error_set(err, AN_FAILED, EPERM, folder, "belongs to user %u", st.st_uid);
	if (st.st_mode & S_ISVTX)
		return error_set(err, AN_FAILED, EPERM, folder, "is shared, as its sticky bit says");
	if ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
		return error_errno(err, AN_FAILED, errno, folder, "set its mode to 0700");
	return take_fd(&fd);
}

/* From the look whether somebody listens until we do, no other may do the same. Return: 0 or a negative errno. */
static int listen_lock(int folder_fd, const char *path, struct an_error *err)
{
	if (flock(folder_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return error_errno(err, AN_FAILED, errno, path, "lock its folder");
	error_set(err, AN_CONFLICT, EADDRINUSE, path, "another server is starting there");
	error_remedy(err, "choose another --pod-uid");
	return -EADDRINUSE;
}

/* Remove a socket that nobody listens on. Return: 0 or a negative errno. */
static int listen_clear(int folder_fd, const struct sockaddr_un *address, struct an_error *err)
{
	const char *name = strrchr(address->sun_path, '/') + 1;
	_cleanup_fd_ int probe = -1;
	struct stat st;

	if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_errno(err, AN_FAILED, errno, address->sun_path, "look");
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, AN_CONFLICT, EEXIST, address->sun_path, "is there and is no socket");
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return error_errno(err, AN_FAILED, errno, address->sun_path, "open a socket");
	/* EAGAIN: its backlog is full, so it has one. */
	if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN) {
		error_set(err, AN_CONFLICT, EADDRINUSE, address->sun_path, "another server listens there");
		error_remedy(err, "end it first, or choose another --pod-uid");
		return -EADDRINUSE;
	}
	if (unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT)
		return error_errno(err, AN_FAILED, errno, address->sun_path, "remove the stale socket");
	return 0;
}

int listen_open(struct listen *ret_listen, const char *path, struct an_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1, folder_fd = -1;
	struct listen listening = { .fd = -1 };
	struct stat st;
	int r;

	if (path[0] != '/' || path[strlen(path) - 1] == '/' || strrchr(path, '/') == path)
		return error_set(err, AN_USAGE, EINVAL, path,
				 "is not the absolute path of a file in a folder");
	if (text_copy(address.sun_path, sizeof(address.sun_path), path) < 0) {
		error_set(err, AN_USAGE, ENAMETOOLONG, path, "is longer than %zu bytes",
			  sizeof(address.sun_path) - 1);
		error_remedy(err, "use a shorter --base-dir");
		return -ENAMETOOLONG;
	}
	text_copy(listening.path, sizeof(listening.path), path);
	folder_fd = listen_folder(path, err);
	if (folder_fd < 0)
		return folder_fd;
	r = listen_lock(folder_fd, path, err);
	if (r == 0)
		r = listen_clear(folder_fd, &address, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file gets the mode that the socket has (unix(7): less the umask). */
	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return error_errno(err, AN_FAILED, errno, path, "listen");
	if (lstat(path, &st) < 0)
		return error_errno(err, AN_FAILED, errno, path, "look");
	listening.dev = st.st_dev;
	listening.ino = st.st_ino;
	listening.fd = take_fd(&fd);
	*ret_listen = listening;
	return 0;
}

void listen_close(struct listen *listen)
{
	struct stat st;

	if (listen->fd < 0)
		return;
	/* In this order: while we listen nobody replaces the file, and its inode number is not given to another. */
	if (lstat(listen->path, &st) == 0 && st.st_dev == listen->dev && st.st_ino == listen->ino)
		unlink(listen->path);
	listen->fd = fd_close(listen->fd);
}
