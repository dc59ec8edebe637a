/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of nf/ share: a socket in the test's namespace, elements in few words. */
#ifndef LIB_NF_TEST_H
#define LIB_NF_TEST_H

#include "isolate.h"
#include "nf/dump.h"
#include "nf/txn.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

static inline struct nl_sock nf_test_socket(void)
{
	struct nl_sock nf = NL_SOCK_CLOSED;

	assert_int_equal(nl_open(&nf, socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), NULL),
			 0);
	return nf;
}

static inline struct addr nf_test_addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* Load a model that must be taken. */
static inline void nf_test_load(struct nl_sock *nf, const struct nf_model *m)
{
	struct an_error err = { 0 };
	struct nf_txn t;

	assert_int_equal(m->err, 0);
	txn_init(&t, m->family, m->name);
	txn_model(&t, m);
	if (txn_commit(&t, nf, NULL, &err) < 0)
		fail_msg("%s: %s", err.object, err.message);
	txn_fini(&t);
}

static inline void nf_test_unload(struct nl_sock *nf, struct nf_model *m)
{
	struct nf_txn t;

	txn_init(&t, m->family, m->name);
	txn_table_del(&t);
	assert_int_equal(txn_commit(&t, nf, NULL, NULL), 0);
	txn_fini(&t);
	model_fini(m);
}

#endif
