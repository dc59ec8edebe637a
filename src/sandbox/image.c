/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that hold a snapshot of a sandbox. */
#include "sandbox/image.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* gVisor's names: the kernel's state, and beside it, unless compressed, the memory. */
#define IMAGE_STATE "checkpoint.img"
#define IMAGE_PAGES "pages.img"

int image_open(struct image *ret_image, const char *dir, struct an_error *err)
{
	struct image image = { .background = false };
	_cleanup_fd_ int dirfd = -1, direct = -1;
	int r;

	if (!realpath(dir, image.dir))
		return error_errno(err, AN_USAGE, errno, dir[0] ? dir : "image", "open snapshot");
	dirfd = open(image.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return error_errno(err, AN_USAGE, errno, dir, "open snapshot");
	if (faccessat(dirfd, IMAGE_STATE, R_OK, 0) < 0) {
		r = error_errno(err, AN_USAGE, errno, dir, "is no snapshot: open " IMAGE_STATE);
		error_remedy(err, "name the directory that `actornet checkpoint` wrote");
		return r;
	}
	image.background = !faccessat(dirfd, IMAGE_PAGES, R_OK, 0);
	direct = openat(dirfd, IMAGE_PAGES, O_RDONLY | O_DIRECT | O_CLOEXEC);
	image.direct = direct >= 0;
	*ret_image = image;
	return 0;
}

/* Return: 1 if nothing is in it, 0 if something is, or a negative errno. */
static int image_is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int empty = 1;

	if (!d)
		return -errno;
	while (empty && (entry = readdir(d)))
		empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
	closedir(d);
	return empty;
}

int image_make(const char *dir, char ret_dir[static PATH_MAX], struct an_error *err)
{
	int empty, made;

	if (!dir[0])
		return error_set(err, AN_USAGE, EINVAL, "image", "path is empty");
	/* It will hold the memory of the actor, secrets and all. */
	made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return error_errno(err, AN_FAILED, errno, dir, "make snapshot directory");
	empty = image_is_empty(dir);
	if (empty < 0)
		return error_errno(err, AN_USAGE, -empty, dir, "open snapshot directory");
	if (!empty) {
		error_set(err, AN_CONFLICT, EEXIST, dir, "snapshot directory is not empty");
		error_remedy(err, "name a new directory, or empty this one");
		return -EEXIST;
	}
	if (!realpath(dir, ret_dir))
		return error_errno(err, AN_FAILED, errno, dir, "open snapshot directory");
	return made;
}

void image_discard(const char *dir, int made)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		return;
	/* It was empty, so what is in it was written by the checkpoint: plain files. */
	while ((entry = readdir(d)))
		unlinkat(dirfd(d), entry->d_name, 0);
	closedir(d);
	if (made)
		rmdir(dir);
}
