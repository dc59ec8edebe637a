/* SPDX-License-Identifier: Apache-2.0 */
/* A prepared worker with so many active actors, each with a TCP and a UDP port. */
#include "lab.h"

#include "base/error.h"
#include "bench.h"
#include "netns/netns.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Worker's ports: below the masquerade's range (20000 on) and the kernel's own (32768 on). */
#define FLEET_PORT	  2000
#define FLEET_PROBE_PORT  10000
#define FLEET_PROBE_PORTS 8000

void fleet_ports(struct an_port ports[2], uint16_t port)
{
	ports[0] = (struct an_port){
		.protocol = IPPROTO_TCP, .port = port, .end_port = port, .actor_port = FLEET_ACTOR_PORT
	};
	ports[1] = ports[0];
	ports[1].protocol = IPPROTO_UDP;
}

int fleet_up(struct fleet *f, const struct lab_place *place, uint32_t slots, struct an_error *err)
{
	struct an_worker_spec spec = { .size = sizeof(spec), .netns_fd = place->ns, .slots = slots };
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker *worker = NULL;
	int r;

	f->place = place;
	r = an_worker_up(&worker, &spec, &info, err);
	if (r < 0)
		return r;
	an_worker_close(f->worker);
	f->worker = worker;
	memcpy(f->id, info.id, sizeof(f->id));
	return 0;
}

int fleet_grow(struct fleet *f, unsigned int active, struct an_error *err)
{
	int r = 0;

	for (; f->active < active && r >= 0; f->active++) {
		char name[32];
		struct an_port ports[2];
		struct an_actor_spec spec = {
			.size = sizeof(spec), .name = name, .ports = ports, .n_ports = 2
		};

		snprintf(name, sizeof(name), "fleet-%u", f->active);
		fleet_ports(ports, (uint16_t)(FLEET_PORT + f->active));
		r = an_actor_activate(f->worker, &spec, NULL, err);
		if (r >= 0)
			r = bench_stopped(err);
		if (r < 0)
			return r;
	}
	r = an_worker_dispatch(f->worker, 0, err);
	return r < 0 ? r : 0;
}

void fleet_probe(struct fleet *f, struct probe *p)
{
	unsigned int n = f->probes++;

	*p = (struct probe){ 0 };
	snprintf(p->name, sizeof(p->name), "probe-%u", n);
	fleet_ports(p->ports, (uint16_t)(FLEET_PROBE_PORT + n % FLEET_PROBE_PORTS));
	p->spec = (struct an_actor_spec){
		.size = sizeof(p->spec), .name = p->name, .ports = p->ports, .n_ports = 2
	};
	p->info.size = sizeof(p->info);
}

static int fleet_count(const char *name, void *data)
{
	(void)name;
	++*(unsigned int *)data;
	return 0;
}

int fleet_down(struct fleet *f, struct an_error *err)
{
	char prefix[32];
	unsigned int left = 0;
	int r;

	if (!f->place)
		return 0;
	an_worker_close(f->worker);
	r = an_worker_down(f->place->ns, NULL, err);
	snprintf(prefix, sizeof(prefix), "actornet-%s", f->id);
	if (r >= 0 && f->id[0])
		netns_dump(prefix, fleet_count, &left, NULL);
	*f = (struct fleet){ 0 };
	if (r >= 0 && left > 0)
		return error_set(err, AN_FAILED, EBUSY, prefix, "%u namespaces are left after down", left);
	return r < 0 ? r : 0;
}
