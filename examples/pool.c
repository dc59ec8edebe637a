/* SPDX-License-Identifier: Apache-2.0 */
/* A program's own event loop: answers first, and what was put off when there is time. */
#include <actornet/actor.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define ACTORS 6 /* more than are kept ready */

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

static int activate(struct an_worker *worker, int number, struct an_error *err)
{
	char name[16];
	struct an_actor_info info = { .size = sizeof(info) };
	const struct an_actor_spec spec = { .size = sizeof(spec), .name = name };
	int r;

	snprintf(name, sizeof(name), "actor-%d", number);
	r = an_actor_activate(worker, &spec, &info, err);
	if (r >= 0)
		printf("%s: %s after %llu us\n", name, info.slot, (unsigned long long)info.elapsed_us);
	return r;
}

/* Requests would be further descriptors here. Return: 0 when nothing is left to do, or a negative errno. */
static int loop(struct an_worker *worker, struct an_error *err)
{
	struct pollfd fds[] = { { .fd = an_worker_fd(worker), .events = POLLIN } };
	int turns = 0, r;

	while (poll(fds, 1, 0) > 0) {
		r = an_worker_dispatch(worker, 500, err); /* takes up no more work after 500 us */
		if (r < 0)
			return r;
		turns++;
	}
	printf("dispatched %d times\n", turns);
	return 0;
}

static int serve(struct an_worker *worker, struct an_error *err)
{
	struct an_worker_info info = { .size = sizeof(info) };
	int r = 0;

	for (int i = 0; r >= 0 && i < ACTORS; i++)
		r = activate(worker, i, err);
	if (r >= 0)
		r = loop(worker, err);
	if (r >= 0)
		r = an_actor_release(worker, "actor-0", 0, NULL, err);
	if (r >= 0)
		r = loop(worker, err);
	if (r >= 0)
		r = an_worker_info(worker, &info, err);
	if (r >= 0)
		printf("%u slots, %u of them idle (target %u)\n", info.slots, info.idle, info.idle_target);
	return r < 0 ? r : info.idle != info.idle_target;
}

int main(void)
{
	const struct an_worker_spec spec = { .size = sizeof(spec), .netns_fd = -1, .slots = 4, .max = 16 };
	struct an_worker *worker;
	struct an_error err = { 0 };
	int r;

	if (enter_namespace())
		return 1;
	if (an_worker_up(&worker, &spec, NULL, &err) < 0)
		return fail(&err);
	r = serve(worker, &err);
	an_worker_close(worker);
	an_worker_down(-1, NULL, NULL);
	return r < 0 ? fail(&err) : r;
}
