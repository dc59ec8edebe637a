/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: the network namespace whose uplink the actors share.
 *
 * Structs that begin with a size may grow at their end. Who hands one over sets size to what sizeof says at his place:
 * an older library does not write beyond that, and a newer one takes what is missing for zero, or the default. Only a
 * spec that asks for what the library does not know of is refused (E2BIG). Actors that an_actor_list() shows have the
 * library's size.
 */
#ifndef ACTORNET_WORKER_H
#define ACTORNET_WORKER_H

#include <actornet/error.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* A prepared worker. One handle a thread; many handles and processes may share one worker. */
struct an_worker;

/* Flags of struct an_worker_spec. */
#define AN_UP_ALLOW_FORWARD \
	(1U << 0)		/* let actors through where another owner's firewall offers a place for it */
#define AN_UP_DRY_RUN (1U << 1) /* check everything, change nothing, return no handle */

/**
 * struct an_worker_spec - how a worker is to be prepared
 * @size:         sizeof(struct an_worker_spec)
 * @netns_fd:     descriptor of the worker's network namespace, stays the caller's; -1: the calling thread's
 * @resolv_conf:  path of the file that names the worker's resolvers; NULL: /etc/resolv.conf
 * @uplink:       name of the uplink; NULL: the link of the default route
 * @slots:        idle slots to keep ready, 0 to 60000
 * @max:          most slots at once, idle and active, 0: 60000
 * @inner:        actor's address and prefix, e.g. "169.254.17.2/30"; the gateway is the first address of the
 *                prefix that is not the actor's. NULL: that default. Part of every snapshot.
 * @inner6:       the same in IPv6; NULL: "fd00:169:254::2/126"
 * @range:        IPv4 /16 to /24 that tells actors apart outside; NULL: first free /16 of 100.64.0.0/10
 * @range6:       IPv6 /64; NULL: a unique local one made from the worker's id
 * @nat_port_min: first source port of masqueraded flows; 0: 20000
 * @nat_port_max: last one; 0: 29999
 * @flags:        AN_UP_*
 *
 * Not to be called under `ip netns exec`: what it names under /run/netns would be gone with that command (EINVAL).
 *
 * The first two must be there. Where @slots, @max, @inner and so on are not given (0 or NULL) and the worker is
 * prepared already, its present values stay; AN_KEEP says so for @slots and @max.
 */
struct an_worker_spec {
	size_t size;
	int netns_fd;
	const char *resolv_conf;
	const char *uplink;
	uint32_t slots;
	uint32_t max;
	const char *inner;
	const char *inner6;
	const char *range;
	const char *range6;
	uint16_t nat_port_min;
	uint16_t nat_port_max;
	uint32_t flags;
};

/* For @slots and @max of struct an_worker_spec: leave as it is (new worker: 16 slots, 60000 at most). */
#define AN_KEEP UINT32_MAX

/**
 * struct an_worker_info - a prepared worker, as the kernel has it
 * @size:          in: sizeof(struct an_worker_info)
 * @id:            8 hex digits that name this worker's objects under /run/netns
 * @netns_inode:   inode of the worker's network namespace
 * @uplink:        its uplink
 * @uplink_addresses: the uplink's global addresses, text with prefix, separated by blanks
 * @gateway_netns: path of the gateway namespace
 * @inner, @inner6, @range, @range6: as in the spec, in full; @range6 empty in a dry run where it will be random
 * @mtu:           bytes, on every link of ours
 * @ipv6:          1 where actors have IPv6, else 0
 * @slots:         slots there are, idle and active
 * @idle:          idle slots now
 * @idle_target:   idle slots to keep ready
 * @max:           most slots at once
 * @elapsed_us:    microseconds the call took
 * @notice:        what the operator should know or do next, empty where there is nothing
 * @fast_lane:     1 where packets of flows that were judged take it, 0 where the kernel or the rights for it are
 *                 missing, or on PREEMPT_RT; negative in a dry run that can't know it
 */
struct an_worker_info {
	size_t size;
	char id[16];
	uint64_t netns_inode;
	char uplink[16];
	char uplink_addresses[512];
	char gateway_netns[64];
	char inner[64];
	char inner6[64];
	char range[64];
	char range6[64];
	uint32_t mtu;
	int ipv6;
	uint32_t slots;
	uint32_t idle;
	uint32_t idle_target;
	uint32_t max;
	uint64_t elapsed_us;
	char notice[512];
	int fast_lane;
};

/**
 * an_worker_up() - prepare the worker, or adjust it: a second call with the same spec changes nothing
 * @ret_worker: the handle, to be closed with an_worker_close(); may be NULL
 * @spec:       how
 * @ret_info:   what there is now; may be NULL
 * @err:        what went wrong
 *
 * Needs CAP_NET_ADMIN over the worker's namespace and CAP_SYS_ADMIN. Makes one link, two nftables tables, one
 * routing rule and one route a family in the worker, the gateway namespace, and @spec->slots idle slots. On
 * failure the worker is as it was.
 *
 * Return: 0, or a negative errno. Errors: EINVAL (AN_USAGE), EEXIST and EADDRINUSE (AN_CONFLICT), EPERM,
 * ENETUNREACH (no default route), EOPNOTSUPP (kernel feature missing), EPROTO (state of a newer version), EBUSY
 * (lock held).
 */
int an_worker_up(struct an_worker **ret_worker, const struct an_worker_spec *spec,
		 struct an_worker_info *ret_info, struct an_error *err);

/**
 * an_worker_open() - open a prepared worker
 * @ret_worker: the handle
 * @netns_fd:   the worker's network namespace, stays the caller's; -1: the calling thread's
 * @err:        what went wrong
 *
 * Return: 0, or a negative errno: ENOENT (AN_NOT_PREPARED), EPERM, EPROTO.
 */
int an_worker_open(struct an_worker **ret_worker, int netns_fd, struct an_error *err);

/** an_worker_close() - close a handle; the worker and its actors stay. NULL is allowed; errno is kept. */
void an_worker_close(struct an_worker *worker);

/** an_worker_info() - describe the worker. Return: 0 or a negative errno. */
int an_worker_info(struct an_worker *worker, struct an_worker_info *ret_info, struct an_error *err);

/**
 * an_worker_down() - take everything of ours away; the worker is then as `up` found it
 * @netns_fd:    the worker's network namespace; -1: the calling thread's
 * @ret_removed: slots removed; may be NULL
 *
 * Works on half-prepared and damaged workers too. A worker without actornet is no error: @ret_removed is 0.
 * Other handles of this worker get errors from then on.
 *
 * Return: 1 if something was removed, 0 if there was nothing, or a negative errno: EEXIST (AN_CONFLICT: what is there
 * under our names is another's), ENODATA (AN_FINDING: all is removed, but no record of the sysctls as found was left).
 */
int an_worker_down(int netns_fd, uint32_t *ret_removed, struct an_error *err);

/**
 * an_worker_fd() - descriptor that polls readable while an_worker_dispatch() has work
 * Return: the descriptor; it stays the worker's.
 */
int an_worker_fd(const struct an_worker *worker);

/**
 * an_worker_dispatch() - do what was put off: drop released namespaces and conntrack entries, refill the pool
 * @budget_us: stop taking up new work after so many microseconds; 0: do all of it
 *
 * Return: 1 if there is more to do, 0 if not, or a negative errno.
 */
int an_worker_dispatch(struct an_worker *worker, unsigned int budget_us, struct an_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
