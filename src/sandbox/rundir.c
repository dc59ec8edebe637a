/* SPDX-License-Identifier: Apache-2.0 */
/* The run directory of a sandbox: one an actor and worker, locked while someone works on it. */
#include "sandbox/rundir.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/text.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RUNDIR_LOCK	    "lock"
#define RUNDIR_LOCK_WAIT_MS 2000U
#define RUNDIR_ATTEMPTS	    10
#define RUNDIR_RECORD_MAX   (3 * PATH_MAX)
#define RUNDIR_REMOVE_DEPTH 16

const char *rundir_path(const struct rundir *dir, const char *name, char buf[static RUNDIR_PATH])
{
	/* Fits: base, inode and actor take 170 bytes at most, names in it 16. */
	snprintf(buf, RUNDIR_PATH, "%.*s/%s", RUNDIR_PATH - 32, dir->path, name);
	return buf;
}

/* Make a directory and those above it. Return: 0 or a negative errno. */
static int rundir_mkdir(const char *path)
{
	char buf[RUNDIR_PATH];

	text_copy(buf, sizeof(buf), path);
	for (char *slash = strchr(buf + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(buf, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(buf, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* Name it. Return: 0 or a negative errno. */
static int rundir_init(struct rundir *dir, uint64_t inode, const char *actor, struct an_error *err)
{
	*dir = (struct rundir){ .lock = -1 };
	if (an_actor_name_check(actor, err) < 0)
		return -EINVAL;
	snprintf(dir->path, sizeof(dir->path), RUNDIR_BASE "/%" PRIu64 "/%s", inode, actor);
	return 0;
}

/* Lock it. Return: as rundir_open(). */
static int rundir_lock(struct rundir *dir, struct an_error *err)
{
	char path[RUNDIR_PATH];
	struct an_error why = { 0 };

	dir->lock = lock_take(rundir_path(dir, RUNDIR_LOCK, path), RUNDIR_LOCK_WAIT_MS, &why);
	if (dir->lock >= 0)
		return access(rundir_path(dir, RUNDIR_RECORD, path), F_OK) < 0;
	if (dir->lock != -ENOENT && err)
		*err = why;
	return dir->lock;
}

int rundir_make(struct rundir *ret_dir, uint64_t inode, const char *actor, struct an_error *err)
{
	struct rundir dir;
	int r = rundir_init(&dir, inode, actor, err);

	/* Whoever had it before us may remove it, and those above, while we make it or wait for it. */
	for (int attempt = 0; attempt < RUNDIR_ATTEMPTS && (r == 0 || r == -ENOENT); attempt++) {
		r = rundir_mkdir(dir.path);
		if (r == 0) {
			r = rundir_lock(&dir, err);
			if (r >= 0) {
				*ret_dir = dir;
				return r;
			}
			if (r != -ENOENT)
				return r;
		}
	}
	return r == -EINVAL ? r : error_errno(err, AN_FAILED, -r, dir.path, "make run directory");
}

int rundir_open(struct rundir *ret_dir, uint64_t inode, const char *actor, struct an_error *err)
{
	struct rundir dir;
	int r = rundir_init(&dir, inode, actor, err);

	if (r == 0 && access(dir.path, F_OK) < 0)
		r = -errno;
	if (r == 0) {
		r = rundir_lock(&dir, err);
		if (r >= 0)
			*ret_dir = dir;
	}
	return r;
}

void rundir_close(struct rundir *dir)
{
	lock_drop(dir->lock);
	dir->lock = -1;
}

static int rundir_remove_entry(const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)st;
	(void)type;
	/* The lock file goes last, with the directory: until then others wait for it. */
	if (place->level == 1 && !strcmp(path + place->base, RUNDIR_LOCK))
		return 0;
	if (place->level > 0)
		remove(path);
	return 0;
}

void rundir_remove(struct rundir *dir)
{
	char path[RUNDIR_PATH];

	if (dir->lock < 0)
		return;
	nftw(dir->path, rundir_remove_entry, RUNDIR_REMOVE_DEPTH, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	unlink(rundir_path(dir, RUNDIR_LOCK, path));
	rmdir(dir->path);
	/* Those above go with the last one; others' fail with ENOTEMPTY. */
	snprintf(path, sizeof(path), "%s", dir->path);
	*strrchr(path, '/') = '\0';
	if (!rmdir(path))
		rmdir(RUNDIR_BASE);
	rundir_close(dir);
}

int rundir_write(const struct rundir *dir, const char *name, const char *text, unsigned int mode,
		 struct an_error *err)
{
	_cleanup_fd_ int fd = -1;
	char path[RUNDIR_PATH];
	size_t len = strlen(text);
	ssize_t n;

	fd = open(rundir_path(dir, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return error_errno(err, AN_FAILED, errno, path, "open");
	n = write(fd, text, len);
	if (n < 0 || (size_t)n != len)
		return error_errno(err, AN_FAILED, n < 0 ? errno : ENOSPC, path, "write");
	return 0;
}

int rundir_record_write(const struct rundir *dir, const struct rundir_record *record, struct an_error *err)
{
	json_t *value =
		json_pack("{s:i, s:s, s:s, s:s, s:I}", "schema", 1, "runsc", record->runsc, "id", record->id,
			  "slot", record->slot, "generation", (json_int_t)record->generation);
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	json_decref(value);
	if (!text)
		return error_errno(err, AN_FAILED, ENOMEM, dir->path, "record the sandbox");
	return rundir_write(dir, RUNDIR_RECORD, text, 0600, err);
}

int rundir_record_read(const struct rundir *dir, struct rundir_record *ret_record)
{
	struct rundir_record record = { .generation = 0 };
	const char *runsc = NULL, *id = NULL, *slot = NULL;
	char path[RUNDIR_PATH], text[RUNDIR_RECORD_MAX];
	json_int_t generation = 0;
	int r, len = text_read_file(AT_FDCWD, rundir_path(dir, RUNDIR_RECORD, path), text, sizeof(text));
	json_t *value;

	if (len < 0)
		return len;
	value = json_loadb(text, (size_t)len, 0, NULL);
	r = json_unpack(value, "{s:s, s:s, s:s, s:I}", "runsc", &runsc, "id", &id, "slot", &slot,
			"generation", &generation);
	if (r < 0 || text_copy(record.runsc, sizeof(record.runsc), runsc) < 0 ||
	    text_copy(record.id, sizeof(record.id), id) < 0 ||
	    text_copy(record.slot, sizeof(record.slot), slot) < 0) {
		json_decref(value);
		return -EINVAL;
	}
	record.generation = (uint64_t)generation;
	json_decref(value);
	*ret_record = record;
	return 0;
}
