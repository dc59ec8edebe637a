/* SPDX-License-Identifier: Apache-2.0 */
/* Before anything is made: what the worker's network is to be, and whether it collides with what is there. */
#ifndef CORE_PREFLIGHT_H
#define CORE_PREFLIGHT_H

#include "core/uplink.h"
#include "core/worker.h"

/** struct preflight - choices for a worker that is not prepared yet */
struct preflight {
	struct plane plane;
	struct record_worker record;
	struct uplink uplink;
};

/** preflight_spec() - is the spec right in itself? Return: 0 or -EINVAL (AN_USAGE). */
int preflight_spec(const struct an_worker_spec *spec, struct an_error *err);
/** preflight_choose() - complete the spec from what the worker has, and check it against that. Changes nothing. */
int preflight_choose(struct an_worker *w, const struct an_worker_spec *spec, struct preflight *ret,
		     struct an_error *err);

#endif
