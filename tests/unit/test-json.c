/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of actors, workers and errors: its keys are a promise, and so is their order. */
#include "cli/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct an_actor_info example(void)
{
	struct an_actor_info info = {
		.size = sizeof(info),
		.name = "web",
		.generation = 7,
		.slot = "an7",
		.netns = "/run/netns/actornet-1a2b3c4d-7",
		.interface = "eth0",
		.address = "169.254.17.2/30",
		.gateway = "169.254.17.1",
		.outer = "100.64.0.8",
		.mac = "02:a8:1e:00:00:02",
		.mtu = 1500,
		.n_ports = 2,
		.ports = { { .protocol = IPPROTO_TCP, .port = 80, .end_port = 89, .actor_port = 8080 },
			   { .protocol = IPPROTO_UDP,
			     .family = AF_INET6,
			     .port = 53,
			     .end_port = 53,
			     .actor_port = 53 } },
		.egress = AN_EGRESS_NONE,
		.flags = AN_ACTOR_SANDBOXED,
		.since = 1700000000,
		.rx_bytes = UINT64_C(5000000000),
		.elapsed_us = 153,
	};

	inet_pton(AF_INET6, "2001:db8::1", info.ports[1].address);
	info.denied[AN_REASON_FLOOR] = 4;
	return info;
}

/* The compact text of a value, which is dropped; the caller frees it. */
static char *text_of(json_t *value)
{
	char *text;

	assert_non_null(value);
	text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(value);
	assert_non_null(text);
	return text;
}

static void assert_text(json_t *value, const char *expected)
{
	char *text = text_of(value);

	assert_string_equal(text, expected);
	free(text);
}

#define ACTOR_TEXT                                                                                             \
	"{\"schema\":1,\"actor\":\"web\",\"state\":\"active\",\"generation\":7,\"slot\":\"an7\","              \
	"\"netns\":\"/run/netns/actornet-1a2b3c4d-7\",\"interface\":\"eth0\",\"address\":\"169.254.17.2/30\"," \
	"\"address6\":null,\"gateway\":\"169.254.17.1\",\"gateway6\":null,\"outer\":\"100.64.0.8\","           \
	"\"outer6\":null,\"mac\":\"02:a8:1e:00:00:02\",\"mtu\":1500,\"ports\":["                               \
	"{\"protocol\":\"tcp\",\"address\":null,\"port\":80,\"end_port\":89,\"actor_port\":8080},"             \
	"{\"protocol\":\"udp\",\"address\":\"2001:db8::1\",\"port\":53,\"end_port\":53,\"actor_port\":53}],"   \
	"\"all_ports\":false,\"egress\":\"none\",\"sandboxed\":true"

static void an_actor_has_its_keys(void **state)
{
	struct an_actor_info info = example();

	(void)state;
	assert_text(json_from_actor(&info, 0), ACTOR_TEXT "}");
	assert_text(json_from_actor(&info, JSON_ELAPSED), ACTOR_TEXT ",\"elapsed_us\":153}");
}

static void shown_actors_have_counters(void **state)
{
	struct an_actor_info info = example();

	(void)state;
	assert_text(json_from_actor(&info, JSON_COUNTERS),
		    ACTOR_TEXT ",\"since\":\"2023-11-14T22:13:20Z\",\"rx_packets\":0,\"rx_bytes\":5000000000,"
			       "\"tx_packets\":0,\"tx_bytes\":0,\"drops\":{\"spoof\":0,\"neighbour\":0,"
			       "\"options\":0,\"protocol\":0,\"fragments\":0,\"forged\":0,\"invalid\":0,"
			       "\"floor\":4,\"policy\":0,\"flows\":0,\"rate\":0,\"gateway\":0,\"port\":0,"
			       "\"inflows\":0}}");
}

static void a_lost_actor_says_so(void **state)
{
	struct an_actor_info info = example();
	json_t *object;

	(void)state;
	info.state = AN_STATE_LOST;
	info.since = 0;
	object = json_from_actor(&info, JSON_COUNTERS);
	assert_string_equal(json_string_value(json_object_get(object, "state")), "lost");
	assert_true(json_is_null(json_object_get(object, "since")));
	json_decref(object);
}

static void a_worker_has_its_keys(void **state)
{
	struct an_worker_info info = {
		.size = sizeof(info),
		.id = "1a2b3c4d",
		.uplink = "eth0",
		.uplink_addresses = "10.0.0.2/24 2001:db8::2/64",
		.gateway_netns = "/run/netns/actornet-1a2b3c4d",
		.inner = "169.254.17.2/30",
		.range = "100.64.0.0/16",
		.mtu = 9001,
		.fast_lane = 1,
		.slots = 18,
		.idle = 16,
		.idle_target = 16,
		.max = 60000,
		.elapsed_us = 12,
	};

	(void)state;
	assert_text(
		json_from_worker(&info),
		"{\"schema\":1,\"worker\":\"1a2b3c4d\",\"uplink\":\"eth0\",\"uplink_addresses\":[\"10.0.0.2/24\","
		"\"2001:db8::2/64\"],\"gateway_netns\":\"/run/netns/actornet-1a2b3c4d\","
		"\"inner\":\"169.254.17.2/30\",\"inner6\":null,\"range\":\"100.64.0.0/16\",\"range6\":null,"
		"\"mtu\":9001,\"ipv6\":false,\"fast_lane\":true,\"slots\":18,\"idle\":16,\"idle_target\":16,"
		"\"max\":60000,"
		"\"notice\":null,\"elapsed_us\":12}");
}

static void an_error_has_its_keys(void **state)
{
	struct an_error err = { .kind = AN_CONFLICT, .object = "port 80/tcp", .message = "taken by 'web'" };

	(void)state;
	assert_text(json_from_error("error", &err),
		    "{\"error\":{\"kind\":\"conflict\",\"object\":\"port 80/tcp\","
		    "\"message\":\"taken by 'web'\",\"remedy\":null}}");
}

static void every_kind_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (int i = AN_FAILED; i <= AN_FINDING; i++)
		for (int j = i + 1; j <= AN_FINDING; j++)
			assert_string_not_equal(json_kind_name(i), json_kind_name(j));
	assert_string_equal(json_kind_name(0), "failed");
	assert_string_equal(json_kind_name(99), "failed");
}

static void any_bytes_become_utf8(void **state)
{
	(void)state;
	assert_text(json_from_text("a\xff\xc3 b"), "\"a?? b\"");
	assert_text(json_from_text("\xc3\xa4"), "\"\xc3\xa4\"");
	assert_text(json_from_text("a\tb\n"), "\"a\\tb\\n\"");
	assert_text(json_from_text(""), "null");
	assert_text(json_from_text(NULL), "null");
}

static void a_value_is_one_line(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_non_null(file);
	assert_int_equal(json_emit(file, json_pack("[i, i]", 1, 2)), 0);
	assert_int_equal(json_emit(file, NULL), -ENOMEM);
	fclose(file);
	assert_string_equal(text, "[1,2]\n");
	free(text);
}

static void a_full_disk_is_an_error(void **state)
{
	FILE *file = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(file);
	setbuf(file, NULL);
	assert_int_equal(json_emit(file, json_pack("[i]", 1)), -EIO);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_actor_has_its_keys),   cmocka_unit_test(shown_actors_have_counters),
		cmocka_unit_test(a_lost_actor_says_so),	   cmocka_unit_test(a_worker_has_its_keys),
		cmocka_unit_test(an_error_has_its_keys),   cmocka_unit_test(every_kind_has_a_word_of_its_own),
		cmocka_unit_test(any_bytes_become_utf8),   cmocka_unit_test(a_value_is_one_line),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
