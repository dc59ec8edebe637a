/* SPDX-License-Identifier: Apache-2.0 */
/* The report: rows, goals and notes, as text tables or as one JSON object. */
#include "bench.h"

#include "base/error.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define REPORT_DIGITS JSON_REAL_PRECISION(6) /* else 0.1 is written with 17 digits */

int report_init(struct report *r, const struct bench_spec *spec)
{
	struct utsname name;
	char date[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	*r = (struct report){ 0 };
	r->results = json_array();
	r->goals = json_array();
	r->notes = json_array();
	if (uname(&name) < 0 || !gmtime_r(&now, &tm))
		return -errno;
	name.release[strcspn(name.release, "-")] = '\0'; /* what a distribution adds says nothing here */
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	r->root = json_pack("{s:i, s:s, s:s, s:s, s:i, s:b}", "schema", 1, "date", date, "kernel",
			    name.release, "machine", name.machine, "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN),
			    "quick", spec->quick);
	if (!r->root || !r->results || !r->goals || !r->notes)
		return -ENOMEM;
	json_object_set(r->root, "results", r->results);
	json_object_set(r->root, "goals", r->goals);
	json_object_set(r->root, "notes", r->notes);
	return 0;
}

void report_fini(struct report *r)
{
	json_decref(r->root);
	json_decref(r->results);
	json_decref(r->goals);
	json_decref(r->notes);
	*r = (struct report){ 0 };
}

/* Four significant digits: more is noise. */
static json_t *report_number(double value)
{
	char text[32];

	if (!isfinite(value))
		return json_null();
	snprintf(text, sizeof(text), "%.4g", value);
	return json_real(strtod(text, NULL));
}

void report_result(struct report *r, const struct result *result)
{
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:i, s:I}", "group", result->group, "name",
				result->name, "path", result->path, "unit", result->unit, "actors",
				(int)result->actors, "samples", (json_int_t)result->values->n);

	json_object_set_new(row, "p50", report_number(series_median(result->values)));
	json_object_set_new(row, "p99", report_number(series_percentile(result->values, 99)));
	json_object_set_new(row, "min", report_number(series_percentile(result->values, 0)));
	json_object_set_new(row, "max", report_number(series_percentile(result->values, 100)));
	json_object_set_new(row, "to_seed", report_number(result->to_seed));
	json_object_set_new(row, "to_plain", report_number(result->to_plain));
	json_array_append_new(r->results, row);
}

void report_goal(struct report *r, const struct goal *goal)
{
	bool met = goal->at_least ? goal->value >= goal->limit : goal->value <= goal->limit;
	json_t *row = json_pack("{s:s, s:s, s:s, s:b}", "text", goal->text, "unit", goal->unit, "kind",
				goal->at_least ? "at least" : "at most", "met", met);

	json_object_set_new(row, "value", report_number(goal->value));
	json_object_set_new(row, "limit", report_number(goal->limit));
	json_array_append_new(r->goals, row);
	r->missed += !met;
}

void report_note(struct report *r, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	json_array_append_new(r->notes, json_string(text));
}

static const char *report_text(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

/* A number in a column: as many decimals as leave four digits. */
static void report_column(const json_t *row, const char *key, const char *suffix)
{
	const json_t *value = json_object_get(row, key);
	double number = json_number_value(value);
	char text[32];

	if (!json_is_number(value)) {
		printf(" %10s", "");
		return;
	}
	snprintf(text, sizeof(text), "%.*f%s", number >= 1000 ? 0 : number >= 100 ? 1 : 2, number, suffix);
	printf(" %10s", text);
}

void report_table(const struct report *r, const char *group)
{
	size_t i;
	json_t *row;

	printf("\n%-30s %-6s %7s %-7s %10s %10s %10s %10s\n", group, "path", "actors", "unit", "p50", "p99",
	       "to seed", "to plain");
	json_array_foreach (r->results, i, row) {
		char actors[16] = "";

		if (strcmp(report_text(row, "group"), group) != 0)
			continue;
		if (json_integer_value(json_object_get(row, "actors")) > 0)
			snprintf(actors, sizeof(actors), "%lld",
				 (long long)json_integer_value(json_object_get(row, "actors")));
		printf("%-30s %-6s %7s %-7s", report_text(row, "name"), report_text(row, "path"), actors,
		       report_text(row, "unit"));
		report_column(row, "p50", "");
		report_column(row, "p99", "");
		report_column(row, "to_seed", "x");
		report_column(row, "to_plain", "x");
		printf("\n");
	}
	fflush(stdout);
}

static void report_print(const struct report *r)
{
	size_t i;
	json_t *row;

	printf("\n%-58s %10s %10s  %s\n", "goal", "limit", "measured", "unit");
	json_array_foreach (r->goals, i, row) {
		printf("%-58s", report_text(row, "text"));
		report_column(row, "limit", "");
		report_column(row, "value", "");
		printf("  %-7s %s\n", report_text(row, "unit"),
		       json_is_true(json_object_get(row, "met")) ? "met" : "MISSED");
	}
	json_array_foreach (r->notes, i, row)
		printf("%s%s\n", i == 0 ? "\n" : "", json_string_value(row));
	fflush(stdout);
}

static void report_json(const struct report *r, FILE *file, size_t layout)
{
	json_dumpf(r->root, file, layout | JSON_PRESERVE_ORDER | REPORT_DIGITS);
	fputc('\n', file);
}

static int report_save(const struct report *r, const char *path, struct an_error *err)
{
	FILE *file = fopen(path, "we");
	int failed = !file;

	if (file) {
		report_json(r, file, JSON_INDENT(1));
		failed = ferror(file);
		failed |= fclose(file) != 0;
	}
	if (failed)
		return error_set(err, AN_FAILED, errno ? errno : EIO, path, "can't be written");
	return 0;
}

int report_end(const struct report *r, const struct bench_spec *spec, struct an_error *err)
{
	int saved = spec->output ? report_save(r, spec->output, err) : 0;

	errno = 0;
	if (spec->json)
		report_json(r, stdout, JSON_COMPACT);
	else
		report_print(r);
	if (saved == 0 && (fflush(stdout) || ferror(stdout)))
		return error_errno(err, AN_FAILED, errno ? errno : EIO, "standard output",
				   "the results can't be written");
	return saved;
}
