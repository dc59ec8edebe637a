/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, numbers and addresses of everything actornet makes: the inner ones are part of every snapshot.
 *
 * This folder is pure: it says what links, tables, rules and elements must be, as data, and never asks the kernel.
 */
#ifndef PLANE_LAYOUT_H
#define PLANE_LAYOUT_H

#include "base/addr.h"
#include "nf/dump.h"
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_TABLE	   "actornet"  /* nftables table, family inet, in worker and gateway */
#define LAYOUT_SLOT_TABLE  "actornet"  /* the same, family netdev, in a slot for a sandbox */
#define LAYOUT_WORKER_LINK "actornet0" /* worker's end of the link between worker and gateway */
#define LAYOUT_UP_LINK	   "up0"       /* gateway's end */
#define LAYOUT_SLOT_LINK   "an"	       /* prefix of the gateway's end of a slot, "an7" */
#define LAYOUT_INNER_LINK  "eth0"      /* the actor's end */
#define LAYOUT_LO_INDEX	   1	       /* of the loopback device, in every namespace */
#define LAYOUT_UP_INDEX	   2  /* of the gateway's end of the link to the worker: the first after lo */
#define LAYOUT_SLOT_INDEX  16 /* what both ends of a slot's link have added to the slot's number */
#define LAYOUT_FIRST_SLOT  4  /* place of slot 1 in an outer range, after network, worker, gateway, spare */
#define LAYOUT_WORKER_NSID \
	(1 << 20) /* by which the gateway knows the worker's namespace: above the kernel's own */
#define LAYOUT_NETNS "actornet-"     /* prefix of names under /run/netns */
#define LAYOUT_RUN   "/run/actornet" /* lock files */

#define LAYOUT_INNER  "169.254.17.2/30"
#define LAYOUT_INNER6 "fd00:169:254::2/126"
#define LAYOUT_RANGES \
	"100.64.0.0/10" /* shared address space, RFC 6598: a free /16 of it is the outer range */
#define LAYOUT_NAT_MIN	   20000
#define LAYOUT_NAT_MAX	   29999
#define LAYOUT_IDLE_TARGET 16
#define LAYOUT_MAX	   60000

#define LAYOUT_ROUTE_TABLE 100 /* in the gateway: what our table marked is routed here, the rest nowhere */
#define LAYOUT_MARK	   1   /* firewall mark of an actor's packet that our table let into the gateway */
/*
 * The seal: what leaves the gateway has this in place of the first byte of its source address, which is the same for
 * all of them. It makes the source multicast, and no stack takes in a packet from there.
 */
#define LAYOUT_SEAL4 0xe0 /* 224.0.0.0/4, RFC 5771 */
#define LAYOUT_SEAL4_LANE \
	0xe1 /* the fast lane's: the header checksum is of the packet without it, which is cheaper */
#define LAYOUT_SEAL6 0xff /* ff00::/8, RFC 4291 */

#define LAYOUT_FLOWS	    1000	       /* flows of one actor at once, in each direction */
#define LAYOUT_WORKER_FLOWS (2 * LAYOUT_FLOWS) /* in the worker's own table, a family and direction */
#define LAYOUT_RATE	    500		       /* new flows a second of one actor, above its burst */
#define LAYOUT_RATE_BURST   1000
#define LAYOUT_FRAGS	    1000 /* fragments a second of one actor */
#define LAYOUT_FRAGS_BURST  500

/* MAC addresses, locally administered. The inner two are part of every snapshot. */
extern const uint8_t layout_mac_gateway[6]; /* gateway's end of a slot: the actor's neighbour */
extern const uint8_t layout_mac_inner[6];   /* actor's eth0 */
extern const uint8_t layout_mac_worker[6];  /* actornet0 */
extern const uint8_t layout_mac_up[6];	    /* up0 */

/* Ours in worker and gateway, as nf/dump.h asks for it. */
extern const struct nf_table layout_table;

/* Resolvers that are kept at most. */
#define LAYOUT_RESOLVERS 4

/**
 * struct plane - what is particular to one worker
 * @id:        8 hex digits in the names under /run/netns
 * @uplink:    its name
 * @uplink_index: its number, when the worker's table was last looked at; 0: it had none
 * @link:      number of actornet0
 * @inner, @inner6:     the actor's address with prefix
 * @gateway, @gateway6: the actor's default gateway
 * @range, @range6:     outer range
 * @ipv6:      actors have IPv6
 * @lane:      number of the array that shuts the gateway's fast lane (plane/lane.h); 0: it has none
 * @guard4, @guard6: forwarding was off before: others' packets that come in by the uplink stay unforwarded;
 *                   GUARD_ALL where the kernel could only turn it on for all links
 * @mtu:       bytes
 * @nat_min, @nat_max:  source ports of masqueraded flows
 * @resolvers: @n_resolvers addresses of the worker's resolvers
 * @key:       keys the hash of actors' names
 */
struct plane {
	char id[9];
	char uplink[IFNAMSIZ];
	uint32_t link, uplink_index;
	struct addr inner, inner6, gateway, gateway6, range, range6;
	uint32_t lane;
	bool ipv6;
	enum guard { GUARD_OFF, GUARD_UPLINK, GUARD_ALL } guard4, guard6;
	uint32_t mtu;
	uint16_t nat_min, nat_max;
	struct addr resolvers[LAYOUT_RESOLVERS];
	unsigned int n_resolvers;
	uint8_t key[16];
};

/* Longest name of ours under /run/netns: prefix, id, "-", slot number. */
#define LAYOUT_NETNS_NAME 32

/** layout_gateway_netns() - name of the gateway namespace. Return: @buf. */
const char *layout_gateway_netns(const struct plane *p, char buf[static LAYOUT_NETNS_NAME]);
/** layout_slot_netns() - name of slot n's namespace. Return: @buf. */
const char *layout_slot_netns(const struct plane *p, uint32_t n, char buf[static LAYOUT_NETNS_NAME]);
/** layout_slots_prefix() - what the names of all slots' namespaces begin with. Return: @buf. */
const char *layout_slots_prefix(const struct plane *p, char buf[static LAYOUT_NETNS_NAME]);
/** layout_slot_link() - gateway's end of slot n. Return: @buf. */
const char *layout_slot_link(uint32_t n, char buf[static IFNAMSIZ]);
/** layout_slot_number() - of a link's name. Return: n, or 0 if it is no slot's. */
uint32_t layout_slot_number(const char *link);

/** layout_link_worker() - worker's address on the link to the gateway, with that link's prefix. */
struct addr layout_link_worker(const struct plane *p, uint8_t family);
/** layout_link_gateway() - the gateway's. */
struct addr layout_link_gateway(const struct plane *p, uint8_t family);
/** layout_slots() - how many slots have an IPv4 outer address of their own. */
uint32_t layout_slots(const struct plane *p);
/** layout_outer() - outer address of slot n; slots that are a whole range apart share one. */
struct addr layout_outer(const struct plane *p, uint8_t family, uint32_t n);
/** layout_is_outer() - the reverse: is it an outer address of slot n? */
bool layout_is_outer(const struct plane *p, const struct addr *a, uint32_t n);

/**
 * layout_inner_gateway() - first host address of the actor's prefix that is not the actor's. Return: 0, or
 * -EINVAL if there is none.
 */
int layout_inner_gateway(const struct addr *inner, struct addr *ret_gateway);

#endif
