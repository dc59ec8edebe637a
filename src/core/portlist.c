/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of ports, whatever pieces they come in. */
#include "core/portlist.h"
#include <errno.h>
#include <string.h>

/* Where both have a number, do they map it to the same? */
static bool agree(const struct an_port *a, const struct an_port *b)
{
	return a->protocol == b->protocol && a->family == b->family &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0 &&
	       a->actor_port - a->port == b->actor_port - b->port;
}

size_t portlist_find(const struct an_port *list, size_t n, const struct an_port *port, uint32_t number)
{
	size_t i = 0;

	while (i < n && !(agree(&list[i], port) && list[i].port <= number && number <= list[i].end_port))
		i++;
	return i;
}

bool portlist_gap(const struct an_port *list, size_t n, const struct an_port *port, uint32_t *from,
		  uint32_t *to)
{
	size_t at;

	while (*from <= port->end_port && (at = portlist_find(list, n, port, *from)) < n)
		*from = list[at].end_port + 1U;
	if (*from > port->end_port)
		return false;
	*to = port->end_port;
	for (size_t i = 0; i < n; i++) {
		if (agree(&list[i], port) && list[i].port > *from && list[i].port <= *to)
			*to = list[i].port - 1U;
	}
	return true;
}

bool portlist_covers(const struct an_port *list, size_t n, const struct an_port *port)
{
	uint32_t from = port->port, to;

	return !portlist_gap(list, n, port, &from, &to);
}

int portlist_cut(struct an_port *list, size_t *n, size_t at, const struct an_port *port)
{
	struct an_port below = list[at], above = list[at], pieces[2];
	size_t left = 0;

	below.end_port = (uint16_t)(port->port - 1U);
	above.actor_port = (uint16_t)(above.actor_port + port->end_port + 1U - above.port);
	above.port = (uint16_t)(port->end_port + 1U);
	if (list[at].port < port->port)
		pieces[left++] = below;
	if (port->end_port < list[at].end_port)
		pieces[left++] = above;
	if (*n - 1 + left > AN_SPECS_MAX)
		return -ENOSPC;
	memmove(&list[at + left], &list[at + 1], (*n - at - 1) * sizeof(*list));
	memcpy(&list[at], pieces, left * sizeof(*pieces));
	*n = *n - 1 + left;
	return 0;
}
