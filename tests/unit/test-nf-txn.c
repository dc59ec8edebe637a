/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions and dumps against the kernel, in namespaces of their own. Takes root. */
#include "nf-test.h"

#include "base/fault.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#define MANY 5000

static const struct nf_table sample = { NFPROTO_INET, "sample" };

static const struct nf_set set_tcp4 = { .name = "tcp4",
					.key = { NF_TYPE_INET_SERVICE },
					.value = { NF_TYPE_IPV4_ADDR, NF_TYPE_INET_SERVICE } };
static const struct nf_set set_egress = { .name = "egress",
					  .key = { NF_TYPE_IFNAME },
					  .value = { NF_TYPE_VERDICT } };
static const struct nf_set set_open6 = {
	.name = "open6", .key = { NF_TYPE_IPV6_ADDR, NF_TYPE_INET_PROTO, NF_TYPE_INET_SERVICE }
};
static const struct nf_set set_local4 = { .name = "local4",
					  .key = { NF_TYPE_IPV4_ADDR },
					  .flags = NFT_SET_INTERVAL };
static const struct nf_set set_local6 = { .name = "local6",
					  .key = { NF_TYPE_IPV6_ADDR },
					  .flags = NFT_SET_INTERVAL };
static const struct nf_set set_policy = { .name = "policy",
					  .key = { NF_TYPE_IPV4_ADDR, NF_TYPE_INET_SERVICE },
					  .flags = NFT_SET_INTERVAL };
static const struct nf_set set_marks = { .name = "marks", .key = { NF_TYPE_MARK } };
static const struct nf_set set_denied = {
	.name = "denied", .key = { NF_TYPE_INET_PROTO, NF_TYPE_MARK }, .flags = NFT_SET_EVAL, .size = 100
};
static const struct nf_set set_missing = { .name = "missing", .key = { NF_TYPE_MARK } };

/* A table with a set of each kind. */
struct fixture {
	struct nl_sock nf;
	struct nf_model m;
	struct nf_txn t;
	struct an_error err;
};

static void fixture_init(struct fixture *f)
{
	static const struct nf_set *const sets[] = { &set_tcp4,	  &set_egress, &set_open6, &set_local4,
						     &set_local6, &set_policy, &set_marks, &set_denied };
	static const struct nf_chain refuse = { .name = "refuse" }, out = {
		.name = "out", .type = "filter", .hook = NF_INET_LOCAL_OUT, .policy = NF_ACCEPT
	};
	const struct nf_op ops[] = { op_meta(NFT_META_L4PROTO, 1), op_meta(NFT_META_MARK, 9),
				     op_dynset_counter(1, "denied") };

	isolate_or_skip();
	*f = (struct fixture){ .nf = nf_test_socket() };
	model_init(&f->m, NFPROTO_INET, "sample");
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		model_set(&f->m, sets[i]);
	model_chain(&f->m, &refuse);
	model_chain(&f->m, &out);
	model_rule(&f->m, "out", ops, 3, NULL, "add @denied { meta l4proto . meta mark counter }");
	nf_test_load(&f->nf, &f->m);
	txn_init(&f->t, NFPROTO_INET, "sample");
}

static void fixture_fini(struct fixture *f)
{
	txn_fini(&f->t);
	nf_test_unload(&f->nf, &f->m);
	nl_close(&f->nf);
}

static int commit(struct fixture *f, char *failed)
{
	f->err = (struct an_error){ 0 };
	return txn_commit(&f->t, &f->nf, failed, &f->err);
}

static int get(struct fixture *f, const struct nf_set *set, const struct nf_elem *key, struct nf_elem *ret)
{
	return elem_get(&f->nf, &sample, set, key, ret, &f->err);
}

struct list {
	struct nf_elem elems[16];
	size_t n;
};

static int list_add(const struct nf_elem *elem, void *data)
{
	struct list *l = data;

	if (l->n < sizeof(l->elems) / sizeof(l->elems[0]))
		l->elems[l->n] = *elem;
	l->n++;
	return 0;
}

static struct list dump(struct fixture *f, const struct nf_set *set)
{
	struct list l = { .n = 0 };

	assert_int_equal(elem_dump(&f->nf, &sample, set, list_add, &l, &f->err), 0);
	return l;
}

static struct nf_elem port_elem(uint16_t port, const char *address, uint16_t to)
{
	struct addr a = nf_test_addr(address);
	struct nf_elem e = { 0 };

	elem_key_u16_be(&e, port);
	elem_value_addr(&e, &a);
	elem_value_u16_be(&e, to);
	return e;
}

static struct nf_elem mark_elem(uint32_t mark)
{
	struct nf_elem e = { 0 };

	elem_key_u32(&e, mark);
	return e;
}

static struct nf_elem range_elem(const char *first, const char *last)
{
	struct addr a = nf_test_addr(first), b = nf_test_addr(last);
	struct nf_elem e = { .interval = true };

	elem_key_addr(&e, &a);
	memcpy(e.key_end, b.bytes, sizeof(b.bytes));
	return e;
}

static void assert_same_elem(const struct nf_elem *a, const struct nf_elem *b)
{
	assert_int_equal(a->key_len, b->key_len);
	assert_memory_equal(a->key, b->key, sizeof(a->key));
	assert_int_equal(a->interval, b->interval);
	if (a->interval)
		assert_memory_equal(a->key_end, b->key_end, sizeof(a->key_end));
	assert_int_equal(a->value_len, b->value_len);
	assert_memory_equal(a->value, b->value, sizeof(a->value));
	assert_int_equal(a->has_verdict, b->has_verdict);
	assert_int_equal(a->verdict, b->verdict);
	assert_string_equal(a->chain, b->chain);
	assert_string_equal(a->comment, b->comment);
}

static void test_map_with_concatenated_value(void **state)
{
	struct nf_elem e = port_elem(8001, "100.64.0.1", 80), other = port_elem(8002, "100.64.0.2", 80), got;
	struct fixture f;
	struct list l;

	(void)state;
	fixture_init(&f);
	snprintf(e.comment, sizeof(e.comment), "actor one");
	txn_elem_add(&f.t, &set_tcp4, &e, true);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(get(&f, &set_tcp4, &e, &got), 1);
	assert_same_elem(&got, &e);
	assert_int_equal(get(&f, &set_tcp4, &other, &got), 0);
	l = dump(&f, &set_tcp4);
	assert_int_equal(l.n, 1);
	assert_same_elem(&l.elems[0], &e);
	txn_elem_del(&f.t, &set_tcp4, &e);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(get(&f, &set_tcp4, &e, &got), 0);
	fixture_fini(&f);
}

static void key_name(struct nf_elem *e, const char *device)
{
	char name[16] = ""; /* IFNAMSIZ */

	snprintf(name, sizeof(name), "%s", device);
	elem_key(e, name, sizeof(name));
}

static void test_verdict_map(void **state)
{
	struct nf_elem e = { 0 }, accept = { .has_verdict = true, .verdict = NF_ACCEPT }, got;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	key_name(&e, "an1");
	elem_goto(&e, "refuse");
	key_name(&accept, "an2");
	txn_elem_add(&f.t, &set_egress, &e, true);
	txn_elem_add(&f.t, &set_egress, &accept, true);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(get(&f, &set_egress, &e, &got), 1);
	assert_same_elem(&got, &e);
	assert_int_equal(get(&f, &set_egress, &accept, &got), 1);
	assert_same_elem(&got, &accept);
	txn_elem_del(&f.t, &set_egress, &e);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(dump(&f, &set_egress).n, 1);
	fixture_fini(&f);
}

static void test_concatenated_key_with_longest_comment(void **state)
{
	struct addr a = nf_test_addr("fd64::1");
	struct nf_elem e = { 0 }, got;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	elem_key_addr(&e, &a);
	elem_key_u8(&e, IPPROTO_TCP);
	elem_key_u16_be(&e, 443);
	memset(e.comment, 'x', sizeof(e.comment) - 1);
	txn_elem_add(&f.t, &set_open6, &e, true);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(get(&f, &set_open6, &e, &got), 1);
	assert_same_elem(&got, &e);
	fixture_fini(&f);
}

/* Add intervals, see them come back one by one in order, find each by a key within it, take them out again. */
static void check_intervals(struct fixture *f, const struct nf_set *set, const struct nf_elem *elems,
			    size_t n)
{
	struct nf_elem got, last;
	struct list l;

	for (size_t i = n; i-- > 0;)
		txn_elem_add(&f->t, set, &elems[i], true);
	assert_int_equal(commit(f, NULL), 0);
	l = dump(f, set);
	assert_int_equal(l.n, n);
	for (size_t i = 0; i < n; i++) {
		assert_same_elem(&l.elems[i], &elems[i]);
		assert_int_equal(get(f, set, &elems[i], &got), 1);
		assert_same_elem(&got, &elems[i]);
		last = elems[i];
		memcpy(last.key, last.key_end, sizeof(last.key));
		assert_int_equal(get(f, set, &last, &got), 1);
	}
	for (size_t i = 0; i < n; i++)
		txn_elem_del(&f->t, set, &elems[i]);
	assert_int_equal(commit(f, NULL), 0);
	assert_int_equal(dump(f, set).n, 0);
}

static void test_intervals(void **state)
{
	struct nf_elem v4[] = {
		range_elem("0.0.0.0", "0.255.255.255"),
		range_elem("10.0.0.0", "10.255.255.255"),
		range_elem("11.0.0.0", "11.0.0.0"),
		range_elem("11.0.0.1", "11.0.0.9"),
		range_elem("127.0.0.1", "127.0.0.1"),
		range_elem("224.0.0.0", "254.255.255.255"),
		range_elem("255.255.255.255", "255.255.255.255"),
	};
	struct nf_elem v6[] = {
		range_elem("::", "::1"),
		range_elem("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
		range_elem("fec0::", "fec0::"),
		range_elem("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	snprintf(v4[1].comment, sizeof(v4[1].comment), "ten");
	snprintf(v4[6].comment, sizeof(v4[6].comment), "last of all");
	check_intervals(&f, &set_local4, v4, sizeof(v4) / sizeof(v4[0]));
	check_intervals(&f, &set_local6, v6, sizeof(v6) / sizeof(v6[0]));
	fixture_fini(&f);
}

static void test_prefix_is_its_interval(void **state)
{
	struct addr net = nf_test_addr("10.1.2.3/12"), host = nf_test_addr("fd98::1"),
		    all = nf_test_addr("0.0.0.0/0");
	struct nf_elem e = elem_prefix(&net), want = range_elem("10.0.0.0", "10.15.255.255");

	(void)state;
	assert_same_elem(&e, &want);
	e = elem_prefix(&host);
	want = range_elem("fd98::1", "fd98::1");
	assert_same_elem(&e, &want);
	e = elem_prefix(&all);
	want = range_elem("0.0.0.0", "255.255.255.255");
	assert_same_elem(&e, &want);
}

static void test_interval_of_a_concatenation(void **state)
{
	struct addr net = nf_test_addr("10.0.0.0/8");
	struct nf_elem e = elem_prefix(&net), got;
	struct fixture f;
	struct list l;

	(void)state;
	fixture_init(&f);
	elem_key_u16_be(&e, 80);
	e.key_end[5] = 90;
	txn_elem_add(&f.t, &set_policy, &e, true);
	assert_int_equal(commit(&f, NULL), 0);
	l = dump(&f, &set_policy);
	assert_int_equal(l.n, 1);
	assert_same_elem(&l.elems[0], &e);
	assert_int_equal(get(&f, &set_policy, &e, &got), 1);
	txn_elem_del(&f.t, &set_policy, &e);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(dump(&f, &set_policy).n, 0);
	fixture_fini(&f);
}

static void test_dynamic_set_counts(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mark = 0x101;
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct nf_elem key = { 0 }, got;
	struct fixture f;
	struct list l;

	(void)state;
	fixture_init(&f);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	elem_key_u8(&key, IPPROTO_UDP);
	elem_key_u32(&key, (uint32_t)mark);
	assert_int_equal(get(&f, &set_denied, &key, &got), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	assert_int_equal(get(&f, &set_denied, &key, &got), 1);
	assert_int_equal(got.packets, 3);
	assert_int_equal(got.bytes, 3 * 33);
	l = dump(&f, &set_denied);
	assert_true(l.n >= 1);
	txn_elem_del(&f.t, &set_denied, &key);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(get(&f, &set_denied, &key, &got), 0);
	close(fd);
	fixture_fini(&f);
}

static void test_exclusive_add_is_refused_and_nothing_changes(void **state)
{
	struct nf_elem one = port_elem(80, "100.64.0.1", 80), two = port_elem(81, "100.64.0.1", 80);
	struct nf_elem mark = mark_elem(7), got;
	char failed[NF_NAME];
	struct fixture f;

	(void)state;
	fixture_init(&f);
	txn_elem_add(&f.t, &set_tcp4, &one, true);
	assert_int_equal(commit(&f, failed), 0);
	assert_string_equal(failed, "");
	txn_elem_add(&f.t, &set_marks, &mark, true);
	txn_elem_add(&f.t, &set_tcp4, &two, true);
	txn_elem_add(&f.t, &set_tcp4, &one, true);
	assert_int_equal(commit(&f, failed), -EEXIST);
	assert_string_equal(failed, "tcp4");
	assert_non_null(strstr(f.err.message, "add element to set 'tcp4': file exists"));
	assert_string_equal(f.err.object, "table 'sample'");
	assert_int_equal(get(&f, &set_marks, &mark, &got), 0);
	assert_int_equal(dump(&f, &set_tcp4).n, 1);
	/* Control: without the clash both go in; an equal element is none unless it must be new. */
	txn_elem_add(&f.t, &set_marks, &mark, true);
	txn_elem_add(&f.t, &set_tcp4, &two, true);
	txn_elem_add(&f.t, &set_tcp4, &one, false);
	assert_int_equal(commit(&f, failed), 0);
	assert_int_equal(get(&f, &set_marks, &mark, &got), 1);
	assert_int_equal(dump(&f, &set_tcp4).n, 2);
	fixture_fini(&f);
}

static void test_refusals_name_their_set(void **state)
{
	struct nf_elem mark = mark_elem(7), gone = mark_elem(8);
	char failed[NF_NAME];
	struct fixture f;

	(void)state;
	fixture_init(&f);
	txn_elem_add(&f.t, &set_marks, &mark, false);
	txn_elem_del(&f.t, &set_marks, &gone);
	assert_int_equal(commit(&f, failed), -ENOENT);
	assert_string_equal(failed, "marks");
	assert_non_null(strstr(f.err.message, "delete element of set 'marks'"));
	txn_elem_add(&f.t, &set_marks, &mark, false);
	txn_elem_add(&f.t, &set_missing, &mark, false);
	assert_int_equal(commit(&f, failed), -ENOENT);
	assert_string_equal(failed, "missing");
	assert_int_equal(dump(&f, &set_marks).n, 0);
	assert_int_equal(elem_dump(&f.nf, &sample, &set_missing, list_add, NULL, &f.err), -ENOENT);
	fixture_fini(&f);
}

static int count(const struct nf_elem *elem, void *data)
{
	uint32_t mark;

	memcpy(&mark, elem->key, sizeof(mark));
	((bool *)data)[mark] = true;
	return 0;
}

static void test_thousands_in_one_transaction(void **state)
{
	static bool seen[MANY];
	struct fixture f;
	struct nf_elem e;

	(void)state;
	fixture_init(&f);
	for (uint32_t i = 0; i < MANY; i++) {
		e = mark_elem(i);
		snprintf(e.comment, sizeof(e.comment),
			 "number %u of many, with words to make it longer than it was", i);
		txn_elem_add(&f.t, &set_marks, &e, true);
	}
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(elem_dump(&f.nf, &sample, &set_marks, count, seen, &f.err), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_true(seen[i]);
	/* Two sets by turns: each element is a message of its own, with its own acknowledgement. */
	for (uint32_t i = 0; i < MANY; i++) {
		struct nf_elem port = port_elem((uint16_t)(i + 1), "100.64.0.1", 80);

		e = mark_elem(i);
		txn_elem_del(&f.t, &set_marks, &e);
		txn_elem_add(&f.t, &set_tcp4, &port, true);
	}
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(dump(&f, &set_marks).n, 0);
	assert_int_equal(dump(&f, &set_tcp4).n, MANY);
	txn_set_flush(&f.t, &set_tcp4);
	assert_int_equal(commit(&f, NULL), 0);
	assert_int_equal(dump(&f, &set_tcp4).n, 0);
	fixture_fini(&f);
}

static void test_thousands_of_intervals(void **state)
{
	struct fixture f;
	struct list l;

	(void)state;
	fixture_init(&f);
	for (uint32_t i = 0; i < MANY; i++) {
		struct addr a = addr_v4(0x0a000000 + i * 256, 24);
		struct nf_elem e = elem_prefix(&a);

		txn_elem_add(&f.t, &set_local4, &e, true);
	}
	assert_int_equal(commit(&f, NULL), 0);
	l = dump(&f, &set_local4);
	assert_int_equal(l.n, MANY);
	fixture_fini(&f);
}

static int note_table(uint8_t family, const char *name, void *data)
{
	*(int *)data += family == NFPROTO_INET && strcmp(name, "sample") == 0;
	return 0;
}

static int note_chain(const struct base_chain *chain, void *data)
{
	assert_string_equal(chain->table, "sample");
	assert_string_equal(chain->name, "out");
	assert_int_equal(chain->hook, NF_INET_LOCAL_OUT);
	assert_int_equal(chain->policy, NF_ACCEPT);
	++*(int *)data;
	return 0;
}

static void test_tables_and_base_chains(void **state)
{
	int tables = 0, chains = 0;
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_int_equal(table_exists(&f.nf, NFPROTO_INET, "sample", &f.err), 1);
	assert_int_equal(table_exists(&f.nf, NFPROTO_INET, "other", &f.err), 0);
	assert_int_equal(table_dump(&f.nf, note_table, &tables, &f.err), 0);
	assert_int_equal(tables, 1);
	assert_int_equal(base_chain_dump(&f.nf, note_chain, &chains, &f.err), 0);
	assert_int_equal(chains, 1);
	txn_table_del(&f.t);
	txn_table_del(&f.t);
	assert_int_equal(commit(&f, NULL), -ENOENT);
	assert_non_null(strstr(f.err.message, "delete table 'sample'"));
	assert_int_equal(table_exists(&f.nf, NFPROTO_INET, "sample", &f.err), 1);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_with_concatenated_value),
		cmocka_unit_test(test_verdict_map),
		cmocka_unit_test(test_concatenated_key_with_longest_comment),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_prefix_is_its_interval),
		cmocka_unit_test(test_interval_of_a_concatenation),
		cmocka_unit_test(test_dynamic_set_counts),
		cmocka_unit_test(test_exclusive_add_is_refused_and_nothing_changes),
		cmocka_unit_test(test_refusals_name_their_set),
		cmocka_unit_test(test_thousands_in_one_transaction),
		cmocka_unit_test(test_thousands_of_intervals),
		cmocka_unit_test(test_tables_and_base_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
