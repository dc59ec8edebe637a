/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong: filled in where an error is born, printed by the caller. */
#ifndef ACTORNET_ERROR_H
#define ACTORNET_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum an_kind - class of an error; the number is the exit code of the command line
 * @AN_FAILED:       the kernel or the system refused; @err of the error says how
 * @AN_USAGE:        an argument is wrong in itself
 * @AN_NO_ACTOR:     no actor of that name is active
 * @AN_CONFLICT:     a name, port or address is taken, or is there with other settings
 * @AN_NO_SLOT:      no slot is free and the limit is reached
 * @AN_NOT_PREPARED: the worker has no actornet (run `actornet up`)
 * @AN_FINDING:      the call worked and found something wrong
 */
enum an_kind {
	AN_FAILED = 1,
	AN_USAGE = 2,
	AN_NO_ACTOR = 3,
	AN_CONFLICT = 4,
	AN_NO_SLOT = 5,
	AN_NOT_PREPARED = 6,
	AN_FINDING = 7,
};

/**
 * struct an_error - one error, owned by the caller, never allocated
 * @kind:    enum an_kind, 0 while nothing went wrong
 * @err:     positive errno behind it, 0 where there is none
 * @object:  what it is about, e.g. "port 80/tcp"
 * @message: why, with the value at fault and the kernel's own words where it had any
 * @remedy:  what to do, empty where there is no better advice than the message
 *
 * Every function that takes one accepts NULL. It is written on failure only.
 */
struct an_error {
	int kind;
	int err;
	char object[160];
	char message[512];
	char remedy[256];
};

#ifdef __cplusplus
}
#endif

#endif
