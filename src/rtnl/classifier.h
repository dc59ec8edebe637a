/* SPDX-License-Identifier: Apache-2.0 */
/* Programs at a link's two ends (qdisc clsact), shared by many links: each has its part in a block, by number. */
#ifndef RTNL_CLASSIFIER_H
#define RTNL_CLASSIFIER_H

#include "nl/sock.h"
#include <stdint.h>

/**
 * classifier_add() - packets of a link go through block @ingress when they come in, @egress when they leave
 * A block is there as long as a link takes part in it, in one namespace.
 * Return: 0 or a negative errno: EEXIST.
 */
int classifier_add(struct nl_sock *rtnl, uint32_t index, uint32_t ingress, uint32_t egress,
		   struct an_error *err);
/** classifier_del() - Return: 1, 0 if there was none, or a negative errno. */
int classifier_del(struct nl_sock *rtnl, uint32_t index, struct an_error *err);
/**
 * classifier_program() - a BPF program for all packets of a block; what it returns is done with them
 * @name: for people. Return: 0 or a negative errno: EEXIST if the block has one.
 */
int classifier_program(struct nl_sock *rtnl, uint32_t block, int program_fd, const char *name,
		       struct an_error *err);

#endif
