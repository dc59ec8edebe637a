/* SPDX-License-Identifier: Apache-2.0 */
/* All actors of a worker with what was denied to them, as the kernel has it. */
#include <actornet/actor.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* A namespace of its own, so that the machine's network is not touched; its uplink leads nowhere. */
static int enter_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return -1;
	}
	return system("ip link add eth0 up type veth peer name far && ip link set far up && "
		      "ip addr add 192.0.2.2/24 dev eth0 && ip addr add 2001:db8::2/64 dev eth0 nodad && "
		      "ip route add default via 192.0.2.1");
}

static int fail(const struct an_error *err)
{
	fprintf(stderr, "%s: %s (%s)\n", err->object, err->message, err->remedy);
	return err->kind;
}

/* Called for each actor, in the order of their names. A return other than 0 would end the list. */
static int print_actor(const struct an_actor_info *info, void *data)
{
	int *count = data;

	printf("%-8s %-7s %-4s %-12s egress %-9s sent %" PRIu64 " packets\n", info->name,
	       info->state == AN_STATE_ACTIVE ? "active" : "lost", info->slot, info->outer,
	       an_egress_name(info->egress), info->tx_packets);
	for (int reason = 0; reason < AN_REASON_COUNT; reason++) {
		if (info->denied[reason])
			printf("         denied %s: %" PRIu64 "\n", an_reason_name((enum an_reason)reason),
			       info->denied[reason]);
	}
	(*count)++;
	return 0;
}

static int list(struct an_worker *worker, int *ret_count, struct an_error *err)
{
	static const char *const egress[] = { "internet", "all", "none" };
	int r = 0;

	for (int i = 0; r >= 0 && i < 3; i++) {
		struct an_actor_spec spec = { .size = sizeof(spec), .name = egress[i] };

		r = an_egress_parse(egress[i], &spec.egress, err);
		if (r == 0)
			r = an_actor_name_check(spec.name, err); /* an_actor_activate() does so too */
		if (r == 0)
			r = an_actor_activate(worker, &spec, NULL, err);
	}
	*ret_count = 0;
	return r < 0 ? r : an_actor_list(worker, print_actor, ret_count, err);
}

int main(void)
{
	const struct an_worker_spec spec = {
		.size = sizeof(spec), .netns_fd = -1, .slots = 3, .max = AN_KEEP
	};
	struct an_worker *worker;
	struct an_error err = { 0 };
	int r, count;

	if (enter_namespace())
		return 1;
	if (an_worker_up(&worker, &spec, NULL, &err) < 0)
		return fail(&err);
	r = list(worker, &count, &err);
	an_worker_close(worker);
	an_worker_down(-1, NULL, NULL);
	return r < 0 ? fail(&err) : count != 3;
}
