/* SPDX-License-Identifier: Apache-2.0 */
/* A table as data: gathering its parts. */
#include "nf/model.h"

#include "nf/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_STEP 16 /* arrays grow by so many */

void model_init(struct nf_model *m, uint8_t family, const char *name)
{
	*m = (struct nf_model){ .family = family };
	m->err = text_copy(m->name, sizeof(m->name), name);
}

void model_fini(struct nf_model *m)
{
	for (size_t i = 0; i < m->n_rules; i++) {
		free(m->rules[i].text);
		free(m->rules[i].comment);
		free(m->rules[i].ops);
	}
	free(m->sets);
	free(m->chains);
	free(m->rules);
	free(m->fills);
	*m = (struct nf_model){ 0 };
}

/* Room for one more, zeroed, at the end of an array. Return: it, or NULL with m->err set. */
static void *model_grow(struct nf_model *m, void *array, size_t *n, size_t size)
{
	char **items = array;
	char *grown = *items;

	if (m->err)
		return NULL;
	if (*n % MODEL_STEP == 0)
		grown = reallocarray(*items, *n + MODEL_STEP, size);
	if (!grown) {
		m->err = -ENOMEM;
		return NULL;
	}
	*items = grown;
	memset(grown + *n * size, 0, size);
	return grown + (*n)++ * size;
}

void model_set(struct nf_model *m, const struct nf_set *set)
{
	struct nf_set *added = model_grow(m, &m->sets, &m->n_sets, sizeof(*set));

	if (added)
		*added = *set;
}

void model_chain(struct nf_model *m, const struct nf_chain *chain)
{
	struct nf_chain *added = model_grow(m, &m->chains, &m->n_chains, sizeof(*chain));

	if (added)
		*added = *chain;
}

void model_rule(struct nf_model *m, const char *chain, const struct nf_op *ops, size_t n_ops,
		const char *comment, const char *text, ...)
{
	struct nf_rule *rule = model_grow(m, &m->rules, &m->n_rules, sizeof(*rule));
	va_list args;

	if (!rule)
		return;
	m->err = text_copy(rule->chain, sizeof(rule->chain), chain);
	rule->ops = reallocarray(NULL, n_ops, sizeof(*ops));
	if (!rule->ops) {
		m->err = -ENOMEM;
		return;
	}
	memcpy(rule->ops, ops, n_ops * sizeof(*ops));
	rule->n_ops = n_ops;
	if (comment) {
		rule->comment = strdup(comment);
		if (!rule->comment)
			m->err = -ENOMEM;
	}
	if (!text)
		return;
	va_start(args, text);
	if (vasprintf(&rule->text, text, args) < 0) {
		rule->text = NULL;
		m->err = -ENOMEM;
	}
	va_end(args);
}

void model_fill(struct nf_model *m, const char *set, const struct nf_elem *elem)
{
	struct nf_fill *fill = model_grow(m, &m->fills, &m->n_fills, sizeof(*fill));

	if (!fill)
		return;
	m->err = text_copy(fill->set, sizeof(fill->set), set);
	fill->elem = *elem;
}

/* Append a part, padded to 4 bytes. */
static void elem_append(uint8_t *buf, size_t size, uint8_t *at, const void *data, size_t len)
{
	size_t padded = NLMSG_ALIGN(len);

	if (padded > size - *at) {
		*at = 0;
		return;
	}
	memset(buf + *at, 0, padded);
	memcpy(buf + *at, data, len);
	*at = (uint8_t)(*at + padded);
}

void elem_key(struct nf_elem *e, const void *data, size_t len)
{
	elem_append(e->key, sizeof(e->key), &e->key_len, data, len);
}

void elem_key_u8(struct nf_elem *e, uint8_t value)
{
	elem_key(e, &value, sizeof(value));
}

void elem_key_u16_be(struct nf_elem *e, uint16_t host_order_value)
{
	uint16_t value_be = htons(host_order_value);

	elem_key(e, &value_be, sizeof(value_be));
}

void elem_key_u32(struct nf_elem *e, uint32_t host_order_value)
{
	elem_key(e, &host_order_value, sizeof(host_order_value));
}

void elem_key_addr(struct nf_elem *e, const struct addr *a)
{
	elem_key(e, a->bytes, addr_size(a->family));
}

void elem_value(struct nf_elem *e, const void *data, size_t len)
{
	elem_append(e->value, sizeof(e->value), &e->value_len, data, len);
}

void elem_value_u8(struct nf_elem *e, uint8_t value)
{
	elem_value(e, &value, sizeof(value));
}

void elem_value_u16_be(struct nf_elem *e, uint16_t host_order_value)
{
	uint16_t value_be = htons(host_order_value);

	elem_value(e, &value_be, sizeof(value_be));
}

void elem_value_u32(struct nf_elem *e, uint32_t host_order_value)
{
	elem_value(e, &host_order_value, sizeof(host_order_value));
}

void elem_value_addr(struct nf_elem *e, const struct addr *a)
{
	elem_value(e, a->bytes, addr_size(a->family));
}

void elem_goto(struct nf_elem *e, const char *chain)
{
	e->has_verdict = true;
	e->verdict = NFT_GOTO;
	text_copy(e->chain, sizeof(e->chain), chain);
}

struct nf_elem elem_prefix(const struct addr *prefix)
{
	struct addr first = addr_network(prefix);
	size_t size = addr_size(prefix->family);
	struct nf_elem e = { .interval = true };

	elem_key_addr(&e, &first);
	for (size_t i = 0; i < size; i++) {
		size_t fixed = prefix->prefix > i * 8 ? prefix->prefix - i * 8 : 0;

		e.key_end[i] = (uint8_t)(first.bytes[i] | (fixed >= 8 ? 0 : 0xff >> fixed));
	}
	return e;
}
