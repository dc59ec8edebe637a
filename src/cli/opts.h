/* SPDX-License-Identifier: Apache-2.0 */
/* Table-driven options: what a command takes is data, read by the parser and by --help. */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include <actornet/actor.h>
#include <actornet/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct opt;

/**
 * typedef opt_parse - check a value and store it
 * @opt:    the option or argument, with its limits
 * @value:  its text; NULL for a flag
 * @target: where to store it: the caller's values, at @opt->offset
 * @err:    object is filled in by the parser; only reason and remedy need be given
 *
 * Return: 0 or a negative errno with @err set (AN_USAGE).
 */
typedef int opt_parse(const struct opt *opt, const char *value, void *target, struct an_error *err);

/**
 * struct opt - one option ("slots") or one positional argument ("ACTOR"); a table ends with an empty one
 * @name:   long name without dashes; for an argument its word in the usage
 * @letter: short form, 0 for none
 * @value:  word for its value in the help, NULL for a flag
 * @help:   one line; NULL hides it from the help
 * @parse:  one of the opt_* functions below, or a command's own
 * @offset: offsetof() into the command's values
 * @min, @max: limits, as @parse takes them
 * @many:   may be given more than once
 * @optional: an argument that may be left out
 */
struct opt {
	const char *name;
	char letter;
	const char *value;
	const char *help;
	opt_parse *parse;
	size_t offset;
	uint32_t min, max;
	bool many;
	bool optional;
};

/**
 * OPT() - a row of a table
 * OPT("slots", "N", opt_u32, struct up_values, slots, "idle slots to keep ready", .max = 60000),
 * Behind the help: limits and whatever else of struct opt is not 0.
 */
#define OPT(name_, value_, parse_, type, member, help_, ...)                    \
	{                                                                       \
		.name = name_, .value = value_, .help = help_, .parse = parse_, \
		.offset = offsetof(type, member), ##__VA_ARGS__                 \
	}

/* Ports of one command line; opt_port() appends and refuses overlaps. */
struct opt_ports {
	size_t n;
	struct an_port list[AN_SPECS_MAX];
};

/* "A-B" */
struct opt_range {
	uint16_t min, max;
};

opt_parse opt_flag;	 /* bool: set */
opt_parse opt_text;	 /* const char *: @min (at least 1) to @max bytes (0: 4095) */
opt_parse opt_u32;	 /* uint32_t: @min to @max */
opt_parse opt_actor;	 /* const char *: an actor's name */
opt_parse opt_interface; /* const char *: name of a network interface */
opt_parse opt_cidr4;	 /* const char *: IPv4 prefix of @min to @max bits */
opt_parse opt_cidr6;	 /* const char *: IPv6 prefix of @min to @max bits */
opt_parse opt_port;	 /* struct opt_ports: port specification, appended */
opt_parse opt_nat_ports; /* struct opt_range: A-B, @min to @max */
opt_parse opt_egress;	 /* enum an_egress */
opt_parse opt_later;	 /* nothing: refused, since policies come with a later version */

/**
 * struct opt_group - a table and where its values go
 * @opts:   ends with an empty one
 * @values: base of each offset
 * @seen:   one bit an option already given; starts at 0, at most 64 options
 */
struct opt_group {
	const struct opt *opts;
	void *values;
	uint64_t seen;
};

/**
 * struct opt_line - a command line to be read
 * @options:    options of the command; may be NULL
 * @globals:    options of every command; may be NULL
 * @arguments:  positional arguments, in order; the last may be @many; may be NULL: the first argument ends it
 * @takes_rest: what stands behind "--" is a command to run, one word at least
 * @next:       out: index of the first word not read: behind "--", or of the first argument if @arguments is NULL
 */
struct opt_line {
	struct opt_group *options;
	struct opt_group *globals;
	struct opt_group *arguments;
	bool takes_rest;
	int next;
};

/**
 * opt_read() - read a command line from argv[1] on
 *
 * Takes "--name value", "--name=value", "-n value" and "--" (the rest are arguments). A value that starts with
 * "--" must be given with "=". Nothing is abbreviated.
 *
 * Return: 0 or a negative errno with @err set (AN_USAGE): the object is the option or argument at fault.
 */
int opt_read(struct opt_line *line, int argc, char **argv, struct an_error *err);

/** opt_nearest() - is @candidate nearer to @word than *@best (at first UINT_MAX)? Then *@best is updated. */
bool opt_nearest(const char *word, const char *candidate, unsigned int *best);

#endif
