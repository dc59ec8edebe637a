/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the aliases of our links say: the part of the state that no table holds.
 *
 *   actornet0   version, slots ever made, idle target, limit, uplink, sysctls as found
 *   up0         inner and outer addresses, masquerade ports, key of names
 *   gateway lo  the first of these once more, as of `up` (and witness.h has it a third time)
 *   an<n>       the actor of the slot, so that a flushed gateway table can be made again; empty: idle
 *
 * Text of the form "actornet 1 key=value …": a version newer than this program's is refused by name.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "plane/elements.h"
#include "plane/layout.h"
#include <actornet/error.h>

#define RECORD_VERSION 1
#define RECORD_TEXT    256

/**
 * struct record_found - sysctls of the worker as `up` found them; -1: not there
 * @forward4: net.ipv4.conf.<uplink>.forwarding
 * @forward6: force_forwarding of the uplink, or all.forwarding where @all6
 * @all6:     forwarding is not by the link: this kernel has no force_forwarding, or all links forwarded already
 * @accept_ra: of the uplink, where turning @all6 on made it change
 */
struct record_found {
	int forward4, forward6, all6, accept_ra;
};

/**
 * struct record_worker - alias of actornet0
 * @made:        slots ever made: the next one's number is above it
 * @idle_target: idle slots to keep
 * @max:         most slots at once
 */
struct record_worker {
	uint32_t made, idle_target, max;
	char uplink[IFNAMSIZ];
	struct record_found found;
};

/** record_worker_format() - Return: @buf. */
const char *record_worker_format(const struct record_worker *r, char buf[static RECORD_TEXT]);
/** record_worker_parse() - Return: 0, -EPROTO: of a newer version, -EINVAL: not ours. */
int record_worker_parse(const char *text, struct record_worker *ret_record, struct an_error *err);

/** record_gateway_format() - the part of a plane that up0 keeps. Return: @buf. */
const char *record_gateway_format(const struct plane *p, char buf[static RECORD_TEXT]);
/** record_gateway_parse() - into @p; other members stay. Return: 0, -EPROTO, -EINVAL. */
int record_gateway_parse(const char *text, struct plane *p, struct an_error *err);

/** record_actor_format() - Return: @buf. */
const char *record_actor_format(const struct actor *a, char buf[static RECORD_TEXT]);
/**
 * record_actor_parse() - into name, flags, egress, since; Return: 0, -EINVAL (also for the empty text of an
 * idle slot).
 */
int record_actor_parse(const char *text, struct actor *a);

#endif
