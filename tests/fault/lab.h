/* SPDX-License-Identifier: Apache-2.0 */
/* A worker to break things in: namespaces of the test's own, an uplink, and an inventory of all that could be left. */
#ifndef FAULT_LAB_H
#define FAULT_LAB_H

#include "core/find.h"
#include "core/worker.h"
#include <actornet/actor.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define LAB_UPLINK   "wan0"
#define LAB_RESOLVER "/run/resolv.conf"
#define LAB_RANGE6   "fd12:3456:789a:1::/64"

/* How long the kernel may take to bring about what it does in its own time. */
#define LAB_WAIT_MS 500

/**
 * lab_make() - the worker, once a program: uplink with addresses and default routes of both families
 * Return: 0, 1 if no namespaces are allowed here, -1 if they must be.
 */
int lab_make(void);
/** lab_or_skip() - at the head of each test. */
void lab_or_skip(void);
/** lab_spec() - how the tests prepare it. */
struct an_worker_spec lab_spec(uint32_t slots, uint32_t max);
/** lab_up(), lab_down() - must succeed. */
struct an_worker *lab_up(uint32_t slots, uint32_t max);
void lab_down(struct an_worker *w);
/** lab_activate(), lab_release(), lab_settle() - must succeed. lab_settle(): all that was put off is done. */
void lab_activate(struct an_worker *w, const struct an_actor_spec *spec);
void lab_release(struct an_worker *w, const char *name);
void lab_settle(struct an_worker *w);
/** lab_netns() - inode of the calling thread's network namespace. */
unsigned long lab_netns(void);

/* Parts of an inventory. */
#define INVENTORY_WORKER \
	(1U << 0) /* the worker's network: links, addresses, routes, rules, tables, sysctls */
#define INVENTORY_GATEWAY (1U << 1) /* the same of the gateway and the slots; names of all namespaces */
#define INVENTORY_PROCESS (1U << 2) /* descriptors, mounts, files under /run */
#define INVENTORY_ALL	  (INVENTORY_WORKER | INVENTORY_GATEWAY | INVENTORY_PROCESS)

/**
 * inventory_take() - one line a thing, the caller's to free
 * Left out: counters, the number of slots ever made, what the kernel is about to remove with a dropped namespace.
 */
char *inventory_take(unsigned int parts);
/** inventory_same() - after at most LAB_WAIT_MS is everything as it was? Else the differences are on standard error. */
bool inventory_same(const char *before, unsigned int parts);

/**
 * whole_actor() - the actor is active with these settings, all its elements are in both tables, its
 * namespace is there.
 */
bool whole_actor(struct an_worker *w, const struct an_actor_spec *spec);
/** whole_pool() - every idle slot has its namespace, every namespace is an idle slot or an actor's. */
bool whole_pool(struct an_worker *w);

#endif
