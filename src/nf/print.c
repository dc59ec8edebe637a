/* SPDX-License-Identifier: Apache-2.0 */
/* A table as nft's text. */
#include "nf/model.h"

#include "nf/wire.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

static const char *type_name(enum nf_type type)
{
	switch (type) {
	case NF_TYPE_NONE:
		break;
	case NF_TYPE_VERDICT:
		return "verdict";
	case NF_TYPE_IPV4_ADDR:
		return "ipv4_addr";
	case NF_TYPE_IPV6_ADDR:
		return "ipv6_addr";
	case NF_TYPE_INET_PROTO:
		return "inet_proto";
	case NF_TYPE_INET_SERVICE:
		return "inet_service";
	case NF_TYPE_ICMP_TYPE:
		return "icmp_type";
	case NF_TYPE_MARK:
		return "mark";
	case NF_TYPE_IFINDEX:
		return "iface_index";
	case NF_TYPE_ICMPV6_TYPE:
		return "icmpv6_type";
	case NF_TYPE_IFNAME:
		return "ifname";
	}
	return "";
}

static void print_fields(struct text *out, const enum nf_type *fields)
{
	unsigned int n = fields_count(fields);

	for (unsigned int i = 0; i < n; i++)
		text_add(out, "%s%s", i ? " . " : "", type_name(fields[i]));
}

static void print_part(struct text *out, enum nf_type type, const uint8_t *data)
{
	char text[ADDR_TEXT];
	struct addr a;
	uint32_t u32;

	switch (type) {
	case NF_TYPE_IPV4_ADDR:
	case NF_TYPE_IPV6_ADDR:
		a = addr_from(type == NF_TYPE_IPV4_ADDR ? AF_INET : AF_INET6, data);
		text_add(out, "%s", addr_format_host(&a, text));
		break;
	case NF_TYPE_INET_PROTO:
	case NF_TYPE_ICMP_TYPE:
	case NF_TYPE_ICMPV6_TYPE:
		text_add(out, "%u", data[0]);
		break;
	case NF_TYPE_INET_SERVICE:
		text_add(out, "%u", (unsigned int)(data[0] << 8 | data[1]));
		break;
	case NF_TYPE_MARK:
		memcpy(&u32, data, sizeof(u32));
		text_add(out, "0x%08" PRIx32, u32);
		break;
	case NF_TYPE_IFINDEX:
		memcpy(&u32, data, sizeof(u32));
		text_add(out, "%" PRIu32, u32);
		break;
	case NF_TYPE_IFNAME:
		text_add(out, "\"%.16s\"", (const char *)data);
		break;
	case NF_TYPE_NONE:
	case NF_TYPE_VERDICT:
		break;
	}
}

static void print_value(struct text *out, const enum nf_type *fields, const uint8_t *data)
{
	unsigned int n = fields_count(fields);

	for (unsigned int i = 0; i < n; i++) {
		text_add(out, "%s", i ? " . " : "");
		print_part(out, fields[i], data);
		data += NLMSG_ALIGN(type_len(fields[i]));
	}
}

static void print_key(struct text *out, const struct nf_set *set, const struct nf_elem *e)
{
	const uint8_t *first = e->key, *last = e->interval ? e->key_end : e->key;
	unsigned int n = fields_count(set->key);

	for (unsigned int i = 0; i < n; i++) {
		size_t len = type_len(set->key[i]);

		text_add(out, "%s", i ? " . " : "");
		print_part(out, set->key[i], first);
		if (memcmp(first, last, len) != 0) {
			text_add(out, "-");
			print_part(out, set->key[i], last);
		}
		first += NLMSG_ALIGN(len);
		last += NLMSG_ALIGN(len);
	}
}

static void print_verdict(struct text *out, int32_t verdict, const char *chain)
{
	switch (verdict) {
	case NF_ACCEPT:
		text_add(out, "accept");
		break;
	case NF_DROP:
		text_add(out, "drop");
		break;
	case NFT_RETURN:
		text_add(out, "return");
		break;
	default:
		text_add(out, "%s %s", verdict == NFT_JUMP ? "jump" : "goto", chain);
	}
}

static void print_elem(struct text *out, const struct nf_set *set, const struct nf_elem *e)
{
	print_key(out, set, e);
	if (e->comment[0])
		text_add(out, " comment \"%s\"", e->comment);
	if (!set_is_map(set))
		return;
	text_add(out, " : ");
	if (e->has_verdict)
		print_verdict(out, e->verdict, e->chain);
	else
		print_value(out, set->value, e->value);
}

static void print_set(struct text *out, const struct nf_model *m, const struct nf_set *set)
{
	bool interval = set->flags & NFT_SET_INTERVAL, dynamic = set->flags & NFT_SET_EVAL, any = false;

	text_add(out, "\t%s %s {\n\t\ttype ", set_is_map(set) ? "map" : "set", set->name);
	print_fields(out, set->key);
	if (set_is_map(set)) {
		text_add(out, " : ");
		print_fields(out, set->value);
	}
	text_add(out, "\n");
	if (set->size)
		text_add(out, "\t\tsize %" PRIu32 "\n", set->size);
	if (interval || dynamic)
		text_add(out, "\t\tflags %s%s%s\n", interval ? "interval" : "",
			 interval && dynamic ? "," : "", dynamic ? "dynamic" : "");
	for (size_t i = 0; i < m->n_fills; i++) {
		if (strcmp(m->fills[i].set, set->name) != 0)
			continue;
		text_add(out, "%s", any ? ",\n\t\t\t" : "\t\telements = {\n\t\t\t");
		print_elem(out, set, &m->fills[i].elem);
		any = true;
	}
	text_add(out, "%s\t}\n", any ? "\n\t\t}\n" : "");
}

static const char *hook_name(uint8_t family, uint32_t hook)
{
	static const char *const names[] = {
		[NF_INET_PRE_ROUTING] = "prerouting",	[NF_INET_LOCAL_IN] = "input",
		[NF_INET_FORWARD] = "forward",		[NF_INET_LOCAL_OUT] = "output",
		[NF_INET_POST_ROUTING] = "postrouting", [NF_INET_INGRESS] = "ingress",
	};

	if (family == NFPROTO_NETDEV)
		return hook == NF_NETDEV_INGRESS ? "ingress" : "egress";
	return hook < sizeof(names) / sizeof(*names) ? names[hook] : "";
}

static void print_chain(struct text *out, const struct nf_model *m, const struct nf_chain *chain)
{
	text_add(out, "\tchain %s {\n", chain->name);
	if (chain->type) {
		text_add(out, "\t\ttype %s hook %s ", chain->type, hook_name(m->family, chain->hook));
		if (chain->device)
			text_add(out, "device \"%s\" ", chain->device);
		text_add(out, "priority %" PRId32 "; policy %s;\n", chain->priority,
			 chain->policy == NF_DROP ? "drop" : "accept");
	}
	for (size_t i = 0; i < m->n_rules; i++) {
		const struct nf_rule *r = &m->rules[i];

		if (strcmp(r->chain, chain->name) != 0)
			continue;
		text_add(out, "\t\t%s", r->text ? r->text : "# no words in nft for this rule");
		if (r->comment)
			text_add(out, "%s \"%s\"", r->text ? " comment" : ":", r->comment);
		text_add(out, "\n");
	}
	text_add(out, "\t}\n");
}

void model_print(const struct nf_model *m, struct text *out)
{
	text_add(out, "table %s %s {\n", m->family == NFPROTO_NETDEV ? "netdev" : "inet", m->name);
	for (size_t i = 0; i < m->n_sets; i++)
		print_set(out, m, &m->sets[i]);
	for (size_t i = 0; i < m->n_chains; i++)
		print_chain(out, m, &m->chains[i]);
	text_add(out, "}\n");
}
