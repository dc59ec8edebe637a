/* SPDX-License-Identifier: Apache-2.0 */
/* What the command line costs, and what an activation asks of the system, with most actors active. */
#include "bench.h"
#include "lab.h"

#include "base/cleanup.h"
#include "netns/netns.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PROGRAM_ACTIVATE = 1, PROGRAM_RELEASE }; /* sections of bench_probe() */

/** struct program - the bench under way */
struct program {
	struct bench *bench;
	struct lab lab;
	const struct lab_place *worker;
	struct fleet fleet;
	struct series version, activate, release;
	struct trace library, cli;
};

int bench_probe(const char *worker_name, struct an_error *err)
{
	_cleanup_fd_ int ns = netns_open(worker_name, err);
	struct fleet names = { .probes = 7000 };
	struct an_worker *worker = NULL;
	struct probe probe;
	int r = ns < 0 ? ns : an_worker_open(&worker, ns, err);

	if (r < 0)
		return r;
	fleet_probe(&names, &probe);
	trace_mark(PROGRAM_ACTIVATE);
	r = an_actor_activate(worker, &probe.spec, &probe.info, err);
	trace_mark(0);
	if (r >= 0) {
		trace_mark(PROGRAM_RELEASE);
		r = an_actor_release(worker, probe.name, 0, NULL, err);
		trace_mark(0);
	}
	if (r >= 0)
		r = an_worker_dispatch(worker, 0, err);
	an_worker_close(worker);
	return r < 0 ? r : 0;
}

/* The words of `activate` for a probe. */
struct program_words {
	char worker[LAB_NAME], actor[32], tcp[AN_PORT_TEXT], udp[AN_PORT_TEXT];
};

static void program_words(struct program *p, struct program_words *w)
{
	struct probe probe;

	fleet_probe(&p->fleet, &probe);
	snprintf(w->worker, sizeof(w->worker), "%s", p->worker->name);
	snprintf(w->actor, sizeof(w->actor), "%s", probe.name);
	an_port_format(&probe.ports[0], w->tcp);
	an_port_format(&probe.ports[1], w->udp);
}

#define WORD(text) ((char[]){ text })

static int program_round(struct program *p, struct an_error *err)
{
	struct program_words w;
	char *version[] = { WORD("actornet"), WORD("--version"), NULL };
	char *activate[] = { WORD("actornet"),
			     WORD("--worker"),
			     w.worker,
			     WORD("activate"),
			     w.actor,
			     WORD("--port"),
			     w.tcp,
			     WORD("--port"),
			     w.udp,
			     NULL };
	char *release[] = { WORD("actornet"), WORD("--worker"), w.worker, WORD("release"), w.actor, NULL };
	char **const runs[] = { version, activate, release };
	struct series *const times[] = { &p->version, &p->activate, &p->release };

	program_words(p, &w);
	for (int i = 0; i < 3; i++) {
		int64_t us = trace_spawn(runs[i], err);
		int r = us < 0 ? (int)us : series_add(times[i], (double)us / 1e3);

		if (r < 0)
			return r;
	}
	return bench_stopped(err);
}

static int program_trace(struct program *p, struct an_error *err)
{
	struct program_words w;
	char *probe[] = { WORD("actornet"), WORD("bench"), WORD("--probe"), w.worker, NULL };
	char *activate[] = { WORD("actornet"),
			     WORD("--worker"),
			     w.worker,
			     WORD("activate"),
			     w.actor,
			     WORD("--port"),
			     w.tcp,
			     WORD("--port"),
			     w.udp,
			     NULL };
	int r;

	program_words(p, &w);
	r = trace_run(probe, &p->library, err);
	return r < 0 ? r : trace_run(activate, &p->cli, err);
}

static void program_row(struct program *p, const char *name, const char *unit, const struct series *values)
{
	struct result row = { .group = "cli",
			      .name = name,
			      .path = "ours",
			      .unit = unit,
			      .actors = bench_levels[BENCH_LEVELS - 1],
			      .values = values,
			      .to_seed = NAN,
			      .to_plain = NAN };

	report_result(&p->bench->report, &row);
}

static void program_number(struct program *p, const char *name, const char *unit, double number)
{
	program_row(p, name, unit, &(struct series){ .v = &number, .n = 1 });
}

static void program_report(struct program *p)
{
	const struct trace *t = &p->library;
	struct report *report = &p->bench->report;
	unsigned int spawned = t->spawned[PROGRAM_ACTIVATE] + t->spawned[PROGRAM_RELEASE];
	char text[512];

	program_row(p, "process: --version", "ms", &p->version);
	program_row(p, "process: activate", "ms", &p->activate);
	program_row(p, "process: release", "ms", &p->release);
	program_number(p, "system calls of activate", "calls", t->total[PROGRAM_ACTIVATE]);
	program_number(p, "system calls of release", "calls", t->total[PROGRAM_RELEASE]);
	program_number(p, "system calls of the process", "calls", p->cli.total[0]);
	program_number(p, "fork and exec of both", "calls", spawned);
	program_number(p, "resident set, library", "KiB", t->peak_kib);
	program_number(p, "resident set, process", "KiB", p->cli.peak_kib);
	report_goal(report, &(struct goal){ "process of `actornet activate` p50", "ms",
					    series_median(&p->activate), 10, false });
	report_goal(report, &(struct goal){ "fork and exec within activate and release", "calls",
					    t->total[PROGRAM_ACTIVATE] ? (double)spawned : NAN, 0, false });
	report_goal(report, &(struct goal){ "resident set", "KiB", series_worse(t->peak_kib, p->cli.peak_kib),
					    8192, false });
	trace_text(t, PROGRAM_ACTIVATE, text, sizeof(text));
	report_note(report, "System calls of an activation: %s.", text);
	trace_text(t, PROGRAM_RELEASE, text, sizeof(text));
	report_note(report, "System calls of a release: %s.", text);
}

int bench_cli(struct bench *b, struct an_error *err)
{
	struct program p = { .bench = b };
	struct an_error ignored;
	int rounds = b->spec->quick ? 10 : 100, r = lab_open(&p.lab, err);

	if (r == 0) {
		p.worker = lab_place(&p.lab, "worker", err);
		r = p.worker ? fleet_up(&p.fleet, p.worker, 16, err) : -EIO;
	}
	if (r == 0)
		r = fleet_grow(&p.fleet, bench_levels[BENCH_LEVELS - 1] - 1, err);
	for (int i = 0; i < rounds && r == 0; i++)
		r = program_round(&p, err);
	if (r == 0)
		r = program_trace(&p, err);
	if (r == 0)
		program_report(&p);
	if (fleet_down(&p.fleet, r < 0 ? &ignored : err) < 0 && r == 0)
		r = -EIO;
	lab_close(&p.lab);
	series_fini(&p.version);
	series_fini(&p.activate);
	series_fini(&p.release);
	return r;
}
