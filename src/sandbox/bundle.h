/* SPDX-License-Identifier: Apache-2.0 */
/* OCI bundles: read from wherever they come, and written again for a slot; the one on disk is never changed. */
#ifndef SANDBOX_BUNDLE_H
#define SANDBOX_BUNDLE_H

#include <actornet/error.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

/**
 * struct bundle - a bundle's configuration
 * @dir:    where it came from, absolute, without symbolic links
 * @config: what its config.json says (OCI runtime specification, config.md)
 */
struct bundle {
	char dir[PATH_MAX];
	json_t *config;
};

/**
 * bundle_load() - read and check <dir>/config.json
 * What is wrong is named by its path in the file, e.g. "root.path". Return: 0 or a negative errno: EINVAL (AN_USAGE).
 */
int bundle_load(struct bundle *ret_bundle, const char *dir, struct an_error *err);
/** bundle_fini() - for _cleanup_(). */
void bundle_fini(struct bundle *bundle);

/**
 * bundle_localize() - make it independent of its place and of a terminal
 * Paths of the root file system and of bind mounts become absolute, process.terminal false, since no one is there to
 * hold the other end of a terminal.
 */
int bundle_localize(struct bundle *bundle, struct an_error *err);

/** bundle_set_netns() - the network namespace the sandbox is to be in, by path. */
int bundle_set_netns(struct bundle *bundle, const char *path, struct an_error *err);

/** bundle_set_resolv_conf() - bind @path read-only over /etc/resolv.conf, instead of what the bundle has there. */
int bundle_set_resolv_conf(struct bundle *bundle, const char *path, struct an_error *err);

/**
 * bundle_resolv_conf() - text of a resolv.conf(5)
 * @nameservers: NULL-terminated addresses; empty ones are skipped
 *
 * Lines about names (search, domain, options) are kept from the file that the bundle mounts there, its name servers
 * are not. Return: text to be freed, or NULL without memory.
 */
char *bundle_resolv_conf(const struct bundle *bundle, const char *const *nameservers);

/** bundle_cgroups_path() - linux.cgroupsPath, NULL where it names none. */
const char *bundle_cgroups_path(const struct bundle *bundle);

/** bundle_write() - write it as <dir>/config.json, mode 0600. Return: 0 or a negative errno. */
int bundle_write(const struct bundle *bundle, const char *dir, struct an_error *err);

#endif
