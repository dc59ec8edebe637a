/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side of the link to the gateway. */
#include "core/attach.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/sysctl.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/neigh.h"
#include "rtnl/route.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#define SYSCTL_NAME 96

/* ipv4|ipv6 / conf / LINK / WHAT */
static void name_of(char buf[static SYSCTL_NAME], const char *family, const char *link, const char *what)
{
	struct text t = text_over(buf, SYSCTL_NAME);

	text_add(&t, "%s/conf/%s/%s", family, link, what);
}

/* A number, or -1 where this kernel has no such sysctl. */
static int look(const char *family, const char *link, const char *what, int *ret, struct an_error *err)
{
	char name[SYSCTL_NAME], value[16] = "";
	int r;

	name_of(name, family, link, what);
	r = sysctl_get(name, value, sizeof(value), err);
	*ret = r == -ENOENT ? -1 : atoi(value);
	return r == -ENOENT ? 0 : r;
}

/*
 * IPv6 is forwarded by the link where the kernel can and the worker is no router already, else for all links. An uplink
 * without IPv6 has no switch of its own, whatever the kernel can.
 */
static int look_ipv6(const char *uplink, struct record_found *found, struct an_error *err)
{
	int all = -1, any = -1, r = look("ipv6", "all", "forwarding", &all, err);

	if (r == 0)
		r = look("ipv6", "default", "force_forwarding", &any, err);
	found->all6 = any < 0 || all == 1;
	found->forward6 = all;
	found->accept_ra = -1;
	if (r == 0 && !found->all6)
		r = look("ipv6", uplink, "force_forwarding", &found->forward6, err);
	if (!found->all6 && found->forward6 < 0)
		found->forward6 = 0;
	if (r == 0 && found->all6 && all == 0)
		r = look("ipv6", uplink, "accept_ra", &found->accept_ra, err);
	return r;
}

static int look_all(const char *uplink, struct record_found *found, struct an_error *err)
{
	int r = look("ipv4", uplink, "forwarding", &found->forward4, err);

	return r < 0 ? r : look_ipv6(uplink, found, err);
}

int attach_look(struct an_worker *w, struct record_found *ret_found, struct an_error *err)
{
	int previous = netns_enter(WORKER_SIDE(w)->netns_fd, err);
	struct record_found found = { .forward4 = -1, .forward6 = -1 };
	int r;

	if (previous < 0)
		return previous;
	r = look_all(w->plane.uplink, &found, err);
	r = netns_leave(previous, r, err);
	if (r == 0)
		*ret_found = found;
	return r;
}

void attach_guard(const struct record_found *found, struct plane *p)
{
	p->guard4 = found->forward4 == 0 ? GUARD_UPLINK : GUARD_OFF;
	p->guard6 = GUARD_OFF;
	if (found->forward6 == 0)
		p->guard6 = found->all6 ? GUARD_ALL : GUARD_UPLINK;
}

static int set(const char *family, const char *link, const char *what, int value, struct an_error *err)
{
	char name[SYSCTL_NAME], text[16];
	int r;

	name_of(name, family, link, what);
	snprintf(text, sizeof(text), "%d", value);
	r = sysctl_set(name, text, err);
	return r < 0 ? r : 0;
}

/*
 * IPv6 forwarding by the link where the kernel can; else for all links, and then the uplink must go on listening to
 * router advertisements first (accept_ra 2), or it loses its default route at once.
 */
static int forward6(const struct record_worker *record, struct an_error *err)
{
	int r;

	if (!record->found.all6) {
		r = set("ipv6", record->uplink, "force_forwarding", 1, err);
		return r < 0 ? r : set("ipv6", LAYOUT_WORKER_LINK, "force_forwarding", 1, err);
	}
	r = record->found.accept_ra == 1 ? set("ipv6", record->uplink, "accept_ra", 2, err) : 0;
	return r < 0 ? r : set("ipv6", "all", "forwarding", 1, err);
}

static int set_all(struct an_worker *w, struct an_error *err)
{
	int r = set("ipv4", w->record.uplink, "forwarding", 1, err);

	if (r == 0)
		r = set("ipv4", LAYOUT_WORKER_LINK, "forwarding", 1, err);
	if (r == 0) /* the gateway vouches for sources: no look-up of each */
		r = set("ipv4", LAYOUT_WORKER_LINK, "accept_local", 1, err);
	if (r == 0 && w->plane.ipv6) {
		r = set("ipv6", LAYOUT_WORKER_LINK, "addr_gen_mode", 1, err);
		if (r == 0)
			r = set("ipv6", LAYOUT_WORKER_LINK, "accept_ra", 0, err);
		if (r == 0)
			r = set("ipv6", LAYOUT_WORKER_LINK, "disable_ipv6", 0, err);
		if (r == 0)
			r = forward6(&w->record, err);
	}
	return r;
}

static int set_sysctls(struct an_worker *w, struct an_error *err)
{
	int previous = netns_enter(WORKER_SIDE(w)->netns_fd, err);
	int r;

	if (previous < 0)
		return previous;
	r = set_all(w, err);
	r = netns_leave(previous, r, err);
	return r;
}

static int make_family(struct an_worker *w, uint8_t family, struct an_error *err)
{
	const struct addr own = layout_link_worker(&w->plane, family),
			  gateway = layout_link_gateway(&w->plane, family);
	struct nl_sock *rtnl = &WORKER_SIDE(w)->rtnl;
	struct route route = {
		.dst = family == AF_INET ? w->plane.range : w->plane.range6,
		.gateway = addr_from(family, gateway.bytes),
		.index = w->worker_index,
		.table = RT_TABLE_MAIN,
	};
	int r = address_add(rtnl, w->worker_index, &own, 0, err);

	if (r >= 0)
		r = neigh_set(rtnl, w->worker_index, &gateway, layout_mac_up, err);
	if (r >= 0)
		r = route_add(rtnl, &route, err);
	return r < 0 ? r : 0;
}

int attach_make(struct an_worker *w, struct an_error *err)
{
	int r = worker_save(w, NULL, err);

	if (r == 0)
		r = set_sysctls(w, err);
	if (r == 0)
		r = link_set_up(&WORKER_SIDE(w)->rtnl, w->worker_index, 0, err);
	if (r == 0)
		r = make_family(w, AF_INET, err);
	if (r == 0 && w->plane.ipv6)
		r = make_family(w, AF_INET6, err);
	return r;
}

/* As found: a sysctl that someone else changed since is put back too, since we can't tell. */
static int put_back(const struct record_worker *record, struct an_error *err)
{
	const struct record_found *f = &record->found;
	int r = f->forward4 == 0 ? set("ipv4", record->uplink, "forwarding", 0, err) : 0;
	int r6 = 0;

	if (f->forward6 == 0 && f->all6 == 1)
		r6 = set("ipv6", "all", "forwarding", 0, err);
	else if (f->forward6 == 0)
		r6 = set("ipv6", record->uplink, "force_forwarding", 0, err);
	if (r6 == 0 && f->all6 == 1 && f->accept_ra == 1)
		r6 = set("ipv6", record->uplink, "accept_ra", 1, err);
	/* the uplink may be gone, and its sysctls with it */
	r = r == -ENOENT ? 0 : r;
	r6 = r6 == -ENOENT ? 0 : r6;
	return r < 0 ? r : r6;
}

static int put_back_sysctls(struct an_worker *w, struct an_error *err)
{
	int previous = netns_enter(WORKER_SIDE(w)->netns_fd, err);
	int r;

	if (previous < 0)
		return previous;
	r = put_back(&w->record, err);
	r = netns_leave(previous, r, err);
	return r;
}

int attach_undo(struct an_worker *w, struct an_error *err)
{
	int r = w->record.uplink[0] ? put_back_sysctls(w, err) : 0;

	return r < 0 ? r : link_del(&WORKER_SIDE(w)->rtnl, LAYOUT_WORKER_LINK, err);
}
