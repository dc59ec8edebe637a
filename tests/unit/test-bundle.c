/* SPDX-License-Identifier: Apache-2.0 */
/* OCI bundles and directories of snapshots: read, checked, written for a slot. */
#include "sandbox/bundle.h"
#include "sandbox/image.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64]; /* the bundle's */

#define PLAIN "{\"process\":{\"args\":[\"/x\"]},\"root\":{\"path\":\"rootfs\"}}"

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void make_dir(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static int setup(void **state)
{
	char made[] = "/tmp/actornet-bundle-XXXXXX", real[PATH_MAX];

	(void)state;
	if (!mkdtemp(made) || !realpath(made, real))
		return -1;
	snprintf(directory, sizeof(directory), "%.60s", real);
	make_dir("rootfs");
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)st;
	(void)type;
	(void)place;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void assert_refused(const char *config, const char *message)
{
	struct an_error err = { 0 };
	struct bundle bundle;

	write_file("config.json", config);
	assert_true(bundle_load(&bundle, directory, &err) < 0);
	assert_int_equal(err.kind, AN_USAGE);
	assert_string_equal(err.message, message);
}

static void test_what_is_wrong_is_named(void **state)
{
	struct an_error err = { 0 };
	struct bundle bundle;

	(void)state;
	assert_int_equal(bundle_load(&bundle, "", &err), -EINVAL);
	assert_int_equal(bundle_load(&bundle, "/nonexistent", &err), -ENOENT);
	assert_int_equal(bundle_load(&bundle, directory, &err), -ENOENT);
	assert_non_null(strstr(err.object, "/config.json"));
	assert_true(err.remedy[0]);

	write_file("config.json", "{\n\"process\": }");
	assert_int_equal(bundle_load(&bundle, directory, &err), -EINVAL);
	assert_memory_equal(err.message, "line 2: ", 8);
	write_file("config.json", "");
	assert_int_equal(bundle_load(&bundle, directory, &err), -EINVAL);
	assert_refused("[]", "config.json: the whole is not an object");
	assert_refused("{}", "config.json: process.args names no program");
	assert_refused("{\"process\":[]}", "config.json: process is not an object");
	assert_refused("{\"process\":{\"args\":[]}}", "config.json: process.args names no program");
	assert_refused("{\"process\":{\"args\":\"/x\"}}", "config.json: process.args names no program");
	assert_refused("{\"process\":{\"args\":[\"/x\",1]}}",
		       "config.json: process.args holds something else than text");
	assert_refused("{\"process\":{\"args\":[\"/x\"]}}", "config.json: root.path is missing");
	assert_refused("{\"process\":{\"args\":[\"/x\"]},\"root\":1}", "config.json: root is not an object");
	assert_refused("{\"process\":{\"args\":[\"/x\"]},\"root\":{\"path\":\"\"}}",
		       "config.json: root.path is missing");
#define WITH(more) "{\"process\":{\"args\":[\"/x\"]},\"root\":{\"path\":\"rootfs\"}," more "}"
	assert_refused(WITH("\"mounts\":{}"), "config.json: mounts is not an array");
	assert_refused(WITH("\"mounts\":[{}]"),
		       "config.json: mounts has one whose destination is no absolute path");
	assert_refused(WITH("\"mounts\":[{\"destination\":\"etc\"}]"),
		       "config.json: mounts has one whose destination is no absolute path");
	assert_refused(WITH("\"linux\":[]"), "config.json: linux is not an object");
	assert_refused(WITH("\"linux\":{\"namespaces\":{}}"),
		       "config.json: linux.namespaces is not an array");
	assert_refused(WITH("\"linux\":{\"namespaces\":[{}]}"),
		       "config.json: linux.namespaces has one without a type");

	/* Positive control. */
	write_file("config.json", PLAIN);
	assert_int_equal(bundle_load(&bundle, directory, &err), 0);
	bundle_fini(&bundle);
}

static void test_root_must_be_a_directory(void **state)
{
	struct an_error err = { 0 };
	struct bundle bundle;

	(void)state;
	write_file("file", "");
	write_file("config.json", "{\"process\":{\"args\":[\"/x\"]},\"root\":{\"path\":\"file\"}}");
	assert_int_equal(bundle_load(&bundle, directory, &err), 0);
	assert_int_equal(bundle_localize(&bundle, &err), -EINVAL);
	assert_string_equal(err.message, "config.json: root.path is not a directory");
	bundle_fini(&bundle);
	write_file("config.json", "{\"process\":{\"args\":[\"/x\"]},\"root\":{\"path\":\"none\"}}");
	assert_int_equal(bundle_load(&bundle, directory, &err), 0);
	assert_int_equal(bundle_localize(&bundle, &err), -ENOENT);
	bundle_fini(&bundle);
}

/* The bundle as a slot gets it. */
static json_t *prepared(const char *config, struct bundle *bundle)
{
	struct an_error err = { 0 };

	write_file("config.json", config);
	assert_int_equal(bundle_load(bundle, directory, &err), 0);
	assert_int_equal(bundle_localize(bundle, &err), 0);
	assert_int_equal(bundle_set_netns(bundle, "/run/netns/an", &err), 0);
	assert_int_equal(bundle_set_resolv_conf(bundle, "/run/resolv.conf", &err), 0);
	return bundle->config;
}

static void assert_json(json_t *value, const char *key, const char *expected)
{
	char *text = json_dumps(json_object_get(value, key), JSON_COMPACT | JSON_ENCODE_ANY);

	assert_string_equal(text, expected);
	free(text);
}

#define RESOLV_MOUNT                                                                                            \
	"{\"destination\":\"/etc/resolv.conf\",\"type\":\"bind\",\"source\":\"/run/resolv.conf\",\"options\":[" \
	"\"bind\",\"ro\"]}"

static void test_a_bare_bundle_gets_what_it_lacks(void **state)
{
	struct bundle bundle;
	json_t *config = prepared(PLAIN, &bundle);
	char expected[128];

	(void)state;
	assert_json(config, "linux", "{\"namespaces\":[{\"type\":\"network\",\"path\":\"/run/netns/an\"}]}");
	assert_json(config, "mounts", "[" RESOLV_MOUNT "]");
	snprintf(expected, sizeof(expected), "{\"path\":\"%s/rootfs\"}", directory);
	assert_json(config, "root", expected);
	bundle_fini(&bundle);
}

static void test_what_a_bundle_has_is_replaced_in_place(void **state)
{
	struct bundle bundle;
	json_t *config;
	char expected[512];

	(void)state;
	write_file("data", "");
	config = prepared(
		"{\"process\":{\"args\":[\"/x\"],\"terminal\":true},\"root\":{\"path\":\"./rootfs/../rootfs\","
		"\"readonly\":true},\"mounts\":[{\"destination\":\"/etc\",\"type\":\"tmpfs\"},"
		"{\"destination\":\"/etc/resolv.conf\",\"source\":\"/etc/resolv.conf\",\"options\":[\"rbind\"]},"
		"{\"destination\":\"/data\",\"source\":\"data\",\"options\":[\"bind\"]},"
		"{\"destination\":\"/etc/resolv.conf\",\"source\":\"other\",\"options\":[\"bind\"]},"
		"{\"destination\":\"/p\",\"type\":\"proc\",\"source\":\"data\"}],"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/old\"},"
		"{\"type\":\"network\"}],\"cgroupsPath\":\"/grp\"},\"annotations\":{\"a\":\"b\"}}",
		&bundle);
	assert_json(config, "process", "{\"args\":[\"/x\"],\"terminal\":false}");
	snprintf(expected, sizeof(expected), "{\"path\":\"%s/rootfs\",\"readonly\":true}", directory);
	assert_json(config, "root", expected);
	snprintf(expected, sizeof(expected),
		 "[{\"destination\":\"/etc\",\"type\":\"tmpfs\"}," RESOLV_MOUNT
		 ",{\"destination\":\"/data\",\"source\":\"%s/data\",\"options\":[\"bind\"]},"
		 "{\"destination\":\"/p\",\"type\":\"proc\",\"source\":\"data\"}]",
		 directory);
	assert_json(config, "mounts", expected);
	assert_json(config, "linux",
		    "{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/run/netns/an\"},"
		    "{\"type\":\"network\",\"path\":\"/run/netns/an\"}],\"cgroupsPath\":\"/grp\"}");
	assert_json(config, "annotations", "{\"a\":\"b\"}");
	assert_string_equal(bundle_cgroups_path(&bundle), "/grp");
	bundle_fini(&bundle);
}

static void test_the_one_on_disk_stays_as_it_was(void **state)
{
	char path[128], out[128], text[1024] = "";
	struct an_error err = { 0 };
	struct bundle bundle, again;
	struct stat before, after;
	FILE *f;

	(void)state;
	make_dir("out");
	write_file("config.json", PLAIN);
	snprintf(path, sizeof(path), "%s/config.json", directory);
	snprintf(out, sizeof(out), "%s/out", directory);
	assert_int_equal(bundle_load(&bundle, directory, &err), 0);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(bundle_localize(&bundle, &err), 0);
	assert_int_equal(bundle_set_netns(&bundle, "/run/netns/an", &err), 0);
	assert_int_equal(bundle_write(&bundle, out, &err), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	f = fopen(path, "re");
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, PLAIN);
	assert_int_equal(bundle_load(&again, out, &err), 0);
	assert_true(json_equal(again.config, bundle.config));
	bundle_fini(&again);
	bundle_fini(&bundle);
}

static void test_resolv_conf_keeps_what_is_about_names(void **state)
{
	static const char *const addresses[] = { "169.254.17.1", "", "fd00::1", NULL };
	struct bundle bundle;
	struct an_error err = { 0 };
	char *text;

	(void)state;
	write_file("config.json", PLAIN);
	assert_int_equal(bundle_load(&bundle, directory, &err), 0);
	text = bundle_resolv_conf(&bundle, addresses);
	assert_string_equal(text, "nameserver 169.254.17.1\nnameserver fd00::1\n");
	free(text);
	bundle_fini(&bundle);

	write_file("my-resolv",
		   "# comment\nnameserver 10.0.0.1\nsearch a.svc b\noptions ndots:5\nsearcher x\n");
	write_file(
		"config.json",
		"{\"process\":{\"args\":[\"/x\"]},\"root\":{\"path\":\"rootfs\"},\"mounts\":["
		"{\"destination\":\"/etc/resolv.conf\",\"source\":\"my-resolv\",\"options\":[\"bind\"]}]}");
	assert_int_equal(bundle_load(&bundle, directory, &err), 0);
	text = bundle_resolv_conf(&bundle, addresses);
	assert_string_equal(text,
			    "nameserver 169.254.17.1\nnameserver fd00::1\nsearch a.svc b\noptions ndots:5\n");
	free(text);
	bundle_fini(&bundle);
}

static void test_a_snapshot_goes_into_an_empty_directory_only(void **state)
{
	char path[128], real[PATH_MAX];
	struct an_error err = { 0 };
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/image", directory);
	assert_int_equal(image_make("", real, &err), -EINVAL);
	assert_int_equal(image_make(path, real, &err), 1);
	assert_string_equal(real, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(image_make(path, real, &err), 0);
	write_file("image/checkpoint.img", "x");
	assert_int_equal(image_make(path, real, &err), -EEXIST);
	assert_int_equal(err.kind, AN_CONFLICT);
	/* A failed one leaves what was there before it. */
	image_discard(path, 0);
	assert_int_equal(image_make(path, real, &err), 0);
	write_file("image/checkpoint.img", "x");
	image_discard(path, 1);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/none/image", directory);
	assert_int_equal(image_make(path, real, &err), -ENOENT);
	snprintf(path, sizeof(path), "%s/file", directory);
	write_file("file", "");
	assert_int_equal(image_make(path, real, &err), -ENOTDIR);
}

static void test_a_snapshot_says_how_it_can_be_read(void **state)
{
	struct an_error err = { 0 };
	struct image image;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/image", directory);
	assert_int_equal(image_open(&image, path, &err), -ENOENT);
	make_dir("image");
	assert_int_equal(image_open(&image, path, &err), -ENOENT);
	assert_int_equal(err.kind, AN_USAGE);
	write_file("image/checkpoint.img", "x");
	assert_int_equal(image_open(&image, path, &err), 0);
	assert_false(image.background);
	assert_false(image.direct);
	write_file("image/pages.img", "x");
	assert_int_equal(image_open(&image, path, &err), 0);
	assert_true(image.background);
	assert_string_equal(image.dir, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_wrong_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_root_must_be_a_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_bare_bundle_gets_what_it_lacks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_a_bundle_has_is_replaced_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_one_on_disk_stays_as_it_was, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolv_conf_keeps_what_is_about_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_snapshot_goes_into_an_empty_directory_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_snapshot_says_how_it_can_be_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
