/* SPDX-License-Identifier: Apache-2.0 */
/* Making the fast lane. */
#include "core/lane.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fault.h"
#include "bpf/load.h"
#include "netns/sysctl.h"
#include "plane/lane.h"
#include "rtnl/classifier.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>

/*
 * Connection tracking sees few segments of a flow in the lane. So it leaves it to the worker's, which sees all, to
 * judge their numbers. What is idle it can't tell from what a peer that vanished has left: both are forgotten after
 * the time that RFC 5382 (REQ-5) asks for, 2 hours 4 minutes.
 */
static const char *const sysctls[][2] = {
	{ "netfilter/nf_conntrack_tcp_be_liberal", "1" },
	{ "netfilter/nf_conntrack_tcp_timeout_established", "7440" },
	{ "netfilter/nf_conntrack_tcp_timeout_unacknowledged", "7440" },
};

/* struct parts - what a lane is made of; the links hold on to the programs, these to the maps: no descriptor is kept */
struct parts {
	struct lane_maps maps;
	int pass, learn;
};

static void parts_close(struct parts *parts)
{
	fd_close(parts->learn);
	fd_close(parts->pass);
	fd_close(parts->maps.shut);
	fd_close(parts->maps.queues);
	fd_close(parts->maps.memory);
}

static int load_maps(struct lane_maps *maps, struct an_error *err)
{
	const enum bpf_map_type own = BPF_MAP_TYPE_PERCPU_ARRAY, common = BPF_MAP_TYPE_ARRAY;

	if (getrandom(&maps->seed, sizeof(maps->seed), 0) != sizeof(maps->seed))
		return error_errno(err, AN_FAILED, errno, "fast lane", "random bytes");
	maps->memory = load_array("actornet_lane", own, sizeof(struct lane_entry), LANE_ENTRIES, err);
	if (maps->memory < 0)
		return maps->memory;
	maps->queues = load_array("actornet_queue", own, sizeof(struct lane_queue), LANE_WAYS, err);
	if (maps->queues < 0)
		return maps->queues;
	maps->shut = load_array("actornet_shut", common, sizeof(uint64_t), LANE_LINKS, err);
	return maps->shut < 0 ? maps->shut : 0;
}

/* At up0 by tcx, which costs a packet less than to take part in a block. */
static int attach_up(struct an_worker *w, const struct parts *parts, struct an_error *err)
{
	int previous = netns_enter(GATEWAY_SIDE(w)->netns_fd, err);

	if (previous < 0)
		return previous;
	return netns_leave(previous, load_attach(LAYOUT_UP_INDEX, parts->pass, err), err);
}

static void detach_up(struct an_worker *w, const struct parts *parts)
{
	int previous = netns_enter(GATEWAY_SIDE(w)->netns_fd, NULL);

	if (previous >= 0)
		netns_leave(previous, load_detach(LAYOUT_UP_INDEX, parts->pass, NULL), NULL);
}

static int load_pass(struct parts *parts, struct an_error *err)
{
	struct program program;

	lane_pass(&program, &parts->maps);
	parts->pass = load_program(&program, "actornet_pass", err);
	return parts->pass < 0 ? parts->pass : 0;
}

/* Kernels that don't have tcx (before 6.6) don't count what is handed to a link's other end, either. */
static int place_pass(struct an_worker *w, struct parts *parts, struct an_error *err)
{
	int r;

	parts->maps.hand_to_actors = true;
	r = load_pass(parts, err);
	if (r == 0)
		r = attach_up(w, parts, err);
	if (r != -EINVAL)
		return r;
	parts->maps.hand_to_actors = false;
	fd_close(parts->pass);
	return load_pass(parts, err);
}

/* What comes in is first, and last when it is undone: it hands on what the other has come in again. */
static int place_learn(struct an_worker *w, struct parts *parts, struct an_error *err)
{
	struct nl_sock *rtnl = &GATEWAY_SIDE(w)->rtnl;
	struct program program;
	int r;

	lane_learn(&program, &w->plane, &parts->maps);
	parts->learn = load_program(&program, "actornet_learn", err);
	if (parts->learn < 0)
		return parts->learn;
	r = classifier_add(rtnl, LAYOUT_UP_INDEX, LANE_INGRESS, LANE_EGRESS, err);
	if (r == 0)
		r = classifier_program(rtnl, LANE_INGRESS, parts->pass, "pass", err);
	if (r == 0)
		r = classifier_program(rtnl, LANE_EGRESS, parts->learn, "learn", err);
	return r;
}

static int place(struct an_worker *w, struct parts *parts, struct an_error *err)
{
	int r = place_pass(w, parts, err);

	if (r == 0)
		r = place_learn(w, parts, err);
	if (r < 0) {
		classifier_del(&GATEWAY_SIDE(w)->rtnl, LAYOUT_UP_INDEX, NULL);
		detach_up(w, parts);
	}
	return r;
}

/* Where soft interrupts may come between each other, a processor's memory is not its own (PREEMPT_RT). */
static int check_kernel(struct an_error *err)
{
	struct utsname name;

	if (fault_point("uname") < 0 || uname(&name) < 0)
		return error_errno(err, AN_FAILED, errno, "fast lane", "uname");
	if (strstr(name.version, "PREEMPT_RT"))
		return error_set(err, AN_FAILED, EOPNOTSUPP, "fast lane", "not with PREEMPT_RT");
	return 0;
}

/* The number of the array that shuts it is all that is kept, in the gateway's record. */
static int build(struct an_worker *w)
{
	struct parts parts = { { -1, -1, -1, 0, false }, -1, -1 };
	int r = check_kernel(NULL);

	if (r == 0)
		r = load_maps(&parts.maps, NULL);
	if (r == 0)
		r = load_array_id(parts.maps.shut, &w->plane.lane, NULL);
	if (r == 0)
		r = place(w, &parts, NULL);
	parts_close(&parts);
	return r;
}

int lane_make(struct an_worker *w, struct an_error *err)
{
	if (build(w) < 0)
		w->plane.lane = 0;
	return lane_tune(w, err);
}

int lane_tune(const struct an_worker *w, struct an_error *err)
{
	int previous, r;

	if (!w->plane.lane)
		return 0;
	previous = netns_enter(GATEWAY_SIDE(w)->netns_fd, err);
	if (previous < 0)
		return previous;
	r = sysctl_set_list(sysctls, sizeof(sysctls) / sizeof(*sysctls), err);
	return netns_leave(previous, r, err);
}

int lane_join(struct an_worker *w, uint32_t index, struct an_error *err)
{
	if (!w->plane.lane)
		return 0;
	return classifier_add(&GATEWAY_SIDE(w)->rtnl, index, LANE_INGRESS, LANE_EGRESS, err);
}

static int shut(const struct an_worker *w, uint32_t n)
{
	_cleanup_fd_ int array = load_array_open(w->plane.lane, NULL);
	const uint64_t now = clock_ns();

	if (array < 0)
		return array;
	return load_array_set(array, lane_place(n + LAYOUT_SLOT_INDEX), &now, NULL);
}

void lane_shut(const struct an_worker *w, uint32_t n)
{
	uint64_t end;

	if (!w->plane.lane || shut(w, n) == 0)
		return;
	end = clock_ns() + LANE_NS; /* by then it is forgotten by itself */
	while (clock_ns() < end)
		nanosleep(&(struct timespec){ .tv_nsec = LANE_NS / 4 }, NULL);
}
