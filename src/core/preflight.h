/* SPDX-License-Identifier: Apache-2.0 */
/* Before anything is made: what the worker's network is to be, and whether it collides with what is there. */
#ifndef CORE_PREFLIGHT_H
#define CORE_PREFLIGHT_H

#include "core/uplink.h"
#include "core/worker.h"

/* Limits of the spec's numbers and prefixes, for callers that check early. */
#define PREFLIGHT_INNER_MIN  16
#define PREFLIGHT_INNER_MAX  30
#define PREFLIGHT_INNER6_MIN 112
#define PREFLIGHT_INNER6_MAX 126
#define PREFLIGHT_RANGE_MIN  16
#define PREFLIGHT_RANGE_MAX  24
#define PREFLIGHT_RANGE6     64
#define PREFLIGHT_NAT_MIN    1024
#define PREFLIGHT_MTU6	     1280 /* RFC 8200, 5: below it the kernel has no IPv6 on a link */

/** struct preflight - choices for a worker that is not prepared yet */
struct preflight {
	struct plane plane;
	struct record_worker record;
	struct uplink uplink;
};

/** preflight_spec() - is the spec right in itself? Return: 0 or -EINVAL (AN_USAGE). */
int preflight_spec(const struct an_worker_spec *spec, struct an_error *err);
/**
 * preflight_numbers() - do --slots and --max of the spec fit what the worker has?
 * @there: the worker's record; of a new worker with @max 0
 * Return: 0 or -EINVAL (AN_USAGE).
 */
int preflight_numbers(const struct an_worker_spec *spec, const struct record_worker *there,
		      struct an_error *err);
/** preflight_choose() - complete the spec from what the worker has, and check it against that. Changes nothing. */
int preflight_choose(struct an_worker *w, const struct an_worker_spec *spec, struct preflight *ret,
		     struct an_error *err);

#endif
