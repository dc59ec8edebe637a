/* SPDX-License-Identifier: Apache-2.0 */
/* A worker is prepared, described, and put back as it was. */
#include <actornet/worker.h>
#include <sched.h>
#include <stdint.h>
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

static void describe(const struct an_worker_info *info)
{
	printf("worker %s on %s (%s)\n", info->id, info->uplink, info->uplink_addresses);
	printf("  actors outside: %s %s, inside: %s %s\n", info->range, info->range6, info->inner,
	       info->inner6);
	printf("  %u slots, %u idle, mtu %u\n", info->slots, info->idle, info->mtu);
	if (info->notice[0])
		printf("  %s\n", info->notice);
}

int main(void)
{
	const struct an_worker_spec spec = {
		.size = sizeof(spec),
		.netns_fd = -1,	       /* this thread's own namespace */
		.slots = 8,	       /* idle ones to keep ready */
		.max = AN_KEEP,	       /* no limit of ours */
		.nat_port_min = 20000, /* where the actors' flows leave from */
		.nat_port_max = 24999,
	};
	struct an_worker_info info = { .size = sizeof(info) };
	struct an_worker *worker;
	struct an_error err = { 0 };
	uint32_t removed;

	if (enter_namespace())
		return 1;
	if (an_worker_up(&worker, &spec, &info, &err) < 0)
		return fail(&err); /* nothing was changed */
	printf("up after %llu us\n", (unsigned long long)info.elapsed_us);
	describe(&info);
	an_worker_close(worker); /* the worker stays prepared: all state is in the kernel */

	if (an_worker_open(&worker, -1, &err) < 0)
		return fail(&err);
	if (an_worker_info(worker, &info, &err) < 0)
		return fail(&err);
	describe(&info);
	an_worker_close(worker);

	if (an_worker_down(-1, &removed, &err) < 0)
		return fail(&err);
	printf("down: %u slots removed\n", removed);
	return removed == 8 ? 0 : 1;
}
