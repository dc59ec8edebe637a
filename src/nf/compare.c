/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model held against the kernel's table.
 *
 * Theory of operation: each chain, set and rule is built as it would be sent, and its attributes are compared with
 * those of the kernel's dump. The kernel leaves nothing out, we leave out what is zero, so a missing attribute
 * equals a zero one. Where the kernel adds something that isn't zero, it is known here by name (see expr_fixed).
 * nft's own listing won't do: it doesn't show the checksum attributes of a payload write.
 */
#include "nf/dump.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "nf/wire.h"
#include "nl/attr.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPARE_DEPTH 8	   /* nested attributes in an expression; deeper ones are another */
#define COMPARE_TYPES 32   /* attribute types within one; none of an expression has more */
#define COMPARE_BYTES 1024 /* a request, or a chain or set as we send it */
#define COMPARE_HEAD  sizeof(struct nfgenmsg)

/**
 * struct compare - one comparison
 * @seen:    by chain, then by set of the model: does the kernel have it?
 * @next:    by chain: where to look for the rule that comes next
 * @diff:    first difference, @size bytes; @differs: there is one
 * @table:   the kernel has the table
 * @err:     sticky negative errno
 */
struct compare {
	const struct nf_model *m;
	bool *seen;
	size_t *next, n_seen;
	char *diff;
	size_t size;
	bool differs, table;
	int err;
};

/* Note a difference; the first one stays. */
#define compare_note(c, ...)                                         \
	do {                                                         \
		if (!(c)->differs)                                   \
			snprintf((c)->diff, (c)->size, __VA_ARGS__); \
		(c)->differs = true;                                 \
	} while (0)

static bool all_zero(const struct nlattr *a)
{
	const uint8_t *data = a ? mnl_attr_get_payload(a) : NULL;

	for (size_t i = 0; a && i < mnl_attr_get_payload_len(a); i++) {
		if (data[i])
			return false;
	}
	return true;
}

/* Compare two attributes, either of which may be missing; nested as ours says. */
static bool attr_same(const struct nlattr *ours, const struct nlattr *theirs, unsigned int depth)
{
	const struct nlattr *a[COMPARE_TYPES] = { 0 }, *b[COMPARE_TYPES] = { 0 };
	uint16_t len;

	if (!ours || !theirs)
		return all_zero(ours ? ours : theirs);
	if (!(ours->nla_type & NLA_F_NESTED)) {
		len = mnl_attr_get_payload_len(ours);
		return len == mnl_attr_get_payload_len(theirs) &&
		       memcmp(mnl_attr_get_payload(ours), mnl_attr_get_payload(theirs), len) == 0;
	}
	if (!depth)
		return false;
	attr_table_nested(ours, a, COMPARE_TYPES - 1);
	attr_table_nested(theirs, b, COMPARE_TYPES - 1);
	for (size_t i = 0; i < COMPARE_TYPES; i++) {
		if (!attr_same(a[i], b[i], depth - 1))
			return false;
	}
	return true;
}

/*
 * What the kernel adds by itself. It names the end of a range of registers that is only one, and flags that follow
 * from the others. @a ours and @b theirs are brought to one form.
 */
static bool nat_same(const struct nlattr **a, const struct nlattr **b)
{
	uint32_t implied = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED;

	if (!a[NFTA_NAT_REG_ADDR_MAX])
		a[NFTA_NAT_REG_ADDR_MAX] = a[NFTA_NAT_REG_ADDR_MIN];
	if (!a[NFTA_NAT_REG_PROTO_MAX])
		a[NFTA_NAT_REG_PROTO_MAX] = a[NFTA_NAT_REG_PROTO_MIN];
	if ((ntohl(attr_u32(a[NFTA_NAT_FLAGS])) & ~implied) !=
	    (ntohl(attr_u32(b[NFTA_NAT_FLAGS])) & ~implied))
		return false;
	for (size_t i = 0; i <= NFTA_NAT_MAX; i++) {
		if (i == NFTA_NAT_FLAGS || i == NFTA_NAT_REG_ADDR_MAX || i == NFTA_NAT_REG_PROTO_MAX)
			continue;
		if (!attr_same(a[i], b[i], COMPARE_DEPTH))
			return false;
	}
	/* A kernel may leave the end out too. */
	return (!b[NFTA_NAT_REG_ADDR_MAX] ||
		attr_same(a[NFTA_NAT_REG_ADDR_MAX], b[NFTA_NAT_REG_ADDR_MAX], COMPARE_DEPTH)) &&
	       (!b[NFTA_NAT_REG_PROTO_MAX] ||
		attr_same(a[NFTA_NAT_REG_PROTO_MAX], b[NFTA_NAT_REG_PROTO_MAX], COMPARE_DEPTH));
}

/* Compare the data of two expressions of one name; a counter's value is no difference. */
static bool expr_data_same(const char *name, const struct nlattr *ours, const struct nlattr *theirs)
{
	const struct nlattr *a[COMPARE_TYPES], *b[COMPARE_TYPES];

	if (strcmp(name, "counter") == 0)
		return true;
	if (!ours || !theirs || strcmp(name, "nat") != 0)
		return attr_same(ours, theirs, COMPARE_DEPTH);
	attr_table_nested(ours, a, COMPARE_TYPES - 1);
	attr_table_nested(theirs, b, COMPARE_TYPES - 1);
	return nat_same(a, b);
}

/* Compare one expression. Return: are they the same? @ret_name: ours. */
static bool expr_same(const struct nlattr *ours, const struct nlattr *theirs, char *ret_name, size_t size)
{
	const struct nlattr *a[NFTA_EXPR_MAX + 1], *b[NFTA_EXPR_MAX + 1] = { 0 };

	attr_table_nested(ours, a, NFTA_EXPR_MAX);
	attr_text(a[NFTA_EXPR_NAME], ret_name, size);
	if (!theirs)
		return false;
	attr_table_nested(theirs, b, NFTA_EXPR_MAX);
	return attr_same(a[NFTA_EXPR_NAME], b[NFTA_EXPR_NAME], 1) &&
	       expr_data_same(ret_name, a[NFTA_EXPR_DATA], b[NFTA_EXPR_DATA]);
}

/* Which rule of its chain a rule is, from 1 on. */
static size_t rule_number(const struct nf_model *m, size_t index)
{
	size_t n = 1;

	for (size_t i = 0; i < index; i++)
		n += strcmp(m->rules[i].chain, m->rules[index].chain) == 0;
	return n;
}

static void rule_note(struct compare *c, size_t index, const char *what)
{
	const struct nf_rule *r = &c->m->rules[index];

	compare_note(c, "chain '%s', rule %zu: %s; it should be: %s", r->chain, rule_number(c->m, index),
		     what,
		     r->text	  ? r->text
		     : r->comment ? r->comment
				  : "a rule nft has no words for");
}

/* Compare all expressions of rule @index. */
static void rule_compare_exprs(struct compare *c, size_t index, const struct nlattr *ours,
			       const struct nlattr *theirs)
{
	const struct nlattr *a = NULL, *b = NULL;
	char name[NF_NAME], what[96];

	for (unsigned int n = 1;; n++) {
		a = ours ? list_next(ours, a) : NULL;
		b = theirs && (n == 1 || b) ? list_next(theirs, b) : NULL;
		if (!a && !b)
			return;
		if (!a) {
			rule_note(c, index, "the kernel's has more instructions");
			return;
		}
		if (expr_same(a, b, name, sizeof(name)))
			continue;
		snprintf(what, sizeof(what), "instruction %u (%s) is %s in the kernel", n, name,
			 b ? "another" : "missing");
		rule_note(c, index, what);
		return;
	}
}

/* Compare rule @index with a message of the kernel's. */
static void rule_compare(struct compare *c, size_t index, const struct nlmsghdr *nlh)
{
	const struct nlattr *a[NFTA_RULE_MAX + 1], *b[NFTA_RULE_MAX + 1];
	size_t size = wire_rule_bytes(&c->m->rules[index]) + COMPARE_BYTES;
	_cleanup_free_ char *buf = malloc(size);
	struct msg m;

	if (!buf) {
		c->err = -ENOMEM;
		return;
	}
	msg_init(&m, buf, size);
	wire_begin(&m, NFT_MSG_NEWRULE, 0, c->m->family);
	c->err = wire_put_rule(&m, &c->m->rules[index]);
	if (c->err || msg_finish(&m) < 0)
		return;
	attr_table((const void *)buf, COMPARE_HEAD, a, NFTA_RULE_MAX);
	attr_table(nlh, COMPARE_HEAD, b, NFTA_RULE_MAX);
	rule_compare_exprs(c, index, a[NFTA_RULE_EXPRESSIONS], b[NFTA_RULE_EXPRESSIONS]);
	if (!attr_same(a[NFTA_RULE_USERDATA], b[NFTA_RULE_USERDATA], 1))
		rule_note(c, index, "its comment is another in the kernel");
}

/* The model's next rule of a chain, from @from on. Return: its index, or n_rules. */
static size_t rule_next(const struct nf_model *m, const char *chain, size_t from)
{
	while (from < m->n_rules && strcmp(m->rules[from].chain, chain) != 0)
		from++;
	return from;
}

static size_t chain_find(const struct nf_model *m, const char *name)
{
	size_t i = 0;

	while (i < m->n_chains && strcmp(m->chains[i].name, name) != 0)
		i++;
	return i;
}

/* Is a message about the model's table? A filter of a dump is a wish that old kernels don't grant. */
static bool of_table(const struct compare *c, const struct nlmsghdr *nlh, const struct nlattr *table)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(nlh);
	char name[NFT_NAME_MAXLEN];

	attr_text(table, name, sizeof(name));
	return head->nfgen_family == c->m->family && strcmp(name, c->m->name) == 0;
}

static int on_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_RULE_MAX + 1];
	struct compare *c = data;
	char name[NFT_NAME_MAXLEN];
	size_t chain, rule;

	attr_table(nlh, COMPARE_HEAD, a, NFTA_RULE_MAX);
	if (c->err || !of_table(c, nlh, a[NFTA_RULE_TABLE]))
		return c->err;
	attr_text(a[NFTA_RULE_CHAIN], name, sizeof(name));
	chain = chain_find(c->m, name);
	if (chain == c->m->n_chains)
		return 0; /* noted with the chains */
	rule = rule_next(c->m, name, c->next[chain]);
	if (rule == c->m->n_rules) {
		compare_note(c, "chain '%s' has a rule more than it should", name);
		return 0;
	}
	c->next[chain] = rule + 1;
	rule_compare(c, rule, nlh);
	return c->err;
}

static bool hook_same(const struct nlattr *ours, const struct nlattr *theirs)
{
	const struct nlattr *a[NFTA_HOOK_MAX + 1], *b[NFTA_HOOK_MAX + 1];

	if (!ours || !theirs)
		return ours == theirs;
	attr_table_nested(ours, a, NFTA_HOOK_MAX);
	attr_table_nested(theirs, b, NFTA_HOOK_MAX);
	/* A single device stands in a list of devices too, several only there. */
	return attr_same(a[NFTA_HOOK_HOOKNUM], b[NFTA_HOOK_HOOKNUM], 1) &&
	       attr_same(a[NFTA_HOOK_PRIORITY], b[NFTA_HOOK_PRIORITY], 1) &&
	       attr_same(a[NFTA_HOOK_DEV], b[NFTA_HOOK_DEV], 1);
}

static bool chain_same(const struct compare *c, const struct nf_chain *chain, const struct nlmsghdr *nlh)
{
	_Alignas(struct nlmsghdr) char buf[COMPARE_BYTES];
	const struct nlattr *a[NFTA_CHAIN_MAX + 1], *b[NFTA_CHAIN_MAX + 1];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	wire_begin(&m, NFT_MSG_NEWCHAIN, 0, c->m->family);
	wire_put_chain(&m, chain);
	if (msg_finish(&m) < 0)
		return false;
	attr_table((const void *)buf, COMPARE_HEAD, a, NFTA_CHAIN_MAX);
	attr_table(nlh, COMPARE_HEAD, b, NFTA_CHAIN_MAX);
	return attr_same(a[NFTA_CHAIN_TYPE], b[NFTA_CHAIN_TYPE], 1) &&
	       attr_same(a[NFTA_CHAIN_POLICY], b[NFTA_CHAIN_POLICY], 1) &&
	       hook_same(a[NFTA_CHAIN_HOOK], b[NFTA_CHAIN_HOOK]);
}

static bool set_same(const struct compare *c, const struct nf_set *set, const struct nlmsghdr *nlh)
{
	static const uint16_t types[] = { NFTA_SET_FLAGS,     NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN,
					  NFTA_SET_DATA_TYPE, NFTA_SET_DESC,	 NFTA_SET_TIMEOUT };
	_Alignas(struct nlmsghdr) char buf[COMPARE_BYTES];
	const struct nlattr *a[NFTA_SET_MAX + 1], *b[NFTA_SET_MAX + 1];
	struct msg m;

	msg_init(&m, buf, sizeof(buf));
	wire_begin(&m, NFT_MSG_NEWSET, 0, c->m->family);
	wire_put_set(&m, set, 0);
	if (msg_finish(&m) < 0)
		return false;
	attr_table((const void *)buf, COMPARE_HEAD, a, NFTA_SET_MAX);
	attr_table(nlh, COMPARE_HEAD, b, NFTA_SET_MAX);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!attr_same(a[types[i]], b[types[i]], COMPARE_DEPTH))
			return false;
	}
	/* A verdict has a length in the kernel alone. */
	return set->value[0] == NF_TYPE_VERDICT || attr_same(a[NFTA_SET_DATA_LEN], b[NFTA_SET_DATA_LEN], 1);
}

static int on_chain(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_CHAIN_MAX + 1];
	struct compare *c = data;
	char name[NFT_NAME_MAXLEN];
	size_t i;

	attr_table(nlh, COMPARE_HEAD, a, NFTA_CHAIN_MAX);
	if (!of_table(c, nlh, a[NFTA_CHAIN_TABLE]))
		return 0;
	attr_text(a[NFTA_CHAIN_NAME], name, sizeof(name));
	i = chain_find(c->m, name);
	if (i == c->m->n_chains) {
		compare_note(c, "chain '%s' should not be there", name);
		return 0;
	}
	c->seen[i] = true;
	if (!chain_same(c, &c->m->chains[i], nlh))
		compare_note(c, "chain '%s' has another hook, priority or policy", name);
	return 0;
}

static int on_set(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_SET_MAX + 1];
	struct compare *c = data;
	char name[NFT_NAME_MAXLEN];
	size_t i = 0;

	attr_table(nlh, COMPARE_HEAD, a, NFTA_SET_MAX);
	if (!of_table(c, nlh, a[NFTA_SET_TABLE]))
		return 0;
	attr_text(a[NFTA_SET_NAME], name, sizeof(name));
	while (i < c->m->n_sets && strcmp(c->m->sets[i].name, name) != 0)
		i++;
	if (i == c->m->n_sets) {
		compare_note(c, "set '%s' should not be there", name);
		return 0;
	}
	c->seen[i] = true;
	if (!set_same(c, &c->m->sets[i], nlh))
		compare_note(c, "set '%s' is of another type", name);
	return 0;
}

static int on_table(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a[NFTA_TABLE_MAX + 1];
	struct compare *c = data;

	attr_table(nlh, COMPARE_HEAD, a, NFTA_TABLE_MAX);
	if (!of_table(c, nlh, a[NFTA_TABLE_NAME]))
		return 0;
	c->table = true;
	if (!all_zero(a[NFTA_TABLE_FLAGS]))
		compare_note(c, "table '%s' is dormant or owned by a process", c->m->name);
	return 0;
}

/* Before each try of a dump. */
static void compare_reset(void *data)
{
	struct compare *c = data;

	memset(c->seen, 0, c->n_seen * sizeof(*c->seen));
	memset(c->next, 0, c->n_seen * sizeof(*c->next));
	c->differs = false;
	c->table = false;
}

/* All objects of one kind in the table. */
static int compare_dump(struct compare *c, struct nl_sock *nf, uint16_t type, nl_cb *cb, struct an_error *err)
{
	_Alignas(struct nlmsghdr) char buf[COMPARE_BYTES];
	struct msg m;
	int r;

	msg_init(&m, buf, sizeof(buf));
	wire_begin(&m, type, 0, c->m->family);
	if (type != NFT_MSG_GETTABLE && type != NFT_MSG_GETCHAIN)
		msg_put_str(&m, NFTA_RULE_TABLE, c->m->name);
	r = nl_dump(nf, &m, cb, compare_reset, c, err);
	/* The table of the filter is gone. */
	if (r == -ENOENT && type == NFT_MSG_GETSET) {
		compare_note(c, "table '%s' is missing", c->m->name);
		return 0;
	}
	if (r < 0) {
		error_context(err, "read table '%s'", c->m->name);
		error_object(err, "table '%s'", c->m->name);
	}
	return r;
}

static void compare_missing_chains(struct compare *c)
{
	for (size_t i = 0; i < c->m->n_chains; i++) {
		if (!c->seen[i])
			compare_note(c, "chain '%s' is missing", c->m->chains[i].name);
	}
}

static void compare_missing_sets(struct compare *c)
{
	for (size_t i = 0; i < c->m->n_sets; i++) {
		if (!c->seen[i])
			compare_note(c, "set '%s' is missing", c->m->sets[i].name);
	}
}

static void compare_missing_rules(struct compare *c)
{
	for (size_t i = 0; i < c->m->n_chains; i++) {
		size_t rule = rule_next(c->m, c->m->chains[i].name, c->next[i]);

		if (rule < c->m->n_rules)
			rule_note(c, rule, "it is missing");
	}
}

static void compare_missing_table(struct compare *c)
{
	if (!c->table)
		compare_note(c, "table '%s' is missing", c->m->name);
}

/* All parts in turn, until one differs. Return: 0, 1, or a negative errno. */
static int compare_parts(struct compare *c, struct nl_sock *nf, struct an_error *err)
{
	static const struct {
		uint16_t type;
		nl_cb *cb;
		void (*missing)(struct compare *c);
	} parts[] = {
		{ NFT_MSG_GETTABLE, on_table, compare_missing_table },
		{ NFT_MSG_GETCHAIN, on_chain, compare_missing_chains },
		{ NFT_MSG_GETSET, on_set, compare_missing_sets },
		{ NFT_MSG_GETRULE, on_rule, compare_missing_rules },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int r = compare_dump(c, nf, parts[i].type, parts[i].cb, err);

		if (r < 0)
			return r;
		parts[i].missing(c);
		if (c->differs)
			return 1;
	}
	return 0;
}

int model_compare(struct nl_sock *nf, const struct nf_model *m, char *diff, size_t size, struct an_error *err)
{
	size_t n = (m->n_chains > m->n_sets ? m->n_chains : m->n_sets) + 1;
	struct compare c = { .m = m, .n_seen = n, .diff = diff, .size = size };
	int r;

	c.seen = calloc(n, sizeof(*c.seen));
	c.next = calloc(n, sizeof(*c.next));
	if (c.seen && c.next && !m->err)
		r = compare_parts(&c, nf, err);
	else
		r = error_set(err, AN_FAILED, ENOMEM, m->name, "out of memory");
	free(c.seen);
	free(c.next);
	return r;
}
