/* SPDX-License-Identifier: Apache-2.0 */
/* Names, ports and words that callers hand in: read strictly, printed canonically. */
#include "base/addr.h"
#include "base/error.h"
#include "base/text.h"
#include <actornet/actor.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const egress_names[] = {
	[AN_EGRESS_INTERNET] = "internet",
	[AN_EGRESS_ALL] = "all",
	[AN_EGRESS_NONE] = "none",
};
#define N_EGRESS (sizeof(egress_names) / sizeof(*egress_names))

static const char *const reason_names[] = {
	[AN_REASON_SPOOF] = "spoof",	     [AN_REASON_NEIGHBOUR] = "neighbour",
	[AN_REASON_OPTIONS] = "options",     [AN_REASON_PROTOCOL] = "protocol",
	[AN_REASON_FRAGMENTS] = "fragments", [AN_REASON_FORGED] = "forged",
	[AN_REASON_INVALID] = "invalid",     [AN_REASON_FLOOR] = "floor",
	[AN_REASON_POLICY] = "policy",	     [AN_REASON_FLOWS] = "flows",
	[AN_REASON_RATE] = "rate",	     [AN_REASON_GATEWAY] = "gateway",
	[AN_REASON_PORT] = "port",	     [AN_REASON_INFLOWS] = "inflows",
};
static_assert(sizeof(reason_names) / sizeof(*reason_names) == AN_REASON_COUNT, "a word for each reason");

const char *an_reason_name(enum an_reason reason)
{
	return reason < AN_REASON_COUNT ? reason_names[reason] : "unknown";
}

const char *an_egress_name(enum an_egress egress)
{
	return egress < N_EGRESS ? egress_names[egress] : "unknown";
}

int an_egress_parse(const char *text, enum an_egress *ret_egress, struct an_error *err)
{
	char object[64];

	for (size_t i = 0; text && i < N_EGRESS; i++) {
		if (strcmp(text, egress_names[i]) == 0) {
			*ret_egress = (enum an_egress)i;
			return 0;
		}
	}
	snprintf(object, sizeof(object), "egress '%.40s'", text ? text : "");
	error_set(err, AN_USAGE, EINVAL, object, "there is no such egress set");
	return error_remedy(err, "use internet, all or none");
}

int an_actor_name_check(const char *name, struct an_error *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
	char object[64];
	size_t len = name ? strlen(name) : 0;
	const char *why = NULL;

	if (len == 0)
		why = "the name is empty";
	else if (len > AN_ACTOR_NAME_MAX)
		why = "the name is longer than 128 bytes";
	else if (strspn(name, allowed) != len)
		why = "the name has a character other than A-Z a-z 0-9 . _ : -";
	else if (name[0] == '.' || name[0] == '-')
		why = "the name starts with '.' or '-'";
	if (!why)
		return 0;
	snprintf(object, sizeof(object), "actor '%.40s'", len ? name : "");
	error_set(err, AN_USAGE, EINVAL, object, "%s", why);
	return error_remedy(err, "use 1 to 128 of A-Z a-z 0-9 . _ : - not starting with . or -");
}

/* One step of reading a port's text: what is left of it, and what is wrong. */
struct reader {
	const char *text, *at;
	struct an_error *err;
};

static int complain(const struct reader *r, const char *why)
{
	char object[AN_PORT_TEXT + 16];

	snprintf(object, sizeof(object), "port '%.80s'", r->text);
	error_set(r->err, AN_USAGE, EINVAL, object, "%s", why);
	return error_remedy(
		r->err, "write it as [ADDR:]PORT[-END][:ACTOR_PORT][/tcp|/udp], IPv6 addresses in brackets");
}

static int read_port(struct reader *r, uint16_t *ret)
{
	size_t digits = strspn(r->at, "0123456789");
	uint64_t number;

	if (text_to_u64(r->at, digits, UINT16_MAX, &number) < 0 || number == 0)
		return complain(r, "a port is a number from 1 to 65535");
	r->at += digits;
	*ret = (uint16_t)number;
	return 0;
}

/* "[v6]:" or "v4:" in front; nothing is taken if there is no address. */
static int read_address(struct reader *r, struct an_port *port)
{
	const char *end = r->at[0] == '[' ? strchr(r->at, ']') : NULL;
	const struct addr mapped = { AF_INET6, 96, { [10] = 0xff, [11] = 0xff } };
	size_t len = strspn(r->at, "0123456789.");
	char text[ADDR_TEXT];
	struct addr a;

	if (r->at[0] == '[') {
		if (!end || end[1] != ':' || (size_t)(end - r->at) > sizeof(text))
			return complain(r, "an address in brackets ends with ']:'");
		snprintf(text, sizeof(text), "%.*s", (int)(end - r->at - 1), r->at + 1);
		if (strchr(text, '/') || addr_parse(text, &a) < 0 || a.family != AF_INET6)
			return complain(r, "what is in brackets is not an IPv6 address");
		if (addr_contains(&mapped, &a))
			return complain(r, "an IPv4 address is written without brackets and ::ffff:");
		r->at = end + 2;
	} else if (memchr(r->at, '.', len)) {
		if (r->at[len] != ':' || len >= sizeof(text))
			return complain(r, "an IPv4 address is followed by ':' and the port");
		snprintf(text, sizeof(text), "%.*s", (int)len, r->at);
		if (addr_parse(text, &a) < 0)
			return complain(r, "what stands before ':' is not an IPv4 address");
		r->at += len + 1;
	} else {
		return 0;
	}
	if (memcmp(a.bytes, (const uint8_t[16]){ 0 }, 16) == 0)
		return complain(r, "the unspecified address can't be chosen: leave the address out");
	port->family = a.family;
	memcpy(port->address, a.bytes, sizeof(port->address));
	return 0;
}

static int read_protocol(struct reader *r, struct an_port *port)
{
	port->protocol = IPPROTO_TCP;
	if (strcmp(r->at, "/udp") == 0)
		port->protocol = IPPROTO_UDP;
	else if (*r->at && strcmp(r->at, "/tcp") != 0)
		return complain(r, r->at[0] == '/' ? "the protocol is tcp or udp"
						   : "there is something behind the port");
	return 0;
}

int an_port_parse(const char *text, struct an_port *ret_port, struct an_error *err)
{
	struct reader r = { text ? text : "", text ? text : "", err };
	struct an_port port = { .family = AF_UNSPEC };
	int result;

	if (strlen(r.text) >= AN_PORT_TEXT)
		return complain(&r, "the text is too long");
	if ((result = read_address(&r, &port)) < 0 || (result = read_port(&r, &port.port)) < 0)
		return result;
	port.end_port = port.port;
	if (*r.at == '-') {
		r.at++;
		if ((result = read_port(&r, &port.end_port)) < 0)
			return result;
		if (port.end_port < port.port)
			return complain(&r, "the range ends before it starts");
	}
	port.actor_port = port.port;
	if (*r.at == ':') {
		r.at++;
		if ((result = read_port(&r, &port.actor_port)) < 0)
			return result;
		if (port.actor_port + (port.end_port - port.port) > UINT16_MAX)
			return complain(&r, "the range at the actor goes beyond port 65535");
	}
	if ((result = read_protocol(&r, &port)) < 0)
		return result;
	*ret_port = port;
	return 0;
}

const char *an_port_format(const struct an_port *port, char buf[static AN_PORT_TEXT])
{
	struct text t = text_over(buf, AN_PORT_TEXT);
	const struct addr a = addr_from(port->family, port->address);
	char address[ADDR_TEXT];

	if (port->family == AF_INET)
		text_add(&t, "%s:", addr_format_host(&a, address));
	if (port->family == AF_INET6)
		text_add(&t, "[%s]:", addr_format_host(&a, address));
	text_add(&t, "%u", port->port);
	if (port->end_port != port->port)
		text_add(&t, "-%u", port->end_port);
	if (port->actor_port != port->port)
		text_add(&t, ":%u", port->actor_port);
	text_add(&t, "/%s", port->protocol == IPPROTO_UDP ? "udp" : "tcp");
	return buf;
}
