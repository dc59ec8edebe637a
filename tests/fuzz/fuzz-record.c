/* SPDX-License-Identifier: Apache-2.0 */
/* Aliases of links: whoever may rename a link may write there. */
#include "core/record.h"
#include "input.h"
#include "replay.h"
#include <errno.h>

/* A refusal: of a newer version, or not ours. */
static void refused(const struct an_error *err, int r)
{
	promise(r == -EPROTO || r == -EINVAL);
	promise_error(err, r, err->kind);
	promise(err->kind == AN_CONFLICT || err->kind == AN_FAILED);
	promise(r != -EPROTO || err->kind == AN_CONFLICT);
}

static void worker(const char *text)
{
	struct record_worker record, back = { .made = 0 };
	struct an_error err = { 0 };
	int r = record_worker_parse(text, &record, &err);
	char buf[RECORD_TEXT];

	promise(record_worker_parse(text, &back, NULL) == r);
	if (r < 0) {
		refused(&err, r);
		return;
	}
	promise_no_error(&err, r);
	promise(memchr(record.uplink, '\0', sizeof(record.uplink)));
	promise(record_worker_parse(record_worker_format(&record, buf), &back, NULL) == 0);
	promise(record.made == back.made && record.idle_target == back.idle_target && record.max == back.max);
	promise(!strcmp(record.uplink, back.uplink));
	promise(!memcmp(&record.found, &back.found, sizeof(back.found)));
}

static void gateway(const char *text)
{
	struct plane plane = { .mtu = 1400, .id = "0123abcd" }, back = { .mtu = 0 };
	struct an_error err = { 0 };
	int r = record_gateway_parse(text, &plane, &err);
	char buf[RECORD_TEXT];

	promise(plane.mtu == 1400 && !strcmp(plane.id, "0123abcd")); /* not of the record */
	if (r < 0) {
		refused(&err, r);
		promise(!plane.inner.family && !plane.range.family && !plane.nat_max); /* nor half read */
		return;
	}
	promise_no_error(&err, r);
	promise(addr_contains(&plane.inner, &plane.gateway) && addr_contains(&plane.inner6, &plane.gateway6));
	promise(!addr_same_host(&plane.inner, &plane.gateway));
	if (strlen(record_gateway_format(&plane, buf)) == sizeof(buf) - 1)
		return; /* cut short: addresses that are all IPv6 */
	promise(record_gateway_parse(buf, &back, NULL) == 0);
	promise(addr_equal(&plane.inner, &back.inner) && addr_equal(&plane.inner6, &back.inner6));
	promise(addr_equal(&plane.range, &back.range) && addr_equal(&plane.range6, &back.range6));
	promise(plane.ipv6 == back.ipv6 && plane.nat_min == back.nat_min && plane.nat_max == back.nat_max);
	promise(!memcmp(plane.key, back.key, sizeof(back.key)));
}

static void actor(const char *text)
{
	struct actor actor = { .n = 7 }, back = { .n = 0 };
	char buf[RECORD_TEXT];
	int r = record_actor_parse(text, &actor);

	promise(r == 0 || r == -EINVAL);
	promise(actor.n == 7);
	if (r < 0) {
		promise(!actor.name[0] && !actor.since && !actor.n_ports);
		return;
	}
	promise(memchr(actor.name, '\0', sizeof(actor.name)));
	promise(actor.n_ports <= AN_SPECS_MAX && actor.egress <= AN_EGRESS_NONE);
	promise(record_actor_parse(record_actor_format(&actor, buf), &back) == 0);
	promise(!strcmp(actor.name, back.name) && actor.egress == back.egress && actor.flags == back.flags);
	promise(actor.since == back.since && actor.n_ports == back.n_ports);
}

/* Texts longer than an alias can't come out of the kernel, but nothing may break on them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_text(data, size);

	worker(text);
	gateway(text);
	actor(text);
	free(text);
	return 0;
}
