/* SPDX-License-Identifier: Apache-2.0 */
/* Actors: a name bound to a slot of a prepared worker. */
#ifndef ACTORNET_ACTOR_H
#define ACTORNET_ACTOR_H

#include <actornet/error.h>
#include <actornet/worker.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define AN_ACTOR_NAME_MAX 128  /* bytes, without the NUL */
#define AN_PORTS_MAX	  4096 /* ports of one actor, ranges counted port by port */
#define AN_SPECS_MAX	  64   /* struct an_port of one actor */

/**
 * struct an_port - one inbound port, or a range of them
 * @protocol:   IPPROTO_TCP or IPPROTO_UDP
 * @family:     AF_INET or AF_INET6 where @address is given; AF_UNSPEC: every address of the worker
 * @address:    the worker's address it is offered at, network order; IPv4 in the first four bytes
 * @port:       first port at the worker, host order
 * @end_port:   last one; equal to @port for a single port
 * @actor_port: first port at the actor; a range maps to a range of the same length
 */
struct an_port {
	uint8_t protocol;
	uint8_t family;
	uint8_t address[16];
	uint16_t port;
	uint16_t end_port;
	uint16_t actor_port;
};

/* Longest text of a port: "[" IPv6 "]:" two ports ":" port "/tcp" NUL. */
#define AN_PORT_TEXT 80

/**
 * an_port_parse() - read "[ADDR:]PORT[-END][:ACTOR_PORT][/tcp|/udp]"
 * Return: 0, or -EINVAL (AN_USAGE) with the part at fault named.
 */
int an_port_parse(const char *text, struct an_port *ret_port, struct an_error *err);

/** an_port_format() - the canonical text of a port: what is default is left out but the protocol. Return: @buf. */
const char *an_port_format(const struct an_port *port, char buf[static AN_PORT_TEXT]);

/* Base egress set. The floor (docs/design.md) holds under each. */
enum an_egress {
	AN_EGRESS_INTERNET, /* public addresses */
	AN_EGRESS_ALL,	    /* also private ones */
	AN_EGRESS_NONE,	    /* nothing, DNS included */
};

/** an_egress_parse() - "internet", "all" or "none". Return: 0 or -EINVAL (AN_USAGE). */
int an_egress_parse(const char *text, enum an_egress *ret_egress, struct an_error *err);
/** an_egress_name() - the word for it. */
const char *an_egress_name(enum an_egress egress);

/** an_actor_name_check() - 1 to 128 of A-Z a-z 0-9 . _ : - and no leading . or -. Return: 0 or -EINVAL (AN_USAGE). */
int an_actor_name_check(const char *name, struct an_error *err);

/* Flags of an actor. */
#define AN_ACTOR_ALL_PORTS (1U << 0) /* every inbound port that nothing else of the worker uses */
#define AN_ACTOR_SANDBOXED \
	(1U << 1) /* a sandbox takes the link over: the host kernel never answers in its place */

/**
 * struct an_actor_spec - what an actor's network is to be
 * @size:    sizeof(struct an_actor_spec), see worker.h
 * @name:    see an_actor_name_check(); must be there
 * @ports:   @n_ports inbound ports
 * @egress:  base egress set
 * @flags:   AN_ACTOR_*
 */
struct an_actor_spec {
	size_t size;
	const char *name;
	const struct an_port *ports;
	size_t n_ports;
	enum an_egress egress;
	uint32_t flags;
};

/* Why a packet of an actor was refused; index of struct an_actor_info.denied, which has room for more to come. */
enum an_reason {
	AN_REASON_SPOOF,     /* source is not the actor's */
	AN_REASON_NEIGHBOUR, /* neighbour discovery, router advertisement, redirect */
	AN_REASON_OPTIONS,   /* IPv4 options, IPv6 headers before the transport */
	AN_REASON_PROTOCOL,  /* neither TCP nor UDP nor an ICMP type that is let through */
	AN_REASON_FRAGMENTS, /* fragments above the rate */
	AN_REASON_FORGED,    /* ICMP error about a flow that is not the actor's */
	AN_REASON_INVALID,   /* conntrack can't place it */
	AN_REASON_FLOOR,     /* destination that no policy opens */
	AN_REASON_POLICY,    /* destination outside the egress set */
	AN_REASON_FLOWS,     /* too many flows at once */
	AN_REASON_RATE,	     /* too many new flows a second */
	AN_REASON_GATEWAY,   /* to the gateway itself */
	AN_REASON_PORT,	     /* inbound: not a port of the actor */
	AN_REASON_INFLOWS,   /* inbound: too many flows at once */
	AN_REASON_COUNT,
};

#define AN_REASON_ROOM 32

/** an_reason_name() - one word for it, as in the JSON output. */
const char *an_reason_name(enum an_reason reason);

/* State of an actor. */
enum an_state {
	AN_STATE_ACTIVE,
	AN_STATE_LOST, /* its rules are gone from both tables: denied everything, must be activated again */
};

/**
 * struct an_actor_info - an actor, as the kernel has it
 * @size:       in: sizeof(struct an_actor_info)
 * @name:       NUL-terminated
 * @state:      enum an_state
 * @generation: which activation of this name it is; never reused on this worker
 * @slot:       name of the slot's link in the gateway, "an7"
 * @netns:      path of the actor's namespace
 * @interface:  its link there, "eth0"
 * @address, @address6, @gateway, @gateway6: inside, text; address with prefix; IPv6 empty where it is off
 * @outer, @outer6: what rules, logs and the worker's processes know it by, text
 * @mac:        of @interface, text
 * @mtu:        bytes
 * @ports:      @n_ports inbound ports
 * @egress:     base egress set
 * @flags:      AN_ACTOR_*
 * @since:      seconds since 1970-01-01 UTC of the activation
 * @tx_packets, @tx_bytes: sent by the actor; @rx_packets, @rx_bytes: received by it
 * @denied:     packets refused, by enum an_reason
 * @elapsed_us: microseconds the call took
 *
 * The counters are filled in by an_actor_show() and an_actor_list(), 0 elsewhere.
 */
struct an_actor_info {
	size_t size;
	char name[AN_ACTOR_NAME_MAX + 1];
	enum an_state state;
	uint64_t generation;
	char slot[16];
	char netns[64];
	char interface[16];
	char address[24];
	char address6[48];
	char gateway[16];
	char gateway6[48];
	char outer[16];
	char outer6[48];
	char mac[18];
	uint32_t mtu;
	size_t n_ports;
	struct an_port ports[AN_SPECS_MAX];
	enum an_egress egress;
	uint32_t flags;
	int64_t since;
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
	uint64_t denied[AN_REASON_ROOM];
	uint64_t elapsed_us;
};

/**
 * an_actor_activate() - give an actor its network: from the return on its next packet passes
 * @spec:     what it is to have
 * @ret_info: what it got; may be NULL
 *
 * Takes an idle slot (or makes one where none is idle), and puts the actor's elements in: two nftables
 * transactions, no fork, no change of devices. For an actor that is active with the same settings it renews the
 * addresses, routes and neighbours inside, which a sandbox wipes at each start; nothing else changes.
 *
 * Return: 1 if activated, 0 if it was there, or a negative errno: EINVAL (AN_USAGE), EEXIST (AN_CONFLICT: active
 * with other settings), EADDRINUSE (AN_CONFLICT: a port is taken, by whom is said), ENOSPC (AN_NO_SLOT), EBUSY (lock).
 */
int an_actor_activate(struct an_worker *worker, const struct an_actor_spec *spec,
		      struct an_actor_info *ret_info, struct an_error *err);

/**
 * an_actor_release() - take an actor's network away: from the return on nothing passes
 * @name:       which
 * @generation: release only that activation; 0: whichever there is
 * @ret_info:   name, slot and elapsed_us of what was released; may be NULL
 *
 * The namespace itself goes in an_worker_dispatch().
 *
 * Return: 0, or a negative errno: ENOENT (AN_NO_ACTOR), ESTALE (AN_CONFLICT: another generation).
 */
int an_actor_release(struct an_worker *worker, const char *name, uint64_t generation,
		     struct an_actor_info *ret_info, struct an_error *err);

/** an_actor_show() - one actor. Return: 0, or a negative errno: ENOENT (AN_NO_ACTOR). */
int an_actor_show(struct an_worker *worker, const char *name, struct an_actor_info *ret_info,
		  struct an_error *err);

/**
 * an_actor_list() - all actors, ordered by name
 * @cb: called for each; a return other than 0 ends the list and is returned
 * Return: 0, what @cb returned, or a negative errno.
 */
typedef int an_actor_cb(const struct an_actor_info *info, void *data);
int an_actor_list(struct an_worker *worker, an_actor_cb *cb, void *data, struct an_error *err);

/**
 * an_actor_ports_set() - replace an active actor's inbound ports
 *
 * Flows of ports that stay are not touched, those of ports that go end. The two below do the same by difference, under
 * one lock, so that none of several callers is lost.
 *
 * Return: 1 if something changed, 0 if not, or a negative errno as an_actor_activate() and an_actor_show().
 */
int an_actor_ports_set(struct an_worker *worker, const char *name, const struct an_port *ports,
		       size_t n_ports, struct an_error *err);

/** an_actor_ports_add() - add ports; one that it has already changes nothing. Return: as an_actor_ports_set(). */
int an_actor_ports_add(struct an_worker *worker, const char *name, const struct an_port *ports,
		       size_t n_ports, struct an_error *err);

/**
 * an_actor_ports_del() - take ports away. Return: as an_actor_ports_set(), and ENOENT (AN_FAILED) for one
 * it has not.
 */
int an_actor_ports_del(struct an_worker *worker, const char *name, const struct an_port *ports,
		       size_t n_ports, struct an_error *err);

/**
 * an_actor_netns() - open an actor's network namespace
 * Return: a close-on-exec descriptor that the caller closes, or a negative errno: ENOENT (AN_NO_ACTOR).
 */
int an_actor_netns(struct an_worker *worker, const char *name, struct an_error *err);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
