/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline's network for the benchmark of ateom-gvisor, in the worker's namespace that it runs in: seed-net PATH
 * makes the actor's namespace there, as the baseline does at start-up, then builds the network for each line "build" on
 * standard input and removes it for "remove". The answer is "ok MICROSECONDS", or the error.
 */
#include "bench/bench.h"
#include "bench/lab.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "rtnl/address.h"
#include "rtnl/link.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* The actor's namespace, bound to a path. Return: its descriptor, or a negative errno. */
static int seednet_namespace(const char *path, int home)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	fd_close(fd);
	if (unshare(CLONE_NEWNET) < 0 || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		return -errno;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(home, CLONE_NEWNET) < 0)
		return -errno;
	return fd;
}

/* The pod's own address is the argument after the path. */
static int seednet_open(struct seed *s, char *argv[], struct an_error *err)
{
	static struct lab_place worker, actor;
	int r;

	worker.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (worker.ns < 0)
		return error_set(err, AN_FAILED, errno, "namespace", "%s", strerror(errno));
	r = addr_parse(argv[2], &worker.addr);
	if (r < 0)
		return error_set(err, AN_FAILED, -r, argv[2], "no address");
	actor.ns = seednet_namespace(argv[1], worker.ns);
	if (actor.ns < 0)
		return error_set(err, AN_FAILED, -actor.ns, argv[1], "%s", strerror(-actor.ns));
	return seed_open(s, &worker, &actor, err);
}

int main(int argc, char *argv[])
{
	struct an_error err = { 0 };
	struct seed s;
	char line[32];

	if (argc != 3) {
		fprintf(stderr, "usage: %s PATH ADDRESS\n", argv[0]);
		return 2;
	}
	if (seednet_open(&s, argv, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		double began = bench_now_us();
		int r = line[0] == 'b' ? seed_build(&s, &err) : seed_remove(&s, &err);

		if (r < 0)
			printf("%s\n", err.message);
		else
			printf("ok %.0f\n", bench_now_us() - began);
		fflush(stdout);
	}
	seed_close(&s);
	return 0;
}
