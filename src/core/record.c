/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases of our links, written and read. */
#include "core/record.h"
#include "base/error.h"
#include "base/text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Value of "key=" in a record; its length, or -1 if the key is missing. */
static int find(const char *text, const char *key, const char **ret_value)
{
	size_t len = strlen(key);

	for (const char *at = text; (at = strchr(at, ' ')) != NULL;) {
		at++;
		if (strncmp(at, key, len) == 0 && at[len] == '=') {
			*ret_value = at + len + 1;
			return (int)strcspn(*ret_value, " ");
		}
	}
	return -1;
}

static int find_text(const char *text, const char *key, char *buf, size_t size)
{
	const char *value;
	int len = find(text, key, &value);

	if (len < 0 || (size_t)len >= size)
		return -EINVAL;
	memcpy(buf, value, (size_t)len);
	buf[len] = '\0';
	return 0;
}

static int find_u32(const char *text, const char *key, uint32_t *ret)
{
	const char *value;
	int len = find(text, key, &value);
	uint64_t number;

	if (len < 0 || text_to_u64(value, (size_t)len, UINT32_MAX, &number) < 0)
		return -EINVAL;
	*ret = (uint32_t)number;
	return 0;
}

/* A number, or "-": -1. */
static int find_int(const char *text, const char *key, int *ret)
{
	uint32_t number;
	char word[4];

	if (find_text(text, key, word, sizeof(word)) == 0 && strcmp(word, "-") == 0) {
		*ret = -1;
		return 0;
	}
	if (find_u32(text, key, &number) < 0 || number > 255)
		return -EINVAL;
	*ret = (int)number;
	return 0;
}

static int find_addr(const char *text, const char *key, uint8_t family, struct addr *ret)
{
	char word[ADDR_TEXT];
	struct addr a;
	int r = find_text(text, key, word, sizeof(word));

	if (r == 0)
		r = addr_parse(word, &a);
	if (r < 0 || a.family != family)
		return -EINVAL;
	*ret = a;
	return 0;
}

static int check_version(const char *text, const char *what, struct an_error *err)
{
	unsigned int version;

	if (sscanf(text, "actornet %u ", &version) != 1)
		return error_set(err, AN_CONFLICT, EINVAL, what,
				 "is there, but was not made by actornet (alias '%.60s')", text);
	if (version > RECORD_VERSION) {
		error_set(err, AN_CONFLICT, EPROTO, what,
			  "made by a newer actornet: its state has format %u, this one reads %d", version,
			  RECORD_VERSION);
		return error_remedy(err, "use the newer program");
	}
	return 0;
}

static int damaged(struct an_error *err, const char *what, const char *text)
{
	error_set(err, AN_FAILED, EINVAL, what, "its alias is damaged: '%.200s'", text);
	return error_remedy(err, "actornet down, then actornet up");
}

static void add_int(struct text *t, const char *key, int value)
{
	if (value < 0)
		text_add(t, " %s=-", key);
	else
		text_add(t, " %s=%d", key, value);
}

const char *record_worker_format(const struct record_worker *r, char buf[static RECORD_TEXT])
{
	struct text t = text_over(buf, RECORD_TEXT);

	text_add(&t, "actornet %d made=%u idle=%u max=%u uplink=%s", RECORD_VERSION, r->made, r->idle_target,
		 r->max, r->uplink);
	add_int(&t, "f4", r->found.forward4);
	add_int(&t, "f6", r->found.forward6);
	add_int(&t, "all6", r->found.all6);
	add_int(&t, "ra", r->found.accept_ra);
	return buf;
}

int record_worker_parse(const char *text, struct record_worker *ret_record, struct an_error *err)
{
	const char *what = "link " LAYOUT_WORKER_LINK;
	struct record_worker r = { .made = 0 };
	int version = check_version(text, what, err);

	if (version == -EINVAL)
		error_remedy(err, "give it another name, or delete it: ip link del " LAYOUT_WORKER_LINK);
	if (version < 0)
		return version;
	if (find_u32(text, "made", &r.made) < 0 || find_u32(text, "idle", &r.idle_target) < 0 ||
	    find_u32(text, "max", &r.max) < 0 || find_text(text, "uplink", r.uplink, sizeof(r.uplink)) < 0 ||
	    find_int(text, "f4", &r.found.forward4) < 0 || find_int(text, "f6", &r.found.forward6) < 0 ||
	    find_int(text, "all6", &r.found.all6) < 0 || find_int(text, "ra", &r.found.accept_ra) < 0)
		return damaged(err, what, text);
	*ret_record = r;
	return 0;
}

const char *record_gateway_format(const struct plane *p, char buf[static RECORD_TEXT])
{
	char inner[ADDR_TEXT], inner6[ADDR_TEXT], range[ADDR_TEXT], range6[ADDR_TEXT];
	struct text t = text_over(buf, RECORD_TEXT);

	text_add(&t,
		 "actornet %d in=%s in6=%s out=%s out6=%s v6=%d lane=%u nat=%u natto=%u key=", RECORD_VERSION,
		 addr_format(&p->inner, inner), addr_format(&p->inner6, inner6),
		 addr_format(&p->range, range), addr_format(&p->range6, range6), p->ipv6, p->lane, p->nat_min,
		 p->nat_max);
	for (size_t i = 0; i < sizeof(p->key); i++)
		text_add(&t, "%02x", p->key[i]);
	return buf;
}

static int parse_key(const char *text, uint8_t key[static 16])
{
	char hex[33];

	if (find_text(text, "key", hex, sizeof(hex)) < 0 || strspn(hex, "0123456789abcdef") != 32)
		return -EINVAL;
	for (size_t i = 0; i < 16; i++) {
		unsigned int byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return -EINVAL;
		key[i] = (uint8_t)byte;
	}
	return 0;
}

int record_gateway_parse(const char *text, struct plane *p, struct an_error *err)
{
	const char *what = "link " LAYOUT_UP_LINK " of the gateway";
	struct plane r = *p;
	uint32_t v6, lane, nat, natto;
	int version = check_version(text, what, err);

	if (version < 0)
		return version;
	if (find_addr(text, "in", AF_INET, &r.inner) < 0 || find_addr(text, "in6", AF_INET6, &r.inner6) < 0 ||
	    find_addr(text, "out", AF_INET, &r.range) < 0 ||
	    find_addr(text, "out6", AF_INET6, &r.range6) < 0 || find_u32(text, "v6", &v6) < 0 ||
	    find_u32(text, "nat", &nat) < 0 || nat > UINT16_MAX || find_u32(text, "natto", &natto) < 0 ||
	    natto > UINT16_MAX || parse_key(text, r.key) < 0 ||
	    layout_inner_gateway(&r.inner, &r.gateway) < 0 ||
	    layout_inner_gateway(&r.inner6, &r.gateway6) < 0)
		return damaged(err, what, text);
	r.ipv6 = v6 != 0;
	r.lane = find_u32(text, "lane", &lane) == 0 ? lane : 0; /* made by an older version it has none */
	r.nat_min = (uint16_t)nat;
	r.nat_max = (uint16_t)natto;
	*p = r;
	return 0;
}

const char *record_actor_format(const struct actor *a, char buf[static RECORD_TEXT])
{
	struct text t = text_over(buf, RECORD_TEXT);

	text_add(&t, "actornet %d actor=%s egress=%s flags=%u since=%u ports=%zu", RECORD_VERSION, a->name,
		 an_egress_name(a->egress), a->flags, a->since, a->n_ports);
	return buf;
}

int record_actor_parse(const char *text, struct actor *a)
{
	struct actor r = *a;
	uint32_t n_ports;
	char egress[16];

	if (check_version(text, "", NULL) < 0 || find_text(text, "actor", r.name, sizeof(r.name)) < 0 ||
	    find_text(text, "egress", egress, sizeof(egress)) < 0 ||
	    an_egress_parse(egress, &r.egress, NULL) < 0 || find_u32(text, "flags", &r.flags) < 0 ||
	    find_u32(text, "since", &r.since) < 0 || find_u32(text, "ports", &n_ports) < 0 ||
	    n_ports > AN_SPECS_MAX)
		return -EINVAL;
	*a = r;
	a->n_ports = n_ports;
	return 0;
}
