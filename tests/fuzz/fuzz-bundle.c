/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle's config.json: what is taken can be changed for a slot, written, and read again as it is. */
#include "input.h"
#include "replay.h"
#include "sandbox/bundle.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[64], slot[80];

static void remove_all(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/config.json", slot);
	unlink(path);
	rmdir(slot);
	snprintf(path, sizeof(path), "%s/config.json", home);
	unlink(path);
	snprintf(path, sizeof(path), "%s/rootfs", home);
	rmdir(path);
	rmdir(home);
}

/* The bundle's directory, once. */
static void make_all(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[128];

	if (home[0])
		return;
	snprintf(home, sizeof(home), "%.30s/fuzz-bundle-XXXXXX", tmp ? tmp : "/tmp");
	promise(mkdtemp(home));
	atexit(remove_all);
	snprintf(path, sizeof(path), "%s/rootfs", home);
	promise(mkdir(path, 0700) == 0);
	snprintf(slot, sizeof(slot), "%s/slot", home);
	promise(mkdir(slot, 0700) == 0);
}

static void write_config(const uint8_t *data, size_t size)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/config.json", home);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	promise(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

/* What a sandbox must find there. */
static void check(const struct bundle *bundle)
{
	json_t *space, *mount, *root = json_object_get(bundle->config, "root");
	unsigned int networks = 0, resolvers = 0;
	size_t i;

	json_array_foreach (json_object_get(json_object_get(bundle->config, "linux"), "namespaces"), i,
			    space) {
		if (strcmp(json_string_value(json_object_get(space, "type")), "network") != 0)
			continue;
		promise(!strcmp(json_string_value(json_object_get(space, "path")), "/run/netns/x"));
		networks++;
	}
	json_array_foreach (json_object_get(bundle->config, "mounts"), i, mount) {
		const char *source = json_string_value(json_object_get(mount, "source"));

		if (strcmp(json_string_value(json_object_get(mount, "destination")), "/etc/resolv.conf") != 0)
			continue;
		promise(source && !strcmp(source, "/run/resolv"));
		resolvers++;
	}
	promise(networks >= 1 && resolvers == 1);
	promise(json_string_value(json_object_get(root, "path"))[0] == '/');
	promise(!json_is_true(json_object_get(json_object_get(bundle->config, "process"), "terminal")));
}

static void prepare(struct bundle *bundle)
{
	static const char *const servers[] = { "169.254.17.1", "", NULL };
	struct an_error err = { 0 };
	struct bundle back;
	char *text = bundle_resolv_conf(bundle, servers);
	int r;

	promise(text && !strncmp(text, "nameserver 169.254.17.1\n", 24));
	free(text);
	r = bundle_localize(bundle, &err);
	if (r < 0) {
		promise_error(&err, r, AN_USAGE);
		return;
	}
	promise(bundle_set_netns(bundle, "/run/netns/x", &err) == 0);
	promise(bundle_set_resolv_conf(bundle, "/run/resolv", &err) == 0);
	promise(!bundle_cgroups_path(bundle) || bundle_cgroups_path(bundle)[0]);
	check(bundle);
	promise(bundle_write(bundle, slot, &err) == 0);
	promise(bundle_load(&back, slot, &err) == 0);
	promise(json_equal(back.config, bundle->config));
	promise_no_error(&err, 0);
	bundle_fini(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct an_error err = { 0 };
	struct bundle bundle;
	int r;

	make_all();
	write_config(data, size);
	r = bundle_load(&bundle, home, &err);
	if (r < 0) {
		promise_error(&err, r, AN_USAGE);
		return 0;
	}
	promise_no_error(&err, r);
	prepare(&bundle);
	bundle_fini(&bundle);
	return 0;
}
