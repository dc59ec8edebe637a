/* SPDX-License-Identifier: Apache-2.0 */
/* Sets, chains and rules of the fast lane. */
#include "plane/lane.h"
#include "plane/match.h"
#include <linux/if_packet.h>
#include <netinet/tcp.h>

#define LANE_MS	      10000 /* conntrack forgets a UDP flow after 30 s at the earliest */
#define LANE_FLOWS    16384 /* of all actors, in each set: the kernel walks through it each second */
#define LANE_PRIORITY (-10) /* before the hand-over */

#define V4	NF_TYPE_IPV4_ADDR
#define V6	NF_TYPE_IPV6_ADDR
#define LINK	NF_TYPE_IFINDEX
#define MARK_	NF_TYPE_MARK
#define PROTO	NF_TYPE_INET_PROTO
#define PORT	NF_TYPE_INET_SERVICE
#define LEARNED .flags = NFT_SET_EVAL | NFT_SET_TIMEOUT, .size = LANE_FLOWS

/* Flows, made by the rules. Link, other end, protocol, own port, its port; */
static const struct nf_set out4 = { .name = "lane_out4", .key = { LINK, V4, PROTO, PORT, PORT }, LEARNED };
static const struct nf_set out6 = { .name = "lane_out6", .key = { LINK, V6, PROTO, PORT, PORT }, LEARNED };
/* outer address, other end, protocol, its port, own port : link. */
static const struct nf_set in4 = {
	.name = "lane_in4", .key = { V4, V4, PROTO, PORT, PORT }, .value = { MARK_ }, LEARNED
};
static const struct nf_set in6 = {
	.name = "lane_in6", .key = { V6, V6, PROTO, PORT, PORT }, .value = { MARK_ }, LEARNED
};

static void add_sets(struct nf_model *m)
{
	const struct nf_set *const sets[] = { &out4, &out6, &in4, &in6 };

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		model_set(m, sets[i]);
}

static void add_chains(struct nf_model *m)
{
	static const struct nf_chain chains[] = {
		{ .name = "leave",
		  .type = "filter",
		  .hook = NF_INET_INGRESS,
		  .priority = LANE_PRIORITY,
		  .policy = NF_ACCEPT,
		  .device = LAYOUT_SLOT_LINK,
		  .prefix = true },
		{ .name = "enter",
		  .type = "filter",
		  .hook = NF_INET_INGRESS,
		  .priority = LANE_PRIORITY,
		  .policy = NF_ACCEPT,
		  .device = LAYOUT_UP_LINK },
		{ .name = "learn" },
	};

	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		model_chain(m, &chains[i]);
}

/* Whole and without options, as in the gateway's entrance. */
#define WHOLE                                                                                                \
	IPV4, op_payload(NETWORK, 0, 1, R1), op_cmp_u8(NFT_CMP_EQ, R1, 0x45), op_payload(NETWORK, 4, 4, R1), \
		op_bitwise(R1, (const uint8_t[]){ 0, 0, 0x3f, 0xff }, (const uint8_t[4]){ 0 }, 4),           \
		op_cmp(NFT_CMP_EQ, R1, (const uint8_t[4]){ 0 }, 4)
#define TEXT_WHOLE     "meta nfproto ipv4 @nh,0,8 0x45 @nh,32,32 & 0x3fff == 0"
#define WHOLE6(proto)  IPV6, op_payload(NETWORK, 6, 1, R1), op_cmp_u8(NFT_CMP_EQ, R1, proto)
#define TEXT_WHOLE6(p) "ip6 nexthdr " p

/* In a frame that was addressed to us: handed on as it is, another could be one that the worker takes in unsealed. */
#define TO_US	   op_meta(NFT_META_PKTTYPE, R1), op_cmp_u8(NFT_CMP_EQ, R1, PACKET_HOST)
#define TEXT_TO_US " meta pkttype host"

/* From the middle of a connection. */
#define MIDDLE                                                                                            \
	op_payload(TRANSPORT, 13, 1, R1),                                                                 \
		op_bitwise(R1, (const uint8_t[]){ TH_FIN | TH_SYN | TH_RST }, (const uint8_t[]){ 0 }, 1), \
		op_cmp_u8(NFT_CMP_EQ, R1, 0)
#define TEXT_MIDDLE "tcp flags & (fin | syn | rst) == 0"

/* The end of a flow's key, from a register on: protocol, and ports at two offsets of their header. */
#define PROTO_PORTS(first, second, r1, r2, r3)                              \
	op_meta(NFT_META_L4PROTO, r1), op_payload(TRANSPORT, first, 2, r2), \
		op_payload(TRANSPORT, second, 2, r3)
#define SPORT		 0
#define DPORT		 2
#define TEXT_PROTO_PORTS "meta l4proto . th sport . th dport"

#define LEAVE4                                                                                           \
	TO_US, LOAD_SADDR, op_cmp_addr(NFT_CMP_EQ, R1, &p->inner), op_meta(NFT_META_IIF, R1),            \
		op_payload(NETWORK, 16, 4, R9), PROTO_PORTS(SPORT, DPORT, R10, R11, R2),                 \
		op_lookup(R1, out4.name, 0), op_meta(NFT_META_IIF, R1), op_lookup_map(R1, "outer4", R1), \
		SET_SADDR, MARK_SET(LAYOUT_UP_INDEX), op_accept()
#define TEXT_LEAVE4                                                                                      \
	TEXT_TO_US " ip saddr %s iif . ip daddr . " TEXT_PROTO_PORTS " @lane_out4 ip saddr set iif map " \
		   "@outer4 meta mark set %d accept"
#define LEAVE6                                                                                           \
	TO_US, LOAD_SADDR6, op_cmp_addr(NFT_CMP_EQ, R1, &p->inner6), op_meta(NFT_META_IIF, R1),          \
		op_payload(NETWORK, 24, 16, R9), PROTO_PORTS(SPORT, DPORT, R13, R14, R15),               \
		op_lookup(R1, out6.name, 0), op_meta(NFT_META_IIF, R1), op_lookup_map(R1, "outer6", R1), \
		SET_SADDR6, MARK_SET(LAYOUT_UP_INDEX), op_accept()
#define TEXT_LEAVE6                                                                                         \
	TEXT_TO_US " ip6 saddr %s iif . ip6 daddr . " TEXT_PROTO_PORTS " @lane_out6 ip6 saddr set iif map " \
		   "@outer6 meta mark set %d accept"

/* UDP first: its packets are many and small. */
static void add_leave(struct nf_model *m, const struct plane *p)
{
	char inner[ADDR_TEXT], inner6[ADDR_TEXT];

	addr_format_host(&p->inner, inner);
	addr_format_host(&p->inner6, inner6);
	RULE(m, "leave", NULL, OPS(WHOLE, L4PROTO(IPPROTO_UDP), LEAVE4),
	     TEXT_WHOLE " meta l4proto udp" TEXT_LEAVE4, inner, LAYOUT_UP_INDEX);
	RULE(m, "leave", NULL, OPS(WHOLE, L4PROTO(IPPROTO_TCP), MIDDLE, LEAVE4),
	     TEXT_WHOLE " " TEXT_MIDDLE TEXT_LEAVE4, inner, LAYOUT_UP_INDEX);
	RULE(m, "leave", NULL, OPS(WHOLE6(IPPROTO_UDP), LEAVE6), TEXT_WHOLE6("udp") TEXT_LEAVE6, inner6,
	     LAYOUT_UP_INDEX);
	RULE(m, "leave", NULL, OPS(WHOLE6(IPPROTO_TCP), MIDDLE, LEAVE6),
	     TEXT_WHOLE6("tcp") " " TEXT_MIDDLE TEXT_LEAVE6, inner6, LAYOUT_UP_INDEX);
}

#define ENTER4                                                                              \
	LOAD_DADDR, op_lookup(R1, "known4", 0), LOAD_DADDR, op_payload(NETWORK, 12, 4, R9), \
		PROTO_PORTS(SPORT, DPORT, R10, R11, R2), op_lookup_map(R1, in4.name, R1),   \
		op_meta_set(NFT_META_MARK, R1), op_immediate(R1, p->inner.bytes, 4), SET_DADDR, op_accept()
#define TEXT_ENTER4                                                                                 \
	" ip daddr @known4 meta mark set ip daddr . ip saddr . " TEXT_PROTO_PORTS " map @lane_in4 " \
	"ip daddr set %s accept"
#define ENTER6                                                                                     \
	LOAD_DADDR6, op_lookup(R1, "known6", 0), LOAD_DADDR6, op_payload(NETWORK, 8, 16, R2),      \
		PROTO_PORTS(SPORT, DPORT, R3, R17, R18), op_lookup_map(R1, in6.name, R1),          \
		op_meta_set(NFT_META_MARK, R1), op_immediate(R1, p->inner6.bytes, 16), SET_DADDR6, \
		op_accept()
#define TEXT_ENTER6                                                                                    \
	" ip6 daddr @known6 meta mark set ip6 daddr . ip6 saddr . " TEXT_PROTO_PORTS " map @lane_in6 " \
	"ip6 daddr set %s accept"

static void add_enter(struct nf_model *m, const struct plane *p)
{
	char inner[ADDR_TEXT], inner6[ADDR_TEXT];

	addr_format_host(&p->inner, inner);
	addr_format_host(&p->inner6, inner6);
	RULE(m, "enter", NULL, OPS(WHOLE, L4PROTO(IPPROTO_UDP), ENTER4),
	     TEXT_WHOLE " meta l4proto udp" TEXT_ENTER4, inner);
	RULE(m, "enter", NULL, OPS(WHOLE, L4PROTO(IPPROTO_TCP), MIDDLE, ENTER4),
	     TEXT_WHOLE " " TEXT_MIDDLE TEXT_ENTER4, inner);
	RULE(m, "enter", NULL, OPS(WHOLE6(IPPROTO_UDP), ENTER6), TEXT_WHOLE6("udp") TEXT_ENTER6, inner6);
	RULE(m, "enter", NULL, OPS(WHOLE6(IPPROTO_TCP), MIDDLE, ENTER6),
	     TEXT_WHOLE6("tcp") " " TEXT_MIDDLE TEXT_ENTER6, inner6);
}

#define LEARN_OUT(family, end, ports, set) \
	OPS(family, op_meta(NFT_META_IIF, R1), end, ports, op_dynset_add(R1, set, LANE_MS))
#define TEXT_LEARN_OUT "add @lane_out%d { iif . %s daddr . " TEXT_PROTO_PORTS " timeout %ds }"

/*
 * Both directions of a flow at once: what comes in is let in because of what went out. That a link's number becomes a
 * mark, nft has no words for.
 */
static void add_learn(struct nf_model *m)
{
	RULE(m, "learn", NULL, OPS(L4PROTO_NOT_IN("plain"), op_accept()), "meta l4proto != @plain accept");
	RULE(m, "learn", NULL,
	     LEARN_OUT(IPV4, op_payload(NETWORK, 16, 4, R9), PROTO_PORTS(SPORT, DPORT, R10, R11, R2),
		       out4.name),
	     TEXT_LEARN_OUT, 4, "ip", LANE_MS / 1000);
	RULE(m, "learn", NULL,
	     LEARN_OUT(IPV6, op_payload(NETWORK, 24, 16, R9), PROTO_PORTS(SPORT, DPORT, R13, R14, R15),
		       out6.name),
	     TEXT_LEARN_OUT, 6, "ip6", LANE_MS / 1000);
	RULE(m, "learn", "the way back",
	     OPS(IPV4, LOAD_SADDR, op_payload(NETWORK, 16, 4, R9), PROTO_PORTS(DPORT, SPORT, R10, R11, R2),
		 op_meta(NFT_META_IIF, R3), op_dynset_map(R1, in4.name, R3, LANE_MS)),
	     NULL);
	RULE(m, "learn", "the way back",
	     OPS(IPV6, LOAD_SADDR6, op_payload(NETWORK, 24, 16, R2), PROTO_PORTS(DPORT, SPORT, R3, R17, R18),
		 op_meta(NFT_META_IIF, R4), op_dynset_map(R1, in6.name, R4, LANE_MS)),
	     NULL);
	RULE(m, "learn", NULL, OPS(op_accept()), "accept");
}

void lane_rules(struct nf_model *m, const struct plane *p)
{
	add_sets(m);
	add_chains(m);
	add_leave(m, p);
	add_enter(m, p);
	add_learn(m);
}

void lane_model(struct nf_model *m)
{
	static const struct nf_chain chains[] = {
		{ .name = "hand_over_up",
		  .type = "filter",
		  .hook = NF_NETDEV_INGRESS,
		  .policy = NF_ACCEPT,
		  .device = LAYOUT_SLOT_LINK,
		  .prefix = true },
		{ .name = "hand_over_down",
		  .type = "filter",
		  .hook = NF_NETDEV_INGRESS,
		  .policy = NF_ACCEPT,
		  .device = LAYOUT_UP_LINK },
	};

	model_init(m, NFPROTO_NETDEV, LAYOUT_TABLE);
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++) {
		model_chain(m, &chains[i]);
		RULE(m, chains[i].name, "to the link with that number",
		     OPS(op_meta(NFT_META_MARK, R1), op_cmp_u32(NFT_CMP_NEQ, R1, 0), op_fwd(R1)), NULL);
	}
}
