/* SPDX-License-Identifier: Apache-2.0 */
/* Names from the wire as paths, and an actor's directory with traps in it. */
#include "ateom/paths.h"
#include "base/cleanup.h"
#include "isolate.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static char base[64];

static char *in(const char *below)
{
	static char path[2][4096];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", base, below);
	return path[turn];
}

static void file(const char *below)
{
	int fd = open(in(below), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* An actor's directory as its caller makes it, beside it a victim. */
static int set_up(void **state)
{
	static const char *const dirs[] = { "actors",
					    "victim",
					    "actors/n:t:a",
					    "actors/n:t:a/bundles",
					    "actors/n:t:a/bundles/web",
					    "actors/n:t:a/runsc-state",
					    "actors/n:t:a/checkpoint-state" };

	(void)state;
	snprintf(base, sizeof(base), "/tmp/actornet-paths-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (mkdir(in(dirs[i]), 0700) < 0)
			return -1;
	}
	file("actors/n:t:a/bundles/web/config.json");
	file("victim/config.json");
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf -- %s", base);
	return system(command); /* NOLINT(cert-env33-c): a test's own directory */
}

static void test_segments_are_names_in_one_directory(void **state)
{
	static const char *const wrong[] = { "", ".", "..", "/", "a/b", "/a", "a/" };
	static const char *const right[] = { "a", "...", ".a", "a b", "ns:t:a", "\xc3\xa4" };
	char name[PATHS_SEGMENT_MAX + 2];
	struct an_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(paths_segment_check("name", wrong[i], &err), -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
		assert_string_equal(err.object, "name");
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_int_equal(paths_segment_check("name", right[i], NULL), 0);
	memset(name, 'a', sizeof(name));
	name[PATHS_SEGMENT_MAX + 1] = '\0';
	assert_int_equal(paths_segment_check("name", name, NULL), -EINVAL);
	name[PATHS_SEGMENT_MAX] = '\0';
	assert_int_equal(paths_segment_check("name", name, NULL), 0);
}

static void test_mount_points_are_absolute_and_go_nowhere_else(void **state)
{
	static const char *const wrong[] = { "", "data", "../data", "/..", "/../data", "/a/../b", "/a/.." };
	static const char *const right[] = { "/", "/data", "/a/..b", "/a/b..", "/.../x", "//a" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(paths_mount_check("mount", wrong[i], NULL), -EINVAL);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_int_equal(paths_mount_check("mount", right[i], NULL), 0);
}

static void test_what_is_there_is_found(void **state)
{
	_cleanup_(actor_dir_close) struct actor_dir dir = { .fd = -1 };
	char path[ACTOR_DIR_PATH];
	struct an_error err;
	int fd;

	(void)state;
	assert_int_equal(actor_dir_open(&dir, base, "n:t:a", NULL), 0);
	assert_string_equal(actor_dir_path(&dir, "bundles", path), in("actors/n:t:a/bundles"));
	fd = actor_dir_find(&dir, "bundles/web/config.json", S_IFREG, NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(actor_dir_find(&dir, "bundles/no/config.json", S_IFREG, &err), -ENOENT);
	assert_int_equal(err.kind, AN_USAGE);
	assert_int_equal(actor_dir_find(&dir, "bundles/web", S_IFREG, NULL), -EINVAL);
	assert_int_equal(actor_dir_find(&dir, "bundles/web/config.json", S_IFDIR, NULL), -EINVAL);
	assert_int_equal(actor_dir_open(&dir, base, "n:t:none", &err), -ENOENT);
	assert_int_equal(actor_dir_open(&dir, in("none"), "n:t:a", &err), -ENOENT);
}

static void test_links_are_not_followed_wherever_they_are(void **state)
{
	_cleanup_(actor_dir_close) struct actor_dir dir = { .fd = -1 };
	struct an_error err;

	(void)state;
	assert_int_equal(symlink(in("victim"), in("actors/n:t:link")), 0);
	assert_int_equal(actor_dir_open(&dir, base, "n:t:link", &err), -EINVAL);
	assert_non_null(strstr(err.message, "symbolic link"));
	assert_int_equal(actor_dir_open(&dir, base, "n:t:a", NULL), 0);
	assert_int_equal(symlink(in("victim"), in("actors/n:t:a/bundles/evil")), 0);
	assert_int_equal(actor_dir_find(&dir, "bundles/evil/config.json", S_IFREG, NULL), -EINVAL);
	assert_int_equal(symlink("config.json", in("actors/n:t:a/bundles/web/link")), 0);
	assert_int_equal(actor_dir_find(&dir, "bundles/web/link", S_IFREG, NULL), -EINVAL);
	assert_int_equal(symlink(in("victim"), in("actors/n:t:a/pidfiles")), 0);
	assert_int_equal(actor_dir_make(&dir, "pidfiles", NULL), -EINVAL);
	assert_int_equal(actor_dir_clear(&dir, "pidfiles", &err), -EINVAL);
	actor_dir_remove(&dir, "bundles/evil", "config.json");
	assert_int_equal(access(in("victim/config.json"), F_OK), 0);
	/* Positive control. */
	actor_dir_remove(&dir, "bundles/web", "config.json");
	assert_int_equal(access(in("actors/n:t:a/bundles/web/config.json"), F_OK), -1);
}

static void test_directories_are_made_once(void **state)
{
	_cleanup_(actor_dir_close) struct actor_dir dir = { .fd = -1 };
	struct stat st;

	(void)state;
	assert_int_equal(actor_dir_open(&dir, base, "n:t:a", NULL), 0);
	assert_int_equal(actor_dir_make(&dir, "new", NULL), 0);
	assert_int_equal(actor_dir_make(&dir, "new", NULL), 0);
	assert_int_equal(stat(in("actors/n:t:a/new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_regular_files_are_listed_in_order(void **state)
{
	_cleanup_(actor_dir_close) struct actor_dir dir = { .fd = -1 };
	char **names;
	size_t n;

	(void)state;
	assert_int_equal(actor_dir_open(&dir, base, "n:t:a", NULL), 0);
	assert_int_equal(actor_dir_files(&dir, "checkpoint-state", &names, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_null(names[0]);
	free(names);
	file("actors/n:t:a/checkpoint-state/pages.img");
	file("actors/n:t:a/checkpoint-state/Z");
	file("actors/n:t:a/checkpoint-state/checkpoint.img");
	assert_int_equal(mkdir(in("actors/n:t:a/checkpoint-state/sub"), 0700), 0);
	assert_int_equal(symlink("Z", in("actors/n:t:a/checkpoint-state/alias")), 0);
	assert_int_equal(actor_dir_files(&dir, "checkpoint-state", &names, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(names[0], "Z");
	assert_string_equal(names[1], "checkpoint.img");
	assert_string_equal(names[2], "pages.img");
	assert_null(names[3]);
	free(names);
	/* Links go as well, or a program would write through them. */
	assert_int_equal(actor_dir_clear(&dir, "checkpoint-state", NULL), 0);
	assert_int_equal(access(in("actors/n:t:a/checkpoint-state/Z"), F_OK), -1);
	assert_int_equal(readlink(in("actors/n:t:a/checkpoint-state/alias"), (char[8]){ 0 }, 8), -1);
	assert_int_equal(access(in("actors/n:t:a/checkpoint-state/sub"), F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_are_names_in_one_directory),
		cmocka_unit_test(test_mount_points_are_absolute_and_go_nowhere_else),
		cmocka_unit_test_setup_teardown(test_what_is_there_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links_are_not_followed_wherever_they_are, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_directories_are_made_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_regular_files_are_listed_in_order, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
