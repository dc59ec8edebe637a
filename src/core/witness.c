/* SPDX-License-Identifier: Apache-2.0 */
/* A record of the worker that outlives our links. */
#include "core/witness.h"
#include "base/text.h"
#include "nf/dump.h"
#include <errno.h>
#include <string.h>

#define TABLE "actornet_record"

#define BLOCK 1024U /* slots */

static const struct nf_table table = { NFPROTO_INET, TABLE };
static const struct nf_set set = { .name = "record", .key = { NF_TYPE_MARK } };

/* No slot was ever made beyond these. */
static struct record_worker rounded(const struct record_worker *record)
{
	struct record_worker r = *record;

	r.made += BLOCK - 1 - r.made % BLOCK;
	return r;
}

bool witness_agrees(const struct record_worker *a, const struct record_worker *b)
{
	char x[RECORD_TEXT], y[RECORD_TEXT];
	const struct record_worker of_a = rounded(a), of_b = rounded(b);

	return strcmp(record_worker_format(&of_a, x), record_worker_format(&of_b, y)) == 0;
}

int witness_save(struct an_worker *w, struct an_error *err)
{
	const struct record_worker record = rounded(&w->record);
	struct nf_elem elem = { .key_len = 0 };
	char text[RECORD_TEXT];
	struct nf_model model;
	struct nf_txn txn;
	int r;

	elem_key_u32(&elem, RECORD_VERSION);
	text_copy(elem.comment, sizeof(elem.comment), record_worker_format(&record, text));
	model_init(&model, table.family, table.name);
	model_set(&model, &set);
	txn_init(&txn, table.family, table.name);
	txn_model(&txn, &model); /* what is there of it stays */
	txn_set_flush(&txn, &set);
	txn_elem_add(&txn, &set, &elem, false);
	r = txn_commit(&txn, &WORKER_SIDE(w)->nf, NULL, err);
	txn_fini(&txn);
	model_fini(&model);
	return r;
}

static int keep(const struct nf_elem *elem, void *data)
{
	*(struct nf_elem *)data = *elem;
	return 0;
}

int witness_recall(struct an_worker *w, struct record_worker *ret_record, struct an_error *err)
{
	struct nf_elem elem = { .key_len = 0 };
	int r = elem_dump(&WORKER_SIDE(w)->nf, &table, &set, keep, &elem, err);

	if (r == 0 && !elem.comment[0])
		r = -ENOENT;
	return r < 0 ? r : record_worker_parse(elem.comment, ret_record, err);
}

int witness_drop(struct an_worker *w, struct an_error *err)
{
	struct nf_txn txn;
	int r = table_exists(&WORKER_SIDE(w)->nf, table.family, table.name, err);

	if (r <= 0)
		return r;
	txn_init(&txn, table.family, table.name);
	txn_table_del(&txn);
	r = txn_commit(&txn, &WORKER_SIDE(w)->nf, NULL, err);
	txn_fini(&txn);
	return r < 0 ? r : 1;
}
