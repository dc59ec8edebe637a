/* SPDX-License-Identifier: Apache-2.0 */
/* The program's command line. */
#include "ateom/args.h"

#include "ateom/paths.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define ARGS_SLOTS     2 /* one for the next actor, one made while it runs */
#define ARGS_SLOTS_MAX 1024

/* An option. @parse: NULL: it takes no value, and sets the flag. */
struct args_option {
	const char *name;
	int (*parse)(struct args *args, const char *value, struct an_error *err);
	bool *(*flag)(struct args *args);
};

static int args_pod_uid(struct args *args, const char *value, struct an_error *err)
{
	args->pod_uid = value;
	return paths_segment_check("--pod-uid", value, err);
}

static int args_base_dir(struct args *args, const char *value, struct an_error *err)
{
	size_t len = strlen(value);

	while (len > 1 && value[len - 1] == '/')
		len--;
	if (value[0] != '/')
		return error_set(err, AN_USAGE, EINVAL, "--base-dir", "'%.64s' is not an absolute path",
				 value);
	if (len >= sizeof(args->base_dir))
		return error_set(err, AN_USAGE, EINVAL, "--base-dir",
				 "is longer than %zu bytes: the path of the socket has 107 in all",
				 sizeof(args->base_dir) - 1);
	memcpy(args->base_dir, value, len);
	args->base_dir[len] = '\0';
	return 0;
}

static int args_slots(struct args *args, const char *value, struct an_error *err)
{
	uint64_t n;

	if (text_to_u64(value, strlen(value), ARGS_SLOTS_MAX, &n) < 0 || n == 0)
		return error_set(err, AN_USAGE, EINVAL, "--slots", "'%.64s' is not a number from 1 to %d",
				 value, ARGS_SLOTS_MAX);
	args->slots = (uint32_t)n;
	return 0;
}

static int args_port(struct args *args, const char *value, struct an_error *err)
{
	if (args->n_ports == AN_SPECS_MAX)
		return error_set(err, AN_USAGE, EINVAL, "--port", "given more than %d times", AN_SPECS_MAX);
	return an_port_parse(value, &args->ports[args->n_ports++], err);
}

static int args_egress(struct args *args, const char *value, struct an_error *err)
{
	return an_egress_parse(value, &args->egress, err);
}

static int args_log_level(struct args *args, const char *value, struct an_error *err)
{
	if (log_level_parse(value, &args->log_level) < 0)
		return error_set(err, AN_USAGE, EINVAL, "--log-level",
				 "'%.64s' is none of debug, info, warn, error", value);
	return 0;
}

static bool *args_flag_help(struct args *args)
{
	return &args->help;
}

static bool *args_flag_version(struct args *args)
{
	return &args->version;
}

static const struct args_option args_options[] = {
	{ "pod-uid", args_pod_uid, NULL },	{ "base-dir", args_base_dir, NULL },
	{ "slots", args_slots, NULL },		{ "port", args_port, NULL },
	{ "egress", args_egress, NULL },	{ "log-level", args_log_level, NULL },
	{ "help", NULL, args_flag_help },	{ "h", NULL, args_flag_help },
	{ "version", NULL, args_flag_version }, { NULL, NULL, NULL },
};

static const struct args_option *args_find(const char *name, size_t len)
{
	for (const struct args_option *option = args_options; option->name; option++) {
		if (strlen(option->name) == len && !memcmp(option->name, name, len))
			return option;
	}
	return NULL;
}

/* Go's booleans may have a value: 1, t, T, TRUE, true, True and their opposites (strconv.ParseBool). */
static int args_bool(const char *name, const char *value, bool *ret, struct an_error *err)
{
	static const char *const words[] = { "1", "t", "T", "true",  "TRUE",  "True",
					     "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < 12; i++) {
		if (!strcmp(value, words[i])) {
			*ret = i < 6;
			return 0;
		}
	}
	return error_set(err, AN_USAGE, EINVAL, name, "'%.64s' is neither true nor false", value);
}

/* One option, at argv[*i], and its value. */
static int args_read(struct args *args, int argc, char **argv, int *i, struct an_error *err)
{
	const char *word = argv[*i], *name = word + 1 + (word[1] == '-'), *value;
	size_t len = strcspn(name, "=");
	const struct args_option *option = args_find(name, len);

	if (!option) {
		error_set(err, AN_USAGE, EINVAL, word, "unknown option");
		return error_remedy(err, "--help lists all");
	}
	value = name[len] ? name + len + 1 : NULL;
	if (!option->parse)
		return value ? args_bool(word, value, option->flag(args), err)
			     : (*option->flag(args) = true, 0);
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value)
		return error_set(err, AN_USAGE, EINVAL, word, "has no value");
	return option->parse(args, value, err);
}

int args_parse(struct args *ret_args, int argc, char **argv, struct an_error *err)
{
	struct args args = {
		.base_dir = ARGS_BASE_DIR,
		.slots = ARGS_SLOTS,
		.egress = AN_EGRESS_ALL,
		.log_level = LOG_LEVEL_INFO,
	};
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int r = 0;

	for (int i = 1; i < argc && r == 0; i++) {
		if (argv[i][0] != '-' || !argv[i][1] || !strcmp(argv[i], "--"))
			r = error_set(err, AN_USAGE, EINVAL, argv[i], "unexpected argument");
		else
			r = args_read(&args, argc, argv, &i, err);
	}
	if (r == 0 && args.n_ports == 0)
		r = an_port_parse("80", &args.ports[args.n_ports++], err);
	if (r == 0 && !args.help && !args.version) {
		if (!args.pod_uid)
			r = error_set(err, AN_USAGE, EINVAL, "--pod-uid", "must be given");
		else
			r = args_socket(&args, socket, sizeof(socket), err);
	}
	if (r == 0)
		*ret_args = args;
	return r;
}

int args_socket(const struct args *args, char *buf, size_t size, struct an_error *err)
{
	int n = snprintf(buf, size, "%s/ateoms/%s/ateom.sock",
			 strcmp(args->base_dir, "/") != 0 ? args->base_dir : "", args->pod_uid);

	if (n < 0 || (size_t)n >= size)
		return error_set(err, AN_USAGE, EINVAL, "--pod-uid",
				 "makes with --base-dir a socket's path of %d bytes; %zu are possible", n,
				 size - 1);
	return 0;
}

const char *args_version(void)
{
	return ACTORNET_VERSION;
}

const char *args_help(void)
{
	return "Usage: ateom-gvisor --pod-uid UID [OPTIONS]\n"
	       "Runs, checkpoints and restores actors in gVisor sandboxes, as a node's atelet asks over gRPC.\n"
	       "\n"
	       "  --pod-uid UID       of this worker's pod\n"
	       "  --base-dir DIR      shared with atelet (" ARGS_BASE_DIR ")\n"
	       "  --slots N           network slots to keep ready (2)\n"
	       "  --port SPEC         inbound port of each actor, [ADDR:]PORT[-END][:ACTOR_PORT][/tcp|/udp];\n"
	       "                      may be repeated (80)\n"
	       "  --egress SET        where an actor may connect to: internet, all, none (all)\n"
	       "  --log-level LEVEL   of the program's own lines: debug, info, warn, error (info)\n"
	       "  --version, --help\n"
	       "\n"
	       "The socket is DIR/ateoms/UID/ateom.sock.\n";
}
