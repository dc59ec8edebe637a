/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a worker. */
#include "core/worker.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/lock.h"
#include "core/local.h"
#include "core/witness.h"
#include "rtnl/link.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

int side_socket(struct nl_sock *sock, int netns_fd, int protocol, struct an_error *err)
{
	int fd = netns_socket(netns_fd, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol, err);

	return fd < 0 ? fd : nl_open(sock, fd, err);
}

int side_open(struct side *side, int netns_fd, struct an_error *err)
{
	int r;

	side->netns_fd = netns_fd;
	txn_init(&side->txn, NFPROTO_INET, LAYOUT_TABLE);
	r = side_socket(&side->rtnl, netns_fd, NETLINK_ROUTE, err);
	if (r == 0)
		r = side_socket(&side->nf, netns_fd, NETLINK_NETFILTER, err);
	return r;
}

void side_close(struct side *side)
{
	nl_close(&side->rtnl);
	nl_close(&side->nf);
	txn_fini(&side->txn);
	side->netns_fd = fd_close(side->netns_fd);
}

static int own_fd(int netns_fd, struct an_error *err)
{
	int fd;

	if (netns_fd < 0)
		return netns_open_self(err);
	fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_errno(err, errno == EBADF ? AN_USAGE : AN_FAILED, errno, "worker",
				   "descriptor %d of its namespace", netns_fd);
	return fd;
}

static const struct side side_closed = { .netns_fd = -1, .rtnl = NL_SOCK_CLOSED, .nf = NL_SOCK_CLOSED };

int worker_new(struct an_worker **ret_worker, int netns_fd, struct an_error *err)
{
	struct an_worker *w = calloc(1, sizeof(*w));
	int fd, r;

	if (!w)
		return error_set(err, AN_FAILED, ENOMEM, "worker", "out of memory");
	w->side[ELEMENTS_WORKER] = w->side[ELEMENTS_GATEWAY] = side_closed;
	w->diag = (struct nl_sock)NL_SOCK_CLOSED;
	w->changes_fd = -1;
	w->next = 1;
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = w->event_fd < 0 ? error_errno(err, AN_FAILED, errno, "worker", "make an eventfd") : 0;
	fd = r == 0 ? own_fd(netns_fd, err) : -1;
	if (r == 0)
		r = fd < 0 ? fd : side_open(WORKER_SIDE(w), fd, err);
	if (r == 0)
		r = netns_inode(fd, &w->inode, err);
	if (r == 0)
		r = side_socket(&w->diag, fd, NETLINK_SOCK_DIAG, err);
	if (r == 0)
		r = w->changes_fd = local_open(fd, err);
	if (r < 0) {
		an_worker_close(w);
		return r;
	}
	snprintf(w->plane.id, sizeof(w->plane.id), "%08x", (unsigned int)w->inode);
	*ret_worker = w;
	return 0;
}

int worker_load_gateway(struct an_worker *w, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME];
	struct link up;
	int fd, r;

	fd = netns_open(layout_gateway_netns(&w->plane, name), err);
	if (fd < 0)
		return fd;
	r = side_open(GATEWAY_SIDE(w), fd, err);
	if (r == 0)
		r = link_get(&GATEWAY_SIDE(w)->rtnl, LAYOUT_UP_LINK, &up, err);
	if (r == 0)
		r = record_gateway_parse(up.alias, &w->plane, err);
	return r;
}

void worker_close_gateway(struct an_worker *w)
{
	side_close(GATEWAY_SIDE(w));
	w->side[ELEMENTS_GATEWAY] = side_closed;
}

int worker_load(struct an_worker *w, struct an_error *err)
{
	struct link link;
	int r = link_get(&WORKER_SIDE(w)->rtnl, LAYOUT_WORKER_LINK, &link, err);

	if (r == -ENODEV) {
		error_set(err, AN_NOT_PREPARED, ENOENT, "worker", "has no actornet");
		return error_remedy(err, "actornet up");
	}
	if (r == 0)
		r = record_worker_parse(link.alias, &w->record, err);
	if (r < 0)
		return r;
	w->worker_index = w->plane.link = link.index;
	w->plane.mtu = link.mtu;
	snprintf(w->plane.uplink, sizeof(w->plane.uplink), "%s", w->record.uplink);
	r = worker_load_gateway(w, err);
	if (r == 0)
		return local_look(w, err); /* now, so that the first activation need not */
	/*
	 * No namespace, none any more, no link in it, no record of ours: any other error tells nothing of
	 * the worker.
	 */
	if (r == -ENOENT || r == -EINVAL || r == -ENODEV) {
		error_set(err, AN_NOT_PREPARED, ENOENT, "worker",
			  "is half prepared: its gateway namespace is gone or damaged");
		return error_remedy(err, "actornet down, then actornet up");
	}
	return r;
}

int worker_save(struct an_worker *w, const struct record_worker *saved, struct an_error *err)
{
	char text[RECORD_TEXT];
	int r = saved && witness_agrees(saved, &w->record) ? 0 : witness_save(w, err);

	if (r < 0)
		return r;
	return link_set_alias(&WORKER_SIDE(w)->rtnl, w->worker_index, record_worker_format(&w->record, text),
			      err);
}

void worker_lock_path(const struct an_worker *w, char buf[static 64])
{
	snprintf(buf, 64, LAYOUT_RUN "/%s.lock", w->plane.id);
}

int worker_current(const struct an_worker *w, struct an_error *err)
{
	char name[LAYOUT_NETNS_NAME], path[NETNS_PATH];
	struct stat own, there;

	if (netns_path(layout_gateway_netns(&w->plane, name), path, err) < 0)
		return -EINVAL;
	if (GATEWAY_SIDE(w)->netns_fd < 0 ||
	    (fstat(GATEWAY_SIDE(w)->netns_fd, &own) == 0 && stat(path, &there) == 0 &&
	     own.st_ino == there.st_ino && own.st_dev == there.st_dev))
		return 0;
	error_set(err, AN_NOT_PREPARED, ENOENT, "worker", "was taken down after this handle was opened");
	return error_remedy(err, "actornet up, then open it again");
}

int worker_lock(const struct an_worker *w, struct an_error *err)
{
	char path[64];
	int lock, r;

	worker_lock_path(w, path);
	lock = lock_take(path, WORKER_LOCK_MS, err);
	r = lock < 0 ? lock : worker_current(w, err);
	if (r < 0) {
		lock_drop(lock);
		return r;
	}
	return lock;
}

/* A full or an empty counter is what is wanted: nothing to do about an error. */
void worker_wake(struct an_worker *w)
{
	uint64_t one = 1;

	if (w->n_fresh > 0 || w->n_released > 0 || w->n_named > 0 || w->n_idle < w->record.idle_target)
		(void)!write(w->event_fd, &one, sizeof(one));
	else
		worker_rest(w);
}

void worker_rest(struct an_worker *w)
{
	uint64_t drained;

	(void)!read(w->event_fd, &drained, sizeof(drained));
}

int numbers_push(uint32_t **list, size_t *n, size_t *size, uint32_t number)
{
	if (*n == *size) {
		size_t wanted = *size ? 2 * *size : 64;
		uint32_t *grown = reallocarray(*list, wanted, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		*list = grown;
		*size = wanted;
	}
	(*list)[(*n)++] = number;
	return 0;
}

int an_worker_fd(const struct an_worker *worker)
{
	return worker->event_fd;
}

void an_worker_close(struct an_worker *worker)
{
	int saved = errno;

	if (!worker)
		return;
	side_close(GATEWAY_SIDE(worker));
	side_close(WORKER_SIDE(worker));
	nl_close(&worker->diag);
	fd_close(worker->changes_fd);
	fd_close(worker->event_fd);
	free(worker->idle);
	free(worker->claimed);
	free(worker->released);
	free(worker->fresh);
	free(worker->named);
	free(worker);
	errno = saved;
}
