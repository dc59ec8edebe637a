/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces of a test's own, so that it may do as it likes: a network without anything, /run empty. */
#ifndef UNIT_ISOLATE_H
#define UNIT_ISOLATE_H

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

static inline bool isolate_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fputs(text, f) >= 0;

	return f && !fclose(f) && ok;
}

/* Root of a user namespace, if we aren't root already (user_namespaces(7)). */
static inline bool isolate_user(void)
{
	char uids[32], gids[32];

	if (geteuid() == 0)
		return true;
	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	return !unshare(CLONE_NEWUSER) && isolate_write("/proc/self/uid_map", uids) &&
	       isolate_write("/proc/self/setgroups", "deny") && isolate_write("/proc/self/gid_map", gids);
}

/* Network and mount namespaces of the program's own, once. Return: 0, 1 if not allowed, -1 if it must be. */
static inline int isolate(void)
{
	static bool done, allowed;

	if (!done) {
		done = true;
		allowed = isolate_user() && !unshare(CLONE_NEWNET | CLONE_NEWNS) &&
			  !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
			  !mount("tmpfs", "/run", "tmpfs", 0, "mode=755");
	}
	if (allowed)
		return 0;
	fprintf(stderr, "# no namespaces here: run it as root\n");
	return getenv("ACTORNET_MUST_WORK") ? -1 : 1;
}

/* At the head of each test that needs them. */
static inline void isolate_or_skip(void)
{
	int r = isolate();

	assert_true(r >= 0);
	if (r > 0)
		skip();
}

#endif
