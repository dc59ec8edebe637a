/* SPDX-License-Identifier: Apache-2.0 */
/* A handle that stays open while its worker changes, and callers built with other headers than the library. */
#include "base/clock.h"
#include "bpf/load.h"
#include "faults.h"
#include "lab.h"
#include "netns/netns.h"
#include "plane/lane.h"
#include "rtnl/address.h"
#include "rtnl/classifier.h"
#include "rtnl/link.h"
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct an_port ports[] = {
	{ .protocol = IPPROTO_TCP, .port = 8080, .end_port = 8080, .actor_port = 80 }
};
static const struct an_actor_spec asked = {
	.size = sizeof(asked), .name = "asked", .ports = ports, .n_ports = 1
};

/* A listener of the worker's, at one of its addresses. */
static int listen_at(const char *text)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(8080) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	memcpy(&at.sin_addr, addr.bytes, 4);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void add_address(struct an_worker *w, const char *text)
{
	struct link link;
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	assert_int_equal(link_get(&WORKER_SIDE(w)->rtnl, "far0", &link, NULL), 0);
	assert_int_equal(address_add(&WORKER_SIDE(w)->rtnl, link.index, &addr, 0, NULL), 1);
}

static void an_open_handle_sees_new_addresses(void **state)
{
	struct an_error err = { 0 };
	struct an_worker *w;
	int fd;

	(void)state;
	lab_or_skip();
	w = lab_up(1, 10);
	lab_activate(w, &asked); /* looked once */
	lab_release(w, "asked");
	add_address(w, "10.99.7.1/24");
	fd = listen_at("10.99.7.1");
	assert_int_equal(an_actor_activate(w, &asked, NULL, &err), -EADDRINUSE);
	assert_non_null(strstr(err.message, "listens on 8080"));
	close(fd);
	lab_activate(w, &asked);
	lab_down(w);
}

static void without_the_right_to_it_there_is_no_lane_and_all_else(void **state)
{
	struct an_worker_spec spec = lab_spec(1, 10);
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker *w, *again;

	(void)state;
	lab_or_skip();
	faults_set("bpf", 1, EPERM);
	assert_int_equal(an_worker_up(&w, &spec, &info, NULL), 0);
	assert_int_equal(faults_clear(), 1);
	assert_int_equal(info.fast_lane, 0);
	lab_activate(w, &asked);
	assert_true(whole_actor(w, &asked));
	assert_int_equal(an_worker_up(&again, &spec, &info, NULL), 0); /* compares all rules */
	assert_int_equal(info.fast_lane, 0);
	assert_true(whole_actor(again, &asked));
	an_worker_close(again);
	lab_release(w, "asked");
	lab_down(w);
	assert_int_equal(an_worker_up(&w, &spec, &info, NULL), 0);
	assert_int_equal(info.fast_lane, 1);
	lab_down(w);
}

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS */

/* How many programs has up0 by tcx? */
static uint32_t attached(struct an_worker *w)
{
	int previous = netns_enter(GATEWAY_SIDE(w)->netns_fd, NULL);
	union bpf_attr attr;

	assert_true(previous >= 0);
	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = LAYOUT_UP_INDEX;
	attr.query.attach_type = TCX_INGRESS;
	assert_int_equal(syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)), 0);
	assert_int_equal(netns_leave(previous, 0, NULL), 0);
	return attr.query.prog_cnt;
}

/* Of another failure it can't be told what comes of it; nor of a kernel that doesn't say what it is. */
static void without_an_answer_there_is_no_lane(void **state)
{
	static const struct {
		const char *call;
		int err;
	} failures[] = { { "tcx", ENOMEM }, { "tcx", EPERM }, { "uname", EFAULT } };
	struct an_worker_spec spec = lab_spec(1, 10);
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		faults_set(failures[i].call, 1, failures[i].err);
		assert_int_equal(an_worker_up(&w, &spec, &info, NULL), 0);
		assert_true(faults_clear() >= 1);
		assert_int_equal(info.fast_lane, 0);
		assert_int_equal(attached(w), 0);
		lab_down(w);
	}
}

static void without_tcx_there_is_a_lane_by_tc(void **state)
{
	struct an_worker_spec spec = lab_spec(1, 10);
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	for (unsigned int without = 0; without < 2; without++) {
		faults_set("tcx", 2 - without, EINVAL);
		assert_int_equal(an_worker_up(&w, &spec, &info, NULL), 0);
		assert_int_equal(faults_clear(), 1);
		assert_int_equal(info.fast_lane, 1);
		assert_int_equal(attached(w), !without);
		assert_int_equal(classifier_del(&GATEWAY_SIDE(w)->rtnl, LAYOUT_UP_INDEX, NULL), 1);
		lab_down(w);
	}
}

static bool has_alias(struct an_worker *w, uint32_t n)
{
	char name[IFNAMSIZ];
	struct link link;

	assert_int_equal(link_get(&GATEWAY_SIDE(w)->rtnl, layout_slot_link(n, name), &link, NULL), 0);
	return link.alias[0];
}

/* Which of them it is that fails: what finishes the slot alone does no harm, and the alias is tried again next time. */
static void what_is_put_off_is_done_though_a_slot_can_not_be_finished(void **state)
{
	unsigned int calls = 1, harmless = 0;

	(void)state;
	lab_or_skip();
	for (unsigned int at = 1; at <= calls; at++) {
		struct an_actor_info info = { .size = sizeof(info) };
		struct an_worker *w = lab_up(0, 10);
		int r;

		assert_int_equal(an_actor_activate(w, &asked, &info, NULL), 1);
		assert_false(has_alias(w, (uint32_t)info.generation));
		faults_set("sendmsg", at, ENOBUFS);
		r = an_worker_dispatch(w, 0, NULL);
		calls = faults_clear();
		assert_int_equal(has_alias(w, (uint32_t)info.generation), r == 0);
		harmless += r == 0;
		lab_settle(w);
		assert_true(has_alias(w, (uint32_t)info.generation));
		lab_release(w, "asked");
		lab_down(w);
	}
	assert_in_range(harmless, 2, calls - 1); /* to ask for the link, to delete its route */
}

/* `up` with its @at-th message failing; 0: none. Return: how many it sent. */
static unsigned int up_with_failure(unsigned int at, unsigned int *without_lane)
{
	struct an_worker_spec spec = lab_spec(0, 10);
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker *w;
	unsigned int calls;
	int r;

	faults_set("sendmsg", at, EPERM);
	r = an_worker_up(&w, &spec, &info, NULL);
	calls = faults_clear();
	if (r < 0)
		return calls;
	if (info.fast_lane == 0) {
		(*without_lane)++;
		assert_int_equal(attached(w), 0);
		assert_int_equal(classifier_del(&GATEWAY_SIDE(w)->rtnl, LAYOUT_UP_INDEX, NULL), 0);
	}
	lab_down(w);
	return calls;
}

/* It takes three messages. */
static void a_lane_that_can_not_be_made_leaves_nothing(void **state)
{
	unsigned int without = 0, calls;

	(void)state;
	lab_or_skip();
	calls = up_with_failure(0, &without);
	assert_int_equal(without, 0);
	for (unsigned int at = 1; at <= calls; at++)
		up_with_failure(at, &without);
	assert_int_equal(without, 3);
}

/* When slot n's lane was shut last. */
static uint64_t shut_at(struct an_worker *w, uint64_t n)
{
	const uint32_t place = lane_place((uint32_t)n + LAYOUT_SLOT_INDEX);
	int array = load_array_open(w->plane.lane, NULL);
	union bpf_attr attr;
	uint64_t at = 0;

	assert_true(array >= 0);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)array;
	attr.key = (uintptr_t)&place;
	attr.value = (uintptr_t)&at;
	assert_int_equal(syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)), 0);
	close(array);
	return at;
}

/* On return nothing passes any more; where it can't be shut, it has been forgotten by then. */
static void a_release_shuts_the_lane(void **state)
{
	struct an_actor_info info = { .size = sizeof(info) };
	struct an_worker *w;
	uint64_t start;

	(void)state;
	lab_or_skip();
	w = lab_up(2, 10);
	assert_int_equal(an_actor_activate(w, &asked, &info, NULL), 1);
	start = clock_ns();
	assert_int_equal(shut_at(w, info.generation), 0);
	lab_release(w, "asked");
	assert_in_range(shut_at(w, info.generation), start, clock_ns());
	lab_activate(w, &asked);
	start = clock_ns();
	faults_set("bpf", 1, EPERM);
	assert_int_equal(an_actor_release(w, "asked", 0, NULL, NULL), 0);
	assert_int_equal(faults_clear(), 1);
	assert_true(clock_ns() - start >= LANE_NS);
	lab_down(w);
}

static void the_end_of_a_port_shuts_the_lane(void **state)
{
	struct an_actor_info info = { .size = sizeof(info) };
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	w = lab_up(2, 10);
	assert_int_equal(an_actor_activate(w, &asked, &info, NULL), 1);
	assert_int_equal(an_actor_ports_set(w, "asked", ports, 1, NULL), 0); /* as they are */
	assert_int_equal(shut_at(w, info.generation), 0);
	assert_int_equal(an_actor_ports_set(w, "asked", NULL, 0, NULL), 1);
	assert_true(shut_at(w, info.generation) > 0);
	lab_down(w);
}

/* More of them than an activation has tries: what others claimed is passed over, not run into. */
#define OTHERS 12

static void an_open_handle_passes_over_slots_that_others_claimed(void **state)
{
	struct an_worker *w, *other;
	char name[16];

	(void)state;
	lab_or_skip();
	w = lab_up(OTHERS + 2, 2 * OTHERS);
	assert_int_equal(an_worker_open(&other, -1, NULL), 0);
	for (int i = 0; i < OTHERS; i++) {
		const struct an_actor_spec spec = { .size = sizeof(spec), .name = name };

		snprintf(name, sizeof(name), "other%d", i);
		lab_activate(other, &spec);
	}
	lab_activate(w, &asked);
	an_worker_close(other);
	lab_down(w);
}

static bool is_filled(const void *from, const void *to)
{
	for (const unsigned char *at = from; at < (const unsigned char *)to; at++) {
		if (*at != 0xa5)
			return false;
	}
	return true;
}

/* As an older caller has it: up to and with @interface. Nothing beyond may be written. */
#define OLDER_ACTOR offsetof(struct an_actor_info, address)

static void expect_older(const struct an_actor_info *info)
{
	assert_int_equal(info->size, OLDER_ACTOR);
	assert_string_equal(info->name, "asked");
	assert_true(is_filled((const char *)info + OLDER_ACTOR, info + 1));
}

static struct an_actor_info older(void)
{
	struct an_actor_info info;

	memset(&info, 0xa5, sizeof(info));
	info.size = OLDER_ACTOR;
	return info;
}

static void an_older_caller_gets_what_it_knows(void **state)
{
	struct an_worker_spec spec = lab_spec(1, 10);
	struct an_worker_info worker;
	struct an_actor_spec actor = asked;
	struct an_actor_info info;
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	memset(&worker, 0xa5, sizeof(worker));
	worker.size = offsetof(struct an_worker_info, mtu);
	spec.size = offsetof(struct an_worker_spec, nat_port_min);
	spec.flags = UINT32_MAX; /* beyond its size: not looked at */
	assert_int_equal(an_worker_up(&w, &spec, &worker, NULL), 0);
	assert_string_equal(worker.uplink, LAB_UPLINK);
	assert_true(is_filled(&worker.mtu, &worker + 1));
	memset(worker.uplink, 0xa5, sizeof(worker.uplink));
	assert_int_equal(an_worker_info(w, &worker, NULL), 0);
	assert_string_equal(worker.uplink, LAB_UPLINK);
	assert_true(is_filled(&worker.mtu, &worker + 1));

	actor.size = offsetof(struct an_actor_spec, egress);
	actor.egress = AN_EGRESS_NONE;
	actor.flags = UINT32_MAX;
	info = older();
	assert_int_equal(an_actor_activate(w, &actor, &info, NULL), 1);
	expect_older(&info);
	assert_true(whole_actor(w, &asked)); /* egress and flags by default */
	info = older();
	assert_int_equal(an_actor_show(w, "asked", &info, NULL), 0);
	expect_older(&info);
	info = older();
	assert_int_equal(an_actor_release(w, "asked", 0, &info, NULL), 0);
	expect_older(&info);
	lab_down(w);
}

/* Headers of a later day. */
struct newer_spec {
	struct an_actor_spec known;
	uint64_t wish;
};

struct newer_info {
	struct an_actor_info known;
	uint64_t more;
};

static void a_newer_caller_is_told_what_is_unknown(void **state)
{
	struct newer_spec spec = { .known = asked };
	struct newer_info info = { .known.size = sizeof(info), .more = 99 };
	struct an_error err = { 0 };
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	w = lab_up(1, 10);
	spec.known.size = sizeof(spec);
	spec.wish = 1;
	assert_int_equal(an_actor_activate(w, &spec.known, &info.known, &err), -E2BIG);
	assert_int_equal(err.kind, AN_USAGE);
	assert_int_equal(info.more, 99);
	spec.wish = 0;
	assert_int_equal(an_actor_activate(w, &spec.known, &info.known, NULL), 1);
	assert_int_equal(info.known.size, sizeof(info));
	assert_string_equal(info.known.name, "asked");
	assert_int_equal(info.more, 0);
	lab_down(w);
}

static void a_size_that_was_forgotten_is_refused_before_anything_is_done(void **state)
{
	struct an_actor_info info = { .size = 0 };
	struct an_worker_info worker = { .size = 0 };
	struct an_worker_spec spec = lab_spec(1, 10);
	struct an_actor_spec none = asked;
	struct an_worker *w;

	(void)state;
	lab_or_skip();
	assert_int_equal(an_worker_up(NULL, &spec, &worker, NULL), -EINVAL);
	w = lab_up(1, 10);
	assert_int_equal(an_worker_info(w, &worker, NULL), -EINVAL);
	assert_int_equal(an_actor_activate(w, &asked, &info, NULL), -EINVAL);
	assert_int_equal(an_actor_show(w, "asked", &info, NULL), -EINVAL);
	none.size = 0;
	assert_int_equal(an_actor_activate(w, &none, NULL, NULL), -EINVAL);
	assert_int_equal(an_actor_release(w, "asked", 0, NULL, NULL), -ENOENT);
	lab_down(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_handle_sees_new_addresses),
		cmocka_unit_test(an_open_handle_passes_over_slots_that_others_claimed),
		cmocka_unit_test(without_the_right_to_it_there_is_no_lane_and_all_else),
		cmocka_unit_test(without_tcx_there_is_a_lane_by_tc),
		cmocka_unit_test(without_an_answer_there_is_no_lane),
		cmocka_unit_test(what_is_put_off_is_done_though_a_slot_can_not_be_finished),
		cmocka_unit_test(a_lane_that_can_not_be_made_leaves_nothing),
		cmocka_unit_test(a_release_shuts_the_lane),
		cmocka_unit_test(the_end_of_a_port_shuts_the_lane),
		cmocka_unit_test(an_older_caller_gets_what_it_knows),
		cmocka_unit_test(a_newer_caller_is_told_what_is_unknown),
		cmocka_unit_test(a_size_that_was_forgotten_is_refused_before_anything_is_done),
	};

	if (lab_make()) /* 77: skipped, to Meson */
		return getenv("ACTORNET_MUST_WORK") ? EXIT_FAILURE : 77;
	return cmocka_run_group_tests_name("handle", tests, NULL, NULL);
}
