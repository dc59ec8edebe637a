/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the command line share.
 *
 * One file a command, cmd-NAME.c: it defines `const struct command command_NAME` (what the command is, takes and
 * shows, as data) and its .run, cmd_NAME(), which reads its words by cli_parse() and returns the exit code:
 *
 *	int cmd_kill(struct cli *cli, int argc, char **argv)
 *	{
 *		struct kill_values values = { 0 };
 *		_cleanup_(cli_close) struct an_worker *worker = NULL;
 *
 *		if (cli_parse(cli, &command_kill, argc, argv, &values))
 *			return AN_USAGE;                  // has been said on stderr
 *		if (cli_open(cli, &worker) < 0 || an_...(worker, ..., &cli->err) < 0)
 *			return cli_fail(cli);             // says cli->err, returns its kind
 *		if (cli->json)
 *			cli_emit(cli, json_from_actor(&info, 0));
 *		else if (!cli->quiet)
 *			print_...
 *		return cli_settle(cli, worker);           // flush the answer, then refill the pool
 *	}
 *
 * --help is answered before .run is called.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/json.h"
#include "cli/opts.h"

#include <actornet/actor.h>
#include <actornet/error.h>
#include <actornet/worker.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct cli - one run of the program
 * @worker:   --worker as given, NULL: the namespace the program runs in
 * @json:     --json
 * @quiet:    --quiet: commands that change something print nothing but errors
 * @verbose:  --verbose
 * @help, @version: --help, --version
 * @no_memory: an answer could not be made, cli_flush() says so
 * @netns_fd: the worker's namespace once cli_netns() was called, for an_worker_*(); -1: the program's own
 * @rest:     for commands with .takes_rest: NULL-terminated words behind "--"
 * @globals:  where the options above are kept while the command line is read
 * @err:      for the library's calls; cli_fail() says it
 */
struct cli {
	const char *worker;
	bool json;
	bool quiet;
	bool verbose;
	bool help;
	bool version;
	bool no_memory;
	int netns_fd;
	char **rest;
	struct opt_group globals;
	struct an_error err;
};

/* For .exits of a command: exit codes 0, 1 and 2 are every command's, these are said beside them. */
#define CLI_EXIT(kind) (1U << (kind))

/**
 * struct command - a command of the program, as data
 * @name:       the word for it
 * @usage:      what follows the name in the usage line, e.g. "ACTOR [--ignore-missing]"
 * @summary:    one line for `actornet help`
 * @about:      paragraphs for `actornet help NAME`, lines of at most 78 columns
 * @example:    lines for its EXAMPLE section, each starting with two blanks
 * @options:    table of its own options, ends with an empty one; may be NULL
 * @arguments:  table of its positional arguments; may be NULL: takes none
 * @takes_rest: words behind "--" are a program to run
 * @exits:      CLI_EXIT() of the exit codes above 2 that it has
 * @run:        does it; argv[0] is the command's name
 */
struct command {
	const char *name;
	const char *usage;
	const char *summary;
	const char *about;
	const char *example;
	const struct opt *options;
	const struct opt *arguments;
	bool takes_rest;
	unsigned int exits;
	int (*run)(struct cli *cli, int argc, char **argv);
};

extern const struct command command_up, command_down, command_activate, command_release, command_list,
	command_show, command_exec, command_port, command_run, command_checkpoint, command_restore,
	command_kill, command_bench, command_help, command_version;

int cmd_up(struct cli *cli, int argc, char **argv);
int cmd_down(struct cli *cli, int argc, char **argv);
int cmd_activate(struct cli *cli, int argc, char **argv);
int cmd_release(struct cli *cli, int argc, char **argv);
int cmd_list(struct cli *cli, int argc, char **argv);
int cmd_show(struct cli *cli, int argc, char **argv);
int cmd_exec(struct cli *cli, int argc, char **argv);
int cmd_port(struct cli *cli, int argc, char **argv);
int cmd_run(struct cli *cli, int argc, char **argv);
int cmd_checkpoint(struct cli *cli, int argc, char **argv);
int cmd_restore(struct cli *cli, int argc, char **argv);
int cmd_kill(struct cli *cli, int argc, char **argv);
int cmd_bench(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
int cmd_version(struct cli *cli, int argc, char **argv);

/* All commands in the order of the help; the last is NULL (command.c). */
extern const struct command *const cli_commands[];
/* Options of every command (command.c). */
extern const struct opt cli_global_options[];

/** cli_run() - the program: read the options of every command, find the command, run it. Return: exit code. */
int cli_run(int argc, char **argv);

/** cli_command() - by name. Return: it, or NULL with cli->err set (AN_USAGE), the nearest named. */
const struct command *cli_command(struct cli *cli, const char *name);

/** cli_parse() - read the words of a command into its values. Return: 0, or AN_USAGE after having said why. */
int cli_parse(struct cli *cli, const struct command *command, int argc, char **argv, void *values);

/** cli_fail() - say cli->err on standard error, as text or JSON. Return: the exit code for it. */
int cli_fail(struct cli *cli);

/** cli_warn() - say something on standard error that does not make the command fail; nothing with --quiet. */
void cli_warn(const struct cli *cli, const struct an_error *err);

/** cli_netns() - open --worker into cli->netns_fd. Return: 0 or a negative errno with cli->err set. */
int cli_netns(struct cli *cli);

/** cli_capable() - has the process the capabilities for it? Return: 0, or -EPERM with the missing one named. */
int cli_capable(struct cli *cli);

/** cli_open() - cli_capable(), cli_netns() and an_worker_open(). Return: 0 or a negative errno with cli->err set. */
int cli_open(struct cli *cli, struct an_worker **ret_worker);

/** cli_close() - for _cleanup_(): an_worker_close(). */
void cli_close(struct an_worker **worker);

/** cli_emit() - answer with a JSON value, which is dropped; trouble with it is told by cli_flush(). */
void cli_emit(struct cli *cli, json_t *value);

/** cli_flush() - make sure standard output was written. Return: 0, or AN_FAILED after having said why. */
int cli_flush(struct cli *cli);
/** cli_flush_done() - the same for a command that changed something, which the message then says. */
int cli_flush_done(struct cli *cli);

/**
 * cli_settle() - end a command that changed something: flush the answer, then do what the library put off
 * (refill the pool, drop released namespaces). Trouble with that is a warning.
 * Return: exit code: 0, or AN_FAILED if the answer could not be written.
 */
int cli_settle(struct cli *cli, struct an_worker *worker);

/**
 * struct cli_network - the options that say what an actor's network is to be, the same for `activate`, `run` and
 * `restore`
 */
struct cli_network {
	struct opt_ports ports;
	bool all_ports;
	enum an_egress egress;
};

/* Their rows in a command's table: CLI_NETWORK_OPTIONS(struct run_values, network). */
#define CLI_NETWORK_OPTIONS(type, member)                                                              \
	OPT("port", "SPEC", opt_port, type, member.ports,                                              \
	    "inbound port, [ADDR:]PORT[-END][:ACTOR_PORT][/tcp|/udp]; may be repeated", .many = true), \
		OPT("all-ports", NULL, opt_flag, type, member.all_ports,                               \
		    "every inbound port that the worker itself doesn't use"),                          \
		OPT("egress", "internet|all|none", opt_egress, type, member.egress,                    \
		    "where it may connect to (internet: public addresses; the default)"),              \
		OPT("policy", "FILE", opt_later, type, member, NULL),                                  \
		OPT("audit", NULL, opt_later, type, member, NULL)

/** cli_network_spec() - the library's spec for it; points into @network and @name. @flags: AN_ACTOR_* to add. */
struct an_actor_spec cli_network_spec(const struct cli_network *network, const char *name, uint32_t flags);

#endif
