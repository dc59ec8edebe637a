/* SPDX-License-Identifier: Apache-2.0 */
/* `actornet bench`: measure, with the baselines beside. */
#include "cli/cli.h"

#include "base/error.h"
#include "bench/bench.h"

#include <errno.h>
#include <string.h>

struct bench_values {
	const char *only, *output, *probe;
	bool quick;
};

static int opt_part(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	static const char *const parts[] = { "activation", "packets", "cli" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(value, parts[i]) != 0)
			continue;
		*(const char **)target = parts[i];
		return 0;
	}
	error_set(err, AN_USAGE, EINVAL, "", "'%.32s' is none of the parts", value);
	return error_remedy(err, "give %s", opt->value);
}

static const struct opt bench_options[] = {
	{ .name = "only",
	  .value = "activation|packets|cli",
	  .parse = opt_part,
	  .offset = offsetof(struct bench_values, only),
	  .help = "measure that part alone" },
	{ .name = "quick",
	  .parse = opt_flag,
	  .offset = offsetof(struct bench_values, quick),
	  .help = "fewer samples, shorter slices: under 30 seconds" },
	{ .name = "output",
	  .value = "FILE",
	  .parse = opt_text,
	  .offset = offsetof(struct bench_values, output),
	  .help = "write the JSON object to a file as well" },
	/* How the bench starts itself to count its system calls. */
	{ .name = "probe",
	  .value = "NETNS",
	  .parse = opt_text,
	  .offset = offsetof(struct bench_values, probe) },
	{ 0 },
};

const struct command command_bench = {
	.name = "bench",
	.usage = "[--quick] [--only PART] [--output FILE]",
	.summary = "measure activation and packet path, with the baselines beside them",
	.about = "Measures, by turns in one run, how long activation and release take and what the\n"
		 "path costs a packet, at 1, 100 and 1,000 active actors, beside the method that\n"
		 "builds and removes devices each time and beside a plain veth. All of it is in\n"
		 "network namespaces of its own, named anbench-PID-..., which are removed however it\n"
		 "ends; --worker has no meaning here. Column `to seed` says how many times as good a\n"
		 "figure is as the baseline's beside it. A goal that is missed is a finding.",
	.example = "  actornet bench --quick\n"
		   "  actornet bench --only packets --json",
	.options = bench_options,
	.exits = CLI_EXIT(AN_FINDING),
	.run = cmd_bench,
};

int cmd_bench(struct cli *cli, int argc, char **argv)
{
	struct bench_values values = { 0 };
	struct bench_spec spec;
	int r;

	if (cli_parse(cli, &command_bench, argc, argv, &values))
		return AN_USAGE;
	if (cli_capable(cli) < 0)
		return cli_fail(cli);
	if (values.probe)
		return bench_probe(values.probe, &cli->err) < 0 ? cli_fail(cli) : 0;
	spec = (struct bench_spec){
		.only = values.only, .output = values.output, .quick = values.quick, .json = cli->json
	};
	r = bench_run(&spec, &cli->err);
	if (r < 0)
		return cli_fail(cli);
	return r > 0 ? AN_FINDING : 0;
}
