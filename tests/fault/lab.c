/* SPDX-License-Identifier: Apache-2.0 */
/* The worker of the fault tests, and what must be true of one. */
#include "lab.h"
#include "core/bind.h"
#include "core/pool.h"
#include "isolate.h"
#include "netns/sysctl.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void add_default(struct nl_sock *rtnl, uint32_t index, const char *gateway)
{
	struct route route = { .gateway = parse(gateway), .index = index, .table = RT_TABLE_MAIN };

	route.dst.family = route.gateway.family;
	assert_int_equal(route_add(rtnl, &route, NULL), 1);
}

/* The far end stays in the same namespace: nothing is to travel. */
static void make_uplink(struct nl_sock *rtnl)
{
	const struct addr v4 = parse("10.99.0.2/24"), v6 = parse("fd99::2/64");
	struct link_veth veth = { .name = LAB_UPLINK,
				  .peer = "far0",
				  .netns_fd = -1,
				  .peer_netns_fd = -1,
				  .mac = { 2, 0, 0, 0, 0, 1 },
				  .peer_mac = { 2, 0, 0, 0, 0, 2 } };
	struct link link;

	assert_int_equal(link_add_veth(rtnl, &veth, NULL), 0);
	assert_int_equal(link_get(rtnl, "far0", &link, NULL), 0);
	assert_int_equal(link_set_up(rtnl, link.index, 0, NULL), 0);
	assert_int_equal(link_get(rtnl, LAB_UPLINK, &link, NULL), 0);
	assert_int_equal(link_set_up(rtnl, link.index, 0, NULL), 0);
	assert_int_equal(address_add(rtnl, link.index, &v4, 0, NULL), 1);
	assert_int_equal(address_add(rtnl, link.index, &v6, 0, NULL), 1);
	add_default(rtnl, link.index, "10.99.0.1");
	add_default(rtnl, link.index, "fd99::1");
}

int lab_make(void)
{
	static bool made;
	struct nl_sock rtnl;
	struct link lo;
	int fd, r = isolate();

	if (made || r != 0)
		return r;
	made = true;
	assert_true(sysctl_set("ipv6/conf/default/addr_gen_mode", "1", NULL) >= 0);
	assert_int_equal(nl_open(&rtnl, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), NULL), 0);
	assert_int_equal(link_get(&rtnl, "lo", &lo, NULL), 0);
	assert_int_equal(link_set_up(&rtnl, lo.index, 0, NULL), 0);
	make_uplink(&rtnl);
	nl_close(&rtnl);
	assert_true(isolate_write(LAB_RESOLVER, "nameserver 10.99.0.1\n"));
	/* What is made once and stays, as ip-netns(8) does: the directory's being a mount point. */
	fd = netns_add("first", NULL);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(netns_del("first", NULL), 1);
	assert_int_equal(mkdir(LAYOUT_RUN, 0700), 0);
	return 0;
}

void lab_or_skip(void)
{
	isolate_or_skip();
}

struct an_worker_spec lab_spec(uint32_t slots, uint32_t max)
{
	return (struct an_worker_spec){ .size = sizeof(struct an_worker_spec),
					.netns_fd = -1,
					.slots = slots,
					.max = max,
					.resolv_conf = LAB_RESOLVER,
					.range6 = LAB_RANGE6 };
}

#define MUST(call, err)                                                                           \
	do {                                                                                      \
		int must_r_ = (call);                                                             \
		if (must_r_ < 0)                                                                  \
			fail_msg("%s = %d: %s: %s", #call, must_r_, (err).object, (err).message); \
	} while (0)

struct an_worker *lab_up(uint32_t slots, uint32_t max)
{
	const struct an_worker_spec spec = lab_spec(slots, max);
	struct an_error err = { 0 };
	struct an_worker *w;

	MUST(an_worker_up(&w, &spec, NULL, &err), err);
	return w;
}

void lab_down(struct an_worker *w)
{
	struct an_error err = { 0 };

	an_worker_close(w);
	MUST(an_worker_down(-1, NULL, &err), err);
}

void lab_activate(struct an_worker *w, const struct an_actor_spec *spec)
{
	struct an_error err = { 0 };

	MUST(an_actor_activate(w, spec, NULL, &err), err);
}

void lab_release(struct an_worker *w, const char *name)
{
	struct an_error err = { 0 };

	MUST(an_actor_release(w, name, 0, NULL, &err), err);
}

void lab_settle(struct an_worker *w)
{
	struct an_error err = { 0 };

	MUST(an_worker_dispatch(w, 0, &err), err);
}

unsigned long lab_netns(void)
{
	struct stat st;

	assert_int_equal(stat("/proc/thread-self/ns/net", &st), 0);
	return st.st_ino;
}

static bool has_element(struct an_worker *w, const struct element *e)
{
	struct nf_elem found;

	if (bind_get(w, e->table, e->set, &e->elem, &found, NULL) != 1)
		return false;
	return memcmp(found.value, e->elem.value, e->elem.value_len) == 0;
}

static bool has_netns(const struct an_worker *w, uint32_t n)
{
	char name[LAYOUT_NETNS_NAME], path[NETNS_PATH];
	int fd = netns_open(layout_slot_netns(&w->plane, n, name), NULL);

	if (fd < 0)
		return false;
	close(fd);
	return netns_path(name, path, NULL) == 0;
}

static bool wrong(const char *name, const char *what)
{
	fprintf(stderr, "# actor %s: %s\n", name, what);
	return false;
}

bool whole_actor(struct an_worker *w, const struct an_actor_spec *spec)
{
	struct elements all = { .n = 0 };
	bool whole = true;
	struct actor a;

	if (find_actor(w, spec->name, &a, NULL) != 1 || !a.policy)
		return wrong(spec->name, "is not active");
	if (a.egress != spec->egress || a.flags != spec->flags || a.n_ports != spec->n_ports)
		return wrong(spec->name, "has other settings");
	elements_actor(&all, &w->plane, &a);
	elements_ports(&all, &w->plane, &a);
	for (size_t i = 0; whole && i < all.n; i++) {
		if (!has_element(w, &all.list[i]))
			whole = wrong(spec->name, all.list[i].set->name);
	}
	elements_fini(&all);
	return whole && (has_netns(w, a.n) || wrong(spec->name, "has no namespace"));
}

struct count {
	const struct an_worker *w;
	const struct find_all *actors;
	unsigned int strangers;
};

static int count_stranger(const char *name, void *data)
{
	struct count *c = data;
	const uint32_t n =
		(uint32_t)strtoul(name + strlen(LAYOUT_NETNS) + strlen(c->w->plane.id) + 1, NULL, 10);
	bool idle = false;

	for (size_t i = 0; i < c->w->n_idle; i++)
		idle = idle || c->w->idle[i] == n;
	if (!idle && !find_slot(c->actors, n)) {
		fprintf(stderr, "# namespace %s is no one's\n", name);
		c->strangers++;
	}
	return 0;
}

bool whole_pool(struct an_worker *w)
{
	struct find_all actors = { .n = 0 };
	struct count count = { .w = w, .actors = &actors };
	char prefix[LAYOUT_NETNS_NAME + 1];
	bool whole = true;

	assert_int_equal(find_all(w, &actors, NULL), 0);
	assert_int_equal(pool_look(w, NULL), 0);
	for (size_t i = 0; i < w->n_idle; i++) {
		if (!has_netns(w, w->idle[i]) || find_slot(&actors, w->idle[i])) {
			fprintf(stderr, "# idle slot %u is dead or taken\n", w->idle[i]);
			whole = false;
		}
	}
	snprintf(prefix, sizeof(prefix), LAYOUT_NETNS "%s-", w->plane.id);
	assert_int_equal(netns_dump(prefix, count_stranger, &count, NULL), 0);
	find_all_fini(&actors);
	return whole && count.strangers == 0;
}
