/* SPDX-License-Identifier: Apache-2.0 */
/* actornet up: prepare the worker. */
#include "cli/cli.h"
#include "cli/print.h"

#include "base/cleanup.h"
#include "core/preflight.h"
#include "netns/netns.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/netns/%s/resolv.conf"

struct up_values {
	uint32_t slots, max;
	const char *uplink, *inner, *inner6, *range, *range6;
	struct opt_range nat_ports;
	bool allow_forward, dry_run;
};

static const struct opt up_options[] = {
	OPT("slots", "N", opt_u32, struct up_values, slots, "idle slots to keep ready (16)",
	    .max = LAYOUT_MAX),
	OPT("max", "M", opt_u32, struct up_values, max, "most slots at once, idle and active (60000)",
	    .min = 1, .max = LAYOUT_MAX),
	OPT("uplink", "IF", opt_interface, struct up_values, uplink,
	    "the worker's link to the outside (that of the default route)"),
	OPT("inner", "CIDR", opt_cidr4, struct up_values, inner,
	    "an actor's own address (169.254.17.2/30); part of every snapshot", .min = PREFLIGHT_INNER_MIN,
	    .max = PREFLIGHT_INNER_MAX),
	OPT("inner6", "CIDR", opt_cidr6, struct up_values, inner6, "the same in IPv6 (fd00:169:254::2/126)",
	    .min = PREFLIGHT_INNER6_MIN, .max = PREFLIGHT_INNER6_MAX),
	OPT("range", "CIDR", opt_cidr4, struct up_values, range,
	    "outer addresses, IPv4 /16 to /24 (first free /16 of 100.64.0.0/10)", .min = PREFLIGHT_RANGE_MIN,
	    .max = PREFLIGHT_RANGE_MAX),
	OPT("range6", "CIDR", opt_cidr6, struct up_values, range6,
	    "outer addresses, IPv6 /64 (a unique local one)", .min = PREFLIGHT_RANGE6,
	    .max = PREFLIGHT_RANGE6),
	OPT("nat-ports", "A-B", opt_nat_ports, struct up_values, nat_ports,
	    "source ports of the actors' flows at the worker (20000-29999)", .min = PREFLIGHT_NAT_MIN,
	    .max = UINT16_MAX),
	OPT("allow-forward", NULL, opt_flag, struct up_values, allow_forward,
	    "let actors through another firewall where it offers a place for that"),
	OPT("dry-run", NULL, opt_flag, struct up_values, dry_run, "check everything, change nothing"),
	{ 0 },
};

const struct command command_up = {
	.name = "up",
	.usage = "[OPTIONS]",
	.summary = "prepare the worker for actors, or adjust it",
	.about = "Makes the gateway namespace, its link to the worker, the tables and a pool of idle\n"
		 "slots. Again with other options it adjusts; what is not given stays as it is.\n"
		 "The uplink itself is never touched. On failure the worker is as it was.",
	.example = "  actornet up --slots 32\n"
		   "  actornet --worker pod7 up --uplink eth0 --range 100.70.0.0/16",
	.options = up_options,
	.exits = CLI_EXIT(AN_CONFLICT),
	.run = cmd_up,
};

/* The convention of ip-netns(8): a namespace by name may have a resolver file of its own. */
static const char *resolv_conf(const char *worker, char *buf, size_t size)
{
	if (!worker)
		return NULL;
	if (!strncmp(worker, NETNS_DIR "/", strlen(NETNS_DIR "/")))
		worker += strlen(NETNS_DIR "/");
	if (strchr(worker, '/') || snprintf(buf, size, RESOLV_CONF, worker) >= (int)size)
		return NULL;
	return access(buf, F_OK) ? NULL : buf;
}

static struct an_worker_spec spec_of(const struct up_values *values)
{
	return (struct an_worker_spec){
		.size = sizeof(struct an_worker_spec),
		.uplink = values->uplink,
		.slots = values->slots,
		.max = values->max,
		.inner = values->inner,
		.inner6 = values->inner6,
		.range = values->range,
		.range6 = values->range6,
		.nat_port_min = values->nat_ports.min,
		.nat_port_max = values->nat_ports.max,
		.flags = (values->allow_forward ? AN_UP_ALLOW_FORWARD : 0) |
			 (values->dry_run ? AN_UP_DRY_RUN : 0),
	};
}

static void show(struct cli *cli, const struct an_worker_info *info, bool dry_run)
{
	if (cli->json) {
		cli_emit(cli, json_from_worker(info));
		return;
	}
	if (cli->quiet)
		return;
	puts(dry_run ? "The worker can be prepared; nothing was changed." : "The worker is prepared.");
	print_worker(info, cli->verbose);
	printf("next: actornet %s%s%s%s\n", cli->worker ? "--worker " : "", cli->worker ? cli->worker : "",
	       cli->worker ? " " : "", dry_run ? "up, with the same options" : "activate NAME --port 80");
}

int cmd_up(struct cli *cli, int argc, char **argv)
{
	struct up_values values = { .slots = AN_KEEP, .max = AN_KEEP };
	_cleanup_(cli_close) struct an_worker *worker = NULL;
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker_spec spec;
	char path[300];

	if (cli_parse(cli, &command_up, argc, argv, &values))
		return AN_USAGE;
	spec = spec_of(&values);
	if (preflight_spec(&spec, &cli->err) < 0 || cli_capable(cli) < 0 || cli_netns(cli) < 0)
		return cli_fail(cli);
	spec.netns_fd = cli->netns_fd;
	spec.resolv_conf = resolv_conf(cli->worker, path, sizeof(path));
	if (an_worker_up(values.dry_run ? NULL : &worker, &spec, &info, &cli->err) < 0)
		return cli_fail(cli);
	show(cli, &info, values.dry_run);
	return worker ? cli_settle(cli, worker) : cli_flush(cli);
}
