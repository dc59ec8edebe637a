/* SPDX-License-Identifier: Apache-2.0 */
/* What the library tells, as JSON. */
#include "cli/json.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const kind_names[] = {
	[AN_FAILED] = "failed",	    [AN_USAGE] = "usage",     [AN_NO_ACTOR] = "no-actor",
	[AN_CONFLICT] = "conflict", [AN_NO_SLOT] = "no-slot", [AN_NOT_PREPARED] = "not-prepared",
	[AN_FINDING] = "finding",
};
static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == AN_FINDING + 1, "a word for each kind");

const char *json_kind_name(int kind)
{
	if (kind < AN_FAILED || kind > AN_FINDING)
		kind = AN_FAILED;
	return kind_names[kind];
}

json_t *json_from_text(const char *text)
{
	json_t *value;
	char *copy;

	if (!text || !text[0])
		return json_null();
	value = json_string(text);
	if (value)
		return value;
	/* Command lines may hold any bytes; JSON is UTF-8. */
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	value = json_string(copy);
	free(copy);
	return value;
}

/* An object of ours starts with the version of its keys. */
static json_t *object_new(void)
{
	return json_pack("{s:i}", "schema", JSON_SCHEMA);
}

/* Adds the pairs of @more (dropped) to @object; on any failure both are dropped and NULL is returned. */
static json_t *extend(json_t *object, json_t *more)
{
	if (!object || !more || json_object_update(object, more) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(more);
	return object;
}

static json_t *from_port(const struct an_port *port)
{
	char address[INET6_ADDRSTRLEN] = "";

	if (port->family)
		inet_ntop(port->family, port->address, address, sizeof(address));
	return json_pack("{s:s, s:o, s:i, s:i, s:i}", "protocol",
			 port->protocol == IPPROTO_UDP ? "udp" : "tcp", "address", json_from_text(address),
			 "port", port->port, "end_port", port->end_port, "actor_port", port->actor_port);
}

json_t *json_from_ports(const struct an_port *ports, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(array, from_port(&ports[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *from_time(int64_t since)
{
	time_t seconds = (time_t)since;
	struct tm tm;
	char text[32];

	if (since <= 0 || !gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(text);
}

static json_t *from_drops(const uint64_t denied[static AN_REASON_COUNT])
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < AN_REASON_COUNT; i++) {
		if (json_object_set_new(object, an_reason_name((enum an_reason)i),
					json_integer((json_int_t)denied[i]))) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *counters(const struct an_actor_info *info)
{
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:o}", "since", from_time(info->since), "rx_packets",
			 (json_int_t)info->rx_packets, "rx_bytes", (json_int_t)info->rx_bytes, "tx_packets",
			 (json_int_t)info->tx_packets, "tx_bytes", (json_int_t)info->tx_bytes, "drops",
			 from_drops(info->denied));
}

static json_t *identity(const struct an_actor_info *info)
{
	return json_pack("{s:o, s:s, s:I, s:o}", "actor", json_from_text(info->name), "state",
			 info->state == AN_STATE_LOST ? "lost" : "active", "generation",
			 (json_int_t)info->generation, "slot", json_from_text(info->slot));
}

static json_t *inside(const struct an_actor_info *info)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "netns", json_from_text(info->netns), "interface",
			 json_from_text(info->interface), "address", json_from_text(info->address),
			 "address6", json_from_text(info->address6), "gateway", json_from_text(info->gateway),
			 "gateway6", json_from_text(info->gateway6));
}

static json_t *outside(const struct an_actor_info *info)
{
	return json_pack("{s:o, s:o, s:o, s:I, s:o, s:b, s:s, s:b}", "outer", json_from_text(info->outer),
			 "outer6", json_from_text(info->outer6), "mac", json_from_text(info->mac), "mtu",
			 (json_int_t)info->mtu, "ports", json_from_ports(info->ports, info->n_ports),
			 "all_ports", (info->flags & AN_ACTOR_ALL_PORTS) != 0, "egress",
			 an_egress_name(info->egress), "sandboxed", (info->flags & AN_ACTOR_SANDBOXED) != 0);
}

json_t *json_from_actor(const struct an_actor_info *info, unsigned int flags)
{
	json_t *object = object_new();

	object = extend(object, identity(info));
	object = extend(object, inside(info));
	object = extend(object, outside(info));
	if (flags & JSON_COUNTERS)
		object = extend(object, counters(info));
	if (flags & JSON_ELAPSED)
		object = extend(object, json_pack("{s:I}", "elapsed_us", (json_int_t)info->elapsed_us));
	return object;
}

/* "a b c" to ["a", "b", "c"]. */
static json_t *from_words(const char *text)
{
	json_t *array = json_array();

	while (*text) {
		size_t len = strcspn(text, " ");

		if (len && json_array_append_new(array, json_stringn(text, len)) < 0) {
			json_decref(array);
			return NULL;
		}
		text += len + strspn(text + len, " ");
	}
	return array;
}

json_t *json_from_worker(const struct an_worker_info *info)
{
	json_t *object = object_new();

	object = extend(object, json_pack("{s:o, s:o, s:o, s:o}", "worker", json_from_text(info->id),
					  "uplink", json_from_text(info->uplink), "uplink_addresses",
					  from_words(info->uplink_addresses), "gateway_netns",
					  json_from_text(info->gateway_netns)));
	object = extend(object,
			json_pack("{s:o, s:o, s:o, s:o, s:I, s:b}", "inner", json_from_text(info->inner),
				  "inner6", json_from_text(info->inner6), "range",
				  json_from_text(info->range), "range6", json_from_text(info->range6), "mtu",
				  (json_int_t)info->mtu, "ipv6", info->ipv6));
	object = extend(object,
			json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:I}", "fast_lane",
				  info->fast_lane < 0 ? json_null() : json_boolean(info->fast_lane), "slots",
				  (json_int_t)info->slots, "idle", (json_int_t)info->idle, "idle_target",
				  (json_int_t)info->idle_target, "max", (json_int_t)info->max, "notice",
				  json_from_text(info->notice), "elapsed_us", (json_int_t)info->elapsed_us));
	return object;
}

json_t *json_from_error(const char *key, const struct an_error *err)
{
	return json_pack("{s:{s:s, s:o, s:o, s:o}}", key, "kind", json_kind_name(err->kind), "object",
			 json_from_text(err->object), "message", json_from_text(err->message), "remedy",
			 json_from_text(err->remedy));
}

int json_emit(FILE *file, json_t *value)
{
	int r;

	if (!value)
		return -ENOMEM;
	r = json_dumpf(value, file, JSON_COMPACT);
	json_decref(value);
	if (r < 0 || putc('\n', file) == EOF)
		return -EIO;
	return 0;
}
