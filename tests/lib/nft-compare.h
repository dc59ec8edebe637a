/* SPDX-License-Identifier: Apache-2.0 */
/* Holding a table's model against nft's own translation of the text that the model prints. */
#ifndef LIB_NFT_COMPARE_H
#define LIB_NFT_COMPARE_H

#include "nf/model.h"

/**
 * nft_compare() - does a model mean what its text says? Takes root, and nft and ip on PATH.
 * @diff: what differs first, with both texts; [@size]
 *
 * In network namespaces of its own: each rule's instructions are those that `nft --debug=netlink -c` shows for its
 * text; model_compare() finds no difference to the text loaded by nft, attribute by attribute; and `nft list` prints
 * the loaded model, sets and elements included, as it prints the loaded text. Rules without text are left out.
 *
 * Return: 0 if it does, 1 if not, or a negative errno.
 */
int nft_compare(const struct nf_model *m, char *diff, size_t size);

/**
 * tool_run() - run a program with these arguments (at most six, ended by NULL), @input on its standard input
 * Return: its output, the caller's to free, or NULL if it failed, with its output on standard error.
 */
char *tool_run(const char *program, const char *input, const char *const *args);
/** nft_run() - the same with nft. */
char *nft_run(const char *input, const char *const *args);

#endif
