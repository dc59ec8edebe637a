/* SPDX-License-Identifier: Apache-2.0 */
/* An actor gets its network with two ports, is looked at, and loses it again. */
#include <actornet/actor.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static int live(struct an_worker *worker, struct an_error *err)
{
	struct an_actor_info info = { .size = sizeof(info) };
	struct an_port ports[2];
	const struct an_actor_spec spec = {
		.size = sizeof(spec),
		.name = "web",
		.ports = ports,
		.n_ports = 2,
		.egress = AN_EGRESS_INTERNET, /* public addresses only */
	};
	int r = an_port_parse("80:8080", &ports[0], err);
	int fd;

	if (r == 0)
		r = an_port_parse("443/udp", &ports[1], err);
	if (r == 0)
		r = an_actor_activate(worker, &spec, &info, err);
	if (r < 0)
		return r;
	printf("%s: %s in %s, outside %s, after %llu us\n", info.name, info.address, info.netns, info.outer,
	       (unsigned long long)info.elapsed_us);

	/* Start whatever is to run in there: a sandbox by path (info.netns), a thread by descriptor and setns(2). */
	fd = an_actor_netns(worker, "web", err);
	if (fd < 0)
		return fd;
	close(fd);

	r = an_actor_show(worker, "web", &info, err);
	if (r < 0)
		return r;
	printf("%s: generation %llu, %llu packets denied by policy\n", info.name,
	       (unsigned long long)info.generation, (unsigned long long)info.denied[AN_REASON_POLICY]);

	/* Only this activation: had somebody released it and activated it anew, that would be left alone. */
	r = an_actor_release(worker, "web", info.generation, &info, err);
	if (r == 0)
		printf("%s: %s released in %llu us\n", info.name, info.slot,
		       (unsigned long long)info.elapsed_us);
	return r < 0 ? r
		     : an_worker_dispatch(worker, 0, err); /* after the answer: clear up, refill the pool */
}

int main(void)
{
	const struct an_worker_spec spec = {
		.size = sizeof(spec), .netns_fd = -1, .slots = 2, .max = AN_KEEP
	};
	struct an_worker *worker;
	struct an_error err = { 0 };
	int r;

	if (enter_namespace())
		return 1;
	if (an_worker_up(&worker, &spec, NULL, &err) < 0)
		return fail(&err);
	r = live(worker, &err);
	an_worker_close(worker);
	an_worker_down(-1, NULL, NULL);
	return r < 0 ? fail(&err) : 0;
}
