/* SPDX-License-Identifier: Apache-2.0 */
/* runsc, gVisor's runtime: where it is, what it can do, how it is called. */
#include "sandbox/runsc.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "sandbox/spawn.h"

#include <assert.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define RUNSC_PROBE_TIMEOUT_MS 10000U

static const char *const runsc_labels[] = {
	[RUNSC_CREATE] = "runsc create",	 [RUNSC_START] = "runsc start",
	[RUNSC_CHECKPOINT] = "runsc checkpoint", [RUNSC_FSCHECKPOINT] = "runsc fscheckpoint",
	[RUNSC_RESTORE] = "runsc restore",	 [RUNSC_STATE] = "runsc state",
	[RUNSC_DELETE] = "runsc delete",
};
static_assert(sizeof(runsc_labels) / sizeof(runsc_labels[0]) == RUNSC_VERB_COUNT, "a label for each verb");

const char *runsc_label(enum runsc_verb verb)
{
	return runsc_labels[verb];
}

static bool runsc_is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

static int runsc_find_given(struct runsc *runsc, const char *path, struct an_error *err)
{
	struct stat st;

	if (path[0] != '/') {
		error_set(err, AN_USAGE, EINVAL, path[0] ? path : "runsc", "path of runsc is not absolute");
		error_remedy(err, "give the whole path, e.g. --runsc /usr/local/bin/runsc");
		return -EINVAL;
	}
	if (text_copy(runsc->path, sizeof(runsc->path), path) < 0)
		return error_set(err, AN_USAGE, EINVAL, "runsc", "path is longer than %d bytes",
				 PATH_MAX - 1);
	if (stat(path, &st) < 0)
		return error_errno(err, AN_USAGE, errno, path, "open runsc");
	if (!S_ISREG(st.st_mode))
		return error_set(err, AN_USAGE, EINVAL, path, "runsc is not a regular file");
	if (!runsc_is_program(path)) {
		error_set(err, AN_USAGE, EINVAL, path, "runsc is not executable");
		error_remedy(err, "chmod +x %s", path);
		return -EINVAL;
	}
	return 0;
}

int runsc_find(struct runsc *ret_runsc, const char *path, struct an_error *err)
{
	const char *dirs = getenv("PATH");
	struct runsc runsc = { .can = 0 };

	if (path) {
		int r = runsc_find_given(&runsc, path, err);

		if (r == 0)
			*ret_runsc = runsc;
		return r;
	}
	if (!dirs)
		dirs = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	for (const char *dir = dirs; *dir;) {
		int len = (int)strcspn(dir, ":");

		/* An empty or relative entry would run whatever lies in the working directory. */
		if (*dir == '/' && len < PATH_MAX - 8) {
			snprintf(runsc.path, sizeof(runsc.path), "%.*s/runsc", len, dir);
			if (runsc_is_program(runsc.path)) {
				*ret_runsc = runsc;
				return 0;
			}
		}
		dir += len + (dir[len] == ':');
	}
	error_set(err, AN_FAILED, ENOENT, "runsc", "not found on PATH");
	error_remedy(err, "install gVisor, or say where it is: --runsc /path/of/runsc");
	return -ENOENT;
}

/* A flag, and which help names it. */
struct runsc_flag {
	const char *name;
	uint32_t can;
};

static const struct runsc_flag runsc_global_flags[] = {
	{ "allow-connected-on-save", RUNSC_CAN_SAVE_CONNECTED },
	{ "root", RUNSC_CAN_ROOT },
	{ "ignore-cgroups", RUNSC_CAN_IGNORE_CGROUPS },
	{ NULL, 0 },
};
static const struct runsc_flag runsc_restore_flags[] = {
	{ "background", RUNSC_CAN_BACKGROUND },
	{ "direct", RUNSC_CAN_DIRECT },
	{ NULL, 0 },
};
static const struct runsc_flag runsc_create_flags[] = {
	{ "fs-restore-image-path", RUNSC_CAN_FS_RESTORE },
	{ NULL, 0 },
};
/* A flag of a type of its own, as one is that may be repeated; this runsc's takes the last. */
static const struct runsc_flag runsc_fscheckpoint_flags[] = {
	{ "path value", RUNSC_CAN_PATHS },
	{ NULL, 0 },
};

/* One question: the help text to be read, and the flags looked for in it. */
struct runsc_question {
	const char *words[2];
	const struct runsc_flag *flags;
	uint32_t can;
};

/* A flag's line reads "  -name" or "  -name type", its description stands on lines of its own (Go's flag package). */
static void runsc_question_line(const char *line, size_t len, void *data)
{
	struct runsc_question *question = data;
	const char *name;

	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	for (int dashes = 0; dashes < 2 && len > 0 && *line == '-'; dashes++) {
		line++;
		len--;
		name = line;
		for (const struct runsc_flag *flag = question->flags; flag->name; flag++) {
			size_t n = strlen(flag->name);

			if (len >= n && !memcmp(name, flag->name, n) &&
			    (len == n || name[n] == ' ' || name[n] == '\t'))
				question->can |= flag->can;
		}
	}
}

/* Questions that one probe asks at once. */
#define RUNSC_QUESTIONS 4

/* Ask them side by side. Return: 0 or a negative errno. */
static int runsc_ask(const struct runsc *runsc, struct runsc_question *questions, int n, struct an_error *err)
{
	struct spawn_child children[RUNSC_QUESTIONS];
	struct spawn_spec specs[RUNSC_QUESTIONS];
	const char *argv[RUNSC_QUESTIONS][4];
	int r = 0, started;

	for (started = 0; started < n && r == 0; started++) {
		struct runsc_question *q = &questions[started];

		argv[started][0] = runsc->path;
		argv[started][1] = q->words[0];
		argv[started][2] = q->words[1];
		argv[started][3] = NULL;
		specs[started] = (struct spawn_spec){
			.argv = argv[started],
			.label = "runsc help",
			.line = runsc_question_line,
			.data = q,
			.cancel_fd = -1,
			.timeout_ms = RUNSC_PROBE_TIMEOUT_MS,
		};
		r = spawn_start(&children[started], &specs[started], err);
	}
	for (int i = 0; i < started && r == 0; i++)
		r = spawn_wait(&children[i], err);
	for (int i = 0; i < started; i++)
		spawn_fini(&children[i]);
	return r;
}

int runsc_probe(struct runsc *runsc, uint32_t wanted, struct an_error *err)
{
	struct runsc_question questions[RUNSC_QUESTIONS] = {
		{ { "flags", NULL },
		  runsc_global_flags,
		  0 }, /* always: it tells a runsc from something else */
	};
	uint32_t can = 0;
	int n = 1, r;

	if (wanted & RUNSC_PROBE_RESTORE)
		questions[n++] = (struct runsc_question){ { "help", "restore" }, runsc_restore_flags, 0 };
	if (wanted & RUNSC_PROBE_CREATE)
		questions[n++] = (struct runsc_question){ { "help", "create" }, runsc_create_flags, 0 };
	if (wanted & RUNSC_PROBE_FSCHECK)
		questions[n++] =
			(struct runsc_question){ { "help", "fscheckpoint" }, runsc_fscheckpoint_flags, 0 };
	r = runsc_ask(runsc, questions, n, err);
	for (int i = 0; i < n; i++)
		can |= questions[i].can;
	if (r == 0 && !(can & RUNSC_CAN_ROOT))
		r = error_set(err, AN_FAILED, ENOEXEC, runsc->path, "does not answer as runsc does");
	if (r < 0) {
		error_remedy(err, "is %s gVisor's runsc?", runsc->path);
		return r;
	}
	runsc->can = can;
	return 0;
}

bool runsc_is_dynamic(const struct runsc *runsc)
{
	_cleanup_fd_ int fd = open(runsc->path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr header; /* both architectures it is made for are of this class */
	Elf64_Phdr segment;

	if (fd < 0 || pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (unsigned int i = 0; i < header.e_phnum; i++) {
		off_t at = (off_t)(header.e_phoff + (Elf64_Off)i * header.e_phentsize);

		if (pread(fd, &segment, sizeof(segment), at) != (ssize_t)sizeof(segment))
			return false;
		if (segment.p_type == PT_INTERP)
			return true;
	}
	return false;
}

static void runsc_args_add(struct runsc_args *args, const char *word)
{
	assert(args->n < RUNSC_ARGS_MAX - 1);
	args->argv[args->n++] = word;
	args->argv[args->n] = NULL;
}

static void runsc_args_flag(struct runsc_args *args, const char *flag, const char *value)
{
	if (!value)
		return;
	runsc_args_add(args, flag);
	runsc_args_add(args, value);
}

/* Words before the subcommand. */
static void runsc_args_globals(struct runsc_args *args, enum runsc_verb verb, const struct runsc_call *call)
{
	uint32_t can = call->runsc->can;

	runsc_args_add(args, call->runsc->path);
	for (const char *const *word = call->globals; word && *word; word++)
		runsc_args_add(args, *word);
	runsc_args_flag(args, "-root", call->root);
	if (call->ignore_cgroups && (can & RUNSC_CAN_IGNORE_CGROUPS))
		runsc_args_add(args, "-ignore-cgroups");
	if (verb == RUNSC_START && (can & RUNSC_CAN_SAVE_CONNECTED))
		runsc_args_add(args, "-allow-connected-on-save");
}

void runsc_args_build(struct runsc_args *ret_args, enum runsc_verb verb, const struct runsc_call *call)
{
	uint32_t can = call->runsc->can;
	struct runsc_args args = { .n = 0 };

	runsc_args_globals(&args, verb, call);
	runsc_args_add(&args, strchr(runsc_labels[verb], ' ') + 1);
	switch (verb) {
	case RUNSC_CREATE:
		runsc_args_flag(&args, "-bundle", call->bundle);
		runsc_args_flag(&args, "-pid-file", call->pid_file);
		if (can & RUNSC_CAN_FS_RESTORE)
			runsc_args_flag(&args, "-fs-restore-image-path", call->fs_image);
		break;
	case RUNSC_CHECKPOINT:
		runsc_args_flag(&args, "-image-path", call->image);
		break;
	case RUNSC_FSCHECKPOINT:
		runsc_args_flag(&args, "-image-path", call->image);
		for (size_t i = 0; i < call->n_paths; i++)
			runsc_args_flag(&args, "-path", call->paths[i]);
		break;
	case RUNSC_RESTORE:
		runsc_args_flag(&args, "-bundle", call->bundle);
		runsc_args_flag(&args, "-image-path", call->image);
		runsc_args_flag(&args, "-pid-file", call->pid_file);
		if (!call->no_background && (can & RUNSC_CAN_BACKGROUND))
			runsc_args_add(&args, "-background");
		if (!call->no_direct && (can & RUNSC_CAN_DIRECT))
			runsc_args_add(&args, "-direct");
		runsc_args_add(&args, "-detach");
		break;
	case RUNSC_DELETE:
		if (call->force)
			runsc_args_add(&args, "-force");
		break;
	case RUNSC_START:
	case RUNSC_STATE:
	case RUNSC_VERB_COUNT:
		break;
	}
	runsc_args_add(&args, call->id);
	*ret_args = args;
}

bool runsc_cgroups_usable(const char *root)
{
	static const char *const controllers[] = { "cpu", "memory", "pids" };
	struct statfs fs;
	char path[PATH_MAX];

	if (statfs(root, &fs) < 0)
		return false;
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		return !access(root, W_OK);
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, controllers[i]);
		if (access(path, W_OK) < 0)
			return false;
	}
	return true;
}
