/* SPDX-License-Identifier: Apache-2.0 */
/* What the library tells, as text for people. */
#include "cli/print.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIELD_WIDTH 12

static bool colours(void)
{
	static int wanted = -1;

	if (wanted < 0) {
		const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

		wanted = isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
	}
	return wanted;
}

const char *print_look(enum print_look look)
{
	static const char *const codes[] = {
		[PRINT_PLAIN] = "\033[0m", [PRINT_GOOD] = "\033[32m",  [PRINT_BAD] = "\033[31m",
		[PRINT_FAINT] = "\033[2m", [PRINT_STRONG] = "\033[1m",
	};

	return colours() ? codes[look] : "";
}

struct print_cell {
	enum print_look look;
	char *text;
};

void print_cell(struct print_table *table, enum print_look look, const char *format, ...)
{
	va_list args;
	char *text;

	if (table->n == table->room && !table->failed) {
		size_t room = table->room ? table->room * 2 : 64;
		struct print_cell *cells = reallocarray(table->cells, room, sizeof(*cells));

		table->failed = !cells;
		if (cells) {
			table->cells = cells;
			table->room = room;
		}
	}
	if (table->failed)
		return;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		table->failed = true;
	else
		table->cells[table->n++] = (struct print_cell){ look, text };
	va_end(args);
}

static int column_width(const struct print_table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < table->n; i += table->columns) {
		size_t len = strlen(table->cells[i].text);

		width = len > width ? len : width;
	}
	return (int)width;
}

static void show_cell(const struct print_cell *cell, int width, bool last)
{
	bool look = cell->look != PRINT_PLAIN;

	printf("%s%s%s", look ? print_look(cell->look) : "", cell->text, look ? print_look(PRINT_PLAIN) : "");
	if (last)
		putchar('\n');
	else
		printf("%*s", width + 2 - (int)strlen(cell->text), "");
}

/* Widths of all columns first: looked up a cell, they would cost rows squared. */
static int show_cells(const struct print_table *table)
{
	int *widths = calloc(table->columns, sizeof(*widths));

	if (!widths)
		return -ENOMEM;
	for (size_t c = 0; c < table->columns; c++)
		widths[c] = column_width(table, c);
	for (size_t i = 0; i < table->n; i++)
		show_cell(&table->cells[i], widths[i % table->columns], (i + 1) % table->columns == 0);
	free(widths);
	return 0;
}

void print_table_drop(struct print_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = (struct print_table){ .columns = table->columns };
}

int print_table(struct print_table *table)
{
	int r = table->failed ? -ENOMEM : show_cells(table);

	print_table_drop(table);
	return r;
}

void print_field(const char *name, const char *format, ...)
{
	va_list args;

	printf("  %s%-*s%s", print_look(PRINT_FAINT), FIELD_WIDTH, name, print_look(PRINT_PLAIN));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

const char *print_bytes(uint64_t bytes, char buf[static 32])
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(buf, 32, "%u B", (unsigned int)bytes);
		return buf;
	}
	for (; value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1024;
	snprintf(buf, 32, "%.1f %s", value, units[unit]);
	return buf;
}

const char *print_duration(uint64_t us, char buf[static 32])
{
	if (us < 1000)
		snprintf(buf, 32, "%u us", (unsigned int)us);
	else if (us < 1000000)
		snprintf(buf, 32, "%.1f ms", (double)us / 1e3);
	else
		snprintf(buf, 32, "%.1f s", (double)us / 1e6);
	return buf;
}

const char *print_ports(const struct an_actor_info *info, char *buf, size_t size)
{
	struct text t = text_over(buf, size);
	char port[AN_PORT_TEXT];

	if (info->flags & AN_ACTOR_ALL_PORTS)
		text_add(&t, "all");
	for (size_t i = 0; i < info->n_ports; i++)
		text_add(&t, "%s%s", t.len ? " " : "", an_port_format(&info->ports[i], port));
	if (!t.len)
		text_add(&t, "-");
	if (t.truncated && size > 4)
		memcpy(buf + size - 4, "...", 4);
	return buf;
}

/* Two texts side by side, the second of which may be missing. */
static void print_pair(const char *name, const char *first, const char *second)
{
	if (first[0] || second[0])
		print_field(name, "%s%s%s", first, first[0] && second[0] ? "  " : "", second);
}

void print_worker(const struct an_worker_info *info, bool verbose)
{
	char took[32];

	if (info->id[0])
		print_field("worker", "%s", info->id);
	print_pair("uplink", info->uplink, info->uplink_addresses);
	if (info->gateway_netns[0])
		print_field("gateway", "%s", info->gateway_netns);
	print_pair("outside", info->range, info->range6);
	if (verbose) {
		print_pair("inside", info->inner, info->inner6);
		print_field("netns inode", "%llu", (unsigned long long)info->netns_inode);
	}
	if (verbose || !info->ipv6)
		print_field("ipv6", "%s", info->ipv6 ? "yes" : "no");
	if (info->fast_lane >= 0 && (verbose || !info->fast_lane))
		print_field("fast lane", "%s", info->fast_lane ? "yes" : "no");
	print_field("mtu", "%u", info->mtu);
	print_field("slots", "%u, of them %u idle (target %u), at most %u", info->slots, info->idle,
		    info->idle_target, info->max);
	print_field("took", "%s", print_duration(info->elapsed_us, took));
	if (info->notice[0])
		print_field("notice", "%s", info->notice);
}

static uint64_t denied_sum(const struct an_actor_info *info)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < AN_REASON_COUNT; i++)
		sum += info->denied[i];
	return sum;
}

static void print_counters(const struct an_actor_info *info)
{
	time_t since = (time_t)info->since;
	char bytes[32], when[32] = "unknown";
	struct tm tm;

	if (info->since > 0 && gmtime_r(&since, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	print_field("since", "%s", when);
	print_field("received", "%llu packets, %s", (unsigned long long)info->rx_packets,
		    print_bytes(info->rx_bytes, bytes));
	print_field("sent", "%llu packets, %s", (unsigned long long)info->tx_packets,
		    print_bytes(info->tx_bytes, bytes));
	print_field("denied", "%llu packets", (unsigned long long)denied_sum(info));
	for (unsigned int i = 0; i < AN_REASON_COUNT; i++)
		if (info->denied[i])
			print_field("", "%s %llu", an_reason_name((enum an_reason)i),
				    (unsigned long long)info->denied[i]);
}

void print_actor(const struct an_actor_info *info, bool counters)
{
	char ports[AN_SPECS_MAX * AN_PORT_TEXT], took[32];
	bool lost = info->state == AN_STATE_LOST;

	print_field("state", "%s%s%s", print_look(lost ? PRINT_BAD : PRINT_GOOD), lost ? "lost" : "active",
		    print_look(PRINT_PLAIN));
	if (lost)
		print_field("", "its rules are gone: denied everything until it is activated again");
	print_field("slot", "%s, generation %llu%s", info->slot, (unsigned long long)info->generation,
		    info->flags & AN_ACTOR_SANDBOXED ? ", for a sandbox" : "");
	print_field("netns", "%s", info->netns);
	print_field("interface", "%s, %s, mtu %u", info->interface, info->mac, info->mtu);
	print_pair("address", info->address, info->address6);
	print_pair("gateway", info->gateway, info->gateway6);
	print_pair("outer", info->outer, info->outer6);
	print_field("ports", "%s", print_ports(info, ports, sizeof(ports)));
	print_field("egress", "%s", an_egress_name(info->egress));
	if (counters)
		print_counters(info);
	else
		print_field("took", "%s", print_duration(info->elapsed_us, took));
}

void print_actor_head(struct print_table *table)
{
	static const char *const head[PRINT_ACTOR_COLUMNS] = { "ACTOR",	 "STATE",    "SLOT", "OUTER", "PORTS",
							       "EGRESS", "RECEIVED", "SENT", "DENIED" };

	for (size_t i = 0; i < PRINT_ACTOR_COLUMNS; i++)
		print_cell(table, PRINT_FAINT, "%s", head[i]);
}

void print_actor_row(struct print_table *table, const struct an_actor_info *info)
{
	bool lost = info->state == AN_STATE_LOST;
	char ports[48], bytes[32];

	print_cell(table, PRINT_STRONG, "%s", info->name);
	print_cell(table, lost ? PRINT_BAD : PRINT_GOOD, "%s", lost ? "lost" : "active");
	print_cell(table, PRINT_PLAIN, "%s", info->slot);
	print_cell(table, PRINT_PLAIN, "%s", info->outer);
	print_cell(table, PRINT_PLAIN, "%s", print_ports(info, ports, sizeof(ports)));
	print_cell(table, PRINT_PLAIN, "%s", an_egress_name(info->egress));
	print_cell(table, PRINT_PLAIN, "%s", print_bytes(info->rx_bytes, bytes));
	print_cell(table, PRINT_PLAIN, "%s", print_bytes(info->tx_bytes, bytes));
	print_cell(table, PRINT_PLAIN, "%llu", (unsigned long long)denied_sum(info));
}
