/* SPDX-License-Identifier: Apache-2.0 */
/* The program actornet: what surrounds the commands. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/*
 * Started with a standard descriptor closed, the next socket would get its number, and our answer would be written
 * into netlink. Read-only /dev/null for output makes writing an error, as it should be.
 */
static void fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) < 0)
			return;
}

static void ignore(int number)
{
	(void)number;
}

/*
 * A reader that went away must not end us between an answer and the work put off: it shall be a write error. A
 * handler, other than SIG_IGN, does not go on to programs that we start.
 */
static void survive_broken_pipes(void)
{
	struct sigaction old, action = { .sa_handler = ignore, .sa_flags = SA_RESTART };

	if (!sigaction(SIGPIPE, NULL, &old) && old.sa_handler == SIG_DFL)
		sigaction(SIGPIPE, &action, NULL);
}

int main(int argc, char **argv)
{
	fill_descriptors();
	survive_broken_pipes();
	return cli_run(argc, argv);
}
