/* SPDX-License-Identifier: Apache-2.0 */
/* Names from the wire that become paths, and an actor's directory, in which no symbolic link is followed. */
#ifndef ATEOM_PATHS_H
#define ATEOM_PATHS_H

#include <actornet/error.h>
#include <limits.h>
#include <sys/types.h>

#define PATHS_SEGMENT_MAX 255 /* bytes of a name (NAME_MAX) */

/**
 * paths_segment_check() - may this be one segment of a path?
 * @what: which name it is, for the error
 * Return: 0, or -EINVAL (AN_USAGE): empty, ".", "..", with a slash, longer than PATHS_SEGMENT_MAX.
 */
int paths_segment_check(const char *what, const char *name, struct an_error *err);

/**
 * struct actor_dir - an actor's directory, <base>/actors/<template namespace>:<template>:<actor>
 * @fd:   -1: not open
 * @path: absolute
 */
struct actor_dir {
	int fd;
	char path[PATH_MAX - 2 * (PATHS_SEGMENT_MAX + 1)];
};

/* Room for a path in an actor's directory, two segments deep. */
#define ACTOR_DIR_PATH PATH_MAX

/**
 * actor_dir_open() - open it
 * @base: of the program; symbolic links in it are the operator's, and followed
 * @key:  "<template namespace>:<template>:<actor>", a segment
 * Return: 0 or a negative errno: ENOENT (AN_USAGE), EINVAL (AN_USAGE: a link, or no directory).
 */
int actor_dir_open(struct actor_dir *ret_dir, const char *base, const char *key, struct an_error *err);
/** actor_dir_close() - for _cleanup_(). */
void actor_dir_close(struct actor_dir *dir);

/**
 * actor_dir_find() - something in it is there, and no part of the way is a link
 * @below: "bundles/web/config.json"
 * @type:  S_IFREG or S_IFDIR: what it must be
 * Return: an O_PATH descriptor, or a negative errno: ENOENT (AN_USAGE), EINVAL (AN_USAGE).
 */
int actor_dir_find(const struct actor_dir *dir, const char *below, mode_t type, struct an_error *err);
/** actor_dir_make() - make a directory of it, mode 0700, unless it is there. Return: 0, or as actor_dir_find(). */
int actor_dir_make(const struct actor_dir *dir, const char *name, struct an_error *err);
/** actor_dir_path() - the path of something in it, for a program. Return: @buf. */
const char *actor_dir_path(const struct actor_dir *dir, const char *below, char buf[static ACTOR_DIR_PATH]);

/**
 * actor_dir_files() - the regular files in one of its directories
 * @ret_names: [*@ret_n] names, sorted bytewise, then NULL; names and list are one block for free()
 * Return: 0 or a negative errno.
 */
int actor_dir_files(const struct actor_dir *dir, const char *name, char ***ret_names, size_t *ret_n,
		    struct an_error *err);
/** actor_dir_clear() - remove all but directories in one of its directories. Return: 0 or a negative errno. */
int actor_dir_clear(const struct actor_dir *dir, const char *name, struct an_error *err);
/** actor_dir_remove() - remove a file in a directory of its, if both are there. */
void actor_dir_remove(const struct actor_dir *dir, const char *below, const char *name);
/** actor_dir_remove_each() - remove a file of that name in each directory in one of its directories. */
void actor_dir_remove_each(const struct actor_dir *dir, const char *below, const char *name);

/**
 * paths_mount_check() - may this be a mount point in a container: absolute, no ".." in it?
 * Return: 0 or -EINVAL (AN_USAGE).
 */
int paths_mount_check(const char *what, const char *mount, struct an_error *err);

#endif
