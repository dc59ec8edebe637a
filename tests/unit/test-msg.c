/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of messages, and how building them fails. */
#include "nl/attr.h"
#include "nl/msg.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define U16(x) (x) & 0xff, (x) >> 8
#define U32(x) (x) & 0xff, ((x) >> 8) & 0xff, ((x) >> 16) & 0xff, ((x) >> 24) & 0xff
#else
#define U16(x) (x) >> 8, (x)&0xff
#define U32(x) ((x) >> 24) & 0xff, ((x) >> 16) & 0xff, ((x) >> 8) & 0xff, (x)&0xff
#endif

/* Padding must be written, not what was there. */
static void start(struct msg *m, void *buf, size_t size)
{
	memset(buf, 0xa5, size);
	msg_init(m, buf, size);
}

static void test_bytes_of_a_message(void **state)
{
	static const uint8_t golden[] = {
		/* nlmsghdr */ U32(60),
		U16(0x1234),
		U16(0x0605),
		U32(0),
		U32(0),
		/* family header, padded */ 7,
		0,
		0,
		0,
		/* u8 */ U16(5),
		U16(1),
		0x11,
		0,
		0,
		0,
		/* u16 */ U16(6),
		U16(2),
		U16(0x2233),
		0,
		0,
		/* u32 */ U16(8),
		U16(3),
		U32(0x44556677),
		/* string with its NUL */ U16(7),
		U16(5),
		'a',
		'b',
		0,
		0,
		/* empty */ U16(4),
		U16(6),
		/* raw data */ U16(4),
		U16(7),
	};
	_Alignas(4) char buf[256];
	struct msg m;
	char *head;

	(void)state;
	start(&m, buf, sizeof(buf));
	head = msg_begin(&m, 0x1234, 0x0605, 1);
	assert_non_null(head);
	*head = 7;
	msg_put_u8(&m, 1, 0x11);
	msg_put_u16(&m, 2, 0x2233);
	msg_put_u32(&m, 3, 0x44556677);
	msg_put_str(&m, 5, "ab");
	msg_put(&m, 6, NULL, 0);
	msg_put(&m, 7, "", 0);
	assert_int_equal(msg_finish(&m), 0);
	assert_int_equal(m.len, sizeof(golden));
	assert_memory_equal(buf, golden, sizeof(golden));
}

static void test_bytes_of_nests_and_raw_headers(void **state)
{
	/* As ip-link(8) sends "add type veth peer …": linkinfo, its data, the peer's ifinfomsg and name. */
	static const uint8_t golden[] = {
		U32(80),
		U16(RTM_NEWLINK),
		U16(0),
		U32(0),
		U32(0),
		/* ifinfomsg */ U32(0),
		U32(0),
		U32(0),
		U32(0),
		/* IFLA_LINKINFO */ U16(48),
		U16(IFLA_LINKINFO),
		/* kind */ U16(9),
		U16(IFLA_INFO_KIND),
		'v',
		'e',
		't',
		'h',
		0,
		0,
		0,
		0,
		/* IFLA_INFO_DATA */ U16(32),
		U16(IFLA_INFO_DATA),
		/* VETH_INFO_PEER = 1 */ U16(28),
		U16(1 | NLA_F_NESTED),
		/* ifinfomsg of the peer */ U32(0),
		U32(9),
		U32(0),
		U32(0),
		/* its name */ U16(5),
		U16(IFLA_IFNAME),
		0,
		0,
		0,
		0,
	};
	_Alignas(4) char buf[256];
	struct ifinfomsg *peer;
	struct msg m;

	(void)state;
	start(&m, buf, sizeof(buf));
	msg_begin(&m, RTM_NEWLINK, 0, sizeof(struct ifinfomsg));
	msg_nest(&m, IFLA_LINKINFO);
	msg_put_str(&m, IFLA_INFO_KIND, "veth");
	msg_nest(&m, IFLA_INFO_DATA);
	msg_nest(&m, 1 | NLA_F_NESTED);
	peer = msg_raw(&m, sizeof(*peer));
	assert_non_null(peer);
	peer->ifi_index = 9;
	msg_put_str(&m, IFLA_IFNAME, "");
	msg_nest_end(&m);
	msg_nest_end(&m);
	msg_nest_end(&m);
	assert_int_equal(msg_finish(&m), 0);
	assert_int_equal(m.len, sizeof(golden));
	assert_memory_equal(buf, golden, sizeof(golden));
}

static void test_several_messages_stand_in_a_row(void **state)
{
	_Alignas(4) char buf[256];
	struct nlmsghdr *second;
	struct msg m;

	(void)state;
	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 1, 4);
	msg_put_u8(&m, 1, 1);
	msg_begin(&m, 21, 2, 0);
	msg_put_u64(&m, 2, 0x1122334455667788);
	assert_int_equal(msg_finish(&m), 0);
	assert_int_equal(msg_finish(&m), 0);
	assert_int_equal(m.count, 2);
	assert_int_equal(m.len, 28 + 28);
	second = (void *)(buf + 28);
	assert_int_equal(second->nlmsg_len, 28);
	assert_int_equal(second->nlmsg_type, 21);
}

static void fill(struct msg *m)
{
	msg_begin(m, 20, 0, 4);
	msg_nest(m, 1);
	msg_put_u32(m, 2, 3);
	msg_raw(m, 5);
	msg_put_str(m, 3, "name");
	msg_nest_end(m);
	msg_begin(m, 21, 0, 3);
	msg_put_u8(m, 1, 1);
}

static void test_a_buffer_too_small_is_an_error_and_is_not_overrun(void **state)
{
	_Alignas(4) char buf[256];
	struct msg m;
	size_t need;

	(void)state;
	start(&m, buf, sizeof(buf));
	fill(&m);
	assert_int_equal(msg_finish(&m), 0);
	need = m.len;
	for (size_t size = 0; size < need; size++) {
		memset(buf, 0xa5, sizeof(buf));
		msg_init(&m, buf, size);
		fill(&m);
		assert_int_equal(msg_finish(&m), -ENOBUFS);
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal((uint8_t)buf[i], 0xa5);
	}
	start(&m, buf, need);
	fill(&m);
	assert_int_equal(msg_finish(&m), 0);
}

static void test_the_first_failure_sticks(void **state)
{
	static char huge[UINT16_MAX + 1];
	_Alignas(4) char buf[64];
	struct msg m;

	(void)state;
	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 0, 0);
	msg_put(&m, 1, huge, sizeof(huge));
	assert_int_equal(m.err, -EMSGSIZE);
	msg_put(&m, 1, huge, 60);
	msg_put_u8(&m, 1, 1);
	assert_null(msg_begin(&m, 20, 0, 0));
	assert_null(msg_raw(&m, 0));
	assert_int_equal(msg_finish(&m), -EMSGSIZE);
}

static void test_misuse_is_an_error(void **state)
{
	_Alignas(4) char buf[256];
	struct msg m;

	(void)state;
	start(&m, buf, sizeof(buf));
	msg_put_u8(&m, 1, 1);
	assert_int_equal(msg_finish(&m), -EINVAL);

	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 0, 0);
	msg_nest(&m, 1);
	assert_int_equal(msg_finish(&m), -EINVAL);

	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 0, 0);
	msg_nest_end(&m);
	assert_int_equal(msg_finish(&m), -EINVAL);

	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 0, 0);
	for (int i = 0; i < MSG_DEPTH; i++)
		msg_nest(&m, 1);
	assert_int_equal(m.err, 0);
	msg_nest(&m, 1);
	assert_int_equal(msg_finish(&m), -E2BIG);

	msg_init(&m, buf + 1, 64);
	assert_int_equal(msg_finish(&m), -EINVAL);
}

static void test_a_nest_over_64_kib_is_an_error(void **state)
{
	static _Alignas(4) char buf[1 << 18];
	static char part[40000];
	struct msg m;

	(void)state;
	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 0, 0);
	msg_nest(&m, 1);
	msg_put(&m, 1, part, sizeof(part));
	msg_put(&m, 1, part, sizeof(part));
	msg_nest_end(&m);
	assert_int_equal(msg_finish(&m), -EMSGSIZE);
}

static void test_attributes_are_read_back(void **state)
{
	const struct nlattr *table[5], *inner[3];
	_Alignas(4) char buf[256];
	char text[8];
	struct msg m;

	(void)state;
	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 0, 3);
	msg_put_u8(&m, 1, 7);
	msg_put_str(&m, 2, "abc");
	msg_nest(&m, 3 | NLA_F_NESTED);
	msg_put_u64(&m, 1, 0x1122334455667788);
	msg_put(&m, 2, "no NUL", 6);
	msg_nest_end(&m);
	msg_put_u32(&m, 9, 1);
	msg_put_u16(&m, 4, 0xbeef);
	assert_int_equal(msg_finish(&m), 0);

	attr_table((void *)buf, 3, table, 4);
	assert_null(table[0]);
	assert_int_equal(attr_u8(table[1]), 7);
	assert_int_equal(attr_u32(table[1]), 0);
	assert_int_equal(attr_u16(table[4]), 0xbeef);
	attr_text(table[2], text, sizeof(text));
	assert_string_equal(text, "abc");
	attr_text(table[2], text, 3);
	assert_string_equal(text, "ab");
	attr_text(NULL, text, sizeof(text));
	assert_string_equal(text, "");
	attr_table_nested(table[3], inner, 2);
	assert_true(attr_u64(inner[1]) == 0x1122334455667788);
	attr_text(inner[2], text, sizeof(text));
	assert_string_equal(text, "no NUL");
	assert_int_equal(attr_u64(inner[0]), 0);
}

static void test_attributes_cut_short_are_left_out(void **state)
{
	const struct nlattr *table[3];
	_Alignas(4) char buf[64];
	struct nlmsghdr *nlh = (void *)buf;
	struct nlattr *second;
	struct msg m;

	(void)state;
	start(&m, buf, sizeof(buf));
	msg_begin(&m, 20, 0, 4);
	msg_put_u32(&m, 1, 5);
	msg_put_u32(&m, 2, 6);
	assert_int_equal(msg_finish(&m), 0);
	second = (void *)(buf + 28);

	attr_table(nlh, 4, table, 2);
	assert_int_equal(attr_u32(table[2]), 6);
	second->nla_len = 9;
	attr_table(nlh, 4, table, 2);
	assert_int_equal(attr_u32(table[1]), 5);
	assert_null(table[2]);
	second->nla_len = 3;
	attr_table(nlh, 4, table, 2);
	assert_null(table[2]);
	/* A message that ends within the family header. */
	nlh->nlmsg_len = 18;
	attr_table(nlh, 4, table, 2);
	assert_null(table[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_of_a_message),
		cmocka_unit_test(test_bytes_of_nests_and_raw_headers),
		cmocka_unit_test(test_several_messages_stand_in_a_row),
		cmocka_unit_test(test_a_buffer_too_small_is_an_error_and_is_not_overrun),
		cmocka_unit_test(test_the_first_failure_sticks),
		cmocka_unit_test(test_misuse_is_an_error),
		cmocka_unit_test(test_a_nest_over_64_kib_is_an_error),
		cmocka_unit_test(test_attributes_are_read_back),
		cmocka_unit_test(test_attributes_cut_short_are_left_out),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
