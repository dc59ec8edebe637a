/* SPDX-License-Identifier: Apache-2.0 */
/* The program's command line. */
#ifndef ATEOM_ARGS_H
#define ATEOM_ARGS_H

#include "ateom/log.h"

#include <actornet/actor.h>
#include <actornet/error.h>
#include <stdbool.h>
#include <stdint.h>

#define ARGS_BASE_DIR "/var/lib/ateom-gvisor"

/**
 * struct args - what was given, or its default
 * @pod_uid:   of the worker's pod; a segment of a path
 * @base_dir:  absolute, without a slash at its end
 * @slots:     network slots to keep ready
 * @ports:     [@n_ports] inbound ports of each actor
 * @egress:    what an actor may connect to
 * @log_level: of the program's own lines
 * @help, @version: asked for; the rest is not checked then
 */
struct args {
	const char *pod_uid;
	char base_dir[64];
	uint32_t slots;
	struct an_port ports[AN_SPECS_MAX];
	size_t n_ports;
	enum an_egress egress;
	enum log_level log_level;
	bool help, version;
};

/**
 * args_parse() - as Go's flag package reads it: one dash or two, "-flag=value" or "-flag value"
 * Return: 0 or -EINVAL (AN_USAGE).
 */
int args_parse(struct args *ret_args, int argc, char **argv, struct an_error *err);

/** args_version() - the program's. */
const char *args_version(void);
/** args_help() - text for --help. */
const char *args_help(void);

/** args_socket() - path of the socket. Return: 0, or -EINVAL (AN_USAGE) where it is longer than a socket's may be. */
int args_socket(const struct args *args, char *buf, size_t size, struct an_error *err);

#endif
