/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` and `restore` have in common: they start a sandbox, afresh or from a snapshot. */
#ifndef CLI_START_H
#define CLI_START_H

#include "cli/cli.h"

#include <jansson.h>

/**
 * struct start_values - their options
 * @actor, @network: as for `activate`
 * @bundle:   directory of the OCI bundle
 * @image:    directory of the snapshot; NULL for `run`
 * @runsc:    path; NULL: the one on PATH
 * @ready:    URL to wait for; NULL: don't wait
 * @ready_s:  for so many seconds
 */
struct start_values {
	const char *actor;
	struct cli_network network;
	const char *bundle;
	const char *image;
	const char *runsc;
	const char *ready;
	uint32_t ready_s;
};

#define START_READY_S	  30
#define START_READY_S_MAX 3600

/* Their rows in a command's table. */
#define START_OPTIONS                                                                      \
	OPT("bundle", "DIR", opt_text, struct start_values, bundle,                        \
	    "OCI bundle: config.json and root file system"),                               \
		OPT("runsc", "PATH", opt_text, struct start_values, runsc,                 \
		    "runsc to use instead of the one on PATH"),                            \
		OPT("ready", "URL", opt_text, struct start_values, ready,                  \
		    "wait until http://:PORT/PATH of the actor is answered with 200"),     \
		OPT("ready-timeout", "SECONDS", opt_u32, struct start_values, ready_s,     \
		    "give up, and undo all, when it is not within so long (30)", .min = 1, \
		    .max = START_READY_S_MAX),                                             \
		CLI_NETWORK_OPTIONS(struct start_values, network)

/** start_missing() - say that an option that must be given wasn't. Return: AN_USAGE. */
int start_missing(struct cli *cli, const char *option, const char *what);

/** start_sandbox() - start it and say how that went; @word: "runs", "is restored". Return: exit code. */
int start_sandbox(struct cli *cli, const struct start_values *values, const char *word);

#endif
