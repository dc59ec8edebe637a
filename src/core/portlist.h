/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of ports, whatever pieces they come in: tables that were made anew join what adjoins, so 80 and 81 may come
 * back as 80-81. Pure. Ports are canonical (port_canonical()), those of one list don't overlap.
 */
#ifndef CORE_PORTLIST_H
#define CORE_PORTLIST_H

#include <actornet/actor.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** portlist_find() - the port that maps @number to where @port does. Return: its index; @n: none does. */
size_t portlist_find(const struct an_port *list, size_t n, const struct an_port *port, uint32_t number);

/** portlist_covers() - does the list map all of @port to where @port does? */
bool portlist_covers(const struct an_port *list, size_t n, const struct an_port *port);

/**
 * portlist_gap() - the next piece of @port that the list does not map
 * @from: in: where to begin; out: first of the piece
 * @to:   last of it
 * Return: is there one?
 */
bool portlist_gap(const struct an_port *list, size_t n, const struct an_port *port, uint32_t *from,
		  uint32_t *to);

/**
 * portlist_cut() - take @port out of the one at @at, which holds it whole; what is left of that stays
 * @n: in and out: length of @list, which has room for AN_SPECS_MAX
 * Return: 0, or -ENOSPC: the list is full, and nothing was changed.
 */
int portlist_cut(struct an_port *list, size_t *n, size_t at, const struct an_port *port);

#endif
