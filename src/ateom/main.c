/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ateom-gvisor: supervisor of gVisor sandboxes in a worker of Agent Substrate.
 *
 * Theory of operation: three threads. The main one, here, has signals, children and what containers print. The loop
 * thread has the socket, the service thread runs the calls (server.h). SIGTERM and SIGINT stop the server: the call
 * under way is finished or rolled back, which may take what it takes, and children are reaped until then. Then the
 * actor, if there is one, ends, and the worker is left as it was found.
 */
#include "ateom/args.h"
#include "ateom/children.h"
#include "ateom/follow.h"
#include "ateom/log.h"
#include "ateom/server.h"
#include "ateom/service.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <unistd.h>

/* How often a full log is looked at, and how long its reader may take at the end. */
#define MAIN_FULL_MS  100
#define MAIN_CLOSE_MS 1000

/* Static: some of it is large, and there is one. */
static struct args args;
static struct follow follow;
static struct service service = { .preparing = PTHREAD_MUTEX_INITIALIZER, .broken_fd = -1 };

/* A descriptor below 3 would be taken for a standard one by what we start. */
static void main_fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
			return;
	}
}

/* Signals come by descriptor, to this thread; those that others inherit are blocked from here on. */
static int main_signals(struct an_error *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A log whose reader has gone loses lines; that is no reason to end. */
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? error_errno(err, AN_FAILED, errno, "signals", "make a descriptor") : fd;
}

/* What has come. Return: are we to end? */
static bool main_read_signals(int fd)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD) {
			log_say(LOG_LEVEL_INFO, "%s: ending", strsignal((int)info.ssi_signo));
			end = true;
		}
	}
	/* Several children's ends may be one signal. */
	children_reap();
	return end;
}

/*
 * Until the server has stopped. Signals first: they must not wait for what containers print, of which each turn takes
 * but some, or none while the log is full; then a turn comes anyway, as nobody tells that its reader is stuck.
 */
static void main_loop(struct server *server, int signal_fd)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },	       { .fd = service.broken_fd, .events = POLLIN },
		{ .fd = server_fd(server), .events = POLLIN }, { .fd = log_fd(), .events = POLLIN },
		{ .fd = follow.epoll, .events = POLLIN },
	};

	while (!fds[2].revents) {
		bool full = log_full();

		fds[4].fd = full ? -1 : follow.epoll;
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), full ? MAIN_FULL_MS : -1) < 0)
			continue;
		if (fds[0].revents && main_read_signals(signal_fd))
			server_stop(server);
		if (fds[1].revents) {
			log_say(LOG_LEVEL_ERROR, "a clean-up failed: ending, so that a clean worker comes");
			server_serving(server, false);
			server_stop(server);
			fds[1].fd = -1;
		}
		if (fds[3].revents)
			log_flush();
		if (fds[4].revents)
			follow_dispatch(&follow);
	}
}

static int main_fail(const struct an_error *err)
{
	log_say(LOG_LEVEL_ERROR, "%s%s%s%s%s", err->object, err->object[0] ? ": " : "", err->message,
		err->remedy[0] ? "; " : "", err->remedy);
	return 1;
}

/*
 * The socket comes first, then the worker, whose first call waits for it: a caller that looks for the socket finds it
 * within a few milliseconds. Return: 0, or a negative errno after having said why.
 */
static int main_start(struct server **ret_server)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	static struct rpc_method methods[SERVICE_METHODS];
	struct server_spec spec = {
		.path = path,
		.methods = methods,
		.n_methods = SERVICE_METHODS,
		.after = service_after,
		.data = &service,
	};
	struct an_error err = { 0 };
	int r;

	service_methods(&service, methods);
	pthread_mutex_lock(&service.preparing);
	r = args_socket(&args, path, sizeof(path), &err);
	if (r == 0)
		r = server_start(ret_server, &spec, &err);
	if (r == 0)
		r = workload_init(&service.workload, &args, &follow, &err);
	service.prepared = r == 0;
	if (r == 0)
		server_serving(*ret_server, true);
	pthread_mutex_unlock(&service.preparing);
	if (r < 0)
		main_fail(&err);
	else
		log_say(LOG_LEVEL_INFO, "ateom-gvisor %s serves at %s", args_version(), path);
	return r;
}

/* Serve, then leave the worker as it was. Return: exit status. */
static int main_serve(int signal_fd)
{
	struct server *server = NULL;
	struct an_error err = { 0 };
	int r = main_start(&server);

	if (r == 0)
		main_loop(server, signal_fd);
	/* First: its connections may hold the descriptors that are needed now. */
	server_free(server);
	if (workload_fini(&service.workload, &err) < 0 && r == 0)
		return main_fail(&err);
	return r < 0 || service.workload.broken;
}

/* Return: exit status. */
static int main_run(void)
{
	_cleanup_fd_ int signal_fd = -1;
	struct an_error err = { 0 };
	int status;

	signal_fd = main_signals(&err);
	service.broken_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (signal_fd < 0 || service.broken_fd < 0 || children_adopt(&err) < 0 ||
	    follow_init(&follow, &err) < 0)
		return main_fail(&err);
	status = main_serve(signal_fd);
	children_reap();
	follow_fini(&follow);
	return status;
}

int main(int argc, char **argv)
{
	struct an_error err = { 0 };
	int status;

	main_fill_descriptors();
	if (args_parse(&args, argc, argv, &err) < 0) {
		fprintf(stderr, "ateom-gvisor: %s: %s\n", err.object, err.message);
		return AN_USAGE;
	}
	if (args.help)
		fputs(args_help(), stdout);
	else if (args.version)
		printf("ateom-gvisor %s\n", args_version());
	if (args.help || args.version)
		return fflush(stdout) == 0 ? 0 : 1;
	log_open(STDOUT_FILENO, args.log_level, log_on_gce());
	status = main_run();
	log_close(MAIN_CLOSE_MS);
	return status;
}
