/* SPDX-License-Identifier: Apache-2.0 */
/* What the library tells, as JSON. Keys are stable; each object of standard output carries "schema": 1. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <actornet/actor.h>
#include <actornet/error.h>
#include <actornet/worker.h>
#include <jansson.h>
#include <stdio.h>

#define JSON_SCHEMA 1

/* Flags of json_from_actor(). */
#define JSON_COUNTERS (1U << 0) /* also since, rx/tx and drops (show, list) */
#define JSON_ELAPSED  (1U << 1) /* also elapsed_us (activate) */

/** json_from_actor() - an actor. Each json_from_*() returns a new object, NULL without memory. */
json_t *json_from_actor(const struct an_actor_info *info, unsigned int flags);
/** json_from_worker() - a worker, as `up` shows it. */
json_t *json_from_worker(const struct an_worker_info *info);
/** json_from_ports() - array of an actor's ports. */
json_t *json_from_ports(const struct an_port *ports, size_t n);
/** json_from_error() - {"error": {kind, object, message, remedy}}; @key is "error" or "warning". */
json_t *json_from_error(const char *key, const struct an_error *err);
/** json_from_text() - a string; bytes that are no UTF-8 become "?"; NULL and "" become null. */
json_t *json_from_text(const char *text);
/** json_kind_name() - word for an error kind, e.g. "conflict". */
const char *json_kind_name(int kind);

/** json_emit() - write it as one line and drop it. Return: 0, -ENOMEM if it is NULL, -EIO if it can't be written. */
int json_emit(FILE *file, json_t *value);

#endif
