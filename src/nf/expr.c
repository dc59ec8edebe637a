/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions as libnftnl's expressions: one filler an instruction. */
#include "nf/op.h"

#include <stdio.h>

#include <libnftnl/expr.h>

static void fill_meta(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, op->key);
	nftnl_expr_set_u32(e, op->code == NF_META ? NFTNL_EXPR_META_DREG : NFTNL_EXPR_META_SREG, op->reg);
}

static void fill_ct(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, op->key);
	nftnl_expr_set_u32(e, op->code == NF_CT_SET ? NFTNL_EXPR_CT_SREG : NFTNL_EXPR_CT_DREG, op->reg);
}

static void fill_payload(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, op->base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, op->offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, op->len);
	if (op->code == NF_PAYLOAD) {
		nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, op->reg);
		return;
	}
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_SREG, op->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_TYPE, op->csum_type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET, op->csum_offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_FLAGS, op->flags);
}

static void fill_exthdr(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, op->reg);
	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, (uint8_t)op->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, op->offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, op->len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_FLAGS, op->flags);
}

static void fill_fib(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, op->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, op->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, op->flags);
}

static void fill_cmp(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, op->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op->key);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, op->data, op->len);
}

static void fill_bitwise(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, op->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, op->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, op->len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, op->mask, op->len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, op->data, op->len);
}

static void fill_immediate(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, op->reg);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, op->data, op->len);
}

static void fill_verdict(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	if (op->name[0])
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, op->name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, op->key);
}

static void fill_lookup(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, op->reg);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, op->name);
	if (op->code == NF_LOOKUP_MAP)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, op->reg2);
	if (op->flags)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, op->flags);
}

static void fill_counter(struct nftnl_expr *e, const struct nf_op *op)
{
	(void)e;
	(void)op;
}

static void fill_reject(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, op->key);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, (uint8_t)op->flags);
}

static void fill_nat(struct nftnl_expr *e, const struct nf_op *op)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, op->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, op->family);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, op->reg);
	if (op->reg2)
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, op->reg2);
}

static void fill_masq(struct nftnl_expr *e, const struct nf_op *op)
{
	if (op->flags)
		nftnl_expr_set_u32(e, NFTNL_EXPR_MASQ_FLAGS, op->flags);
	if (op->reg)
		nftnl_expr_set_u32(e, NFTNL_EXPR_MASQ_REG_PROTO_MIN, op->reg);
	if (op->reg2)
		nftnl_expr_set_u32(e, NFTNL_EXPR_MASQ_REG_PROTO_MAX, op->reg2);
}

/* What happens to the element that a dynset adds or finds. */
static struct nftnl_expr *dynset_expr(const struct nf_op *op)
{
	struct nftnl_expr *e;

	switch ((enum nf_dynset)op->key) {
	case NF_DYNSET_LIMIT:
		e = nftnl_expr_alloc("limit");
		if (!e)
			return NULL;
		nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, op->rate);
		nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
		nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, op->burst);
		nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
		nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, 0);
		return e;
	case NF_DYNSET_COUNT:
		e = nftnl_expr_alloc("connlimit");
		if (!e)
			return NULL;
		nftnl_expr_set_u32(e, NFTNL_EXPR_CONNLIMIT_COUNT, op->burst);
		nftnl_expr_set_u32(e, NFTNL_EXPR_CONNLIMIT_FLAGS, 0);
		return e;
	case NF_DYNSET_COUNTER:
		return nftnl_expr_alloc("counter");
	}
	return NULL;
}

static void fill_dynset(struct nftnl_expr *e, const struct nf_op *op)
{
	struct nftnl_expr *inner = dynset_expr(op);

	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, op->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, op->name);
	if (inner)
		nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, inner, 0);
}

static const struct {
	const char *name;
	void (*fill)(struct nftnl_expr *e, const struct nf_op *op);
} kinds[NF_OP_COUNT] = {
	[NF_META] = { "meta", fill_meta },
	[NF_META_SET] = { "meta", fill_meta },
	[NF_CT] = { "ct", fill_ct },
	[NF_CT_SET] = { "ct", fill_ct },
	[NF_PAYLOAD] = { "payload", fill_payload },
	[NF_PAYLOAD_SET] = { "payload", fill_payload },
	[NF_EXTHDR] = { "exthdr", fill_exthdr },
	[NF_FIB] = { "fib", fill_fib },
	[NF_CMP] = { "cmp", fill_cmp },
	[NF_BITWISE] = { "bitwise", fill_bitwise },
	[NF_IMMEDIATE] = { "immediate", fill_immediate },
	[NF_LOOKUP] = { "lookup", fill_lookup },
	[NF_LOOKUP_MAP] = { "lookup", fill_lookup },
	[NF_VERDICT] = { "immediate", fill_verdict },
	[NF_COUNTER] = { "counter", fill_counter },
	[NF_REJECT] = { "reject", fill_reject },
	[NF_NAT] = { "nat", fill_nat },
	[NF_MASQ] = { "masq", fill_masq },
	[NF_DYNSET] = { "dynset", fill_dynset },
};

struct nftnl_expr *op_build(const struct nf_op *op)
{
	struct nftnl_expr *e;

	if (op->code >= NF_OP_COUNT)
		return NULL;
	e = nftnl_expr_alloc(kinds[op->code].name);
	if (e)
		kinds[op->code].fill(e, op);
	return e;
}
