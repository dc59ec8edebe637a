/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's table as a whole: its constant sets, and its chains. */
#include "plane/gateway-rules.h"
#include "plane/special.h"
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

/* Constant sets that only the rules use, by name. */
static const struct nf_set plain = { .name = "plain", .key = { NF_TYPE_INET_PROTO } };
static const struct nf_set protocols = { .name = "protocols", .key = { NF_TYPE_INET_PROTO } };
static const struct nf_set icmps = { .name = "icmps", .key = { NF_TYPE_INET_PROTO } };
static const struct nf_set neighbour6 = { .name = "neighbour6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set headers6 = { .name = "headers6", .key = { NF_TYPE_INET_PROTO } };
static const struct nf_set echo4 = { .name = "echo4", .key = { NF_TYPE_ICMP_TYPE } };
static const struct nf_set echo6 = { .name = "echo6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set errors4 = { .name = "errors4", .key = { NF_TYPE_ICMP_TYPE } };
static const struct nf_set errors6 = { .name = "errors6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set reports4 = { .name = "reports4", .key = { NF_TYPE_ICMP_TYPE } };
static const struct nf_set reports6 = { .name = "reports6", .key = { NF_TYPE_ICMPV6_TYPE } };
static const struct nf_set chains = { .name = "chains",
				      .key = { NF_TYPE_MARK },
				      .value = { NF_TYPE_VERDICT } };
static const struct nf_set floor4 = { .name = "floor4",
				      .key = { NF_TYPE_IPV4_ADDR },
				      .flags = NFT_SET_INTERVAL };
static const struct nf_set floor6 = { .name = "floor6",
				      .key = { NF_TYPE_IPV6_ADDR },
				      .flags = NFT_SET_INTERVAL };
static const struct nf_set private4 = { .name = "private4",
					.key = { NF_TYPE_IPV4_ADDR },
					.flags = NFT_SET_INTERVAL };
static const struct nf_set private6 = { .name = "private6",
					.key = { NF_TYPE_IPV6_ADDR },
					.flags = NFT_SET_INTERVAL };

static void fill_u8(struct nf_model *m, const struct nf_set *set, const uint8_t *values, size_t n)
{
	model_set(m, set);
	for (size_t i = 0; i < n; i++) {
		struct nf_elem e = { .key_len = 0 };

		elem_key_u8(&e, values[i]);
		model_fill(m, set->name, &e);
	}
}

#define FILL_U8(m, set, ...) \
	fill_u8(m, set, (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))

static void fill_prefixes(struct nf_model *m, const struct nf_set *set, const char *const *prefixes)
{
	model_set(m, set);
	for (; *prefixes; prefixes++) {
		struct addr a;
		struct nf_elem e;

		if (addr_parse(*prefixes, &a) < 0)
			continue; /* constants; tests/unit/test-plane.c parses them all */
		e = elem_prefix(&a);
		model_fill(m, set->name, &e);
	}
}

/* Prefixes of one interval set, which must not overlap. */
struct blocks {
	struct addr list[32];
	size_t n;
};

static void blocks_add(struct blocks *b, const struct addr *block)
{
	if (b->n < sizeof(b->list) / sizeof(*b->list))
		b->list[b->n++] = addr_network(block);
}

static void blocks_add_texts(struct blocks *b, const char *const *texts, uint8_t family)
{
	for (; *texts; texts++) {
		struct addr a;

		if (addr_parse(*texts, &a) == 0 && a.family == family)
			blocks_add(b, &a);
	}
}

/* Without those within another; of equal ones the first stays. */
static void blocks_fill(const struct blocks *b, struct nf_model *m, const struct nf_set *set)
{
	model_set(m, set);
	for (size_t i = 0; i < b->n; i++) {
		bool within = false;

		for (size_t k = 0; k < b->n && !within; k++)
			within = k != i && addr_contains(&b->list[k], &b->list[i]) &&
				 (k < i || !addr_equal(&b->list[k], &b->list[i]));
		if (!within) {
			struct nf_elem e = elem_prefix(&b->list[i]);

			model_fill(m, set->name, &e);
		}
	}
}

/*
 * Single addresses of platforms join the floor, and what is particular to this worker: the outer range with the other
 * actors and the link to the gateway, the inner net.
 */
static void fill_floor(struct nf_model *m, const struct plane *p)
{
	struct blocks four = { .n = 0 }, six = { .n = 0 };

	blocks_add(&four, &p->range);
	blocks_add(&four, &p->inner);
	blocks_add_texts(&four, special_floor4, AF_INET);
	blocks_add_texts(&four, special_known, AF_INET);
	blocks_fill(&four, m, &floor4);
	blocks_add(&six, &p->range6);
	blocks_add(&six, &p->inner6);
	blocks_add_texts(&six, special_floor6, AF_INET6);
	blocks_add_texts(&six, special_known, AF_INET6);
	blocks_fill(&six, m, &floor6);
}

static void fill_chains(struct nf_model *m)
{
	static const char *const names[] = {
		[AN_EGRESS_INTERNET] = "egress_internet",
		[AN_EGRESS_ALL] = "egress_all",
		[AN_EGRESS_NONE] = "egress_none",
	};

	model_set(m, &chains);
	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct nf_elem e = { .key_len = 0 };

		elem_key_u32(&e, GATEWAY_EGRESS + i);
		elem_goto(&e, names[i]);
		model_fill(m, chains.name, &e);
	}
}

static void add_sets(struct nf_model *m, const struct plane *p)
{
	const struct nf_set *const dynamic[] = {
		&gateway_outer4,    &gateway_outer6, &gateway_known4,  &gateway_known6,	   &gateway_egress,
		&gateway_current,   &gateway_judged, &gateway_open4,   &gateway_open6,	   &gateway_open_all4,
		&gateway_open_all6, &gateway_local4, &gateway_local6,  &gateway_resolver4, &gateway_resolver6,
		&gateway_frags,	    &gateway_flows,  &gateway_inflows, &gateway_rates,	   &gateway_denied,
		&gateway_actors,    &gateway_ports,  &gateway_idle,    &gateway_claimed,
	};

	for (size_t i = 0; i < sizeof(dynamic) / sizeof(*dynamic); i++)
		model_set(m, dynamic[i]);
	FILL_U8(m, &plain, IPPROTO_TCP, IPPROTO_UDP);
	FILL_U8(m, &protocols, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6);
	FILL_U8(m, &icmps, IPPROTO_ICMP, IPPROTO_ICMPV6);
	FILL_U8(m, &headers6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_FRAGMENT);
	FILL_U8(m, &neighbour6, ND_ROUTER_ADVERT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT, ND_REDIRECT,
		MLD_LISTENER_QUERY);
	FILL_U8(m, &echo4, ICMP_ECHO, ICMP_ECHOREPLY);
	FILL_U8(m, &echo6, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY);
	FILL_U8(m, &errors4, ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB);
	FILL_U8(m, &errors6, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED, ICMP6_PARAM_PROB);
	FILL_U8(m, &reports4, ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED);
	FILL_U8(m, &reports6, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED);
	fill_floor(m, p);
	fill_prefixes(m, &private4, special_private4);
	fill_prefixes(m, &private6, special_private6);
	fill_chains(m);
}

static void add_chains(struct nf_model *m)
{
	static const struct nf_chain list[] = {
		{ .name = "entrance",
		  .type = "filter",
		  .hook = NF_INET_PRE_ROUTING,
		  .priority = -450,
		  .policy = NF_DROP },
		{ .name = "examine" },
		{ .name = "fragment" },
		{ .name = "fragment_in" },
		{ .name = "examine_icmp" },
		{ .name = "deny" },
		{ .name = "input",
		  .type = "filter",
		  .hook = NF_INET_LOCAL_IN,
		  .priority = 0,
		  .policy = NF_DROP },
		{ .name = "output",
		  .type = "filter",
		  .hook = NF_INET_LOCAL_OUT,
		  .priority = 0,
		  .policy = NF_DROP },
		{ .name = "forward",
		  .type = "filter",
		  .hook = NF_INET_FORWARD,
		  .priority = 0,
		  .policy = NF_DROP },
		{ .name = "inbound" },
		{ .name = "inbound_port" },
		{ .name = "let_in" },
		{ .name = "inbound_refuse" },
		{ .name = "judge" },
		{ .name = "limits" },
		{ .name = "limit_flows" },
		{ .name = "floor" },
		{ .name = "pass" },
		{ .name = "egress_none" },
		{ .name = "egress_all" },
		{ .name = "egress_internet" },
		{ .name = "refuse" },
		{ .name = "exit",
		  .type = "filter",
		  .hook = NF_INET_POST_ROUTING,
		  .priority = 300,
		  .policy = NF_ACCEPT },
		{ .name = "exit_icmp" },
		{ .name = "seal" },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		model_chain(m, &list[i]);
}

void gateway_model(struct nf_model *m, const struct plane *p)
{
	model_init(m, NFPROTO_INET, LAYOUT_TABLE);
	add_sets(m, p);
	add_chains(m);
	gateway_entrance_rules(m, p);
	gateway_forward_rules(m, p);
	gateway_egress_rules(m, p);
	gateway_exit_rules(m, p);
}
