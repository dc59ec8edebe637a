/* SPDX-License-Identifier: Apache-2.0 */
/* `actornet bench`: series of measurements, the report they end in, and the parts that take them. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <actornet/error.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of active actors that are measured at; the last one's packet path is held against the first's. */
#define BENCH_LEVELS 3
extern const unsigned int bench_levels[BENCH_LEVELS];

/**
 * struct bench_spec - what to measure
 * @only:   "activation", "packets" or "cli"; NULL: all
 * @output: file for the JSON object, besides what is printed; NULL: none
 * @quick:  fewer samples and shorter slices, for a run under 30 s
 * @json:   print one JSON object in place of the tables
 */
struct bench_spec {
	const char *only, *output;
	bool quick, json;
};

/**
 * bench_run() - measure and print
 * The work is done by a child, so that namespaces are removed however it ends.
 * Return: 0, 1 if a goal was missed, or a negative errno.
 */
int bench_run(const struct bench_spec *spec, struct an_error *err);

/**
 * bench_probe() - what `bench --probe WORKER` does for trace_run(): activate and release between marks
 * @worker: namespace's name
 */
int bench_probe(const char *worker, struct an_error *err);

/** bench_stopped() - did a signal ask to end? Return: -EINTR with @err set, or 0. */
int bench_stopped(struct an_error *err);

/** bench_now_us() - microseconds of the monotonic clock, with fractions. */
double bench_now_us(void);

/* --- series.c: numbers in the order they were taken --- */

struct series {
	double *v;
	size_t n, size;
};

/** series_add() - append. Return: 0 or -ENOMEM. */
int series_add(struct series *s, double value);
/** series_percentile() - nearest rank, @p from 0 to 100; NAN where the series is empty. */
double series_percentile(const struct series *s, double p);
/** series_median() - the middle, the mean of both where there are two; NAN where the series is empty. */
double series_median(const struct series *s);
/** series_ratio() - median of a[i] / b[i] over the pairs there are; NAN for none. */
double series_ratio(const struct series *a, const struct series *b);
/** series_worse() - the larger of two times; NAN where one is missing. */
double series_worse(double a, double b);
void series_fini(struct series *s);

/* --- report.c: what comes out --- */

/**
 * struct result - one row of the report
 * @group:    table it stands in
 * @name:     what was measured
 * @path:     "ours", "seed", "plain"
 * @unit:     "us", "ms", "Gbit/s", "kpps", …
 * @actors:   active ones at the time; 0: does not apply
 * @values:   the samples
 * @to_seed, @to_plain: how many times as good as the seed's or a plain veth, above 1 is better: median of
 *            the ratios of neighbouring samples. NAN: not compared
 */
struct result {
	const char *group, *name, *path, *unit;
	unsigned int actors;
	const struct series *values;
	double to_seed, to_plain;
};

/** struct goal - a limit that a figure must keep; @at_least: the limit is a lower one */
struct goal {
	const char *text, *unit;
	double value, limit;
	bool at_least;
};

struct report {
	json_t *root, *results, *goals, *notes;
	unsigned int missed;
};

int report_init(struct report *r, const struct bench_spec *spec);
void report_fini(struct report *r);
void report_result(struct report *r, const struct result *result);
/** report_goal() - a value of NAN counts as missed. */
void report_goal(struct report *r, const struct goal *goal);
/** report_note() - a sentence for the reader. */
void report_note(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** report_table() - print a group's rows as text. */
void report_table(const struct report *r, const char *group);
/** report_end() - print goals and notes as text, or the whole object as JSON; write the file. */
int report_end(const struct report *r, const struct bench_spec *spec, struct an_error *err);

/* --- the parts: each makes a lab of its own and removes it --- */

struct bench {
	const struct bench_spec *spec;
	struct report report;
};

int bench_activation(struct bench *b, struct an_error *err);
int bench_lifecycle(struct bench *b, struct an_error *err);
int bench_packets(struct bench *b, struct an_error *err);
int bench_cli(struct bench *b, struct an_error *err);

/* --- trace.c: system calls of a program --- */

/* Marks are prctl(2) calls with an option that no kernel knows; the next argument is the section begun. */
#define TRACE_MARK     0x616e6221
#define TRACE_SECTIONS 4
#define TRACE_CALLS    512

/**
 * struct trace - what a traced program did
 * @calls:    system calls by section and number; section 0 is all that is outside marks
 * @spawned:  fork, vfork, clone, exec by section (the first exec is not counted)
 * @peak_kib: largest resident set
 * @status:   as wait(2) gives it
 */
struct trace {
	unsigned int calls[TRACE_SECTIONS][TRACE_CALLS];
	unsigned int total[TRACE_SECTIONS], spawned[TRACE_SECTIONS];
	unsigned int peak_kib;
	int status;
};

/** trace_mark() - in the traced program: a section begins; 0 ends it. */
void trace_mark(unsigned int section);
/** trace_run() - run this program with @argv, silently, and count. Return: 0 or a negative errno. */
int trace_run(char *const argv[], struct trace *ret_trace, struct an_error *err);
/** trace_text() - "12 sendto, 9 recvmsg, …" of a section, most frequent first. */
void trace_text(const struct trace *t, unsigned int section, char *buf, size_t size);
/**
 * trace_spawn() - run this program with @argv, silently
 * Return: microseconds until it was reaped, or a negative errno (-ECHILD: it failed).
 */
int64_t trace_spawn(char *const argv[], struct an_error *err);

#endif
