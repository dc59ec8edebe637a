/* SPDX-License-Identifier: Apache-2.0 */
/* Ports as text: what is taken is whole and canonical, what is not is explained. */
#include "input.h"
#include "replay.h"
#include <actornet/actor.h>
#include <errno.h>

static bool same(const struct an_port *a, const struct an_port *b)
{
	return a->protocol == b->protocol && a->family == b->family &&
	       !memcmp(a->address, b->address, sizeof(a->address)) && a->port == b->port &&
	       a->end_port == b->end_port && a->actor_port == b->actor_port;
}

static bool sound(const struct an_port *p)
{
	static const uint8_t none[16];

	return (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) &&
	       (p->family == AF_UNSPEC || p->family == AF_INET || p->family == AF_INET6) &&
	       (p->family == AF_UNSPEC) == !memcmp(p->address, none, sizeof(none)) && p->port &&
	       p->actor_port && p->end_port >= p->port &&
	       p->actor_port + (p->end_port - p->port) <= UINT16_MAX;
}

static void round_trip(const struct an_port *port)
{
	char text[AN_PORT_TEXT], again[AN_PORT_TEXT];
	struct an_port back;

	promise(an_port_format(port, text) == text);
	promise(strlen(text) < sizeof(text) - 1);
	promise(an_port_parse(text, &back, NULL) == 0);
	promise(same(port, &back));
	promise(!strcmp(text, an_port_format(&back, again)));
}

/* Any port that is sound is written so that it is read again. */
static void from_bytes(const uint8_t *data, size_t size)
{
	struct an_port port = { 0 };
	uint8_t family;

	input_take(&data, &size, &port.port, 2);
	input_take(&data, &size, &port.end_port, 2);
	input_take(&data, &size, &port.actor_port, 2);
	input_take(&data, &size, &port.protocol, 1);
	input_take(&data, &size, &family, 1);
	port.family = family % 3 == 0 ? AF_UNSPEC : family % 3 == 1 ? AF_INET : AF_INET6;
	if (port.family)
		input_take(&data, &size, port.address, port.family == AF_INET ? 4 : 16);
	if (sound(&port))
		round_trip(&port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_text(data, size);
	struct an_error err = { 0 };
	struct an_port port;
	int r = an_port_parse(text, &port, &err);

	if (r < 0) {
		promise(r == -EINVAL);
		promise_error(&err, r, AN_USAGE);
	} else {
		promise_no_error(&err, r);
		promise(sound(&port));
		round_trip(&port);
	}
	promise(an_port_parse(text, &port, NULL) == r);
	free(text);
	from_bytes(data, size);
	return 0;
}
