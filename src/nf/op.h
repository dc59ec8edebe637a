/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions of nftables' virtual machine, as values.
 *
 * Theory of operation: a rule is an array of struct nf_op, written out by the functions below, each of which is one
 * instruction as `nft --debug=netlink` shows it. Nothing is derived or left out: a rule that nft would give a
 * "meta load nfproto" names it. So a rule can be held against nft's own translation of its text, instruction by
 * instruction (tests/unit). Values that nft keeps in network order are given in network order.
 *
 * Registers: the four of 16 bytes each are 1 to 4; the sixteen of 4 bytes are NFT_REG32_00 (8) to 23. Register 1 is
 * 8 to 11, but is called 1: 8, 12, 16 and 20 are never written, here as in nft and in the kernel's answers. nft puts
 * the parts of a concatenation in 1, 9, 10, … by their rounded-up length.
 */
#ifndef NF_OP_H
#define NF_OP_H

#include "base/addr.h"
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdint.h>

#define NF_NAME 32 /* of a set or chain, with NUL */

enum nf_op_code {
	NF_META,
	NF_META_SET,
	NF_CT,
	NF_CT_SET,
	NF_PAYLOAD,
	NF_PAYLOAD_SET,
	NF_EXTHDR,
	NF_FIB,
	NF_CMP,
	NF_BITWISE,
	NF_IMMEDIATE,
	NF_LOOKUP,
	NF_LOOKUP_MAP,
	NF_VERDICT,
	NF_COUNTER,
	NF_REJECT,
	NF_NAT,
	NF_MASQ,
	NF_DYNSET,
	NF_OP_COUNT,
};

/* What NF_DYNSET does to the element it adds or updates. */
enum nf_dynset { NF_DYNSET_LIMIT, NF_DYNSET_COUNT, NF_DYNSET_COUNTER };

/**
 * struct nf_op - one instruction
 * @reg:    register it reads or writes; @reg2: second one (NAT: port)
 * @key:    meta, ct, exthdr type, fib result, cmp operator, NAT type, reject type, dynset kind, verdict
 * @flags:  lookup inversion, masq and NAT flags, fib flags, exthdr flags
 * @data, @mask: @len bytes: compared, masked, immediate
 */
struct nf_op {
	enum nf_op_code code;
	uint32_t reg, reg2, key, flags;
	uint32_t base, offset, len, csum_type, csum_offset;
	uint32_t family;
	uint64_t rate;
	uint32_t burst;
	char name[NF_NAME];
	uint8_t data[16], mask[16];
};

/* meta load KEY => reg REG; meta set KEY with reg REG. KEY: NFT_META_*. */
struct nf_op op_meta(uint32_t key, uint32_t reg);
struct nf_op op_meta_set(uint32_t key, uint32_t reg);
/* ct load KEY => reg REG; ct set. KEY: NFT_CT_*. */
struct nf_op op_ct(uint32_t key, uint32_t reg);
struct nf_op op_ct_set(uint32_t key, uint32_t reg);
/* payload load LENb @ BASE + OFFSET => reg REG. BASE: NFT_PAYLOAD_*. */
struct nf_op op_payload(uint32_t base, uint32_t offset, uint32_t len, uint32_t reg);
/* payload write reg REG => LENb @ BASE + OFFSET csum_type TYPE csum_off OFFSET csum_flags FLAGS. */
struct nf_op op_payload_set(uint32_t base, uint32_t offset, uint32_t len, uint32_t reg, uint32_t csum_type,
			    uint32_t csum_offset, uint32_t csum_flags);
/* exthdr load LENb @ TYPE + OFFSET [present] => reg REG. FLAGS: NFT_EXTHDR_F_PRESENT. */
struct nf_op op_exthdr(uint32_t type, uint32_t offset, uint32_t len, uint32_t flags, uint32_t reg);
/* fib FLAGS type => reg REG. FLAGS: NFTA_FIB_F_DADDR, NFTA_FIB_F_SADDR. */
struct nf_op op_fib_type(uint32_t flags, uint32_t reg);
/* cmp OP reg REG DATA. OP: NFT_CMP_*. */
struct nf_op op_cmp(uint32_t op, uint32_t reg, const void *data, uint32_t len);
struct nf_op op_cmp_u8(uint32_t op, uint32_t reg, uint8_t value);
struct nf_op op_cmp_u32(uint32_t op, uint32_t reg, uint32_t host_order_value);
/* the whole 16 bytes of a device name; the first bytes of one ("an*"). */
struct nf_op op_cmp_name(uint32_t op, uint32_t reg, const char *name);
struct nf_op op_cmp_name_prefix(uint32_t op, uint32_t reg, const char *prefix);
/* the address, all of its bytes. */
struct nf_op op_cmp_addr(uint32_t op, uint32_t reg, const struct addr *addr);
/* bitwise reg REG = ( reg REG & MASK ) ^ XOR. */
struct nf_op op_bitwise(uint32_t reg, const void *mask, const void * xor, uint32_t len);
/* immediate reg REG DATA. */
struct nf_op op_immediate(uint32_t reg, const void *data, uint32_t len);
struct nf_op op_immediate_u32(uint32_t reg, uint32_t host_order_value);
/* lookup reg REG set NAME; INVERT: NFT_LOOKUP_F_INV or 0. */
struct nf_op op_lookup(uint32_t reg, const char *set, uint32_t invert);
/* lookup reg REG set NAME dreg DREG; DREG 0 (NFT_REG_VERDICT): verdict map. */
struct nf_op op_lookup_map(uint32_t reg, const char *map, uint32_t dreg);
/* immediate reg 0 VERDICT; CODE: NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_JUMP, NFT_GOTO. */
struct nf_op op_accept(void);
struct nf_op op_drop(void);
struct nf_op op_return(void);
struct nf_op op_jump(const char *chain);
struct nf_op op_goto(const char *chain);
struct nf_op op_counter(void);
/* reject type TYPE code CODE; TYPE: NFT_REJECT_*. */
struct nf_op op_reject(uint32_t type, uint32_t code);
/* nat dnat FAMILY addr_min reg ADDR [proto_min reg PORT]; FAMILY: NFPROTO_IPV4, NFPROTO_IPV6; PORT 0: none. */
struct nf_op op_dnat(uint32_t family, uint32_t addr_reg, uint32_t port_reg);
/*
 * masq [proto_min reg MIN proto_max reg MAX] [flags FLAGS]; MIN 0: none. FLAGS: NF_NAT_RANGE_*, as they are sent
 * (with ports: NF_NAT_RANGE_PROTO_SPECIFIED too).
 */
struct nf_op op_masq(uint32_t min_reg, uint32_t max_reg, uint32_t flags);
/*
 * dynset add reg_key REG set NAME expr [ limit rate RATE/second burst BURST packets ]. This and the next go on with
 * the rule below the limit, not above it: where the set is full they don't, so that what follows denies.
 */
struct nf_op op_dynset_limit(uint32_t reg, const char *set, uint64_t rate_a_second, uint32_t burst);
/* dynset add reg_key REG set NAME expr [ connlimit count COUNT ]. */
struct nf_op op_dynset_count(uint32_t reg, const char *set, uint32_t count);
/* dynset add reg_key REG set NAME expr [ counter ]. */
struct nf_op op_dynset_counter(uint32_t reg, const char *set);

/** op_build() - make libnftnl's expression of an instruction. Return: it, owned by the caller, or NULL (ENOMEM). */
struct nftnl_expr;
struct nftnl_expr *op_build(const struct nf_op *op);

#endif
