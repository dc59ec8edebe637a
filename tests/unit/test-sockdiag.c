/* SPDX-License-Identifier: Apache-2.0 */
/* rtnl/sockdiag against the kernel, in a namespace of its own. */
#include "isolate.h"

#include "base/cleanup.h"
#include "rtnl/link.h"
#include "rtnl/sockdiag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/*
 * A process's sockets are seen in its own namespace: this one goes there and stays until the end of the test.
 */
struct place {
	int home;
	struct nl_sock diag;
	struct an_error err;
};

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct nl_sock rtnl;
	struct link lo;

	assert_non_null(p);
	p->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(p->home >= 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(
		nl_open(&p->diag, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), NULL), 0);
	assert_int_equal(nl_open(&rtnl, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), NULL), 0);
	assert_int_equal(link_get(&rtnl, "lo", &lo, NULL), 0);
	assert_int_equal(link_set_up(&rtnl, lo.index, 0, NULL), 0);
	nl_close(&rtnl);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	nl_close(&p->diag);
	assert_int_equal(setns(p->home, CLONE_NEWNET), 0);
	fd_close(p->home);
	free(p);
	return 0;
}

static socklen_t sockaddr_of(const char *text, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct addr addr = parse(text);

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = addr.family;
	if (addr.family == AF_INET) {
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, addr.bytes, 4);
		return sizeof(*in);
	}
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, addr.bytes, 16);
	return sizeof(*in6);
}

/* A socket that holds a port; TCP listens. */
static int hold(uint8_t protocol, const char *text, uint16_t port, int v6only)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_of(text, port, &ss);
	int type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (ss.ss_family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	if (protocol == IPPROTO_TCP)
		assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int connect_to(uint8_t protocol, const char *text, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = sockaddr_of(text, port, &ss);
	int type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static int find(struct place *p, uint8_t protocol, const char *text, uint16_t port, struct sockdiag *ret)
{
	const struct sockdiag_place place = { .addr = parse(text), .port = port };
	struct sockdiag found;

	return sockdiag_find_any(&p->diag, protocol, &place, 1, ret ? ret : &found, &p->err);
}

static uint32_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint32_t)st.st_ino;
}

static void find_check(struct place *p, uint8_t protocol, const char *bound, const char *yes, const char *no)
{
	int fd = hold(protocol, bound, 8080, 1);
	struct addr addr = parse(bound);
	struct sockdiag found;

	assert_int_equal(find(p, protocol, yes, 8080, &found), 1);
	assert_true(addr_equal(&found.addr, &addr));
	assert_int_equal(found.port, 8080);
	assert_int_equal(found.protocol, protocol);
	assert_int_equal(found.inode, inode_of(fd));
	assert_int_equal(found.v6only, addr.family == AF_INET6);
	assert_int_equal(find(p, protocol, yes, 8081, NULL), 0);
	assert_int_equal(find(p, protocol == IPPROTO_TCP ? IPPROTO_UDP : IPPROTO_TCP, yes, 8080, NULL), 0);
	if (no)
		assert_int_equal(find(p, protocol, no, 8080, NULL), 0);
	fd_close(fd);
	assert_int_equal(find(p, protocol, yes, 8080, NULL), 0);
	assert_int_equal(p->err.kind, 0);
}

static void find_sees_what_a_packet_would_meet(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t i = 0; i < 2; i++) {
		find_check(*state, protocols[i], "0.0.0.0", "10.1.2.3", "fd00::1");
		find_check(*state, protocols[i], "127.0.0.1", "127.0.0.1", "127.0.0.2");
		find_check(*state, protocols[i], "::", "fd00::1", "10.1.2.3");
		find_check(*state, protocols[i], "::1", "::1", "fd00::1");
	}
}

static void find_sees_a_dual_stack_socket_by_ipv4(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct addr any = parse("::"), mapped = parse("127.0.0.1");
	struct sockdiag found;

	for (size_t i = 0; i < 2; i++) {
		int fd = hold(protocols[i], "::", 8080, 0);

		assert_int_equal(find(*state, protocols[i], "10.1.2.3", 8080, &found), 1);
		assert_true(addr_equal(&found.addr, &any));
		assert_false(found.v6only);
		assert_int_equal(found.inode, inode_of(fd));
		assert_int_equal(find(*state, protocols[i], "fd00::1", 8080, &found), 1);
		fd_close(fd);

		fd = hold(protocols[i], "::ffff:127.0.0.1", 8080, 0);
		assert_int_equal(find(*state, protocols[i], "127.0.0.1", 8080, &found), 1);
		assert_true(addr_equal(&found.addr, &mapped));
		assert_int_equal(find(*state, protocols[i], "127.0.0.2", 8080, &found), 0);
		fd_close(fd);
	}
}

/* A connection from or to the port holds no more than its own four numbers. */
static void find_does_not_take_a_connection_for_a_listener(void **state)
{
	_cleanup_fd_ int listener = hold(IPPROTO_TCP, "127.0.0.1", 8080, 1);
	_cleanup_fd_ int client = connect_to(IPPROTO_TCP, "127.0.0.1", 8080);
	_cleanup_fd_ int served = accept(listener, NULL, NULL);
	_cleanup_fd_ int udp = connect_to(IPPROTO_UDP, "127.0.0.1", 53);
	struct sockaddr_in own = { .sin_port = 0 };
	socklen_t len = sizeof(own);

	assert_true(served >= 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&own, &len), 0);
	assert_int_equal(find(*state, IPPROTO_TCP, "127.0.0.1", ntohs(own.sin_port), NULL), 0);
	assert_int_equal(find(*state, IPPROTO_TCP, "127.0.0.1", 8080, NULL), 1);
	fd_close(take_fd(&listener));
	assert_int_equal(find(*state, IPPROTO_TCP, "127.0.0.1", 8080, NULL), 0);
	len = sizeof(own);
	assert_int_equal(getsockname(udp, (struct sockaddr *)&own, &len), 0);
	assert_int_equal(find(*state, IPPROTO_UDP, "127.0.0.1", ntohs(own.sin_port), NULL), 0);
}

struct seen {
	unsigned int tcp4, tcp6, udp4, udp6, other;
};

static int see(const struct sockdiag *socket, void *data)
{
	bool four = socket->addr.family == AF_INET, tcp = socket->protocol == IPPROTO_TCP;
	struct seen *seen = data;

	if (socket->port < 8000 || socket->port > 8003)
		seen->other++;
	else if (tcp)
		(*(four ? &seen->tcp4 : &seen->tcp6))++;
	else
		(*(four ? &seen->udp4 : &seen->udp6))++;
	return 0;
}

static void dump_has_listeners_and_unconnected_only(void **state)
{
	const int fds[] = {
		hold(IPPROTO_TCP, "127.0.0.1", 8000, 1),    hold(IPPROTO_TCP, "::", 8001, 1),
		hold(IPPROTO_UDP, "127.0.0.1", 8002, 1),    hold(IPPROTO_UDP, "::", 8003, 1),
		connect_to(IPPROTO_TCP, "127.0.0.1", 8000), connect_to(IPPROTO_UDP, "127.0.0.1", 8002),
	};
	struct place *p = *state;
	struct seen seen = { 0 };

	assert_int_equal(sockdiag_dump(&p->diag, see, &seen, &p->err), 0);
	assert_int_equal(seen.tcp4, 1);
	assert_int_equal(seen.tcp6, 1);
	assert_int_equal(seen.udp4, 1);
	assert_int_equal(seen.udp6, 1);
	assert_int_equal(seen.other, 0);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fd_close(fds[i]);
}

static void owner_is_named(void **state)
{
	_cleanup_fd_ int fd = hold(IPPROTO_TCP, "127.0.0.1", 8080, 1);
	char want[64], buf[64];
	struct sockdiag found;

	snprintf(want, sizeof(want), "%.15s (pid %d)", program_invocation_short_name, (int)getpid());
	assert_int_equal(find(*state, IPPROTO_TCP, "127.0.0.1", 8080, &found), 1);
	assert_string_equal(sockdiag_owner(found.inode, buf, sizeof(buf)), want);
	fd_close(take_fd(&fd));
	assert_string_equal(sockdiag_owner(found.inode, buf, sizeof(buf)), "a process of another container");
	assert_string_equal(sockdiag_owner(0, buf, sizeof(buf)), "a process of another container");
	assert_string_equal(sockdiag_owner(0, buf, 4), "a p");
}

int main(void)
{
#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(find_sees_what_a_packet_would_meet),
		WITH(find_sees_a_dual_stack_socket_by_ipv4),
		WITH(find_does_not_take_a_connection_for_a_listener),
		WITH(dump_has_listeners_and_unconnected_only),
		WITH(owner_is_named),
	};

	if (isolate()) /* 77: skipped, to Meson */
		return getenv("ACTORNET_MUST_WORK") ? EXIT_FAILURE : 77;
	return cmocka_run_group_tests_name("sockdiag", tests, NULL, NULL);
}
