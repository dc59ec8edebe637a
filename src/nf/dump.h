/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's tables hold. */
#ifndef NF_DUMP_H
#define NF_DUMP_H

#include "nf/model.h"
#include "nl/sock.h"

/** struct nf_table - which table */
struct nf_table {
	uint8_t family; /* NFPROTO_* */
	const char *name;
};

/**
 * elem_get() - one element by its key; of an interval set the interval that holds @key's first key (reads all of it)
 * Return: 1 with @ret_elem, 0 if there is none (or no set or table), or a negative errno.
 */
int elem_get(struct nl_sock *nf, const struct nf_table *table, const struct nf_set *set,
	     const struct nf_elem *key, struct nf_elem *ret_elem, struct an_error *err);
/**
 * elem_dump() - all elements of a set; interval ends are joined, intervals are in order
 * @cb: called after the dump is complete, so it may use the socket; a return other than 0 ends it and is returned
 * Return: 0, -ENOENT if there is no such set (@err untouched), another negative errno, or what @cb returned.
 */
typedef int elem_cb(const struct nf_elem *elem, void *data);
int elem_dump(struct nl_sock *nf, const struct nf_table *table, const struct nf_set *set, elem_cb *cb,
	      void *data, struct an_error *err);
/** table_exists() - Return: 1, 0, or a negative errno. */
int table_exists(struct nl_sock *nf, uint8_t family, const char *table, struct an_error *err);
/** table_dump() - names of all tables. */
typedef int table_cb(uint8_t family, const char *name, void *data);
int table_dump(struct nl_sock *nf, table_cb *cb, void *data, struct an_error *err);

/**
 * model_compare() - does the kernel hold the constant part of a model: its sets, chains, hooks, policies, rules?
 * Rules are compared instruction by instruction, raw payload writes included; counters' values are not.
 * @diff: what differs first, in words; [size]
 * Return: 0 if it does, 1 if it differs (or the table is missing), or a negative errno.
 */
int model_compare(struct nl_sock *nf, const struct nf_model *m, char *diff, size_t size,
		  struct an_error *err);

/** struct nf_place - a chain of some table */
struct nf_place {
	uint8_t family;
	const char *table, *chain;
};

/**
 * rule_find() - rules of a chain that have this comment, by the kernel's number of each
 * Return: 0, also where there is no such table or chain, or a negative errno.
 */
typedef int rule_handle_cb(uint64_t handle, void *data);
int rule_find(struct nl_sock *nf, const struct nf_place *place, const char *comment, rule_handle_cb *cb,
	      void *data, struct an_error *err);

/** struct base_chain - a base chain of any table of the namespace */
struct base_chain {
	uint8_t family;
	char table[64], name[64];
	uint32_t hook, policy;
	int32_t priority;
};
/** base_chain_dump() - all base chains: to find others' firewalls. */
typedef int base_chain_cb(const struct base_chain *chain, void *data);
int base_chain_dump(struct nl_sock *nf, base_chain_cb *cb, void *data, struct an_error *err);

#endif
