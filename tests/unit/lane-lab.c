/* SPDX-License-Identifier: Apache-2.0 */
/* Links, programs and the memory, by bpf(2). */
#include "lane-lab.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "bpf/load.h"
#include "isolate.h"
#include "netns/sysctl.h"
#include "plane/gateway.h"
#include "rtnl/classifier.h"
#include "rtnl/link.h"
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define LAB_CPUS 1024

const uint32_t lab_slots[LAB_SLOTS] = { 1, 2, 17, 300, 65532 };

/* No descriptor is there before lab_make(). */
static struct lane_maps maps = { .memory = -1, .queues = -1, .shut = -1, .seed = 0x12345678 };
static int pass_fd = -1, learn_fd = -1, near_fd = -1, far_fd = -1;
static unsigned int cpu, cpus;

static int call_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Those that a per-CPU array has a copy for: "0-3", "0" or "0,2-3". */
static unsigned int possible_cpus(void)
{
	FILE *f = fopen("/sys/devices/system/cpu/possible", "re");
	unsigned int last = 0;
	char separator;

	assert_non_null(f);
	do
		assert_int_equal(fscanf(f, "%u", &last), 1);
	while (fscanf(f, "%c", &separator) == 1 && separator != '\n');
	fclose(f);
	assert_true(last < LAB_CPUS);
	return last + 1;
}

/* To the last one: the first one's marks would be right without its number. */
static void pin(void)
{
	cpu_set_t set;

	cpus = possible_cpus();
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (unsigned int i = 0; i < cpus; i++)
		if (CPU_ISSET(i, &set))
			cpu = i;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static int own_netns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Of the kernel's own accord no link here sends anything. */
static void make_quiet(void)
{
	static const char *const sysctls[][2] = { { "ipv6/conf/default/disable_ipv6", "1" } };

	sysctl_set_list(sysctls, 1, NULL); /* it may have no IPv6 at all */
}

static void make_far(void)
{
	near_fd = own_netns();
	make_quiet();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	far_fd = own_netns();
	make_quiet();
	assert_int_equal(setns(near_fd, CLONE_NEWNET), 0);
}

static struct nl_sock rtnl_here(void)
{
	struct nl_sock rtnl;

	assert_int_equal(nl_open(&rtnl, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), NULL), 0);
	return rtnl;
}

static void add_link(struct nl_sock *rtnl, uint32_t index, const uint8_t *mac, const uint8_t *peer_mac)
{
	struct link_veth veth = { .netns_fd = -1, .peer_netns_fd = far_fd, .index = index };

	snprintf(veth.name, sizeof(veth.name), "l%u", index);
	snprintf(veth.peer, sizeof(veth.peer), "p%u", index);
	veth.peer_index = index;
	veth.mtu = LAB_MTU;
	memcpy(veth.mac, mac, LINK_MAC);
	memcpy(veth.peer_mac, peer_mac, LINK_MAC);
	assert_int_equal(link_add_veth(rtnl, &veth, NULL), 0);
}

static void add_links(void)
{
	struct nl_sock rtnl = rtnl_here();

	add_link(&rtnl, LAYOUT_UP_INDEX, layout_mac_up, layout_mac_worker);
	add_link(&rtnl, LAB_STRANGER, layout_mac_up, layout_mac_worker);
	for (int i = 0; i < LAB_SLOTS; i++)
		add_link(&rtnl, LAYOUT_SLOT_INDEX + lab_slots[i], layout_mac_gateway, layout_mac_inner);
	nl_close(&rtnl);
}

int lab_make(void)
{
	struct an_error err = { 0 };
	int r = isolate();

	if (r != 0 || maps.memory >= 0)
		return r;
	maps.memory = load_array("test_lane", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct lane_entry),
				 LANE_ENTRIES, &err);
	maps.queues = load_array("test_queues", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct lane_queue),
				 LANE_WAYS, &err);
	maps.shut = load_array("test_shut", BPF_MAP_TYPE_ARRAY, sizeof(uint64_t), LANE_LINKS, &err);
	if (maps.memory < 0 || maps.queues < 0 || maps.shut < 0) {
		fprintf(stderr, "# no BPF here: run it as root (%s)\n", err.message);
		return getenv("ACTORNET_MUST_WORK") ? -1 : 1;
	}
	pin();
	make_far();
	add_links();
	return 0;
}

static int load(struct program *p, const char *name)
{
	struct an_error err = { 0 };
	int fd = load_program(p, name, &err);

	if (fd < 0)
		fail_msg("%s: %s", name, err.message);
	return fd;
}

static void load_or_skip(const struct plane *plane, bool hand_to_actors)
{
	struct program p;
	int r = lab_make();

	assert_true(r >= 0);
	if (r > 0)
		skip();
	fd_close(pass_fd);
	fd_close(learn_fd);
	maps.hand_to_actors = hand_to_actors;
	lane_pass(&p, &maps);
	pass_fd = load(&p, "test_pass");
	lane_learn(&p, plane, &maps);
	learn_fd = load(&p, "test_learn");
	lab_clear();
}

void lab_or_skip(const struct plane *plane)
{
	load_or_skip(plane, true);
}

void lab_uncounted(const struct plane *plane)
{
	load_or_skip(plane, false);
}

static uint32_t run(int program_fd, const struct frame *frame, struct __sk_buff *context, struct frame *ret)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	memset(ret, 0, sizeof(*ret));
	attr.test.prog_fd = (uint32_t)program_fd;
	attr.test.data_in = (uintptr_t)frame->bytes;
	attr.test.data_size_in = frame->len;
	attr.test.data_out = (uintptr_t)ret->bytes;
	attr.test.data_size_out = FRAME_MAX;
	attr.test.ctx_in = (uintptr_t)context;
	attr.test.ctx_size_in = sizeof(*context);
	attr.test.ctx_out = (uintptr_t)context;
	attr.test.ctx_size_out = sizeof(*context);
	if (call_bpf(BPF_PROG_TEST_RUN, &attr) < 0)
		fail_msg("BPF_PROG_TEST_RUN len %u: %s", frame->len, strerror(errno));
	ret->len = attr.test.data_size_out;
	return attr.test.retval;
}

uint32_t lab_learn(const struct frame *frame, uint32_t mark, uint32_t ingress, uint32_t egress)
{
	struct __sk_buff context = { .mark = mark, .ingress_ifindex = ingress, .ifindex = egress };
	const bool by_link = !maps.hand_to_actors && egress != LAYOUT_UP_INDEX;
	struct frame out;

	assert_int_equal(run(learn_fd, frame, &context, &out), by_link ? TC_ACT_OK : LAB_REDIRECT);
	frame_assert_same(&out, frame);
	return context.mark;
}

void lab_learn_flow(const struct flow *f)
{
	struct frame frame;

	frame_leave(f, &frame);
	lab_learn(&frame, GATEWAY_JUDGED, flow_ingress(f), flow_egress(f));
}

uint32_t lab_pass(const struct frame *frame, uint32_t ingress, struct frame *ret)
{
	lab_empty_queues();
	return lab_pass_marked(frame, ingress, 0, ret);
}

uint32_t lab_pass_marked(const struct frame *frame, uint32_t ingress, uint32_t mark, struct frame *ret)
{
	struct __sk_buff context = { .ifindex = ingress, .mark = mark };

	return run(pass_fd, frame, &context, ret);
}

void lab_assert_stays(const struct frame *frame, uint32_t ingress)
{
	struct frame out;

	assert_int_equal(lab_pass(frame, ingress, &out), TC_ACT_OK);
	frame_assert_same(&out, frame);
}

void lab_assert_flow_passes(const struct flow *f)
{
	struct frame in, out, want;

	frame_come(f, &in);
	frame_pass(f, &want);
	assert_int_equal(lab_pass(&in, flow_ingress(f), &out), LAB_REDIRECT);
	frame_assert_same(&out, &want);
}

/* All processors' copies of a place are read and written at once. */
static int access_place(int command, int map_fd, uint32_t place, void *copies)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map_fd;
	attr.key = (uintptr_t)&place;
	attr.value = (uintptr_t)copies;
	return call_bpf(command, &attr);
}

static struct lane_entry copies[LAB_CPUS];
static_assert(sizeof(struct lane_entry) % 8 == 0, "the kernel pads copies to 8 bytes");

void lab_read(struct lane_entry memory[static LANE_ENTRIES])
{
	for (uint32_t i = 0; i < LANE_ENTRIES; i++) {
		assert_int_equal(access_place(BPF_MAP_LOOKUP_ELEM, maps.memory, i, copies), 0);
		memory[i] = copies[cpu];
	}
}

void lab_write(const struct lane_entry memory[static LANE_ENTRIES])
{
	memset(copies, 0, cpus * sizeof(*copies));
	for (uint32_t i = 0; i < LANE_ENTRIES; i++) {
		copies[cpu] = memory[i];
		assert_int_equal(access_place(BPF_MAP_UPDATE_ELEM, maps.memory, i, copies), 0);
	}
}

static struct lane_queue queues[LAB_CPUS];

struct lane_queue lab_read_queue(uint32_t way)
{
	assert_int_equal(access_place(BPF_MAP_LOOKUP_ELEM, maps.queues, way, queues), 0);
	return queues[cpu];
}

void lab_write_queue(uint32_t way, uint64_t sent, uint64_t come)
{
	queues[cpu] = (struct lane_queue){ sent, come };
	assert_int_equal(access_place(BPF_MAP_UPDATE_ELEM, maps.queues, way, queues), 0);
}

void lab_empty_queues(void)
{
	for (uint32_t way = 0; way < LANE_WAYS; way++)
		lab_write_queue(way, 0, 0);
}

uint32_t lab_mark(uint64_t number)
{
	return (uint32_t)(number + (uint64_t)cpu * LANE_STEP) | ~(uint32_t)LANE_NUMBERS;
}

void lab_shut(uint32_t link)
{
	const uint64_t now = clock_ns();

	assert_int_equal(load_array_set(maps.shut, lane_place(link), &now, NULL), 0);
}

void lab_clear(void)
{
	static const struct lane_entry nothing[LANE_ENTRIES];

	lab_write(nothing);
}

uint32_t lab_count(struct lane_entry *ret)
{
	static const struct lane_entry nothing;
	static struct lane_entry memory[LANE_ENTRIES];
	uint32_t n = 0;

	lab_read(memory);
	for (uint32_t i = 0; i < LANE_ENTRIES; i++) {
		if (!memcmp(&memory[i], &nothing, sizeof(nothing)))
			continue;
		*ret = memory[i];
		n++;
	}
	return n;
}

void lab_keep_flow(const struct flow *f)
{
	static struct lane_entry memory[LANE_ENTRIES];
	struct lane_entry entry;

	lab_clear();
	lab_learn_flow(f);
	assert_int_equal(lab_count(&entry), 1);
	entry.until = UINT64_MAX;
	for (int i = 0; i < LANE_ENTRIES; i++)
		memory[i] = entry;
	lab_write(memory);
	lab_assert_flow_passes(f);
}

static void set_up(struct nl_sock *rtnl, uint32_t index)
{
	assert_int_equal(link_set_up(rtnl, index, 0, NULL), 0);
}

/* To ask for a link makes the kernel notice that its other end is up: until then it would lose what is handed to it. */
static void settle(struct nl_sock *rtnl, uint32_t index)
{
	struct link link;
	char name[16];

	snprintf(name, sizeof(name), "l%u", index);
	assert_int_equal(link_get(rtnl, name, &link, NULL), 0);
	assert_true(link.flags & IFF_RUNNING);
}

static void leave(struct nl_sock *rtnl, uint32_t index)
{
	assert_true(classifier_del(rtnl, index, NULL) >= 0);
}

static void join(struct nl_sock *rtnl, uint32_t index)
{
	assert_int_equal(classifier_add(rtnl, index, LANE_INGRESS, LANE_EGRESS, NULL), 0);
}

static void each_link(struct nl_sock *rtnl, void (*call)(struct nl_sock *rtnl, uint32_t index))
{
	call(rtnl, LAYOUT_UP_INDEX);
	for (int i = 0; i < LAB_SLOTS; i++)
		call(rtnl, LAYOUT_SLOT_INDEX + lab_slots[i]);
}

void lab_attach(void)
{
	struct nl_sock rtnl = rtnl_here();

	each_link(&rtnl, set_up);
	each_link(&rtnl, leave);
	each_link(&rtnl, join);
	assert_int_equal(classifier_program(&rtnl, LANE_INGRESS, pass_fd, "pass", NULL), 0);
	assert_int_equal(classifier_program(&rtnl, LANE_EGRESS, learn_fd, "learn", NULL), 0);
	nl_close(&rtnl);
	assert_int_equal(setns(far_fd, CLONE_NEWNET), 0);
	rtnl = rtnl_here();
	each_link(&rtnl, set_up);
	nl_close(&rtnl);
	assert_int_equal(setns(near_fd, CLONE_NEWNET), 0);
	rtnl = rtnl_here();
	each_link(&rtnl, settle);
	nl_close(&rtnl);
}

int lab_socket(uint32_t link, uint16_t protocol)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET,
					.sll_protocol = htons(protocol),
					.sll_ifindex = (int)link };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVMARK, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

int lab_far_socket(uint32_t link)
{
	int fd;

	assert_int_equal(setns(far_fd, CLONE_NEWNET), 0);
	fd = lab_socket(link, ETH_P_ALL);
	assert_int_equal(setns(near_fd, CLONE_NEWNET), 0);
	return fd;
}
