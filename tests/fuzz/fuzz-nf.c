/* SPDX-License-Identifier: Apache-2.0 */
/* Replies about tables, chains, rules, elements and flows. The first byte says which is asked for. */
#include "input.h"
#include "kernel.h"
#include "nf/conntrack.h"
#include "nf/dump.h"
#include "plane/elements.h"
#include "plane/gateway.h"
#include "replay.h"
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define ENOUGH 64 /* objects, then the reader is told to stop */

static int count(void *data)
{
	int *n = data;

	return ++*n > ENOUGH ? -ECANCELED : 0;
}

static int on_elem(const struct nf_elem *elem, void *data)
{
	struct an_port port;
	struct actor actor;
	uint32_t n, nth;

	promise(elem->key_len <= sizeof(elem->key) && elem->value_len <= sizeof(elem->value));
	promise(memchr(elem->comment, '\0', sizeof(elem->comment)) &&
		memchr(elem->chain, '\0', sizeof(elem->chain)));
	elements_actor_read(elem, &actor);
	promise(actor.n_ports <= AN_SPECS_MAX);
	elements_port_read(elem, &n, &nth, &port);
	return count(data);
}

static int on_table(uint8_t family, const char *name, void *data)
{
	(void)family;
	promise(strlen(name) < NFT_NAME_MAXLEN);
	return count(data);
}

static int on_chain(const struct base_chain *chain, void *data)
{
	promise(memchr(chain->table, '\0', sizeof(chain->table)) &&
		memchr(chain->name, '\0', sizeof(chain->name)));
	return count(data);
}

static int on_rule(uint64_t handle, void *data)
{
	(void)handle;
	return count(data);
}

static const struct nf_set intervals = { .name = "s",
					 .key = { NF_TYPE_IPV4_ADDR },
					 .flags = NFT_SET_INTERVAL };

static int elems(struct nl_sock *sock, uint8_t what, struct an_error *err)
{
	const struct nf_table table = { NFPROTO_INET, "actornet" };
	const struct addr a = addr_v4(0x0a000001, 32);
	struct nf_elem key = { .key_len = 0 }, found;
	int n = 0;

	elem_key_addr(&key, &a);
	switch (what) {
	case 0:
		return elem_dump(sock, &table, &gateway_actors, on_elem, &n, err);
	case 1:
		return elem_dump(sock, &table, &intervals, on_elem, &n, err);
	case 2:
		return elem_get(sock, &table, &gateway_outer4, &key, &found, err);
	default:
		return elem_get(sock, &table, &intervals, &key, &found, err);
	}
}

/* A small table, held against what comes. */
static int compare(struct nl_sock *sock, struct an_error *err)
{
	const struct nf_chain chain = { "c", "filter", NF_INET_FORWARD, 0, NF_DROP, NULL };
	const struct nf_op ops[] = { op_counter(), op_accept() };
	struct nf_model m;
	char diff[256] = "";
	int r;

	model_init(&m, NFPROTO_INET, "actornet");
	model_chain(&m, &chain);
	model_set(&m, &intervals);
	model_rule(&m, "c", ops, 2, "x", "counter accept");
	r = model_compare(sock, &m, diff, sizeof(diff), err);
	promise(memchr(diff, '\0', sizeof(diff)) && (r != 1 || diff[0]));
	model_fini(&m);
	return r;
}

static int other(struct nl_sock *sock, uint8_t what, struct an_error *err)
{
	const struct party parties[] = { { .addr = addr_v4(0x64400000, 16) },
					 { addr_v4(0x0a000001, 32), IPPROTO_TCP, 80, 90 } };
	const struct nf_place place = { NFPROTO_INET, "t", "c" };
	int n = 0;

	switch (what) {
	case 0:
		return table_dump(sock, on_table, &n, err);
	case 1:
		return base_chain_dump(sock, on_chain, &n, err);
	case 2:
		return rule_find(sock, &place, "actornet", on_rule, &n, err);
	case 3:
		return compare(sock, err);
	case 4:
		return table_exists(sock, NFPROTO_INET, "actornet", err);
	default:
		return conntrack_del(sock, parties, 2, err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct an_error err = { 0 };
	struct nl_sock sock;
	uint8_t what;
	int r;

	input_take(&data, &size, &what, 1);
	what %= 10;
	kernel_open(&sock, data, size);
	r = what < 4 ? elems(&sock, what, &err) : other(&sock, what - 4, &err);
	/* The caller's own -ECANCELED, and a set that is not there, come without an error. */
	if (r < 0 && r != -ECANCELED && r != -ENOENT)
		promise_error(&err, r, AN_FAILED);
	else if (r >= 0)
		promise_no_error(&err, r);
	kernel_close(&sock);
	return 0;
}
