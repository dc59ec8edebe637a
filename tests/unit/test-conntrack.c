/* SPDX-License-Identifier: Apache-2.0 */
/* Connection tracking entries of one address go, others stay, with real packets. Takes root, ip and nft. */
#include "nf-test.h"

#include "base/cleanup.h"
#include "nf/conntrack.h"
#include "nft-compare.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sched.h>

/* A router with connection tracking between two addresses of its own and a peer; it also translates to the peer. */
static const char links[] = "link set lo up\n"
			    "netns add conntrack-peer\n"
			    "link add ct0 type veth peer name ct1 netns conntrack-peer\n"
			    "addr add 10.9.0.1/24 dev ct0\naddr add 10.9.0.2/24 dev ct0\n"
			    "addr add fd09::1/64 dev ct0 nodad\naddr add fd09::2/64 dev ct0 nodad\n"
			    "link set ct0 up\n"
			    "route add 192.0.2.0/24 via 10.9.0.9\n";
static const char peer_links[] = "addr add 10.9.0.9/24 dev ct1\naddr add fd09::9/64 dev ct1 nodad\n"
				 "link set ct1 up\nlink set lo up\n";
static const char rules[] =
	"table inet track {\n"
	"chain in { type filter hook input priority 0; ct state established accept\n }\n"
	"chain out { type nat hook output priority -100; ip daddr 192.0.2.1 dnat ip to 10.9.0.9\n }\n"
	"}\n";

static bool run_tool(const char *program, const char *input, const char *const *args)
{
	char *output = tool_run(program, input, args);

	free(output);
	return output != NULL;
}

static int setup(void **state)
{
	static const char *const load[] = { "-f", "-", NULL }, *const batch[] = { "-batch", "-", NULL },
				 *const peer[] = { "-n", "conntrack-peer", "-batch", "-", NULL };

	(void)state;
	if (isolate())
		return getenv("ACTORNET_MUST_WORK") ? -1 : 0;
	return run_tool("ip", links, batch) && run_tool("ip", peer_links, peer) &&
			       run_tool("nft", rules, load)
		       ? 0
		       : -1;
}

/* A datagram from an address of ours to the peer's port. */
static void send_udp(const char *from, const char *to, uint16_t port)
{
	struct addr a = nf_test_addr(from), b = nf_test_addr(to);
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	_cleanup_fd_ int fd = socket(a.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (a.family == AF_INET) {
		memcpy(&sin.sin_addr, a.bytes, 4);
		assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
		memcpy(&sin.sin_addr, b.bytes, 4);
		sin.sin_port = htons(port);
		assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&sin, sizeof(sin)), 1);
		return;
	}
	memcpy(&sin6.sin6_addr, a.bytes, 16);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
	memcpy(&sin6.sin6_addr, b.bytes, 16);
	sin6.sin6_port = htons(port);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&sin6, sizeof(sin6)), 1);
}

static int count_entry(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	++*(int *)data;
	return 0;
}

/* Entries of a family, counted by a dump of our own. */
static int entries(struct nl_sock *nf, uint8_t family)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct nfgenmsg *head;
	struct msg m;
	int n = 0;

	msg_init(&m, buf, sizeof(buf));
	head = msg_begin(&m, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_REQUEST, sizeof(*head));
	head->nfgen_family = family;
	assert_int_equal(nl_dump(nf, &m, count_entry, NULL, &n, NULL), 0);
	return n;
}

static int del(struct nl_sock *nf, const char *address)
{
	const struct party party = { .addr = nf_test_addr(address) };
	struct an_error err = { 0 };
	int r = conntrack_del(nf, &party, 1, &err);

	if (r < 0)
		print_error("%s: %s\n", err.object, err.message);
	return r;
}

static void test_entries_of_one_address_go_others_stay(void **state)
{
	struct nl_sock nf;

	(void)state;
	isolate_or_skip();
	nf = nf_test_socket();
	del(&nf, "10.9.0.9");
	assert_int_equal(entries(&nf, AF_INET), 0);
	for (uint16_t port = 1000; port < 1005; port++)
		send_udp("10.9.0.1", "10.9.0.9", port);
	for (uint16_t port = 2000; port < 2003; port++)
		send_udp("10.9.0.2", "10.9.0.9", port);
	assert_int_equal(entries(&nf, AF_INET), 8);
	assert_int_equal(del(&nf, "10.9.0.77"), 0);
	assert_int_equal(entries(&nf, AF_INET), 8);
	assert_int_equal(del(&nf, "10.9.0.1"), 5);
	assert_int_equal(entries(&nf, AF_INET), 3);
	/* As destination, too. */
	assert_int_equal(del(&nf, "10.9.0.9"), 3);
	assert_int_equal(entries(&nf, AF_INET), 0);
	nl_close(&nf);
}

static void test_of_translated_entries_who_answers_is_a_party(void **state)
{
	struct nl_sock nf;

	(void)state;
	isolate_or_skip();
	nf = nf_test_socket();
	send_udp("10.9.0.1", "192.0.2.1", 3000);
	send_udp("10.9.0.1", "192.0.2.1", 3001);
	assert_int_equal(entries(&nf, AF_INET), 2);
	assert_int_equal(del(&nf, "192.0.2.1"), 0); /* nobody has that address */
	assert_int_equal(del(&nf, "10.9.0.9"), 2);
	assert_int_equal(entries(&nf, AF_INET), 0);
	nl_close(&nf);
}

static void test_a_port_is_where_the_flow_was_begun_to(void **state)
{
	struct party party = {
		.addr = nf_test_addr("10.9.0.9"), .protocol = IPPROTO_UDP, .port = 3100, .end_port = 3101
	};
	struct nl_sock nf;

	(void)state;
	isolate_or_skip();
	nf = nf_test_socket();
	for (uint16_t port = 3099; port < 3103; port++)
		send_udp("10.9.0.1", "10.9.0.9", port);
	party.protocol = IPPROTO_TCP;
	assert_int_equal(conntrack_del(&nf, &party, 1, NULL), 0);
	party.protocol = IPPROTO_UDP;
	assert_int_equal(conntrack_del(&nf, &party, 1, NULL), 2);
	assert_int_equal(entries(&nf, AF_INET), 2);
	assert_int_equal(del(&nf, "10.9.0.1"), 2);
	nl_close(&nf);
}

static void test_families_are_apart(void **state)
{
	struct nl_sock nf;

	(void)state;
	isolate_or_skip();
	nf = nf_test_socket();
	send_udp("fd09::1", "fd09::9", 4000);
	send_udp("fd09::1", "fd09::9", 4001);
	send_udp("10.9.0.2", "10.9.0.9", 4000);
	send_udp("fd09::2", "fd09::9", 4000);
	assert_int_equal(entries(&nf, AF_INET6), 3);
	assert_int_equal(del(&nf, "fd09::1"), 2);
	assert_int_equal(entries(&nf, AF_INET6), 1);
	assert_int_equal(del(&nf, "fd09::9"), 1);
	assert_int_equal(entries(&nf, AF_INET), 1);
	assert_int_equal(del(&nf, "10.9.0.2"), 1);
	nl_close(&nf);
}

/* Few enough to be read at once, and so many that the kernel filters. */
static void many_entries(uint16_t count)
{
	struct nl_sock nf;

	isolate_or_skip();
	nf = nf_test_socket();
	for (uint16_t port = 10000; port < 10000 + count; port++)
		send_udp("10.9.0.1", "10.9.0.9", port);
	send_udp("10.9.0.2", "10.9.0.9", 10000);
	assert_int_equal(del(&nf, "10.9.0.1"), count);
	assert_int_equal(entries(&nf, AF_INET), 1);
	del(&nf, "10.9.0.2");
	nl_close(&nf);
}

static void test_many_entries(void **state)
{
	(void)state;
	many_entries(3000);
	many_entries(6000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_of_one_address_go_others_stay),
		cmocka_unit_test(test_of_translated_entries_who_answers_is_a_party),
		cmocka_unit_test(test_a_port_is_where_the_flow_was_begun_to),
		cmocka_unit_test(test_families_are_apart),
		cmocka_unit_test(test_many_entries),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
