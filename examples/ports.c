/* SPDX-License-Identifier: Apache-2.0 */
/* Inbound ports of an active actor change: all of them at once, or none. */
#include <actornet/actor.h>
#include <errno.h>
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

static int print_ports(struct an_worker *worker, const char *name, struct an_error *err)
{
	struct an_actor_info info = { .size = sizeof(info) };
	char text[AN_PORT_TEXT];
	int r = an_actor_show(worker, name, &info, err);

	if (r < 0)
		return r;
	printf("%s:", name);
	for (size_t i = 0; i < info.n_ports; i++)
		printf(" %s", an_port_format(&info.ports[i], text));
	printf("\n");
	return 0;
}

static int parse_all(struct an_port web[3], struct an_port greedy[2], struct an_error *err)
{
	int r = an_port_parse("80:8080", &web[0], err);

	if (r == 0)
		r = an_port_parse("[2001:db8::2]:443:8443", &web[1], err);
	if (r == 0)
		r = an_port_parse("7000-7009/udp", &web[2], err);
	if (r == 0)
		r = an_port_parse("9000", &greedy[0], err);
	return r < 0 ? r : an_port_parse("7005/udp", &greedy[1], err);
}

static int start(struct an_worker *worker, const struct an_port *web, struct an_error *err)
{
	const struct an_actor_spec first = { .size = sizeof(first), .name = "web" };
	const struct an_actor_spec second = { .size = sizeof(second), .name = "other" };
	int r = an_actor_activate(worker, &first, NULL, err);

	if (r >= 0)
		r = an_actor_activate(worker, &second, NULL, err);
	return r < 0 ? r : an_actor_ports_set(worker, "web", web, 3, err);
}

static int change(struct an_worker *worker, struct an_error *err)
{
	struct an_port web[3], greedy[2];
	int r = parse_all(web, greedy, err);

	if (r == 0)
		r = start(worker, web, err);
	if (r >= 0)
		r = print_ports(worker, "web", err);
	if (r < 0)
		return r;

	r = an_actor_ports_add(worker, "other", greedy, 2, err);
	if (r != -EADDRINUSE) /* 7005/udp is web's: 9000 isn't given either */
		return r < 0 ? r : 1;
	printf("refused: %s: %s\n", err->object, err->message);
	r = print_ports(worker, "other", err);
	if (r >= 0)
		r = an_actor_ports_del(worker, "web", &web[1], 2, err); /* connections to port 80 go on */
	if (r >= 0)
		r = an_actor_ports_add(worker, "other", greedy, 2, err);
	if (r >= 0)
		r = print_ports(worker, "web", err);
	return r < 0 ? r : print_ports(worker, "other", err);
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
	r = change(worker, &err);
	an_worker_close(worker);
	an_worker_down(-1, NULL, NULL);
	return r < 0 ? fail(&err) : r;
}
