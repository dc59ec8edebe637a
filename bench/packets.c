/* SPDX-License-Identifier: Apache-2.0 */
/* The packet path beside a plain veth and beside the seed's path, in short slices by turns. */
#include "bench.h"
#include "lab.h"
#include "traffic.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "netns/netns.h"
#include "rtnl/link.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PACKETS_UDP_PORT 8001 /* the seed's, added to its table */

/* Paths: a veth between client and actor; the seed's; ours at each number of active actors. */
enum { PACKETS_PLAIN, PACKETS_SEED, PACKETS_OURS, PACKETS_PATHS = PACKETS_OURS + BENCH_LEVELS };

/** struct packets - the bench under way; @values: a sample a round */
struct packets {
	struct bench *bench;
	struct lab lab;
	struct seed seed;
	struct fleet fleets[BENCH_LEVELS];
	int actor_ns[BENCH_LEVELS];
	struct traffic_path paths[PACKETS_PATHS];
	struct series values[TRAFFIC_COUNT][PACKETS_PATHS];
};

static int packets_plain(struct packets *p, struct an_error *err)
{
	const struct lab_place *actor = lab_place(&p->lab, "plain", err);

	if (!actor)
		return -EIO;
	p->paths[PACKETS_PLAIN] = (struct traffic_path){
		.client_ns = p->lab.client,
		.actor_ns = actor->ns,
		.entry = actor->addr,
		.client = actor->client,
		.tcp_port = 80,
		.udp_port = PACKETS_UDP_PORT,
		.actor_tcp_port = 80,
		.actor_udp_port = PACKETS_UDP_PORT,
	};
	return 0;
}

static int packets_seed(struct packets *p, struct an_error *err)
{
	const struct lab_place *worker = lab_place(&p->lab, "seed", err);
	const struct lab_place *actor = worker ? lab_alone(&p->lab, "seed-actor", err) : NULL;
	int r = actor ? seed_open(&p->seed, worker, actor, err) : -EIO;

	if (r < 0)
		return r;
	p->seed.udp_port = PACKETS_UDP_PORT;
	p->paths[PACKETS_SEED] = (struct traffic_path){
		.client_ns = p->lab.client,
		.actor_ns = actor->ns,
		.entry = worker->addr,
		.client = worker->client,
		.tcp_port = 80,
		.udp_port = PACKETS_UDP_PORT,
		.actor_tcp_port = 80,
		.actor_udp_port = PACKETS_UDP_PORT,
	};
	return seed_build(&p->seed, err);
}

/* A worker with so many active actors, the last of which gets the traffic. */
static int packets_ours(struct packets *p, unsigned int n, struct an_error *err)
{
	struct fleet *fleet = &p->fleets[n];
	const struct lab_place *worker;
	struct probe probe;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "worker-%u", bench_levels[n]);
	worker = lab_place(&p->lab, name, err);
	if (!worker)
		return -EIO;
	r = fleet_up(fleet, worker, 1, err);
	if (r == 0)
		r = fleet_grow(fleet, bench_levels[n] - 1, err);
	fleet_probe(fleet, &probe);
	if (r == 0)
		r = an_actor_activate(fleet->worker, &probe.spec, &probe.info, err);
	if (r >= 0)
		r = p->actor_ns[n] = netns_open(probe.info.netns, err);
	if (r < 0)
		return r;
	p->paths[PACKETS_OURS + n] = (struct traffic_path){
		.client_ns = p->lab.client,
		.actor_ns = p->actor_ns[n],
		.entry = worker->addr,
		.client = worker->client,
		.tcp_port = probe.ports[0].port,
		.udp_port = probe.ports[1].port,
		.actor_tcp_port = FLEET_ACTOR_PORT,
		.actor_udp_port = FLEET_ACTOR_PORT,
	};
	return 0;
}

static int packets_open(struct packets *p, struct an_error *err)
{
	int r = lab_open(&p->lab, err);

	if (r == 0)
		r = packets_plain(p, err);
	if (r == 0)
		r = packets_seed(p, err);
	for (unsigned int n = 0; n < BENCH_LEVELS && r == 0; n++)
		r = packets_ours(p, n, err);
	return r;
}

/* Each kind of traffic over each path once; who begins changes from round to round. */
static int packets_round(struct packets *p, unsigned int round, unsigned int ms, struct an_error *err)
{
	for (int kind = 0; kind < TRAFFIC_COUNT; kind++) {
		for (unsigned int i = 0; i < PACKETS_PATHS; i++) {
			unsigned int path = (i + round) % PACKETS_PATHS;
			double value;
			int r = traffic_slice(&p->paths[path], (enum traffic)kind, ms, &value, err);

			if (r < 0) {
				error_context(err, "path %u", path);
				return r;
			}
			r = series_add(&p->values[kind][path], value);
			if (r == 0)
				r = bench_stopped(err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* How many times as good as the other: rates the more, times the less. */
static double packets_ratio(enum traffic kind, const struct series *of, const struct series *to)
{
	return kind == TRAFFIC_REQUEST ? series_ratio(to, of) : series_ratio(of, to);
}

static void packets_goals(struct packets *p, enum traffic kind)
{
	const struct series *values = p->values[kind];
	const struct series *one = &values[PACKETS_OURS], *last = &values[PACKETS_PATHS - 1];
	bool udp = kind == TRAFFIC_UDP_IN || kind == TRAFFIC_UDP_OUT;
	char text[64];

	if (kind == TRAFFIC_REQUEST)
		return;
	snprintf(text, sizeof(text), "%s, share of the seed's path", traffic_name(kind));
	report_goal(&p->bench->report,
		    &(struct goal){ text, "x", packets_ratio(kind, one, &values[PACKETS_SEED]),
				    udp ? 0.75 : 0.92, true });
	snprintf(text, sizeof(text), "%s at %u active actors, share of that at 1", traffic_name(kind),
		 bench_levels[BENCH_LEVELS - 1]);
	if (udp)
		report_goal(&p->bench->report,
			    &(struct goal){ text, "x", packets_ratio(kind, last, one), 0.95, true });
}

static void packets_report(struct packets *p)
{
	for (int i = 0; i < TRAFFIC_COUNT; i++) {
		enum traffic kind = (enum traffic)i;

		for (unsigned int path = 0; path < PACKETS_PATHS; path++) {
			const struct series *v = p->values[kind];
			struct result row = { .group = "packets",
					      .name = traffic_name(kind),
					      .unit = traffic_unit(kind),
					      .values = &v[path],
					      .to_seed = NAN,
					      .to_plain = NAN };

			row.path = path == PACKETS_PLAIN ? "plain" : path == PACKETS_SEED ? "seed" : "ours";
			if (path >= PACKETS_OURS)
				row.actors = bench_levels[path - PACKETS_OURS];
			if (path != PACKETS_SEED)
				row.to_seed = packets_ratio(kind, &v[path], &v[PACKETS_SEED]);
			if (path != PACKETS_PLAIN)
				row.to_plain = packets_ratio(kind, &v[path], &v[PACKETS_PLAIN]);
			report_result(&p->bench->report, &row);
		}
		packets_goals(p, kind);
	}
	report_note(
		&p->bench->report,
		"Packets: \"plain\" is one veth from the client to the actor, \"seed\" and \"ours\" lead over a "
		"worker between them. Datagrams are 64 bytes long; the seed's table got a UDP port for this. TCP is "
		"cubic's, whatever the host has.");
}

int bench_packets(struct bench *b, struct an_error *err)
{
	struct packets p = { .bench = b,
			     .lab.client = -1,
			     .seed = { .rtnl.fd = -1, .actor_rtnl.fd = -1, .nf.fd = -1 } };
	unsigned int rounds = b->spec->quick ? 4 : 96, ms = 60;
	struct an_error ignored;
	int r;

	memset(p.actor_ns, 0xff, sizeof(p.actor_ns));
	r = packets_open(&p, err);
	for (unsigned int round = 0; round < rounds && r == 0; round++)
		r = packets_round(&p, round, ms, err);
	if (r == 0)
		packets_report(&p);
	seed_close(&p.seed);
	for (int n = 0; n < BENCH_LEVELS; n++) {
		fd_close(p.actor_ns[n]);
		if (fleet_down(&p.fleets[n], r < 0 ? &ignored : err) < 0 && r == 0)
			r = -EIO;
	}
	lab_close(&p.lab);
	for (int kind = 0; kind < TRAFFIC_COUNT; kind++)
		for (int path = 0; path < PACKETS_PATHS; path++)
			series_fini(&p.values[kind][path]);
	return r;
}
