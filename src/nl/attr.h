/* SPDX-License-Identifier: Apache-2.0 */
/* Reading attributes: one table a message, indexed by type. */
#ifndef NL_ATTR_H
#define NL_ATTR_H

#include <libmnl/libmnl.h>

/**
 * attr_table() - index the attributes of a message
 * @offset: size of the family header
 * @table:  [@max + 1], zeroed here; unknown types are left out
 */
void attr_table(const struct nlmsghdr *nlh, size_t offset, const struct nlattr **table, uint16_t max);
/** attr_table_nested() - index the attributes within one. */
void attr_table_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t max);
/* Value, or 0 where the attribute is missing or too short. */
uint8_t attr_u8(const struct nlattr *a);
uint16_t attr_u16(const struct nlattr *a);
uint32_t attr_u32(const struct nlattr *a);
uint64_t attr_u64(const struct nlattr *a);
/** attr_text() - copy a string attribute, terminated, cut to fit; empty where it is missing. */
void attr_text(const struct nlattr *a, char *buf, size_t size);

#endif
