/* SPDX-License-Identifier: Apache-2.0 */
/* Reading attributes: one table a message, indexed by type. */
#include "nl/attr.h"

#include <string.h>

static void attr_walk(const char *at, size_t left, const struct nlattr **table, uint16_t max)
{
	memset(table, 0, (max + 1U) * sizeof(*table));
	while (left >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const void *)at;
		uint16_t type = mnl_attr_get_type(a);
		size_t step;

		if (a->nla_len < sizeof(*a) || a->nla_len > left)
			return;
		/* The last of a type counts, as in the kernel. */
		if (type <= max)
			table[type] = a;
		step = NLMSG_ALIGN((size_t)a->nla_len);
		if (step >= left)
			return;
		at += step;
		left -= step;
	}
}

void attr_table(const struct nlmsghdr *nlh, size_t offset, const struct nlattr **table, uint16_t max)
{
	size_t head = sizeof(*nlh) + NLMSG_ALIGN(offset);

	attr_walk((const char *)nlh + head, nlh->nlmsg_len > head ? nlh->nlmsg_len - head : 0, table, max);
}

void attr_table_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t max)
{
	attr_walk(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), table, max);
}

/* Copy a number; what is missing or too short leaves it zero. */
static void attr_number(const struct nlattr *a, void *number, size_t size)
{
	if (a && mnl_attr_get_payload_len(a) >= size)
		memcpy(number, mnl_attr_get_payload(a), size);
}

uint8_t attr_u8(const struct nlattr *a)
{
	uint8_t value = 0;

	attr_number(a, &value, sizeof(value));
	return value;
}

uint16_t attr_u16(const struct nlattr *a)
{
	uint16_t value = 0;

	attr_number(a, &value, sizeof(value));
	return value;
}

uint32_t attr_u32(const struct nlattr *a)
{
	uint32_t value = 0;

	attr_number(a, &value, sizeof(value));
	return value;
}

uint64_t attr_u64(const struct nlattr *a)
{
	uint64_t value = 0;

	attr_number(a, &value, sizeof(value));
	return value;
}

void attr_text(const struct nlattr *a, char *buf, size_t size)
{
	size_t len = 0;

	if (!size)
		return;
	if (a) {
		const char *text = mnl_attr_get_payload(a);
		size_t room = mnl_attr_get_payload_len(a);

		len = strnlen(text, room < size - 1 ? room : size - 1);
		memcpy(buf, text, len);
	}
	buf[len] = '\0';
}
