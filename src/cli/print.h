/* SPDX-License-Identifier: Apache-2.0 */
/* What the library tells, as text for people: aligned, coloured only on a terminal. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <actornet/actor.h>
#include <actornet/worker.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Looks of a piece of text. */
enum print_look {
	PRINT_PLAIN,
	PRINT_GOOD,
	PRINT_BAD,
	PRINT_FAINT,
	PRINT_STRONG,
};

/** print_look() - escape sequence that starts a look (PRINT_PLAIN ends it); "" where colours are not wanted. */
const char *print_look(enum print_look look);

/**
 * struct print_table - rows of cells, columns as wide as their widest cell
 * Filled by print_cell() from left to right, top to bottom, the first row the heading; shown by print_table().
 */
struct print_table {
	size_t columns;
	size_t n, room;
	struct print_cell *cells;
	bool failed;
};

/** print_cell() - append one cell, printf-like. */
void print_cell(struct print_table *table, enum print_look look, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** print_table() - show it on standard output and free it. Return: 0, or -ENOMEM with nothing shown. */
int print_table(struct print_table *table);
/** print_table_drop() - free it without showing it. */
void print_table_drop(struct print_table *table);

/** print_field() - one line "  name    value", names aligned. */
void print_field(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** print_worker() - what `up` made. */
void print_worker(const struct an_worker_info *info, bool verbose);
/** print_actor() - what `activate` and `show` tell of an actor: fields; @counters: also those of `show`. */
void print_actor(const struct an_actor_info *info, bool counters);
/** print_actor_row() - one row of `list`; a table of PRINT_ACTOR_COLUMNS, with print_actor_head() before. */
#define PRINT_ACTOR_COLUMNS 9
void print_actor_head(struct print_table *table);
void print_actor_row(struct print_table *table, const struct an_actor_info *info);
/** print_ports() - an actor's ports, blank-separated, "-" for none, cut to the buffer with "...". Return: @buf. */
const char *print_ports(const struct an_actor_info *info, char *buf, size_t size);
/** print_bytes() - "17 B", "1.2 KiB", "3.4 MiB". Return: @buf. */
const char *print_bytes(uint64_t bytes, char buf[static 32]);
/** print_duration() - "153 us", "1.2 ms", "3.4 s". Return: @buf. */
const char *print_duration(uint64_t us, char buf[static 32]);

#endif
