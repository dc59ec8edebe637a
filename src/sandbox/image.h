/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that hold a snapshot of a sandbox. */
#ifndef SANDBOX_IMAGE_H
#define SANDBOX_IMAGE_H

#include <actornet/error.h>
#include <limits.h>
#include <stdbool.h>

/**
 * struct image - a snapshot to restore
 * @dir:        absolute, without symbolic links
 * @background: its pages may be read after the sandbox has gone on: they lie in a file of their own, uncompressed
 * @direct:     its file system can read past the page cache
 */
struct image {
	char dir[PATH_MAX];
	bool background;
	bool direct;
};

/** image_open() - look at a snapshot. Return: 0 or a negative errno: ENOENT (AN_USAGE: there is none). */
int image_open(struct image *ret_image, const char *dir, struct an_error *err);

/**
 * image_make() - a directory to write a snapshot into: made, mode 0700, or there and empty
 * Return: 1 if it was made, 0 if it was there, or a negative errno: EEXIST (AN_CONFLICT: something is in it).
 */
int image_make(const char *dir, char ret_dir[static PATH_MAX], struct an_error *err);
/** image_discard() - take back a snapshot that was not finished; @made: and the directory. */
void image_discard(const char *dir, int made);

#endif
