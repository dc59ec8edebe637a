/* SPDX-License-Identifier: Apache-2.0 */
/* model_compare() sees each way in which a table may have been meddled with. Takes root, and nft. */
#include "nf-test.h"
#include "nft-compare.h"

#include <linux/netfilter/nf_nat.h>

#define RAW_RULE 3 /* index of the rule that writes a payload */

static const struct nf_op raw_ops[] = {
	{ .code = NF_IMMEDIATE, .reg = 1, .len = 4, .data = { 169, 254, 17, 2 } },
	{ .code = NF_PAYLOAD_SET,
	  .reg = 1,
	  .base = NFT_PAYLOAD_TRANSPORT_HEADER,
	  .offset = 20,
	  .len = 4,
	  .csum_type = NFT_PAYLOAD_CSUM_INET,
	  .csum_offset = 18 },
};

static void build(struct nf_model *m)
{
	static const struct nf_set known = { .name = "known", .key = { NF_TYPE_IPV4_ADDR }, .size = 100 };
	static const struct nf_chain chains[] = {
		{ .name = "forward", .type = "filter", .hook = NF_INET_FORWARD, .policy = NF_DROP },
		{ .name = "raw" },
	};
	const struct nf_op lo[] = { op_meta(NFT_META_IIFNAME, 1), op_cmp_name(NFT_CMP_EQ, 1, "lo"),
				    op_counter(), op_accept() };
	const struct nf_op known_ops[] = { op_meta(NFT_META_NFPROTO, 1),
					   op_cmp_u8(NFT_CMP_EQ, 1, NFPROTO_IPV4),
					   op_payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4, 1),
					   op_lookup(1, "known", 0), op_goto("raw") };
	const struct nf_op drop[] = { op_counter(), op_drop() };

	model_init(m, NFPROTO_INET, "sample");
	model_set(m, &known);
	model_chain(m, &chains[0]);
	model_chain(m, &chains[1]);
	model_rule(m, "forward", lo, 4, NULL, "iifname \"lo\" counter accept");
	model_rule(m, "forward", known_ops, 5, "known", "ip saddr @known goto raw");
	model_rule(m, "forward", drop, 2, NULL, "counter drop");
	model_rule(m, "raw", raw_ops, 2, "inner", NULL);
	assert_int_equal(m->err, 0);
}

/* Load the model, do something to the table, compare. Return: model_compare()'s. */
static int compare_after(const char *commands, char *diff, size_t size)
{
	static const char *const load[] = { "-f", "-", NULL };
	struct nl_sock nf = nf_test_socket();
	struct nf_model m;
	char *output;
	int r;

	build(&m);
	nf_test_load(&nf, &m);
	assert_int_equal(model_compare(&nf, &m, diff, size, NULL), 0);
	output = nft_run(commands, load);
	assert_non_null(output);
	free(output);
	r = model_compare(&nf, &m, diff, size, NULL);
	if (table_exists(&nf, NFPROTO_INET, "sample", NULL))
		nf_test_unload(&nf, &m);
	else
		model_fini(&m);
	nl_close(&nf);
	return r;
}

static void assert_seen(const char *commands, const char *words)
{
	char diff[512] = "";

	assert_int_equal(compare_after(commands, diff, sizeof(diff)), 1);
	if (!strstr(diff, words))
		fail_msg("\"%s\" says nothing of \"%s\"", diff, words);
}

static void test_elements_and_counters_are_no_difference(void **state)
{
	char diff[512] = "";

	(void)state;
	isolate_or_skip();
	assert_int_equal(compare_after("add element inet sample known { 10.0.0.1 }", diff, sizeof(diff)), 0);
	assert_int_equal(compare_after("table inet other { chain forward { }\n}\n", diff, sizeof(diff)), 0);
}

static void test_removed_and_added_rules_are_seen(void **state)
{
	(void)state;
	isolate_or_skip();
	assert_seen("flush chain inet sample forward", "chain 'forward', rule 1: it is missing");
	assert_seen("flush chain inet sample raw", "chain 'raw', rule 1: it is missing");
	assert_seen("add rule inet sample forward accept", "chain 'forward' has a rule more");
	assert_seen("insert rule inet sample forward accept", "chain 'forward', rule 1");
	assert_seen("flush table inet sample", "rule 1: it is missing");
}

static void test_changed_and_reordered_rules_are_seen(void **state)
{
	static const char reordered[] =
		"flush chain inet sample forward\n"
		"add rule inet sample forward ip saddr @known goto raw comment \"known\"\n"
		"add rule inet sample forward iifname \"lo\" counter accept\n"
		"add rule inet sample forward counter drop\n";
	static const char changed[] =
		"flush chain inet sample forward\n"
		"add rule inet sample forward iifname \"lo\" counter accept\n"
		"add rule inet sample forward ip saddr != @known goto raw comment \"known\"\n"
		"add rule inet sample forward counter drop\n";
	static const char same[] =
		"flush chain inet sample forward\n"
		"add rule inet sample forward iifname \"lo\" counter packets 7 bytes 700 accept\n"
		"add rule inet sample forward ip saddr @known goto raw comment \"known\"\n"
		"add rule inet sample forward counter drop\n";
	char diff[512] = "";

	(void)state;
	isolate_or_skip();
	assert_seen(reordered, "chain 'forward', rule 1: instruction 1 (meta)");
	assert_seen(changed, "chain 'forward', rule 2: instruction 4 (lookup)");
	assert_int_equal(compare_after(same, diff, sizeof(diff)), 0);
}

static void test_changed_chains_and_sets_are_seen(void **state)
{
	(void)state;
	isolate_or_skip();
	assert_seen("chain inet sample forward { policy accept; }",
		    "chain 'forward' has another hook, priority or policy");
	assert_seen("add chain inet sample more", "chain 'more' should not be there");
	assert_seen("add set inet sample more { type mark; }", "set 'more' should not be there");
	assert_seen("add table inet sample { flags dormant; }", "dormant");
	assert_seen("delete table inet sample", "table 'sample' is missing");
	assert_seen("flush ruleset", "table 'sample' is missing");
	assert_seen("delete table inet sample\n"
		    "table inet sample { set known { type mark; }\nchain raw { }\n"
		    "chain forward { type filter hook forward priority 0; policy drop; }\n}\n",
		    "set 'known' is of another type");
}

static void test_missing_checksum_of_a_payload_write_is_seen(void **state)
{
	struct nl_sock nf;
	struct nf_model right, wrong;
	char diff[512] = "";

	(void)state;
	isolate_or_skip();
	nf = nf_test_socket();
	build(&right);
	build(&wrong);
	wrong.rules[RAW_RULE].ops[1].csum_type = NFT_PAYLOAD_CSUM_NONE;
	wrong.rules[RAW_RULE].ops[1].csum_offset = 0;
	nf_test_load(&nf, &wrong);
	assert_int_equal(model_compare(&nf, &wrong, diff, sizeof(diff), NULL), 0);
	assert_int_equal(model_compare(&nf, &right, diff, sizeof(diff), NULL), 1);
	assert_non_null(strstr(diff, "chain 'raw', rule 1: instruction 2 (payload)"));
	nf_test_unload(&nf, &wrong);
	/* And the other way round. */
	build(&wrong);
	wrong.rules[RAW_RULE].ops[1].csum_type = NFT_PAYLOAD_CSUM_NONE;
	nf_test_load(&nf, &right);
	assert_int_equal(model_compare(&nf, &wrong, diff, sizeof(diff), NULL), 1);
	nf_test_unload(&nf, &right);
	model_fini(&wrong);
	nl_close(&nf);
}

/* A table that only translates, with these instructions. */
static void build_nat(struct nf_model *m, struct nf_op translate)
{
	static const struct nf_chain pre = { .name = "pre",
					     .type = "nat",
					     .hook = NF_INET_PRE_ROUTING,
					     .priority = -100,
					     .policy = NF_ACCEPT },
				     post = { .name = "post",
					      .type = "nat",
					      .hook = NF_INET_POST_ROUTING,
					      .priority = 100,
					      .policy = NF_ACCEPT };
	const struct nf_op ops[] = { op_meta(NFT_META_NFPROTO, 1), op_cmp_u8(NFT_CMP_EQ, 1, NFPROTO_IPV4),
				     op_immediate(1, "\x0a\0\0\1\0\x50\0\0", 8), translate };

	model_init(m, NFPROTO_INET, "sample");
	model_chain(m, &pre);
	model_chain(m, &post);
	model_rule(m, translate.code == NF_NAT ? "pre" : "post", ops, 4, NULL, NULL);
	assert_int_equal(m->err, 0);
}

static void assert_nat_differs(struct nl_sock *nf, struct nf_op loaded, struct nf_op wanted)
{
	struct nf_model a, b;
	char diff[512] = "";

	build_nat(&a, loaded);
	build_nat(&b, wanted);
	nf_test_load(nf, &a);
	assert_int_equal(model_compare(nf, &a, diff, sizeof(diff), NULL), 0);
	assert_int_equal(model_compare(nf, &b, diff, sizeof(diff), NULL), 1);
	assert_non_null(strstr(diff, "rule 1: instruction 4"));
	nf_test_unload(nf, &a);
	model_fini(&b);
}

static void test_changed_translation_is_seen(void **state)
{
	struct nl_sock nf;

	(void)state;
	isolate_or_skip();
	nf = nf_test_socket();
	assert_nat_differs(&nf, op_dnat(NFPROTO_IPV4, 1, 0), op_dnat(NFPROTO_IPV4, 1, 9));
	assert_nat_differs(&nf, op_dnat(NFPROTO_IPV4, 1, 9), op_dnat(NFPROTO_IPV4, 1, 0));
	assert_nat_differs(&nf, op_dnat(NFPROTO_IPV4, 1, 9), op_dnat(NFPROTO_IPV4, 9, 9));
	assert_nat_differs(&nf, op_masq(0, 0, 0), op_masq(0, 0, NF_NAT_RANGE_PROTO_RANDOM_FULLY));
	assert_nat_differs(&nf, op_masq(0, 0, NF_NAT_RANGE_PROTO_RANDOM_FULLY), op_masq(0, 0, 0));
	nl_close(&nf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements_and_counters_are_no_difference),
		cmocka_unit_test(test_removed_and_added_rules_are_seen),
		cmocka_unit_test(test_changed_and_reordered_rules_are_seen),
		cmocka_unit_test(test_changed_chains_and_sets_are_seen),
		cmocka_unit_test(test_missing_checksum_of_a_payload_write_is_seen),
		cmocka_unit_test(test_changed_translation_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
