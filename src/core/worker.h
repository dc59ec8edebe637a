/* SPDX-License-Identifier: Apache-2.0 */
/* The handle of a prepared worker: sockets in its two namespaces, what is known of it, work put off. */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include "core/record.h"
#include "core/uplink.h"
#include "netns/netns.h"
#include "nf/txn.h"
#include "nl/sock.h"
#include "plane/layout.h"
#include "rtnl/address.h"
#include <actornet/actor.h>
#include <actornet/worker.h>

#define WORKER_LOCK_MS	 5000 /* how long a writer waits for another */
#define WORKER_ADDRESSES 64   /* of the worker's own, kept at most */

/** struct side - one of the two namespaces: where it is, and sockets in it */
struct side {
	int netns_fd;
	struct nl_sock rtnl, nf;
	struct nf_txn txn;
};

/**
 * struct an_worker - see an_worker_open()
 * @inode:      of the worker's namespace; its hex digits are the plane's id
 * @side:       by enum elements_table
 * @diag:       for sockets of the worker that hold ports
 * @addresses:  the worker's addresses but loopback ones and ours, [n_addresses], as of the last look (core/local.h)
 * @addresses_known: there was a look, and no change was heard of since; @more_addresses: there is no room for all
 * @changes_fd: hears of changes of the worker's addresses
 * @next, @last: slot numbers reserved in the record and not used yet; none where @next is above @last
 * @reserve:    how many were reserved last
 * @event_fd:   readable while something is put off
 * @idle:       numbers of idle slots as last seen, [n_idle]; each is looked at again before it is claimed
 * @claimed:    numbers of claimed slots that still stand among the idle ones, as last seen, [n_claimed]
 * @fresh:      slots made on demand whose link is still to be finished, [n_fresh]
 * @released:   slots whose namespace is still to be dropped, [n_released]
 * @named:      actors whose alias is still to be written to their slot, [n_named]
 */
struct an_worker {
	uint64_t inode;
	struct plane plane;
	struct record_worker record;
	struct side side[ELEMENTS_TABLES];
	struct nl_sock diag;
	struct address addresses[WORKER_ADDRESSES];
	unsigned int n_addresses;
	bool addresses_known, more_addresses;
	int changes_fd;
	uint32_t worker_index;
	uint32_t next, last, reserve;
	int event_fd;
	uint32_t *idle, *claimed, *fresh, *released;
	size_t n_idle, n_claimed, n_fresh, n_released;
	size_t size_idle, size_claimed, size_fresh, size_released;
	struct actor *named;
	size_t n_named, size_named;
};

/** worker_new() - a handle with the worker's own side open, nothing known. Return: 0 or a negative errno. */
int worker_new(struct an_worker **ret_worker, int netns_fd, struct an_error *err);
/** worker_load() - read the records, open the gateway's side. Return: 0, -ENOENT (AN_NOT_PREPARED), -EPROTO, … */
int worker_load(struct an_worker *w, struct an_error *err);
/** worker_load_gateway() - open the gateway's side of a worker whose plane has its id. */
int worker_load_gateway(struct an_worker *w, struct an_error *err);
/** worker_close_gateway() - let go of the gateway's side. */
void worker_close_gateway(struct an_worker *w);
/**
 * worker_current() - is it still the worker that was opened? Return: 0, or -ENOENT (AN_NOT_PREPARED) after
 * a `down`.
 */
int worker_current(const struct an_worker *w, struct an_error *err);
/**
 * worker_lock() - take turns with other writers of a current worker. Return: descriptor for lock_drop(), or
 * a negative errno.
 */
int worker_lock(const struct an_worker *w, struct an_error *err);
/** worker_lock_path() - of the lock file. */
void worker_lock_path(const struct an_worker *w, char buf[static 64]);
/**
 * worker_save() - write the worker's record, to its link and beside it (witness.h)
 * @saved: what was written last, so that what has not changed need not be written; NULL: all of it
 * Return: 0 or a negative errno.
 */
int worker_save(struct an_worker *w, const struct record_worker *saved, struct an_error *err);
/** worker_wake() - make an_worker_fd() readable, or not. */
void worker_wake(struct an_worker *w);
/** worker_rest() - make it not readable: nothing can be done for the moment. */
void worker_rest(struct an_worker *w);

/** side_socket() - a netlink socket in a namespace. Return: 0 or a negative errno. */
int side_socket(struct nl_sock *sock, int netns_fd, int protocol, struct an_error *err);
/** side_open() - sockets in a namespace; takes over @netns_fd. Return: 0 or a negative errno. */
int side_open(struct side *side, int netns_fd, struct an_error *err);
void side_close(struct side *side);

/** numbers_push() - append to one of the handle's lists. Return: 0 or -ENOMEM. */
int numbers_push(uint32_t **list, size_t *n, size_t *size, uint32_t number);

#define WORKER_SIDE(w)	(&(w)->side[ELEMENTS_WORKER])
#define GATEWAY_SIDE(w) (&(w)->side[ELEMENTS_GATEWAY])

#endif
