/* SPDX-License-Identifier: Apache-2.0 */
/* Other owners' firewalls: found, and asked for a way through where they offer one. */
#include "core/foreign.h"
#include "base/error.h"
#include "nf/dump.h"
#include "plane/match.h"
#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

static int find_drop(const struct base_chain *chain, void *data)
{
	struct base_chain *found = data;

	if (chain->hook == NF_INET_FORWARD && chain->policy == NF_DROP &&
	    strcmp(chain->table, LAYOUT_TABLE) != 0 &&
	    (chain->family == NFPROTO_INET || chain->family == NFPROTO_IPV4 || chain->family == NFPROTO_IPV6))
		*found = *chain;
	return 0;
}

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

/* Docker's chain for rules of others, which it leaves alone (docs.docker.com, "Packet filtering and firewalls"). */
static const struct nf_place places[] = {
	{ NFPROTO_IPV4, "filter", "DOCKER-USER" },
	{ NFPROTO_IPV6, "filter", "DOCKER-USER" },
};
#define N_PLACES (sizeof(places) / sizeof(*places))
#define COMMENT	 "actornet"

static int note_handle(uint64_t handle, void *data)
{
	struct nf_txn *txn = data;

	txn_rule_del(txn, places[0].chain, handle);
	return 0;
}

/* Queue the deletion of our rules in a place. */
static int queue_withdrawal(struct an_worker *w, const struct nf_place *place, struct nf_txn *txn,
			    struct an_error *err)
{
	txn_init(txn, place->family, place->table);
	return rule_find(&WORKER_SIDE(w)->nf, place, COMMENT, note_handle, txn, err);
}

static void insert(struct nf_model *m, struct nf_txn *txn)
{
	for (size_t i = 0; i < m->n_rules; i++)
		txn_rule_insert(txn, &m->rules[i]);
}

/* In one transaction: ours that are there go, new ones come, so that there are always two. */
static int allow_in(struct an_worker *w, const struct nf_place *place, struct an_error *err)
{
	struct an_error why = { .kind = 0 };
	struct nf_model m;
	struct nf_txn txn;
	int r = queue_withdrawal(w, place, &txn, err);

	model_init(&m, place->family, place->table);
	RULE(&m, place->chain, COMMENT, OPS(IIFNAME(LAYOUT_WORKER_LINK), op_accept()), NULL);
	RULE(&m, place->chain, COMMENT,
	     OPS(op_meta(NFT_META_OIFNAME, R1), op_cmp_name(NFT_CMP_EQ, R1, LAYOUT_WORKER_LINK), op_accept()),
	     NULL);
	if (r == 0) {
		insert(&m, &txn);
		r = txn_commit(&txn, &WORKER_SIDE(w)->nf, NULL, &why);
	}
	model_fini(&m);
	txn_fini(&txn);
	if (r == -ENOENT) /* no such table or chain */
		return 0;
	if (r < 0 && why.kind && err)
		*err = why;
	return r < 0 ? r : 1;
}

int foreign_allow(struct an_worker *w, struct an_error *err)
{
	int found = 0;

	for (size_t i = 0; i < N_PLACES; i++) {
		int r = allow_in(w, &places[i], err);

		if (r < 0)
			return r;
		found |= r;
	}
	return found;
}

int foreign_withdraw(struct an_worker *w, struct an_error *err)
{
	int found = 0;

	for (size_t i = 0; i < N_PLACES; i++) {
		struct nf_txn txn;
		int r = queue_withdrawal(w, &places[i], &txn, err);

		found |= txn.n_labels > 0;
		if (r == 0)
			r = txn_commit(&txn, &WORKER_SIDE(w)->nf, NULL, err);
		txn_fini(&txn);
		if (r < 0)
			return r;
	}
	return found;
}

static int note_any(uint64_t handle, void *data)
{
	(void)handle;
	*(bool *)data = true;
	return 0;
}

static bool is_allowed(struct an_worker *w)
{
	bool any = false;

	for (size_t i = 0; i < N_PLACES; i++)
		rule_find(&WORKER_SIDE(w)->nf, &places[i], COMMENT, note_any, &any, NULL);
	return any;
}

void foreign_notice(struct an_worker *w, char *buf, size_t size)
{
	struct base_chain found = { .table = "" };

	buf[0] = '\0';
	if (base_chain_dump(&WORKER_SIDE(w)->nf, find_drop, &found, NULL) < 0 || !found.table[0] ||
	    is_allowed(w))
		return;
	snprintf(
		buf, size,
		"chain %s of table %s %s drops forwarded packets by default, actors' too: accept what comes in "
		"or goes out by " LAYOUT_WORKER_LINK " there, or use --allow-forward where Docker made it",
		found.name, family_name(found.family), found.table);
}

/* Base chains of ours, other than that of the link: it goes with the link. */
static const char *const own_chains[] = { "ports", "masq", "forward" };
#define N_OWN (sizeof(own_chains) / sizeof(*own_chains))

static int note_own(const struct base_chain *chain, void *data)
{
	bool *seen = data;

	for (size_t i = 0; i < N_OWN; i++) {
		if (chain->family == NFPROTO_INET && strcmp(chain->table, LAYOUT_TABLE) == 0 &&
		    strcmp(chain->name, own_chains[i]) == 0)
			seen[i] = true;
	}
	return 0;
}

int foreign_table(struct an_worker *w, struct an_error *err)
{
	bool seen[N_OWN] = { false }, all = true;
	int r = table_exists(&WORKER_SIDE(w)->nf, NFPROTO_INET, LAYOUT_TABLE, err);

	if (r <= 0)
		return r;
	r = base_chain_dump(&WORKER_SIDE(w)->nf, note_own, seen, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < N_OWN; i++)
		all = all && seen[i];
	if (all)
		return 1;
	error_set(err, AN_CONFLICT, EEXIST, "table inet " LAYOUT_TABLE,
		  "is there, but was not made by actornet");
	return error_remedy(err, "rename it, or nft delete table inet " LAYOUT_TABLE);
}
