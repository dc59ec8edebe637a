/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction: all or nothing, in one send, every answer drained.
 *
 * Theory of operation: the messages of a batch stand in one buffer that is kept for the next one. Operations of one
 * kind on one set that follow each other share a message, which stays open (@run) until another one begins.
 *
 * Only the last operation asks for an acknowledgement. The kernel carries out the whole batch, then reports every
 * operation that it refused, asked or not, and every one that asked, in their order (nfnetlink_rcv_batch()): so the
 * last one's answer comes after all refusals, and if it is the first answer, there was none. An acknowledgement each
 * would say no more and cost 1.1 µs each, a third of an activation's transaction. (A batch that fails as a whole is
 * reported at its head, unasked too.)
 *
 * No generation id is sent: what a transaction relies on, its operations say themselves (NLM_F_EXCL, and a deletion
 * of what is not there fails).
 */
#include "nf/txn.h"

#include "base/error.h"
#include "base/text.h"
#include "nf/wire.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TXN_FIRST_BYTES	 8192
#define TXN_FIRST_LABELS 32
/* An attribute's length has 16 bits: the list of a run is ended before one more element could exceed it. */
#define TXN_RUN_BYTES (UINT16_MAX - 2 * WIRE_ELEM_BYTES)
/* A message other than a rule or an element: names and numbers. */
#define TXN_OBJECT_BYTES 1024

enum txn_op {
	TXN_BATCH,
	TXN_TABLE_ADD,
	TXN_TABLE_DEL,
	TXN_CHAIN_ADD,
	TXN_SET_ADD,
	TXN_RULE_ADD,
	TXN_RULE_DEL,
	TXN_ELEM_ADD,
	TXN_ELEM_EXCL,
	TXN_ELEM_DEL,
	TXN_FLUSH,
};

/**
 * struct nf_txn_label - what a message is
 * @needs: of a chain or rule: bits of enum nf_op_code, and the two below
 */
struct nf_txn_label {
	enum txn_op op;
	char name[NF_NAME];
	uint32_t needs;
};

#define NEEDS_NAT     (1U << NF_OP_COUNT)
#define NEEDS_INGRESS (1U << (NF_OP_COUNT + 1))

/* Parts of nf_tables that a kernel may lack, and what they are configured by. */
static const struct {
	uint32_t bit;
	const char *config;
} txn_parts[] = {
	{ 1U << NF_CT | 1U << NF_CT_SET, "NFT_CT" },
	{ 1U << NF_FIB, "NFT_FIB_INET" },
	{ 1U << NF_REJECT, "NFT_REJECT_INET" },
	{ 1U << NF_NAT | NEEDS_NAT, "NFT_NAT" },
	{ 1U << NF_MASQ, "NFT_MASQ" },
	{ 1U << NF_DYNSET, "NFT_LIMIT NFT_CONNLIMIT" },
	{ NEEDS_INGRESS, "NETFILTER_INGRESS" },
};

/* Begin or end a batch. */
static void txn_mark(struct nf_txn *t, uint16_t type)
{
	struct nfgenmsg *head = msg_begin(&t->m, type, NLM_F_REQUEST, sizeof(*head));

	if (head)
		*head = (struct nfgenmsg){ .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };
}

/* End a run of elements. */
static void txn_end_run(struct nf_txn *t)
{
	if (!t->run)
		return;
	msg_nest_end(&t->m);
	msg_finish(&t->m);
	t->run = false;
}

static size_t txn_used(const struct nf_txn *t)
{
	return t->m.len + (t->m.nlh ? t->m.nlh->nlmsg_len : 0);
}

/* Room for so many bytes more; may end a run. Return: is there? */
static bool txn_room(struct nf_txn *t, size_t bytes)
{
	size_t size = t->m.size ? t->m.size : TXN_FIRST_BYTES;
	char *buf;

	if (t->err)
		return false;
	if (t->m.buf && t->m.size - txn_used(t) >= bytes)
		return true;
	txn_end_run(t);
	msg_finish(&t->m);
	while (size - t->m.len < bytes)
		size *= 2;
	buf = realloc(t->m.buf, size);
	if (!buf) {
		t->err = -ENOMEM;
		return false;
	}
	t->m.buf = buf;
	t->m.size = size;
	return true;
}

/* Note what the next message is. */
static bool txn_label(struct nf_txn *t, enum txn_op op, const char *name)
{
	if (t->n_labels == t->size_labels) {
		size_t size = t->size_labels ? 2 * t->size_labels : TXN_FIRST_LABELS;
		struct nf_txn_label *labels = reallocarray(t->labels, size, sizeof(*labels));

		if (!labels) {
			t->err = -ENOMEM;
			return false;
		}
		t->labels = labels;
		t->size_labels = size;
	}
	t->labels[t->n_labels].op = op;
	t->labels[t->n_labels].needs = 0;
	t->err = text_copy(t->labels[t->n_labels].name, NF_NAME, name);
	t->n_labels++;
	return !t->err;
}

/* Begin an operation: at the start of a batch, its head too. Return: may it be built? */
static bool txn_begin(struct nf_txn *t, enum txn_op op, const char *name, size_t bytes)
{
	txn_end_run(t);
	if (!txn_room(t, bytes + TXN_OBJECT_BYTES))
		return false;
	if (!t->n_labels) {
		if (!txn_label(t, TXN_BATCH, ""))
			return false;
		txn_mark(t, NFNL_MSG_BATCH_BEGIN);
	}
	t->last = txn_used(t);
	return txn_label(t, op, name);
}

void txn_init(struct nf_txn *t, uint8_t family, const char *table)
{
	*t = (struct nf_txn){ .family = family };
	t->err = text_copy(t->table, sizeof(t->table), table);
}

void txn_reset(struct nf_txn *t)
{
	msg_init(&t->m, t->m.buf, t->m.size);
	t->n_labels = 0;
	t->n_sets = 0;
	t->run = false;
	t->err = 0;
}

void txn_fini(struct nf_txn *t)
{
	free(t->m.buf);
	free(t->labels);
	*t = (struct nf_txn){ 0 };
}

static void txn_table_add(struct nf_txn *t)
{
	if (!txn_begin(t, TXN_TABLE_ADD, t->table, 0))
		return;
	wire_begin(&t->m, NFT_MSG_NEWTABLE, NLM_F_CREATE, t->family);
	msg_put_str(&t->m, NFTA_TABLE_NAME, t->table);
}

void txn_table_del(struct nf_txn *t)
{
	if (!txn_begin(t, TXN_TABLE_DEL, t->table, 0))
		return;
	wire_begin(&t->m, NFT_MSG_DELTABLE, 0, t->family);
	msg_put_str(&t->m, NFTA_TABLE_NAME, t->table);
}

static void txn_chain_add(struct nf_txn *t, const struct nf_chain *chain)
{
	if (!txn_begin(t, TXN_CHAIN_ADD, chain->name, 0))
		return;
	if (chain->type && strcmp(chain->type, "nat") == 0)
		t->labels[t->n_labels - 1].needs = NEEDS_NAT;
	if (chain->device)
		t->labels[t->n_labels - 1].needs = NEEDS_INGRESS;
	wire_begin(&t->m, NFT_MSG_NEWCHAIN, NLM_F_CREATE, t->family);
	msg_put_str(&t->m, NFTA_CHAIN_TABLE, t->table);
	wire_put_chain(&t->m, chain);
}

static void txn_set_add(struct nf_txn *t, const struct nf_set *set)
{
	if (!txn_begin(t, TXN_SET_ADD, set->name, 0))
		return;
	wire_begin(&t->m, NFT_MSG_NEWSET, NLM_F_CREATE, t->family);
	msg_put_str(&t->m, NFTA_SET_TABLE, t->table);
	wire_put_set(&t->m, set, ++t->n_sets);
}

static void txn_rule(struct nf_txn *t, const struct nf_rule *rule, uint16_t flags)
{
	if (!txn_begin(t, TXN_RULE_ADD, rule->chain, wire_rule_bytes(rule)))
		return;
	for (size_t i = 0; i < rule->n_ops; i++)
		t->labels[t->n_labels - 1].needs |= 1U << rule->ops[i].code;
	wire_begin(&t->m, NFT_MSG_NEWRULE, flags, t->family);
	msg_put_str(&t->m, NFTA_RULE_TABLE, t->table);
	t->err = wire_put_rule(&t->m, rule);
}

void txn_rule_add(struct nf_txn *t, const struct nf_rule *rule)
{
	txn_rule(t, rule, NLM_F_CREATE | NLM_F_APPEND);
}

void txn_rule_insert(struct nf_txn *t, const struct nf_rule *rule)
{
	txn_rule(t, rule, NLM_F_CREATE);
}

void txn_rule_del(struct nf_txn *t, const char *chain, uint64_t handle)
{
	if (!txn_begin(t, TXN_RULE_DEL, chain, 0))
		return;
	wire_begin(&t->m, NFT_MSG_DELRULE, 0, t->family);
	msg_put_str(&t->m, NFTA_RULE_TABLE, t->table);
	msg_put_str(&t->m, NFTA_RULE_CHAIN, chain);
	msg_put_u64(&t->m, NFTA_RULE_HANDLE, htobe64(handle));
}

/* May another element be added to the last message's list? */
static bool txn_run_takes(const struct nf_txn *t, enum txn_op op, const struct nf_set *set)
{
	const struct nf_txn_label *last = &t->labels[t->n_labels - 1];

	return last->op == op && strcmp(last->name, set->name) == 0 && t->m.nlh->nlmsg_len <= TXN_RUN_BYTES;
}

/* One more element to the last message's list, or to one of its own. */
static void txn_elem(struct nf_txn *t, enum txn_op op, const struct nf_set *set, const struct nf_elem *elem)
{
	static const struct {
		uint16_t type, flags;
	} kinds[] = {
		[TXN_ELEM_ADD] = { NFT_MSG_NEWSETELEM, NLM_F_CREATE },
		[TXN_ELEM_EXCL] = { NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL },
		[TXN_ELEM_DEL] = { NFT_MSG_DELSETELEM, 0 },
	};

	if (!txn_room(t, WIRE_ELEM_BYTES))
		return;
	if (t->run && !txn_run_takes(t, op, set))
		txn_end_run(t);
	if (!t->run) {
		if (!txn_begin(t, op, set->name, WIRE_ELEM_BYTES))
			return;
		wire_begin(&t->m, kinds[op].type, kinds[op].flags, t->family);
		msg_put_str(&t->m, NFTA_SET_ELEM_LIST_TABLE, t->table);
		msg_put_str(&t->m, NFTA_SET_ELEM_LIST_SET, set->name);
		msg_nest(&t->m, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS);
		t->run = true;
	}
	elem_put(&t->m, set, elem, op == TXN_ELEM_DEL);
}

void txn_elem_add(struct nf_txn *t, const struct nf_set *set, const struct nf_elem *elem, bool excl)
{
	txn_elem(t, excl ? TXN_ELEM_EXCL : TXN_ELEM_ADD, set, elem);
}

void txn_elem_del(struct nf_txn *t, const struct nf_set *set, const struct nf_elem *elem)
{
	txn_elem(t, TXN_ELEM_DEL, set, elem);
}

void txn_set_flush(struct nf_txn *t, const struct nf_set *set)
{
	if (!txn_begin(t, TXN_FLUSH, set->name, 0))
		return;
	/* Without a list of elements all are meant. */
	wire_begin(&t->m, NFT_MSG_DELSETELEM, 0, t->family);
	msg_put_str(&t->m, NFTA_SET_ELEM_LIST_TABLE, t->table);
	msg_put_str(&t->m, NFTA_SET_ELEM_LIST_SET, set->name);
}

static const struct nf_set *model_find_set(const struct nf_model *m, const char *name)
{
	for (size_t i = 0; i < m->n_sets; i++) {
		if (strcmp(m->sets[i].name, name) == 0)
			return &m->sets[i];
	}
	return NULL;
}

void txn_model(struct nf_txn *t, const struct nf_model *m)
{
	if (m->err && !t->err)
		t->err = m->err;
	txn_table_add(t);
	/* Chains first: verdict maps name them; then sets, which rules name. */
	for (size_t i = 0; i < m->n_chains; i++)
		txn_chain_add(t, &m->chains[i]);
	for (size_t i = 0; i < m->n_sets; i++)
		txn_set_add(t, &m->sets[i]);
	for (size_t i = 0; i < m->n_fills && !t->err; i++) {
		const struct nf_set *set = model_find_set(m, m->fills[i].set);

		if (set)
			txn_elem_add(t, set, &m->fills[i].elem, false);
		else
			t->err = -ENOENT;
	}
	for (size_t i = 0; i < m->n_rules; i++)
		txn_rule_add(t, &m->rules[i]);
}

/* Put what the refused operation was before the reason, as "add element to set 'tcp4'". */
static void txn_explain(const struct nf_txn *t, const struct nf_txn_label *label, struct an_error *err)
{
	static const char *const words[] = {
		[TXN_BATCH] = "begin transaction",
		[TXN_TABLE_ADD] = "add table",
		[TXN_TABLE_DEL] = "delete table",
		[TXN_CHAIN_ADD] = "add chain",
		[TXN_SET_ADD] = "add set",
		[TXN_RULE_ADD] = "add rule to chain",
		[TXN_RULE_DEL] = "delete rule of chain",
		[TXN_ELEM_ADD] = "add element to set",
		[TXN_ELEM_EXCL] = "add element to set",
		[TXN_ELEM_DEL] = "delete element of set",
		[TXN_FLUSH] = "flush set",
	};

	if (label->name[0])
		error_context(err, "%s '%s'", words[label->op], label->name);
	else
		error_context(err, "%s", words[label->op]);
	error_object(err, "table '%s'", t->table);
}

/*
 * Was it refused because the kernel lacks a part of nf_tables? Of what it does not know it says ENOENT, or that it is
 * not supported; that a table or chain is missing is not so where the transaction makes the table itself.
 */
static bool txn_lacks(const struct nf_txn *t, const struct nf_txn_label *label, int r)
{
	if (r == -EOPNOTSUPP || r == -EPROTONOSUPPORT || r == -EAFNOSUPPORT)
		return true;
	return r == -ENOENT && t->labels[1].op == TXN_TABLE_ADD &&
	       (label->op == TXN_CHAIN_ADD || label->op == TXN_RULE_ADD || label->op == TXN_SET_ADD);
}

static int txn_blame_kernel(const struct nf_txn *t, const struct nf_txn_label *label, struct an_error *err)
{
	char config[128], what[64];
	struct text c = text_over(config, sizeof(config));

	for (size_t i = 0; i < sizeof(txn_parts) / sizeof(*txn_parts); i++) {
		if (label->needs & txn_parts[i].bit)
			text_add(&c, "%s%s", c.len ? " " : "", txn_parts[i].config);
	}
	if (!c.len)
		text_add(&c, "NF_TABLES NF_TABLES_%s", t->family == NFPROTO_NETDEV ? "NETDEV" : "INET");
	snprintf(what, sizeof(what), "a part of nf_tables for '%.31s'", label->name);
	return error_feature(err, what, config);
}

static bool label_is_set(const struct nf_txn_label *label)
{
	return label->op == TXN_ELEM_ADD || label->op == TXN_ELEM_EXCL || label->op == TXN_ELEM_DEL ||
	       label->op == TXN_FLUSH || label->op == TXN_SET_ADD;
}

/* End the batch. Return: 0 or a negative errno. */
static int txn_end(struct nf_txn *t, struct an_error *err)
{
	int r;

	txn_end_run(t);
	if (txn_room(t, TXN_OBJECT_BYTES))
		txn_mark(t, NFNL_MSG_BATCH_END);
	r = t->err ? t->err : msg_finish(&t->m);
	if (!r)
		((struct nlmsghdr *)(void *)(t->m.buf + t->last))->nlmsg_flags |= NLM_F_ACK;
	if (r < 0)
		error_set(err, AN_FAILED, -r, t->table, "build transaction: %s", strerror(-r));
	return r;
}

int txn_commit(struct nf_txn *t, struct nl_sock *nf, char *ret_failed, struct an_error *err)
{
	struct an_error why = { 0 };
	unsigned int failed = 0;
	int r;

	if (ret_failed)
		ret_failed[0] = '\0';
	if (!t->err && !t->n_labels)
		return 0;
	r = txn_end(t, err);
	if (r < 0) {
		txn_reset(t);
		return r;
	}
	r = nl_batch(nf, t->m.buf, t->m.len, 1, &failed, &why);
	if (r < 0 && failed < t->n_labels && txn_lacks(t, &t->labels[failed], r)) {
		r = txn_blame_kernel(t, &t->labels[failed], &why);
	} else if (r < 0 && failed < t->n_labels) {
		txn_explain(t, &t->labels[failed], &why);
		if (ret_failed && label_is_set(&t->labels[failed]))
			memcpy(ret_failed, t->labels[failed].name, NF_NAME);
	}
	if (r < 0 && err)
		*err = why;
	txn_reset(t);
	return r;
}
