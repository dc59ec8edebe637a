/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions as values: one short function each, nothing derived. Turned into libnftnl's in expr.c. */
#include "nf/op.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

/* Bytes that fit an instruction; longer ones can't come out of a data type of ours. */
static uint32_t op_fill(uint8_t *dst, size_t size, const void *src, uint32_t len)
{
	if (len > size)
		len = (uint32_t)size;
	memcpy(dst, src, len);
	return len;
}

struct nf_op op_meta(uint32_t key, uint32_t reg)
{
	return (struct nf_op){ .code = NF_META, .key = key, .reg = reg };
}

struct nf_op op_meta_set(uint32_t key, uint32_t reg)
{
	return (struct nf_op){ .code = NF_META_SET, .key = key, .reg = reg };
}

struct nf_op op_ct(uint32_t key, uint32_t reg)
{
	return (struct nf_op){ .code = NF_CT, .key = key, .reg = reg };
}

struct nf_op op_ct_set(uint32_t key, uint32_t reg)
{
	return (struct nf_op){ .code = NF_CT_SET, .key = key, .reg = reg };
}

struct nf_op op_payload(uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
	return (struct nf_op){ .code = NF_PAYLOAD, .base = base, .offset = offset, .len = len, .reg = reg };
}

struct nf_op op_payload_set(uint32_t base, uint32_t offset, uint32_t len, uint32_t reg, uint32_t csum_type,
			    uint32_t csum_offset, uint32_t csum_flags)
{
	return (struct nf_op){
		.code = NF_PAYLOAD_SET,
		.base = base,
		.offset = offset,
		.len = len,
		.reg = reg,
		.csum_type = csum_type,
		.csum_offset = csum_offset,
		.flags = csum_flags,
	};
}

struct nf_op op_exthdr(uint32_t type, uint32_t offset, uint32_t len, uint32_t flags, uint32_t reg)
{
	return (struct nf_op){
		.code = NF_EXTHDR, .key = type, .offset = offset, .len = len, .flags = flags, .reg = reg
	};
}

struct nf_op op_fib_type(uint32_t flags, uint32_t reg)
{
	return (struct nf_op){ .code = NF_FIB, .key = NFT_FIB_RESULT_ADDRTYPE, .flags = flags, .reg = reg };
}

struct nf_op op_cmp(uint32_t op, uint32_t reg, const void *data, uint32_t len)
{
	struct nf_op ret = { .code = NF_CMP, .key = op, .reg = reg };

	ret.len = op_fill(ret.data, sizeof(ret.data), data, len);
	return ret;
}

struct nf_op op_cmp_u8(uint32_t op, uint32_t reg, uint8_t value)
{
	return op_cmp(op, reg, &value, sizeof(value));
}

struct nf_op op_cmp_u32(uint32_t op, uint32_t reg, uint32_t host_order_value)
{
	return op_cmp(op, reg, &host_order_value, sizeof(host_order_value));
}

struct nf_op op_cmp_name(uint32_t op, uint32_t reg, const char *name)
{
	char device[IFNAMSIZ] = "";

	text_copy(device, sizeof(device), name);
	return op_cmp(op, reg, device, sizeof(device));
}

struct nf_op op_cmp_name_prefix(uint32_t op, uint32_t reg, const char *prefix)
{
	return op_cmp(op, reg, prefix, (uint32_t)strnlen(prefix, IFNAMSIZ));
}

struct nf_op op_cmp_addr(uint32_t op, uint32_t reg, const struct addr *addr)
{
	return op_cmp(op, reg, addr->bytes, (uint32_t)addr_size(addr->family));
}

struct nf_op op_bitwise(uint32_t reg, const void *mask, const void * xor, uint32_t len)
{
	struct nf_op ret = { .code = NF_BITWISE, .reg = reg };

	ret.len = op_fill(ret.mask, sizeof(ret.mask), mask, len);
	op_fill(ret.data, sizeof(ret.data), xor, len);
	return ret;
}

struct nf_op op_immediate(uint32_t reg, const void *data, uint32_t len)
{
	struct nf_op ret = { .code = NF_IMMEDIATE, .reg = reg };

	ret.len = op_fill(ret.data, sizeof(ret.data), data, len);
	return ret;
}

struct nf_op op_immediate_u32(uint32_t reg, uint32_t host_order_value)
{
	return op_immediate(reg, &host_order_value, sizeof(host_order_value));
}

/* Set and chain names: one too long stays empty, which the kernel refuses. */
static struct nf_op op_named(struct nf_op op, const char *name)
{
	text_copy(op.name, sizeof(op.name), name);
	return op;
}

struct nf_op op_lookup(uint32_t reg, const char *set, uint32_t invert)
{
	return op_named((struct nf_op){ .code = NF_LOOKUP, .reg = reg, .flags = invert }, set);
}

struct nf_op op_lookup_map(uint32_t reg, const char *map, uint32_t dreg)
{
	return op_named((struct nf_op){ .code = NF_LOOKUP_MAP, .reg = reg, .reg2 = dreg }, map);
}

static struct nf_op op_verdict(int verdict)
{
	return (struct nf_op){ .code = NF_VERDICT, .key = (uint32_t)verdict };
}

struct nf_op op_accept(void)
{
	return op_verdict(NF_ACCEPT);
}

struct nf_op op_drop(void)
{
	return op_verdict(NF_DROP);
}

struct nf_op op_return(void)
{
	return op_verdict(NFT_RETURN);
}

struct nf_op op_jump(const char *chain)
{
	return op_named(op_verdict(NFT_JUMP), chain);
}

struct nf_op op_goto(const char *chain)
{
	return op_named(op_verdict(NFT_GOTO), chain);
}

struct nf_op op_counter(void)
{
	return (struct nf_op){ .code = NF_COUNTER };
}

struct nf_op op_reject(uint32_t type, uint32_t code)
{
	return (struct nf_op){ .code = NF_REJECT, .key = type, .flags = code };
}

struct nf_op op_dnat(uint32_t family, uint32_t addr_reg, uint32_t port_reg)
{
	return (struct nf_op){
		.code = NF_NAT, .key = NFT_NAT_DNAT, .family = family, .reg = addr_reg, .reg2 = port_reg
	};
}

struct nf_op op_masq(uint32_t min_reg, uint32_t max_reg, uint32_t flags)
{
	return (struct nf_op){ .code = NF_MASQ, .reg = min_reg, .reg2 = max_reg, .flags = flags };
}

struct nf_op op_dynset_limit(uint32_t reg, const char *set, uint64_t rate_a_second, uint32_t burst)
{
	struct nf_op op = { .code = NF_DYNSET, .key = NF_DYNSET_LIMIT, .reg = reg, .rate = rate_a_second };

	op.burst = burst;
	return op_named(op, set);
}

struct nf_op op_dynset_count(uint32_t reg, const char *set, uint32_t count)
{
	return op_named(
		(struct nf_op){ .code = NF_DYNSET, .key = NF_DYNSET_COUNT, .reg = reg, .burst = count }, set);
}

struct nf_op op_dynset_counter(uint32_t reg, const char *set)
{
	return op_named((struct nf_op){ .code = NF_DYNSET, .key = NF_DYNSET_COUNTER, .reg = reg }, set);
}
