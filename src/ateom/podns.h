/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name under which bundles know their network namespace: /run/netns/ateom:<pod uid>.
 *
 * The caller writes it into every bundle before it calls, so it is there from the start on. What it stands for changes:
 * a slot is used once. From the activation of an actor to its end it is the actor's slot, else an idle one.
 */
#ifndef ATEOM_PODNS_H
#define ATEOM_PODNS_H

#include "netns/netns.h"

#include <actornet/error.h>

#define PODNS_PREFIX "ateom:"

/** struct podns - the name */
struct podns {
	char name[NETNS_PATH];
};

/**
 * podns_init() - take the name; what an earlier process left there, mounted or not, is removed
 * Return: 0 or a negative errno: EINVAL (AN_USAGE: a uid that can't be part of it).
 */
int podns_init(struct podns *ret_podns, const char *pod_uid, struct an_error *err);

/**
 * podns_bind() - let it stand for the namespace at this path
 * What it stood for is let go of: a released slot's namespace must not outlive its release. Return: 0 or a negative
 * errno, then the name stands for nothing.
 */
int podns_bind(const struct podns *podns, const char *netns, struct an_error *err);

/**
 * podns_rest() - let it stand for an idle slot, since no actor runs
 * @worker_id: 8 hex digits of struct an_worker_info
 * Return: 0 or a negative errno: ENOENT: there is no slot, the name is free.
 */
int podns_rest(const struct podns *podns, const char *worker_id, struct an_error *err);

/** podns_remove() - remove the name. Return: 0 or a negative errno. */
int podns_remove(const struct podns *podns, struct an_error *err);

#endif
