/* SPDX-License-Identifier: Apache-2.0 */
/* Ports as callers write them, and resolv.conf(5) as the worker has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/resolver.h"
#include <actornet/actor.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static void ports_read_back_as_written(void **state)
{
	static const char *const texts[] = { "80/tcp",
					     "80-90/udp",
					     "80:8080/tcp",
					     "192.0.2.1:80/tcp",
					     "[2001:db8::1]:80/tcp",
					     "[::fffe:0:1]:80/tcp",
					     "[64:ff9b::1]:80/tcp",
					     "[2001:db8::1]:1-2:3/udp" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char text[AN_PORT_TEXT];
		struct an_port port;

		assert_int_equal(an_port_parse(texts[i], &port, NULL), 0);
		assert_string_equal(an_port_format(&port, text), texts[i]);
	}
}

/* The tables keep an IPv4 address so: it would read back as one, and be another port's key. */
static void ports_at_mapped_addresses_are_refused(void **state)
{
	static const char *const texts[] = { "[::ffff:192.0.2.1]:80", "[::ffff:c000:201]:80/udp",
					     "[::ffff:0:0]:80" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct an_error err = { 0 };
		struct an_port port;

		assert_int_equal(an_port_parse(texts[i], &port, &err), -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
	}
}

/* What is read of such a file. */
static unsigned int resolvers_of(const char *text, size_t len, struct addr *resolvers)
{
	int fd = memfd_create("resolv.conf", MFD_CLOEXEC);
	unsigned int n;
	char path[32];

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = resolver_read(path, resolvers);
	close(fd);
	return n;
}

static void resolvers_of_a_long_file_are_found(void **state)
{
	static char text[3 * 65536];
	struct addr resolvers[LAYOUT_RESOLVERS], want;
	size_t len = 0;

	(void)state;
	while (len < sizeof(text) / 2)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "# comment %zu\n", len);
	memset(text + len, 'x', 5000); /* a line that is longer than any piece of it */
	len += 5000;
	len += (size_t)snprintf(text + len, sizeof(text) - len,
				" nameserver 192.0.2.2\nnameserver 192.0.2.1");
	assert_int_equal(resolvers_of(text, len, resolvers), 1);
	assert_int_equal(addr_parse("192.0.2.1", &want), 0);
	assert_true(addr_equal(&resolvers[0], &want));
}

static void pieces_of_a_line_are_no_lines(void **state)
{
	struct addr resolvers[LAYOUT_RESOLVERS];
	char text[1024];

	(void)state;
	for (size_t before = 200; before < 300; before++) {
		size_t len = before;

		memset(text, ' ', before);
		text[0] = '#';
		len += (size_t)snprintf(text + len, sizeof(text) - len, "nameserver 192.0.2.1\n");
		assert_int_equal(resolvers_of(text, len, resolvers), 0);
	}
}

static void a_file_without_an_end_is_left(void **state)
{
	struct addr resolvers[LAYOUT_RESOLVERS];

	(void)state;
	assert_int_equal(resolver_read("/dev/zero", resolvers), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_read_back_as_written),
		cmocka_unit_test(ports_at_mapped_addresses_are_refused),
		cmocka_unit_test(resolvers_of_a_long_file_are_found),
		cmocka_unit_test(pieces_of_a_line_are_no_lines),
		cmocka_unit_test(a_file_without_an_end_is_left),
	};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
