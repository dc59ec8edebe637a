/* SPDX-License-Identifier: Apache-2.0 */
/* OCI bundles: read from wherever they come, and written again for a slot; the one on disk is never changed. */
#include "sandbox/bundle.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BUNDLE_CONFIG_MAX 4194304
#define BUNDLE_RESOLV_MAX 4096
#define BUNDLE_RESOLV	  "/etc/resolv.conf"

/* An error in the file: @where is a path in it, e.g. "process.args". */
static int bundle_error(const struct bundle *bundle, struct an_error *err, const char *where, const char *why)
{
	return error_set(err, AN_USAGE, EINVAL, bundle->dir, "config.json: %s %s", where, why);
}

/* A member that, where it is there, must be of this type. Return: 0 or -EINVAL. */
static int bundle_check_type(const struct bundle *bundle, const char *key, json_type type,
			     struct an_error *err)
{
	json_t *value = json_object_get(bundle->config, key);

	if (value && json_typeof(value) != type)
		return bundle_error(bundle, err, key,
				    type == JSON_OBJECT ? "is not an object" : "is not an array");
	return 0;
}

static int bundle_check_process(const struct bundle *bundle, struct an_error *err)
{
	json_t *args = json_object_get(json_object_get(bundle->config, "process"), "args"), *arg;
	size_t i;

	if (bundle_check_type(bundle, "process", JSON_OBJECT, err) < 0)
		return -EINVAL;
	if (json_array_size(args) == 0)
		return bundle_error(bundle, err, "process.args", "names no program");
	json_array_foreach (args, i, arg) {
		if (!json_is_string(arg))
			return bundle_error(bundle, err, "process.args", "holds something else than text");
	}
	return 0;
}

static int bundle_check_root(const struct bundle *bundle, struct an_error *err)
{
	json_t *path = json_object_get(json_object_get(bundle->config, "root"), "path");

	if (bundle_check_type(bundle, "root", JSON_OBJECT, err) < 0)
		return -EINVAL;
	if (json_string_length(path) == 0)
		return bundle_error(bundle, err, "root.path", "is missing");
	return 0;
}

static int bundle_check_mounts(const struct bundle *bundle, struct an_error *err)
{
	json_t *mounts = json_object_get(bundle->config, "mounts"), *mount;
	size_t i;

	if (bundle_check_type(bundle, "mounts", JSON_ARRAY, err) < 0)
		return -EINVAL;
	json_array_foreach (mounts, i, mount) {
		const char *destination = json_string_value(json_object_get(mount, "destination"));

		if (!destination || destination[0] != '/')
			return bundle_error(bundle, err, "mounts",
					    "has one whose destination is no absolute path");
	}
	return 0;
}

static int bundle_check_linux(const struct bundle *bundle, struct an_error *err)
{
	json_t *namespaces = json_object_get(json_object_get(bundle->config, "linux"), "namespaces"), *space;
	size_t i;

	if (bundle_check_type(bundle, "linux", JSON_OBJECT, err) < 0)
		return -EINVAL;
	if (namespaces && !json_is_array(namespaces))
		return bundle_error(bundle, err, "linux.namespaces", "is not an array");
	json_array_foreach (namespaces, i, space) {
		if (!json_is_string(json_object_get(space, "type")))
			return bundle_error(bundle, err, "linux.namespaces", "has one without a type");
	}
	return 0;
}

/* Read the file. Return: 0 or a negative errno. */
static int bundle_read(struct bundle *bundle, struct an_error *err)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX + 16];
	json_error_t why;
	int len;

	snprintf(path, sizeof(path), "%s/config.json", bundle->dir);
	text = malloc(BUNDLE_CONFIG_MAX);
	if (!text)
		return error_errno(err, AN_FAILED, ENOMEM, path, "read");
	len = text_read_file(AT_FDCWD, path, text, BUNDLE_CONFIG_MAX);
	if (len == -EFBIG)
		return error_set(err, AN_USAGE, EFBIG, path, "longer than %d bytes", BUNDLE_CONFIG_MAX - 1);
	if (len < 0) {
		error_errno(err, AN_USAGE, -len, path, "read");
		if (len == -ENOENT)
			error_remedy(
				err,
				"--bundle names the directory that holds config.json and the root file system");
		return len;
	}
	bundle->config = json_loadb(text, (size_t)len, 0, &why);
	if (!bundle->config)
		return error_set(err, AN_USAGE, EINVAL, path, "line %d: %s", why.line, why.text);
	if (!json_is_object(bundle->config))
		return bundle_error(bundle, err, "the whole", "is not an object");
	return 0;
}

int bundle_load(struct bundle *ret_bundle, const char *dir, struct an_error *err)
{
	_cleanup_(bundle_fini) struct bundle bundle = { .config = NULL };
	int r;

	if (!dir[0])
		return error_set(err, AN_USAGE, EINVAL, "bundle", "path is empty");
	if (!realpath(dir, bundle.dir))
		return error_errno(err, AN_USAGE, errno, dir, "open bundle");
	r = bundle_read(&bundle, err);
	if (r < 0)
		return r;
	if (bundle_check_process(&bundle, err) < 0 || bundle_check_root(&bundle, err) < 0 ||
	    bundle_check_mounts(&bundle, err) < 0 || bundle_check_linux(&bundle, err) < 0)
		return -EINVAL;
	*ret_bundle = bundle;
	bundle.config = NULL;
	return 0;
}

void bundle_fini(struct bundle *bundle)
{
	json_decref(bundle->config);
	bundle->config = NULL;
}

/* jansson's setters fail without memory, or on text that is no UTF-8 (a path may be that). */
static int bundle_error_set(const struct bundle *bundle, struct an_error *err, const char *where)
{
	return bundle_error(bundle, err, where, "can't be set: out of memory, or a path that is no UTF-8");
}

/* A path in the bundle as seen from anywhere. Return: 0 or a negative errno. */
static int bundle_resolve(const struct bundle *bundle, const char *path, char ret[static PATH_MAX])
{
	char joined[PATH_MAX];
	int n = path[0] == '/' ? snprintf(joined, sizeof(joined), "%s", path)
			       : snprintf(joined, sizeof(joined), "%s/%s", bundle->dir, path);

	if (n < 0 || (size_t)n >= sizeof(joined))
		return -ENAMETOOLONG;
	return realpath(joined, ret) ? 0 : -errno;
}

static int bundle_localize_root(struct bundle *bundle, struct an_error *err)
{
	json_t *root = json_object_get(bundle->config, "root");
	const char *path = json_string_value(json_object_get(root, "path"));
	char full[PATH_MAX];
	struct stat st;
	int r = bundle_resolve(bundle, path, full);

	if (r < 0)
		return error_errno(err, AN_USAGE, -r, path, "open the bundle's root file system");
	if (stat(full, &st) < 0 || !S_ISDIR(st.st_mode))
		return bundle_error(bundle, err, "root.path", "is not a directory");
	if (json_object_set_new(root, "path", json_string(full)) < 0)
		return bundle_error_set(bundle, err, "root.path");
	return 0;
}

/* Is it a bind mount? Runtimes go by the options, since the type means nothing then (mount(2), MS_BIND). */
static bool bundle_mount_is_bind(const json_t *mount)
{
	const char *type = json_string_value(json_object_get(mount, "type"));
	json_t *options = json_object_get(mount, "options"), *option;
	size_t i;

	json_array_foreach (options, i, option) {
		const char *word = json_string_value(option);

		if (word && (!strcmp(word, "bind") || !strcmp(word, "rbind")))
			return true;
	}
	return type && !strcmp(type, "bind");
}

int bundle_localize(struct bundle *bundle, struct an_error *err)
{
	json_t *process = json_object_get(bundle->config, "process");
	json_t *mounts = json_object_get(bundle->config, "mounts"), *mount;
	char full[PATH_MAX];
	size_t i;
	int r = bundle_localize_root(bundle, err);

	if (r < 0)
		return r;
	json_array_foreach (mounts, i, mount) {
		const char *source = json_string_value(json_object_get(mount, "source"));

		/* One that doesn't exist is left to the runtime's own words. */
		if (!source || source[0] == '/' || !bundle_mount_is_bind(mount) ||
		    bundle_resolve(bundle, source, full) < 0)
			continue;
		if (json_object_set_new(mount, "source", json_string(full)) < 0)
			return bundle_error_set(bundle, err, "mounts");
	}
	if (json_is_true(json_object_get(process, "terminal")) &&
	    json_object_set_new(process, "terminal", json_false()) < 0)
		return bundle_error_set(bundle, err, "process.terminal");
	return 0;
}

/* A member of an object, made if missing. Return: it, or NULL without memory. */
static json_t *bundle_make(json_t *object, const char *key, json_t *empty)
{
	json_t *value = json_object_get(object, key);

	if (value) {
		json_decref(empty);
		return value;
	}
	return json_object_set_new(object, key, empty) < 0 ? NULL : empty;
}

int bundle_set_netns(struct bundle *bundle, const char *path, struct an_error *err)
{
	json_t *platform = bundle_make(bundle->config, "linux", json_object());
	json_t *namespaces = bundle_make(platform, "namespaces", json_array()), *space;
	bool found = false;
	size_t i;

	json_array_foreach (namespaces, i, space) {
		if (strcmp(json_string_value(json_object_get(space, "type")), "network") != 0)
			continue;
		if (json_object_set_new(space, "path", json_string(path)) < 0)
			return bundle_error_set(bundle, err, "linux.namespaces");
		found = true;
	}
	if (found)
		return 0;
	space = json_pack("{s:s, s:s}", "type", "network", "path", path);
	if (json_array_append_new(namespaces, space) < 0)
		return bundle_error_set(bundle, err, "linux.namespaces");
	return 0;
}

/* Index of the mount over resolv.conf from @i on, or the number of mounts. */
static size_t bundle_find_resolv(const json_t *mounts, size_t i)
{
	for (; i < json_array_size(mounts); i++) {
		json_t *destination = json_object_get(json_array_get(mounts, i), "destination");

		if (!strcmp(json_string_value(destination), BUNDLE_RESOLV))
			break;
	}
	return i;
}

int bundle_set_resolv_conf(struct bundle *bundle, const char *path, struct an_error *err)
{
	json_t *mounts = bundle_make(bundle->config, "mounts", json_array());
	size_t first = bundle_find_resolv(mounts, 0);
	json_t *mount;

	for (size_t i = first; (i = bundle_find_resolv(mounts, i)) < json_array_size(mounts);)
		json_array_remove(mounts, i);
	mount = json_pack("{s:s, s:s, s:s, s:[s, s]}", "destination", BUNDLE_RESOLV, "type", "bind", "source",
			  path, "options", "bind", "ro");
	/* At its old place: a mount over /etc may come before it. */
	if (!mount || json_array_insert_new(mounts, first, mount) < 0)
		return bundle_error_set(bundle, err, "mounts");
	return 0;
}

/* Append the lines about names of a resolv.conf. */
static void bundle_resolv_keep(struct text *out, const char *path)
{
	char buf[BUNDLE_RESOLV_MAX];
	char *rest = NULL;

	if (text_read_file(AT_FDCWD, path, buf, sizeof(buf)) < 0)
		return;
	for (char *line = strtok_r(buf, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t word = strcspn(line, " \t");

		if ((word == 6 && !memcmp(line, "search", 6)) || (word == 6 && !memcmp(line, "domain", 6)) ||
		    (word == 7 && !memcmp(line, "options", 7)))
			text_add(out, "%s\n", line);
	}
}

char *bundle_resolv_conf(const struct bundle *bundle, const char *const *nameservers)
{
	const size_t size = 2 * (size_t)BUNDLE_RESOLV_MAX;
	json_t *mounts = json_object_get(bundle->config, "mounts");
	json_t *mount = json_array_get(mounts, bundle_find_resolv(mounts, 0));
	const char *source = json_string_value(json_object_get(mount, "source"));
	char *buf = calloc(1, size);
	struct text out = text_over(buf, size);
	char full[PATH_MAX];

	if (!buf)
		return NULL;
	for (const char *const *address = nameservers; *address; address++) {
		if (**address)
			text_add(&out, "nameserver %s\n", *address);
	}
	if (source && bundle_resolve(bundle, source, full) == 0)
		bundle_resolv_keep(&out, full);
	return buf;
}

const char *bundle_cgroups_path(const struct bundle *bundle)
{
	const char *path =
		json_string_value(json_object_get(json_object_get(bundle->config, "linux"), "cgroupsPath"));

	return path && path[0] ? path : NULL;
}

int bundle_write(const struct bundle *bundle, const char *dir, struct an_error *err)
{
	_cleanup_fd_ int fd = -1;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/config.json", dir) >= (int)sizeof(path))
		return error_errno(err, AN_FAILED, ENAMETOOLONG, dir, "write config.json");
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, AN_FAILED, errno, path, "open");
	errno = 0;
	if (json_dumpfd(bundle->config, fd, JSON_COMPACT) < 0)
		return error_errno(err, AN_FAILED, errno ? errno : ENOMEM, path, "write");
	return 0;
}
