/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of a message, and an element of a set, in a block that ends where the message does. */
#include "input.h"
#include "nf/wire.h"
#include "nl/attr.h"
#include "plane/elements.h"
#include "replay.h"

#define MAX_TYPE 40

static void read_values(const struct nlattr *const *table, const char *end)
{
	for (size_t i = 0; i <= MAX_TYPE; i++) {
		const struct nlattr *a = table[i];
		char text[16], one[1];

		attr_text(a, text, sizeof(text));
		attr_text(a, one, sizeof(one));
		attr_text(a, NULL, 0);
		promise(strlen(text) < sizeof(text) && !one[0]);
		promise((!attr_u64(a) && !attr_u32(a) && !attr_u16(a) && !attr_u8(a)) || a);
		promise(!a || (mnl_attr_get_type(a) == i && (const char *)a + a->nla_len <= end));
	}
}

static void read_nested(const struct nlattr *a, const char *end)
{
	const struct nlattr *inner[MAX_TYPE + 1], *x = NULL;

	attr_table_nested(a, inner, MAX_TYPE);
	read_values(inner, end);
	while ((x = list_next(a, x)))
		promise(x > a && (const char *)x + x->nla_len <= (const char *)a + a->nla_len);
}

/* What the kernel has of an actor and of a port. */
static void read_elem(const struct nlattr *a)
{
	struct nf_elem elem, end;
	struct an_port port;
	struct actor actor;
	uint32_t n, nth;
	int r = elem_read(a, &elem);

	promise(r == 0 || r == 1);
	promise(elem.key_len <= sizeof(elem.key) && elem.key_len % 4 == 0);
	promise(elem.value_len <= sizeof(elem.value) && elem.value_len % 4 == 0);
	promise(memchr(elem.comment, '\0', sizeof(elem.comment)) &&
		memchr(elem.chain, '\0', sizeof(elem.chain)));
	elements_actor_read(&elem, &actor);
	promise(memchr(actor.name, '\0', sizeof(actor.name)));
	promise(actor.n_ports <= AN_SPECS_MAX && actor.egress <= AN_EGRESS_NONE);
	elements_port_read(&elem, &n, &nth, &port);
	promise(port.family == AF_UNSPEC || port.family == AF_INET || port.family == AF_INET6);
	elem_read(a, &end);
	elem_close(&elem, &end);
	promise(elem.interval);
	elem_close(&elem, NULL);
	promise(elem.interval);
}

/* The first byte: how long the family's header is. The rest is what follows the message's header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct nlattr *table[MAX_TYPE + 1];
	struct nlmsghdr *nlh;
	uint8_t offset;

	input_take(&data, &size, &offset, 1);
	nlh = malloc(sizeof(*nlh) + size);
	promise(nlh);
	*nlh = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(sizeof(*nlh) + size) };
	if (size)
		memcpy(nlh + 1, data, size);
	attr_table(nlh, offset, table, MAX_TYPE);
	read_values(table, (const char *)nlh + nlh->nlmsg_len);
	for (size_t i = 0; i <= MAX_TYPE; i++) {
		if (!table[i])
			continue;
		read_nested(table[i], (const char *)nlh + nlh->nlmsg_len);
		read_elem(table[i]);
	}
	free(nlh);
	return 0;
}
