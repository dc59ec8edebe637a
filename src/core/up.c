/* SPDX-License-Identifier: Apache-2.0 */
/* Preparing a worker, or adjusting it. */
#include "base/clock.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/sized.h"
#include "core/attach.h"
#include "core/foreign.h"
#include "core/gateway.h"
#include "core/local.h"
#include "core/orphans.h"
#include "core/pool.h"
#include "core/ports.h"
#include "core/preflight.h"
#include "core/resolver.h"
#include "core/slot.h"
#include "core/tables.h"
#include "core/teardown.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The worker as it would be, for a dry run. */
static void describe(const struct an_worker *w, const struct an_worker_spec *spec,
		     const struct preflight *pre, struct an_worker_info *info)
{
	char text[ADDR_TEXT];

	snprintf(info->id, sizeof(info->id), "%s", w->plane.id);
	info->netns_inode = w->inode;
	snprintf(info->uplink, sizeof(info->uplink), "%s", pre->plane.uplink);
	snprintf(info->inner, sizeof(info->inner), "%s", addr_format(&pre->plane.inner, text));
	snprintf(info->range, sizeof(info->range), "%s", addr_format(&pre->plane.range, text));
	if (pre->plane.ipv6)
		snprintf(info->inner6, sizeof(info->inner6), "%s", addr_format(&pre->plane.inner6, text));
	if (pre->plane.ipv6 && spec->range6) /* else random, and another one then */
		snprintf(info->range6, sizeof(info->range6), "%s", addr_format(&pre->plane.range6, text));
	info->mtu = pre->plane.mtu;
	info->ipv6 = pre->plane.ipv6;
	info->fast_lane = -1;
	info->idle_target = pre->record.idle_target;
	info->max = pre->record.max;
}

static int build(struct an_worker *w, const struct preflight *pre, struct an_worker_info *ret_info,
		 struct an_error *err)
{
	const struct find_all nobody = { .n = 0 };
	int r;

	w->plane = pre->plane;
	w->record = pre->record;
	r = gateway_make(w, err);
	if (r == 0)
		r = tables_make(w, &nobody, err);
	if (r == 0)
		r = attach_make(w, err);
	if (r == 0)
		r = tables_around(w, err); /* the link's own address is there now */
	if (r == 0)
		r = local_look(w, err);
	if (r == 0)
		r = pool_fill(w, 0, err);
	if (r == 0)
		r = an_worker_info(w, ret_info, err);
	return r;
}

static int prepare(struct an_worker *w, const struct an_worker_spec *spec, struct an_worker_info *ret_info,
		   struct an_error *err)
{
	struct preflight pre;
	int r = preflight_choose(w, spec, &pre, err);

	if (r < 0)
		return r;
	if (spec->flags & AN_UP_DRY_RUN) {
		describe(w, spec, &pre, ret_info);
		return 0;
	}
	r = build(w, &pre, ret_info, err);
	if (r == 0 && spec->flags & AN_UP_ALLOW_FORWARD)
		r = foreign_allow(w, err);
	if (r < 0)
		teardown(w, NULL, NULL);
	return r;
}

/* An option that can't change while the worker is prepared: the same again is no change. */
static int same_prefix(const char *option, const char *text, const struct addr *there, struct an_error *err)
{
	char object[96], now[ADDR_TEXT];
	struct addr wanted;

	if (!text || (addr_parse(text, &wanted) == 0 && addr_equal(&wanted, there)))
		return 0;
	snprintf(object, sizeof(object), "%s %.60s", option, text);
	error_set(err, AN_CONFLICT, EEXIST, object, "the worker is prepared with %s",
		  addr_format(there, now));
	return error_remedy(err, "actornet down first: actors lose their network");
}

static int same_options(const struct an_worker *w, const struct an_worker_spec *spec, struct an_error *err)
{
	const struct plane *p = &w->plane;
	char object[64];
	int r = same_prefix("--inner", spec->inner, &p->inner, err);

	if (r == 0)
		r = same_prefix("--inner6", spec->inner6, &p->inner6, err);
	if (r == 0)
		r = same_prefix("--range", spec->range, &p->range, err);
	if (r == 0)
		r = same_prefix("--range6", spec->range6, &p->range6, err);
	if (r < 0)
		return r;
	if (spec->uplink && strcmp(spec->uplink, p->uplink) != 0) {
		snprintf(object, sizeof(object), "--uplink %.40s", spec->uplink);
		error_set(err, AN_CONFLICT, EEXIST, object, "the worker is prepared with %s", p->uplink);
		return error_remedy(err, "actornet down first: actors lose their network");
	}
	if (spec->nat_port_min && (spec->nat_port_min != p->nat_min || spec->nat_port_max != p->nat_max)) {
		snprintf(object, sizeof(object), "--nat-ports %u-%u", spec->nat_port_min, spec->nat_port_max);
		error_set(err, AN_CONFLICT, EEXIST, object, "the worker is prepared with %u-%u", p->nat_min,
			  p->nat_max);
		return error_remedy(err, "actornet down first: actors lose their network");
	}
	return 0;
}

/* New numbers in the record, the pool brought to them; on failure both as before. */
static int resize(struct an_worker *w, const struct an_worker_spec *spec, struct an_worker_info *ret_info,
		  struct an_error *err)
{
	const struct record_worker before = w->record;
	uint32_t made, last;
	int r;

	if (spec->slots != AN_KEEP)
		w->record.idle_target = spec->slots;
	if (spec->max != AN_KEEP && spec->max != 0)
		w->record.max = spec->max;
	made = w->record.made;
	r = memcmp(&before, &w->record, sizeof(before)) != 0 ? worker_save(w, &before, err) : 0;
	if (r == 0)
		r = pool_fill(w, 0, err);
	if (r == 0)
		r = an_worker_info(w, ret_info, err);
	if (r == 0)
		r = pool_trim(w, err);
	if (r >= 0) {
		ret_info->slots -= (uint32_t)r;
		ret_info->idle = (uint32_t)w->n_idle;
		return 0;
	}
	last = w->record.made;
	w->record = before;
	w->record.made = last;
	for (size_t i = pool_look(w, NULL) == 0 ? w->n_idle : 0; i > 0; i--) {
		if (w->idle[i - 1] > made)
			pool_drop(w, w->idle[i - 1]);
	}
	worker_save(w, NULL, NULL);
	return r;
}

static const char *resolv_conf(const struct an_worker_spec *spec)
{
	return spec->resolv_conf ? spec->resolv_conf : "/etc/resolv.conf";
}

static void read_resolvers(struct an_worker *w, const struct an_worker_spec *spec)
{
	w->plane.n_resolvers = resolver_read(resolv_conf(spec), w->plane.resolvers);
}

static int adjust(struct an_worker *w, const struct an_worker_spec *spec, struct an_worker_info *ret_info,
		  struct an_error *err)
{
	int r = same_options(w, spec, err);

	if (r == 0)
		r = preflight_numbers(spec, &w->record, err);
	read_resolvers(w, spec);
	if (r < 0 || spec->flags & AN_UP_DRY_RUN)
		return r < 0 ? r : an_worker_info(w, ret_info, err);
	r = gateway_mend(w, err);
	if (r == 0)
		r = tables_repair(w, true, err);
	if (r == 0)
		r = tables_agree(w, err);
	if (r >= 0)
		r = attach_make(
			w, err); /* `up` may have been killed in it, and others remove rules and routes */
	if (r >= 0)
		r = pool_sweep(w, err);
	if (r < 0)
		return r;
	read_resolvers(w, spec); /* anew: a repair has taken them from the tables */
	r = tables_around(w, err);
	if (r == 0 && spec->flags & AN_UP_ALLOW_FORWARD)
		r = foreign_allow(w, err);
	if (r >= 0)
		r = ports_own_renew(w, err);
	if (r >= 0)
		r = resize(w, spec, ret_info, err);
	return r;
}

static void notice(struct an_worker_info *info, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void notice(struct an_worker_info *info, const char *format, ...)
{
	const size_t size = sizeof(info->notice), len = strlen(info->notice);
	const char *between = len > 0 ? "; " : "";
	va_list args;

	if (len + strlen(between) >= size)
		return;
	memcpy(info->notice + len, between, strlen(between));
	va_start(args, format);
	vsnprintf(info->notice + len + strlen(between), size - len - strlen(between), format, args);
	va_end(args);
}

/* What the operator should know beside what there is. */
static void notices(struct an_worker *w, const struct an_worker_spec *spec, struct an_worker_info *info)
{
	const uint32_t used = info->slots > info->idle ? info->slots - info->idle : 0;
	char foreign[sizeof(info->notice)];
	struct uplink uplink;

	foreign_notice(w, foreign, sizeof(foreign));
	if (foreign[0])
		notice(info, "%s", foreign);
	if (!info->ipv6 && (spec->range6 || spec->inner6))
		notice(info, "%s has no effect, IPv6 is off: %s had %s when the worker was prepared",
		       spec->range6 ? "--range6" : "--inner6", info->uplink,
		       info->mtu < PREFLIGHT_MTU6 ? "an MTU below 1280" : "no global IPv6 address");
	if (w->plane.n_resolvers == 0)
		notice(info,
		       "actors have no DNS: %.100s names no resolver that can be reached from outside the worker",
		       resolv_conf(spec));
	if (uplink_find(&WORKER_SIDE(w)->rtnl, info->uplink, &uplink, NULL) == 0 &&
	    uplink.link.mtu != info->mtu)
		notice(info,
		       "the MTU of %s is %u now, and %u for the actors: actornet down, then actornet up",
		       info->uplink, uplink.link.mtu, info->mtu);
	if (used > info->max)
		notice(info,
		       "%u slots are in use, more than --max %u: they stay until their actors are released",
		       used, info->max);
}

/* Nothing tells any more how the worker was before an earlier `up`: it is taken as it is. */
static void notice_loss(const struct an_worker *w, struct an_worker_info *info)
{
	const struct record_found *found = &w->record.found;

	if (found->forward4 == 1 || found->forward6 == 1)
		notice(info,
		       "an earlier actornet was removed, of which every record was lost: %s forwards packets, and "
		       "it is not known whether it did before",
		       w->record.uplink);
}

static int up(struct an_worker *w, const struct an_worker_spec *spec, struct an_worker_info *info,
	      struct an_error *err)
{
	int presence = presence_look(w, err), r = 0;
	const bool known = w->record.uplink[0];
	uint32_t removed = 0;

	if (presence < 0)
		return presence;
	if (presence == PRESENCE_WHOLE)
		return adjust(w, spec, info, err);
	if (!(spec->flags & AN_UP_DRY_RUN))
		orphans_drop(w, NULL); /* no concern of this worker's if it can't be done */
	if (presence != PRESENCE_NONE && !(spec->flags & AN_UP_DRY_RUN))
		r = teardown(w, &removed, err);
	if (r >= 0)
		r = prepare(w, spec, info, err);
	if (r >= 0 && presence == PRESENCE_HALF && removed > 0 && !known)
		notice_loss(w, info);
	return r;
}

static int up_locked(struct an_worker *w, const struct an_worker_spec *spec, struct an_worker_info *info,
		     struct an_error *err)
{
	char path[64];
	bool fresh;
	int lock, r;

	worker_lock_path(w, path);
	fresh = access(path, F_OK) < 0;
	lock = worker_lock(w, err);
	if (lock < 0)
		return lock;
	r = up(w, spec, info, err);
	if (r >= 0)
		notices(w, spec, info);
	if (fresh && (r < 0 || spec->flags & AN_UP_DRY_RUN)) /* nothing was made: no file of ours stays */
		lock_remove(lock, path);
	else
		lock_drop(lock);
	return r;
}

int an_worker_up(struct an_worker **ret_worker, const struct an_worker_spec *spec,
		 struct an_worker_info *ret_info, struct an_error *err)
{
	const uint64_t start = clock_us();
	struct an_worker_spec own = { .size = sizeof(own), .slots = AN_KEEP, .max = AN_KEEP };
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker *w = NULL;
	int r = sized_take(&own, spec, SIZED_TO(struct an_worker_spec, netns_fd), "worker spec", err);

	if (r == 0)
		r = sized_check(ret_info, err);
	if (r == 0)
		r = preflight_spec(&own, err);
	if (r == 0)
		r = netns_lasting(err);
	if (r == 0)
		r = worker_new(&w, own.netns_fd, err);
	if (r < 0 || !w) /* on success there is one, but analyzers don't know */
		return r;
	r = up_locked(w, &own, &info, err);
	info.elapsed_us = clock_us() - start;
	if (r >= 0 && ret_info)
		sized_give(ret_info, &info);
	if (r >= 0 && ret_worker && !(own.flags & AN_UP_DRY_RUN)) {
		worker_wake(w);
		*ret_worker = w;
	} else {
		an_worker_close(w);
	}
	return r < 0 ? r : 0;
}

int an_worker_open(struct an_worker **ret_worker, int netns_fd, struct an_error *err)
{
	struct an_worker *w;
	int r = worker_new(&w, netns_fd, err);

	if (r < 0)
		return r;
	r = worker_load(w, err);
	if (r < 0) {
		an_worker_close(w);
		return r;
	}
	worker_wake(w);
	*ret_worker = w;
	return 0;
}
