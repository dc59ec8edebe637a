/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction: all or nothing, in one send, every answer drained. */
#ifndef NF_TXN_H
#define NF_TXN_H

#include "nf/model.h"
#include "nl/msg.h"
#include "nl/sock.h"

/**
 * struct nf_txn - operations being gathered
 * @m:        messages so far; its buffer is on the heap and grows, kept by txn_reset(), freed by txn_fini()
 * @n_labels: messages so far
 * @labels:   what each of them is, for the error of the one that is refused
 * @last:     where the last operation's message begins
 * @n_sets:   sets so far; numbers them
 * @run:      the last message is a list of elements, to which another one can be added
 * @err:      sticky negative errno
 */
struct nf_txn {
	struct msg m;
	uint8_t family;
	char table[NF_NAME];
	struct nf_txn_label *labels;
	size_t n_labels, size_labels;
	size_t last;
	unsigned int n_sets;
	bool run;
	int err;
};

/** txn_init() - an empty transaction on one table; can be reused after txn_reset(). */
void txn_init(struct nf_txn *t, uint8_t family, const char *table);
void txn_reset(struct nf_txn *t);
void txn_fini(struct nf_txn *t);

/** txn_table_del() - removes all that is in it; fails with ENOENT where there is none. */
void txn_table_del(struct nf_txn *t);
/** txn_model() - table, sets, chains, rules and elements of a model. */
void txn_model(struct nf_txn *t, const struct nf_model *m);
void txn_rule_add(struct nf_txn *t, const struct nf_rule *rule);
/** txn_rule_insert() - at the head of its chain. */
void txn_rule_insert(struct nf_txn *t, const struct nf_rule *rule);
/** txn_rule_del() - by the kernel's number of it. */
void txn_rule_del(struct nf_txn *t, const char *chain, uint64_t handle);

/**
 * txn_elem_add() - add an element; @excl: EEXIST if the key is there (without it an equal element is no error)
 * Runs of operations of one kind on one set go out as one message.
 */
void txn_elem_add(struct nf_txn *t, const struct nf_set *set, const struct nf_elem *elem, bool excl);
/** txn_elem_del() - ENOENT if it is not there. */
void txn_elem_del(struct nf_txn *t, const struct nf_set *set, const struct nf_elem *elem);
/** txn_set_flush() - remove all elements of a set. */
void txn_set_flush(struct nf_txn *t, const struct nf_set *set);

/**
 * txn_commit() - send it, collect all answers, leave it empty
 * @ret_failed: name of the set whose operation was refused first, "" for another; may be NULL; [NF_NAME]
 *
 * Return: 0, or the first negative errno; nothing was changed then. @err names the operation:
 * "add element to set 'tcp4': file exists".
 */
int txn_commit(struct nf_txn *t, struct nl_sock *nf, char *ret_failed, struct an_error *err);

#endif
