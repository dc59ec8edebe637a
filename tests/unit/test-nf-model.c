/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions, sets and chains as values are what nft makes of their text. Takes root, and nft. */
#include "isolate.h"
#include "nft-compare.h"

#include <linux/if_packet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define RULE(m, chain, comment, text, ...)                                                       \
	do {                                                                                     \
		const struct nf_op ops_[] = { __VA_ARGS__ };                                     \
		model_rule(m, chain, ops_, sizeof(ops_) / sizeof(ops_[0]), comment, "%s", text); \
	} while (0)

#define NETWORK		       NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT	       NFT_PAYLOAD_TRANSPORT_HEADER
#define IPV4		       op_meta(NFT_META_NFPROTO, 1), op_cmp_u8(NFT_CMP_EQ, 1, NFPROTO_IPV4)
#define IPV6		       op_meta(NFT_META_NFPROTO, 1), op_cmp_u8(NFT_CMP_EQ, 1, NFPROTO_IPV6)
#define L4PROTO(p)	       op_meta(NFT_META_L4PROTO, 1), op_cmp_u8(NFT_CMP_EQ, 1, p)
#define CT_STATE(bits)	       op_ct(NFT_CT_STATE, 1), bitwise_u32(1, bits, 0), op_cmp_u32(NFT_CMP_NEQ, 1, 0)
#define ESTABLISHED_OR_RELATED (NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED))

static struct nf_op bitwise_u32(uint32_t reg, uint32_t mask, uint32_t flip)
{
	return op_bitwise(reg, &mask, &flip, sizeof(mask));
}

static struct nf_op bitwise_u16(uint32_t reg, uint16_t mask, uint16_t flip)
{
	const uint16_t mask_be = htons(mask), flip_be = htons(flip);

	return op_bitwise(reg, &mask_be, &flip_be, sizeof(mask_be));
}

static struct nf_op cmp_u16(uint32_t op, uint32_t reg, uint16_t value)
{
	const uint16_t value_be = htons(value);

	return op_cmp(op, reg, &value_be, sizeof(value_be));
}

static struct nf_op immediate_u16(uint32_t reg, uint16_t value)
{
	const uint16_t value_be = htons(value);

	return op_immediate(reg, &value_be, sizeof(value_be));
}

static void key_name(struct nf_elem *e, const char *device)
{
	char name[16] = ""; /* IFNAMSIZ */

	snprintf(name, sizeof(name), "%s", device);
	elem_key(e, name, sizeof(name));
}

static struct addr parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void fill_prefix(struct nf_model *m, const char *set, const char *prefix, const char *comment)
{
	struct addr a = parse(prefix);
	struct nf_elem e = elem_prefix(&a);

	snprintf(e.comment, sizeof(e.comment), "%s", comment);
	model_fill(m, set, &e);
}

static void add_sets(struct nf_model *m)
{
	static const struct nf_set sets[] = {
		{ .name = "outer4", .key = { NF_TYPE_IFNAME }, .value = { NF_TYPE_IPV4_ADDR } },
		{ .name = "outer6", .key = { NF_TYPE_IFNAME }, .value = { NF_TYPE_IPV6_ADDR } },
		{ .name = "known4", .key = { NF_TYPE_IPV4_ADDR } },
		{ .name = "known6", .key = { NF_TYPE_IPV6_ADDR } },
		{ .name = "egress", .key = { NF_TYPE_IFNAME }, .value = { NF_TYPE_VERDICT } },
		{ .name = "local4", .key = { NF_TYPE_IPV4_ADDR }, .flags = NFT_SET_INTERVAL },
		{ .name = "local6", .key = { NF_TYPE_IPV6_ADDR }, .flags = NFT_SET_INTERVAL },
		{ .name = "open4", .key = { NF_TYPE_IPV4_ADDR, NF_TYPE_INET_PROTO, NF_TYPE_INET_SERVICE } },
		{ .name = "open6", .key = { NF_TYPE_IPV6_ADDR, NF_TYPE_INET_PROTO, NF_TYPE_INET_SERVICE } },
		{ .name = "current", .key = { NF_TYPE_IFNAME }, .value = { NF_TYPE_MARK } },
		{ .name = "judged", .key = { NF_TYPE_IFNAME, NF_TYPE_MARK } },
		{ .name = "frags", .key = { NF_TYPE_IFNAME }, .flags = NFT_SET_EVAL, .size = 65535 },
		{ .name = "flows", .key = { NF_TYPE_IFNAME }, .flags = NFT_SET_EVAL, .size = 65535 },
		{ .name = "denied",
		  .key = { NF_TYPE_IFNAME, NF_TYPE_MARK },
		  .flags = NFT_SET_EVAL,
		  .size = 65535 },
		{ .name = "protos", .key = { NF_TYPE_INET_PROTO } },
		{ .name = "icmp4", .key = { NF_TYPE_ICMP_TYPE } },
		{ .name = "icmp6", .key = { NF_TYPE_ICMPV6_TYPE } },
		{ .name = "marks", .key = { NF_TYPE_MARK } },
		{ .name = "tcp4",
		  .key = { NF_TYPE_INET_SERVICE },
		  .value = { NF_TYPE_IPV4_ADDR, NF_TYPE_INET_SERVICE } },
		{ .name = "tcp6",
		  .key = { NF_TYPE_INET_SERVICE },
		  .value = { NF_TYPE_IPV6_ADDR, NF_TYPE_INET_SERVICE } },
		{ .name = "own", .key = { NF_TYPE_INET_PROTO, NF_TYPE_INET_SERVICE } },
		{ .name = "all4", .key = { NF_TYPE_IPV4_ADDR }, .value = { NF_TYPE_IPV4_ADDR } },
		{ .name = "policy4",
		  .key = { NF_TYPE_IPV4_ADDR, NF_TYPE_INET_SERVICE },
		  .flags = NFT_SET_INTERVAL },
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		model_set(m, &sets[i]);
}

static void add_named_fills(struct nf_model *m)
{
	struct addr outer4 = parse("100.64.0.1"), outer6 = parse("fd64::1");
	struct nf_elem e;

	e = (struct nf_elem){ .comment = "an1" };
	key_name(&e, "an1");
	elem_value_addr(&e, &outer4);
	model_fill(m, "outer4", &e);
	e = (struct nf_elem){ 0 };
	key_name(&e, "an1");
	elem_value_addr(&e, &outer6);
	model_fill(m, "outer6", &e);
	e = (struct nf_elem){ 0 };
	key_name(&e, "an1");
	elem_goto(&e, "egress_all");
	model_fill(m, "egress", &e);
	e = (struct nf_elem){ 0 };
	key_name(&e, "an1");
	elem_value_u32(&e, 0x01020304);
	model_fill(m, "current", &e);
	e = (struct nf_elem){ .comment = "seven" };
	key_name(&e, "an1");
	elem_key_u32(&e, 7);
	model_fill(m, "judged", &e);
	e = (struct nf_elem){ 0 };
	elem_key_addr(&e, &outer6);
	elem_key_u8(&e, IPPROTO_TCP);
	elem_key_u16_be(&e, 80);
	model_fill(m, "open6", &e);
}

static void add_port_fills(struct nf_model *m)
{
	struct addr outer4 = parse("100.64.0.1"), net = parse("10.1.0.0/16");
	struct nf_elem e;

	e = (struct nf_elem){ 0 };
	elem_key_u16_be(&e, 8001);
	elem_value_addr(&e, &outer4);
	elem_value_u16_be(&e, 80);
	model_fill(m, "tcp4", &e);
	e = (struct nf_elem){ 0 };
	elem_key_u8(&e, IPPROTO_TCP);
	elem_key_u16_be(&e, 22);
	model_fill(m, "own", &e);
	e = (struct nf_elem){ 0 };
	elem_key_u32(&e, 0x100);
	model_fill(m, "marks", &e);
	e = (struct nf_elem){ 0 };
	elem_key_u8(&e, 8);
	model_fill(m, "icmp4", &e);
	e = elem_prefix(&net);
	elem_key_u16_be(&e, 80);
	e.key_end[5] = 90;
	model_fill(m, "policy4", &e);
}

static void add_fills(struct nf_model *m)
{
	add_named_fills(m);
	add_port_fills(m);
	fill_prefix(m, "local4", "10.0.0.0/8", "ten");
	fill_prefix(m, "local4", "11.0.0.0/8", "");
	fill_prefix(m, "local4", "127.0.0.1", "");
	fill_prefix(m, "local4", "224.0.0.0/3", "end of the address space");
	fill_prefix(m, "local6", "::/127", "");
	fill_prefix(m, "local6", "64:ff9b:1::/48", "");
	fill_prefix(m, "local6", "ff00::/8", "");
}

static void add_chains(struct nf_model *m)
{
	static const struct nf_chain chains[] = {
		{ .name = "raw_in",
		  .type = "filter",
		  .hook = NF_INET_PRE_ROUTING,
		  .priority = -450,
		  .policy = NF_ACCEPT },
		{ .name = "input", .type = "filter", .hook = NF_INET_LOCAL_IN, .policy = NF_DROP },
		{ .name = "forward", .type = "filter", .hook = NF_INET_FORWARD, .policy = NF_DROP },
		{ .name = "dns",
		  .type = "nat",
		  .hook = NF_INET_PRE_ROUTING,
		  .priority = -101,
		  .policy = NF_ACCEPT },
		{ .name = "own_ports",
		  .type = "nat",
		  .hook = NF_INET_LOCAL_OUT,
		  .priority = -101,
		  .policy = NF_ACCEPT },
		{ .name = "masq",
		  .type = "nat",
		  .hook = NF_INET_POST_ROUTING,
		  .priority = 99,
		  .policy = NF_ACCEPT },
		{ .name = "late_out",
		  .type = "filter",
		  .hook = NF_INET_POST_ROUTING,
		  .priority = 310,
		  .policy = NF_ACCEPT },
		{ .name = "from_actor" },
		{ .name = "to_icmp" },
		{ .name = "egress_all" },
		{ .name = "refuse" },
	};

	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		model_chain(m, &chains[i]);
}

static void add_from_actor(struct nf_model *m)
{
	struct addr inner4 = parse("169.254.17.2"), inner6 = parse("fd00:169:254::2");

	RULE(m, "raw_in", NULL, "iifname \"an*\" jump from_actor", op_meta(NFT_META_IIFNAME, 1),
	     op_cmp_name_prefix(NFT_CMP_EQ, 1, "an"), op_jump("from_actor"));
	RULE(m, "from_actor", "options", "ip hdrlength != 5 counter drop", IPV4, op_payload(NETWORK, 0, 1, 1),
	     op_bitwise(1, "\x0f", "\0", 1), op_cmp_u8(NFT_CMP_NEQ, 1, 5), op_counter(), op_drop());
	RULE(m, "from_actor", "options", "exthdr rt exists counter drop", IPV6,
	     op_exthdr(IPPROTO_ROUTING, 0, 1, NFT_EXTHDR_F_PRESENT, 1), op_cmp_u8(NFT_CMP_EQ, 1, 1),
	     op_counter(), op_drop());
	RULE(m, "from_actor", "protocol", "meta l4proto != @protos counter drop",
	     op_meta(NFT_META_L4PROTO, 1), op_lookup(1, "protos", NFT_LOOKUP_F_INV), op_counter(), op_drop());
	RULE(m, "from_actor", "fragments",
	     "ip frag-off & 0x3fff != 0 "
	     "add @frags { iifname limit rate 1000/second burst 500 packets } counter drop",
	     IPV4, op_payload(NETWORK, 6, 2, 1), bitwise_u16(1, 0x3fff, 0), cmp_u16(NFT_CMP_NEQ, 1, 0),
	     op_meta(NFT_META_IIFNAME, 1), op_dynset_limit(1, "frags", 1000, 500), op_counter(), op_drop());
	RULE(m, "from_actor", NULL, "ip saddr 169.254.17.2 ip saddr set iifname map @outer4 meta mark set 1",
	     IPV4, op_payload(NETWORK, 12, 4, 1), op_cmp_addr(NFT_CMP_EQ, 1, &inner4),
	     op_meta(NFT_META_IIFNAME, 1), op_lookup_map(1, "outer4", 1),
	     op_payload_set(NETWORK, 12, 4, 1, NFT_PAYLOAD_CSUM_INET, 10, NFT_PAYLOAD_L4CSUM_PSEUDOHDR),
	     op_immediate_u32(1, 1), op_meta_set(NFT_META_MARK, 1));
	RULE(m, "from_actor", NULL,
	     "ip6 saddr fd00:169:254::2 ip6 saddr set iifname map @outer6 meta mark set 1", IPV6,
	     op_payload(NETWORK, 8, 16, 1), op_cmp_addr(NFT_CMP_EQ, 1, &inner6), op_meta(NFT_META_IIFNAME, 1),
	     op_lookup_map(1, "outer6", 1),
	     op_payload_set(NETWORK, 8, 16, 1, NFT_PAYLOAD_CSUM_NONE, 0, NFT_PAYLOAD_L4CSUM_PSEUDOHDR),
	     op_immediate_u32(1, 1), op_meta_set(NFT_META_MARK, 1));
	RULE(m, "from_actor", NULL, "meta mark 1 frag frag-off != 0 return", IPV6, op_meta(NFT_META_MARK, 1),
	     op_cmp_u32(NFT_CMP_EQ, 1, 1), op_exthdr(IPPROTO_FRAGMENT, 2, 2, 0, 1), bitwise_u16(1, 0xfff8, 0),
	     cmp_u16(NFT_CMP_NEQ, 1, 0), op_return());
	RULE(m, "from_actor", "forged error", "icmp type @icmp4 @th,192,32 != 0xa9fe1102 counter drop", IPV4,
	     L4PROTO(IPPROTO_ICMP), op_payload(TRANSPORT, 0, 1, 1), op_lookup(1, "icmp4", 0),
	     op_payload(TRANSPORT, 24, 4, 1), op_cmp_addr(NFT_CMP_NEQ, 1, &inner4), op_counter(), op_drop());
	RULE(m, "from_actor", NULL, "icmpv6 type 1-4 jump to_icmp", IPV6, L4PROTO(IPPROTO_ICMPV6),
	     op_payload(TRANSPORT, 0, 1, 1), op_cmp_u8(NFT_CMP_GTE, 1, 1), op_cmp_u8(NFT_CMP_LTE, 1, 4),
	     op_jump("to_icmp"));
	RULE(m, "from_actor", NULL, "meta mark & 0x000000ff == 0x00000001 return", op_meta(NFT_META_MARK, 1),
	     bitwise_u32(1, 0xff, 0), op_cmp_u32(NFT_CMP_EQ, 1, 1), op_return());
}

/* Writes into an embedded header: nft has no words for their checksum. */
static void add_raw(struct nf_model *m)
{
	const struct nf_op ops[] = {
		IPV4,
		op_payload(TRANSPORT, 20, 4, 1),
		op_lookup(1, "known4", 0),
		op_immediate(1, "\xa9\xfe\x11\x02", 4),
		op_payload_set(TRANSPORT, 20, 4, 1, NFT_PAYLOAD_CSUM_INET, 18, 0),
	};

	model_rule(m, "to_icmp", ops, sizeof(ops) / sizeof(ops[0]), "embedded source", NULL);
}

static void add_forward(struct nf_model *m)
{
	RULE(m, "input", NULL, "iifname \"lo\" accept", op_meta(NFT_META_IIFNAME, 1),
	     op_cmp_name(NFT_CMP_EQ, 1, "lo"), op_accept());
	RULE(m, "forward", "invalid", "ct state invalid counter drop", CT_STATE(NF_CT_STATE_INVALID_BIT),
	     op_counter(), op_drop());
	RULE(m, "forward", NULL, "iifname . ct mark @judged accept", op_meta(NFT_META_IIFNAME, 1),
	     op_ct(NFT_CT_MARK, 2), op_lookup(1, "judged", 0), op_accept());
	RULE(m, "forward", NULL, "ct state established,related ct direction reply accept",
	     CT_STATE(ESTABLISHED_OR_RELATED), op_ct(NFT_CT_DIRECTION, 1),
	     op_cmp_u8(NFT_CMP_EQ, 1, IP_CT_DIR_REPLY), op_accept());
	RULE(m, "forward", "inflows",
	     "iifname \"up0\" ct state new add @flows { oifname ct count 1000 } "
	     "counter reject with icmpx admin-prohibited",
	     op_meta(NFT_META_IIFNAME, 1), op_cmp_name(NFT_CMP_EQ, 1, "up0"),
	     CT_STATE(NF_CT_STATE_BIT(IP_CT_NEW)), op_meta(NFT_META_OIFNAME, 1),
	     op_dynset_count(1, "flows", 1000), op_counter(),
	     op_reject(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED));
	RULE(m, "forward", NULL, "ip daddr . meta l4proto . th dport @open4 accept", IPV4,
	     op_payload(NETWORK, 16, 4, 1), op_meta(NFT_META_L4PROTO, 9), op_payload(TRANSPORT, 2, 2, 10),
	     op_lookup(1, "open4", 0), op_accept());
	RULE(m, "forward", NULL, "ip6 daddr . meta l4proto . th dport @open6 accept", IPV6,
	     op_payload(NETWORK, 24, 16, 1), op_meta(NFT_META_L4PROTO, 2), op_payload(TRANSPORT, 2, 2, 13),
	     op_lookup(1, "open6", 0), op_accept());
	RULE(m, "forward", NULL, "ip daddr . th dport @policy4 accept", IPV4, op_payload(NETWORK, 16, 4, 1),
	     op_payload(TRANSPORT, 2, 2, 9), op_lookup(1, "policy4", 0), op_accept());
	RULE(m, "forward", NULL, "ip daddr @local4 goto refuse", IPV4, op_payload(NETWORK, 16, 4, 1),
	     op_lookup(1, "local4", 0), op_goto("refuse"));
	RULE(m, "forward", NULL, "iifname vmap @egress", op_meta(NFT_META_IIFNAME, 1),
	     op_lookup_map(1, "egress", 0));
	RULE(m, "egress_all", NULL, "ct mark set iifname map @current accept", op_meta(NFT_META_IIFNAME, 1),
	     op_lookup_map(1, "current", 1), op_ct_set(NFT_CT_MARK, 1), op_accept());
	RULE(m, "refuse", NULL, "add @denied { iifname . meta mark counter }", op_meta(NFT_META_IIFNAME, 1),
	     op_meta(NFT_META_MARK, 2), op_dynset_counter(1, "denied"));
	RULE(m, "refuse", NULL, "meta l4proto tcp counter reject with tcp reset", L4PROTO(IPPROTO_TCP),
	     op_counter(), op_reject(NFT_REJECT_TCP_RST, 0));
}

static void add_nat(struct nf_model *m)
{
	struct addr resolver = parse("10.98.0.2");

	RULE(m, "dns", NULL, "udp dport 53 dnat ip to 10.98.0.2", L4PROTO(IPPROTO_UDP),
	     op_payload(TRANSPORT, 2, 2, 1), cmp_u16(NFT_CMP_EQ, 1, 53), op_immediate(1, resolver.bytes, 4),
	     op_dnat(NFPROTO_IPV4, 1, 0));
	RULE(m, "dns", NULL, "fib daddr type != local accept", op_fib_type(NFTA_FIB_F_DADDR, 1),
	     op_cmp_u32(NFT_CMP_NEQ, 1, RTN_LOCAL), op_accept());
	RULE(m, "dns", NULL, "dnat ip to tcp dport map @tcp4", L4PROTO(IPPROTO_TCP),
	     op_payload(TRANSPORT, 2, 2, 1), op_lookup_map(1, "tcp4", 1), op_dnat(NFPROTO_IPV4, 1, 9));
	RULE(m, "dns", NULL, "dnat ip6 to tcp dport map @tcp6", L4PROTO(IPPROTO_TCP),
	     op_payload(TRANSPORT, 2, 2, 1), op_lookup_map(1, "tcp6", 1), op_dnat(NFPROTO_IPV6, 1, 2));
	RULE(m, "own_ports", NULL, "oifname \"lo\" ip daddr != 127.0.0.0/8 dnat ip to tcp dport map @tcp4",
	     op_meta(NFT_META_OIFNAME, 1), op_cmp_name(NFT_CMP_EQ, 1, "lo"), IPV4,
	     op_payload(NETWORK, 16, 1, 1), op_cmp_u8(NFT_CMP_NEQ, 1, 127), L4PROTO(IPPROTO_TCP),
	     op_payload(TRANSPORT, 2, 2, 1), op_lookup_map(1, "tcp4", 1), op_dnat(NFPROTO_IPV4, 1, 9));
	RULE(m, "masq", NULL, "meta l4proto tcp masquerade to :20000-29999 fully-random",
	     L4PROTO(IPPROTO_TCP), immediate_u16(1, 20000), immediate_u16(2, 29999),
	     op_masq(1, 2, NF_NAT_RANGE_PROTO_SPECIFIED | NF_NAT_RANGE_PROTO_RANDOM_FULLY));
	RULE(m, "masq", NULL, "fib saddr type local masquerade", op_fib_type(NFTA_FIB_F_SADDR, 1),
	     op_cmp_u32(NFT_CMP_EQ, 1, RTN_LOCAL), op_masq(0, 0, 0));
	RULE(m, "late_out", "seal", "oifname \"up0\" ip dscp set 0x07", op_meta(NFT_META_OIFNAME, 1),
	     op_cmp_name(NFT_CMP_EQ, 1, "up0"), IPV4, op_payload(NETWORK, 0, 2, 1),
	     op_bitwise(1, "\xff\x03", "\0\x1c", 2),
	     op_payload_set(NETWORK, 0, 2, 1, NFT_PAYLOAD_CSUM_INET, 10, 0));
}

static void build(struct nf_model *m)
{
	model_init(m, NFPROTO_INET, "sample");
	add_sets(m);
	add_fills(m);
	add_chains(m);
	add_from_actor(m);
	add_raw(m);
	add_forward(m);
	add_nat(m);
	assert_int_equal(m->err, 0);
}

static void test_model_is_what_nft_makes_of_its_text(void **state)
{
	static char diff[16384];
	struct nf_model m;
	int r;

	(void)state;
	isolate_or_skip();
	build(&m);
	r = nft_compare(&m, diff, sizeof(diff));
	if (r)
		print_error("%s\n", diff);
	assert_int_equal(r, 0);
	model_fini(&m);
}

static void test_comparison_sees_a_wrong_instruction(void **state)
{
	static char diff[16384];
	struct nf_model m;

	(void)state;
	isolate_or_skip();
	build(&m);
	/* "ip hdrlength != 5" becomes "== 5" in the instructions alone. */
	assert_int_equal(m.rules[1].ops[4].code, NF_CMP);
	m.rules[1].ops[4].key = NFT_CMP_EQ;
	assert_int_equal(nft_compare(&m, diff, sizeof(diff)), 1);
	assert_non_null(strstr(diff, "ip hdrlength != 5"));
	assert_non_null(strstr(diff, "cmp neq reg 1 0x00000005"));
	assert_non_null(strstr(diff, "cmp eq reg 1 0x00000005"));
	model_fini(&m);
}

static void test_ingress_chain_on_a_device(void **state)
{
	static const struct nf_chain chain = { .name = "silent",
					       .type = "filter",
					       .hook = NF_NETDEV_INGRESS,
					       .priority = 0,
					       .policy = NF_DROP,
					       .device = "eth0" };
	static char diff[16384];
	struct nf_model m;
	int r;

	(void)state;
	isolate_or_skip();
	model_init(&m, NFPROTO_NETDEV, "slot");
	model_chain(&m, &chain);
	RULE(&m, "silent", NULL, "counter", op_counter());
	r = nft_compare(&m, diff, sizeof(diff));
	if (r)
		print_error("%s\n", diff);
	assert_int_equal(r, 0);
	model_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model_is_what_nft_makes_of_its_text),
		cmocka_unit_test(test_comparison_sees_a_wrong_instruction),
		cmocka_unit_test(test_ingress_chain_on_a_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
