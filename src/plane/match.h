/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions that belong together, under the names nft has for them.
 *
 * Each expands to a comma-separated list of instructions, for use in a rule's array; register 1 unless said. IPv4 and
 * IPv6 header offsets are RFC 791's and RFC 8200's, ICMP's are RFC 792's and RFC 4443's.
 */
#ifndef PLANE_MATCH_H
#define PLANE_MATCH_H

#include "nf/op.h"
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>

#define R1  1U	/* first register, 16 bytes */
#define R2  2U	/* second */
#define R9  9U	/* second 4 bytes of the first */
#define R10 10U /* third 4 bytes of the first */
#define R13 13U /* second 4 bytes of the second */

#define RULE(model, chain, comment, ops, ...)                   \
	model_rule(model, chain, (const struct nf_op[]){ ops }, \
		   sizeof((struct nf_op[]){ ops }) / sizeof(struct nf_op), comment, __VA_ARGS__)
#define OPS(...) __VA_ARGS__

#define NETWORK	  NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER

/* meta nfproto ipv4 / ipv6: what nft puts before a rule of one family in an inet table. */
#define IPV4 op_meta(NFT_META_NFPROTO, R1), op_cmp_u8(NFT_CMP_EQ, R1, NFPROTO_IPV4)
#define IPV6 op_meta(NFT_META_NFPROTO, R1), op_cmp_u8(NFT_CMP_EQ, R1, NFPROTO_IPV6)

/* iif, oif: by number, where it is known: no name is copied */
#define IIF(index)     op_meta(NFT_META_IIF, R1), op_cmp_u32(NFT_CMP_EQ, R1, index)
#define OIF(index)     op_meta(NFT_META_OIF, R1), op_cmp_u32(NFT_CMP_EQ, R1, index)
#define OIF_NOT(index) op_meta(NFT_META_OIF, R1), op_cmp_u32(NFT_CMP_NEQ, R1, index)
#define IIFNAME(name)  op_meta(NFT_META_IIFNAME, R1), op_cmp_name(NFT_CMP_EQ, R1, name)
#define OIFNAME(name)  op_meta(NFT_META_OIFNAME, R1), op_cmp_name(NFT_CMP_EQ, R1, name)
#define IIFNAME_SLOT   op_meta(NFT_META_IIFNAME, R1), op_cmp_name_prefix(NFT_CMP_EQ, R1, LAYOUT_SLOT_LINK)

#define L4PROTO(proto)	    op_meta(NFT_META_L4PROTO, R1), op_cmp_u8(NFT_CMP_EQ, R1, proto)
#define L4PROTO_IN(set)	    op_meta(NFT_META_L4PROTO, R1), op_lookup(R1, set, 0)
#define L4PROTO_NOT_IN(set) op_meta(NFT_META_L4PROTO, R1), op_lookup(R1, set, NFT_LOOKUP_F_INV)

#define MARK(value)	op_meta(NFT_META_MARK, R1), op_cmp_u32(NFT_CMP_EQ, R1, value)
#define MARK_NOT(value) op_meta(NFT_META_MARK, R1), op_cmp_u32(NFT_CMP_NEQ, R1, value)
#define MARK_SET(value) op_immediate_u32(R1, value), op_meta_set(NFT_META_MARK, R1)

#define LOAD_SADDR  op_payload(NETWORK, 12, 4, R1)
#define LOAD_DADDR  op_payload(NETWORK, 16, 4, R1)
#define LOAD_SADDR6 op_payload(NETWORK, 8, 16, R1)
#define LOAD_DADDR6 op_payload(NETWORK, 24, 16, R1)
/* After an IPv4 address in register 1, or an IPv6 one: protocol and destination port, as the rest of the key. */
#define AND_PROTO_DPORT	 op_meta(NFT_META_L4PROTO, R9), op_payload(TRANSPORT, 2, 2, R10)
#define AND_PROTO_DPORT6 op_meta(NFT_META_L4PROTO, R2), op_payload(TRANSPORT, 2, 2, R13)
#define LOAD_PROTO_DPORT op_meta(NFT_META_L4PROTO, R1), op_payload(TRANSPORT, 2, 2, R9)

/* ip saddr set, ip daddr set: the address in register 1; header checksum and that of the layer above follow. */
#define SET_SADDR  op_payload_set(NETWORK, 12, 4, R1, NFT_PAYLOAD_CSUM_INET, 10, NFT_PAYLOAD_L4CSUM_PSEUDOHDR)
#define SET_DADDR  op_payload_set(NETWORK, 16, 4, R1, NFT_PAYLOAD_CSUM_INET, 10, NFT_PAYLOAD_L4CSUM_PSEUDOHDR)
#define SET_SADDR6 op_payload_set(NETWORK, 8, 16, R1, NFT_PAYLOAD_CSUM_NONE, 0, NFT_PAYLOAD_L4CSUM_PSEUDOHDR)
#define SET_DADDR6 op_payload_set(NETWORK, 24, 16, R1, NFT_PAYLOAD_CSUM_NONE, 0, NFT_PAYLOAD_L4CSUM_PSEUDOHDR)

/* First byte of the source address, a raw write: nft has no words for one that the header checksum follows. */
#define LOAD_SADDR_FIRST  op_payload(NETWORK, 12, 1, R1)
#define LOAD_SADDR6_FIRST op_payload(NETWORK, 8, 1, R1)
#define SET_SADDR_FIRST_SUM(byte)                       \
	op_immediate(R1, (const uint8_t[]){ byte }, 1), \
		op_payload_set(NETWORK, 12, 1, R1, NFT_PAYLOAD_CSUM_INET, 10, 0)
#define SET_SADDR_FIRST(byte)                           \
	op_immediate(R1, (const uint8_t[]){ byte }, 1), \
		op_payload_set(NETWORK, 12, 1, R1, NFT_PAYLOAD_CSUM_NONE, 0, 0)
#define SET_SADDR6_FIRST(byte)                          \
	op_immediate(R1, (const uint8_t[]){ byte }, 1), \
		op_payload_set(NETWORK, 8, 1, R1, NFT_PAYLOAD_CSUM_NONE, 0, 0)

/* ct state STATES, ct status BITS (any of them); ct direction reply. */
#define CT_STATE(states)                                                                                 \
	op_ct(NFT_CT_STATE, R1), op_bitwise(R1, &(const uint32_t){ states }, &(const uint32_t){ 0 }, 4), \
		op_cmp_u32(NFT_CMP_NEQ, R1, 0)
#define CT_INVALID     NF_CT_STATE_INVALID_BIT
#define CT_ESTABLISHED NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
#define CT_RELATED     NF_CT_STATE_BIT(IP_CT_RELATED)
#define CT_NEW	       NF_CT_STATE_BIT(IP_CT_NEW)
#define CT_UNTRACKED   NF_CT_STATE_UNTRACKED_BIT
#define CT_STATUS(bits)                                                                                 \
	op_ct(NFT_CT_STATUS, R1), op_bitwise(R1, &(const uint32_t){ bits }, &(const uint32_t){ 0 }, 4), \
		op_cmp_u32(NFT_CMP_NEQ, R1, 0)
#define CT_REPLY op_ct(NFT_CT_DIRECTION, R1), op_cmp_u8(NFT_CMP_EQ, R1, IP_CT_DIR_REPLY)

#define REJECT_RESET	  L4PROTO(IPPROTO_TCP), op_reject(NFT_REJECT_TCP_RST, 0)
#define REJECT_PROHIBITED op_reject(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED)

#endif
