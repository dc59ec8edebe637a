/* SPDX-License-Identifier: Apache-2.0 */
/* Finding runsc, asking what it can do, and calling it. */
#include "sandbox/runsc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[32];
static char runsc_path[64];

/* What a runsc of 2022 answers, and what one of 2026 has more. Descriptions name flags too, to mislead. */
#define HELP_OLD                                                                           \
	"flags) echo '  -root string'; echo '    \troot directory'; "                      \
	"echo '  -ignore-cgroups'; echo '    \tdo not configure cgroups.';; "              \
	"'help restore') echo 'restore [flags] <container id>'; echo '  -bundle string'; " \
	"echo '  -detach'; echo '    \tbackground, -direct: not yet';; "                   \
	"'help create') echo '  -bundle string';; "
#define HELP_NEW                                                    \
	"flags) echo '  -root string'; echo '  -ignore-cgroups'; "  \
	"echo '  -allow-connected-on-save'; echo '    \tAllow';; "  \
	"'help restore') echo '  -background'; echo '  -direct';; " \
	"'help create') echo '  -fs-restore-image-path string';; "
/* -path: the last one counts, or each of them. */
#define HELP_ONE_PATH                                  \
	"'help fscheckpoint') echo '  -path string'; " \
	"echo '    \tthe special value \"all-tmpfs\" saves all';; "
#define HELP_PATHS "'help fscheckpoint') echo '  -path value'; echo '    \tall-tmpfs';; "
#define PROBE_OLD  (RUNSC_PROBE_GLOBAL | RUNSC_PROBE_RESTORE | RUNSC_PROBE_CREATE)

static void write_runsc(const char *cases)
{
	FILE *f = fopen(runsc_path, "we");

	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncase \"$*\" in\n%s*) echo unknown >&2; exit 2;;\nesac\n", cases);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(runsc_path, 0755), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/actornet-runsc-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(runsc_path, sizeof(runsc_path), "%s/runsc", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(runsc_path);
	rmdir(runsc_path);
	return rmdir(directory);
}

static void test_path_must_be_an_absolute_executable_file(void **state)
{
	struct an_error err = { 0 };
	struct runsc runsc;

	(void)state;
	assert_int_equal(runsc_find(&runsc, "runsc", &err), -EINVAL);
	assert_int_equal(err.kind, AN_USAGE);
	assert_string_equal(err.message, "path of runsc is not absolute");
	assert_int_equal(runsc_find(&runsc, "", &err), -EINVAL);
	assert_int_equal(runsc_find(&runsc, runsc_path, &err), -ENOENT);
	assert_int_equal(mkdir(runsc_path, 0755), 0);
	assert_int_equal(runsc_find(&runsc, runsc_path, &err), -EINVAL);
	assert_string_equal(err.message, "runsc is not a regular file");
	rmdir(runsc_path);
	write_runsc("");
	chmod(runsc_path, 0644);
	assert_int_equal(runsc_find(&runsc, runsc_path, &err), -EINVAL);
	assert_string_equal(err.message, "runsc is not executable");
	chmod(runsc_path, 0755);
	assert_int_equal(runsc_find(&runsc, runsc_path, &err), 0);
	assert_string_equal(runsc.path, runsc_path);
}

static void test_PATH_is_searched_but_not_its_relative_entries(void **state)
{
	const char *path = getenv("PATH");
	char *saved = path ? strdup(path) : NULL, cwd[256], entries[128];
	struct an_error err = { 0 };
	struct runsc runsc;

	(void)state;
	write_runsc("");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(directory), 0);
	setenv("PATH", ":.:/nonexistent::", 1);
	assert_int_equal(runsc_find(&runsc, NULL, &err), -ENOENT);
	assert_int_equal(err.kind, AN_FAILED);
	assert_string_equal(err.object, "runsc");
	assert_true(err.remedy[0]);
	snprintf(entries, sizeof(entries), ":.:/nonexistent:%s:/bin", directory);
	setenv("PATH", entries, 1);
	assert_int_equal(runsc_find(&runsc, NULL, &err), 0);
	assert_string_equal(runsc.path, runsc_path);
	assert_int_equal(chdir(cwd), 0);
	if (saved)
		setenv("PATH", saved, 1);
	free(saved);
}

static void probe(struct runsc *runsc, const char *cases, uint32_t wanted)
{
	struct an_error err = { 0 };

	write_runsc(cases);
	assert_int_equal(runsc_find(runsc, runsc_path, &err), 0);
	assert_int_equal(runsc_probe(runsc, wanted, &err), 0);
}

static void test_old_and_new_runsc_are_told_apart(void **state)
{
	struct an_error err = { 0 };
	struct runsc runsc;

	(void)state;
	probe(&runsc, HELP_OLD, PROBE_OLD);
	assert_int_equal(runsc.can, RUNSC_CAN_ROOT | RUNSC_CAN_IGNORE_CGROUPS);
	probe(&runsc, HELP_NEW, PROBE_OLD);
	assert_int_equal(runsc.can, RUNSC_CAN_ROOT | RUNSC_CAN_IGNORE_CGROUPS | RUNSC_CAN_SAVE_CONNECTED |
					    RUNSC_CAN_BACKGROUND | RUNSC_CAN_DIRECT | RUNSC_CAN_FS_RESTORE);
	/* What is not wanted is not asked. */
	assert_int_equal(runsc_probe(&runsc, RUNSC_PROBE_GLOBAL, &err), 0);
	assert_int_equal(runsc.can, RUNSC_PROBE_GLOBAL);
	assert_int_equal(runsc_probe(&runsc, RUNSC_PROBE_RESTORE, &err), 0);
	assert_int_equal(runsc.can, RUNSC_PROBE_GLOBAL | RUNSC_PROBE_RESTORE);
	probe(&runsc, HELP_NEW HELP_ONE_PATH, ~0U);
	assert_int_equal(runsc.can & RUNSC_PROBE_FSCHECK, 0);
	probe(&runsc, HELP_NEW HELP_PATHS, ~0U);
	assert_int_equal(runsc.can & RUNSC_PROBE_FSCHECK, RUNSC_CAN_PATHS);
	/* Two dashes, as newer versions of Go's flag package may print. */
	probe(&runsc, "flags) echo '  --root string'; echo '  --ignore-cgroups-x';; *) ;; ", ~0U);
	assert_int_equal(runsc.can, RUNSC_CAN_ROOT);
}

static void test_a_program_that_is_no_runsc_is_refused(void **state)
{
	struct an_error err = { 0 };
	struct runsc runsc;

	(void)state;
	write_runsc("*) echo hello; exit 0;; ");
	assert_int_equal(runsc_find(&runsc, runsc_path, &err), 0);
	assert_int_equal(runsc_probe(&runsc, ~0U, &err), -ENOEXEC);
	assert_string_equal(err.object, runsc_path);
	write_runsc("");
	assert_int_equal(runsc_probe(&runsc, ~0U, &err), -EIO);
	assert_string_equal(err.message, "exit status 2: unknown");
	assert_non_null(strstr(err.remedy, runsc_path));
}

/* The words of a call, separated by blanks. */
static const char *words(enum runsc_verb verb, const struct runsc_call *call)
{
	static char text[1024];
	struct runsc_args args;
	size_t len = 0;

	runsc_args_build(&args, verb, call);
	assert_null(args.argv[args.n]);
	for (size_t i = 0; i < args.n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", args.argv[i]);
	return text;
}

#define ALL_FLAGS                                                                                      \
	(RUNSC_CAN_ROOT | RUNSC_CAN_IGNORE_CGROUPS | RUNSC_CAN_SAVE_CONNECTED | RUNSC_CAN_BACKGROUND | \
	 RUNSC_CAN_DIRECT | RUNSC_CAN_FS_RESTORE)

static void test_calls_of_a_new_runsc(void **state)
{
	static const char *const globals[] = { "-log-format", "json", "--alsologtostderr", NULL };
	struct runsc runsc = { .path = "/bin/runsc", .can = ALL_FLAGS };
	struct runsc_call call = { .runsc = &runsc,
				   .root = "/r",
				   .globals = globals,
				   .id = "pause",
				   .bundle = "/b",
				   .pid_file = "/p",
				   .image = "/i" };

	(void)state;
	assert_string_equal(
		words(RUNSC_CREATE, &call),
		"/bin/runsc -log-format json --alsologtostderr -root /r create -bundle /b -pid-file /p pause");
	call.globals = NULL;
	call.fs_image = "/f";
	call.ignore_cgroups = true;
	assert_string_equal(words(RUNSC_CREATE, &call),
			    "/bin/runsc -root /r -ignore-cgroups create -bundle /b -pid-file "
			    "/p -fs-restore-image-path /f pause");
	call.ignore_cgroups = false;
	assert_string_equal(words(RUNSC_START, &call),
			    "/bin/runsc -root /r -allow-connected-on-save start pause");
	assert_string_equal(words(RUNSC_CHECKPOINT, &call),
			    "/bin/runsc -root /r checkpoint -image-path /i pause");
	call.paths = (const char *const[]){ "/a", "/b" };
	call.n_paths = 2;
	assert_string_equal(words(RUNSC_FSCHECKPOINT, &call),
			    "/bin/runsc -root /r fscheckpoint -image-path /i -path /a -path /b pause");
	assert_string_equal(words(RUNSC_RESTORE, &call),
			    "/bin/runsc -root /r restore -bundle /b -image-path /i -pid-file "
			    "/p -background -direct -detach pause");
	assert_string_equal(words(RUNSC_STATE, &call), "/bin/runsc -root /r state pause");
	assert_string_equal(words(RUNSC_DELETE, &call), "/bin/runsc -root /r delete pause");
	call.force = call.no_background = call.no_direct = true;
	call.pid_file = NULL;
	assert_string_equal(words(RUNSC_DELETE, &call), "/bin/runsc -root /r delete -force pause");
	assert_string_equal(words(RUNSC_RESTORE, &call),
			    "/bin/runsc -root /r restore -bundle /b -image-path /i -detach pause");
}

static void test_calls_of_an_old_runsc_lack_the_flags_it_lacks(void **state)
{
	struct runsc runsc = { .path = "/bin/runsc", .can = RUNSC_CAN_ROOT };
	struct runsc_call call = { .runsc = &runsc,
				   .root = "/r",
				   .id = "c",
				   .bundle = "/b",
				   .image = "/i",
				   .fs_image = "/f",
				   .ignore_cgroups = true };

	(void)state;
	assert_string_equal(words(RUNSC_CREATE, &call), "/bin/runsc -root /r create -bundle /b c");
	assert_string_equal(words(RUNSC_START, &call), "/bin/runsc -root /r start c");
	assert_string_equal(words(RUNSC_RESTORE, &call),
			    "/bin/runsc -root /r restore -bundle /b -image-path /i -detach c");
}

static void test_dynamic_programs_are_known(void **state)
{
	struct runsc runsc = { .path = "/proc/self/exe" };

	(void)state;
	assert_true(runsc_is_dynamic(&runsc));
	write_runsc("");
	snprintf(runsc.path, sizeof(runsc.path), "%s", runsc_path);
	assert_false(runsc_is_dynamic(&runsc)); /* a script */
}

static void test_control_groups_need_every_controller(void **state)
{
	static const char *const names[] = { "cpu", "memory", "pids" };
	char path[64];

	(void)state;
	assert_false(runsc_cgroups_usable("/nonexistent"));
	assert_false(runsc_cgroups_usable(directory));
	for (int i = 0; i < 3; i++) {
		assert_false(runsc_cgroups_usable(directory));
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_true(runsc_cgroups_usable(directory));
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		rmdir(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_path_must_be_an_absolute_executable_file, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_PATH_is_searched_but_not_its_relative_entries, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_old_and_new_runsc_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_program_that_is_no_runsc_is_refused, setup, teardown),
		cmocka_unit_test(test_calls_of_a_new_runsc),
		cmocka_unit_test(test_calls_of_an_old_runsc_lack_the_flags_it_lacks),
		cmocka_unit_test_setup_teardown(test_dynamic_programs_are_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control_groups_need_every_controller, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
