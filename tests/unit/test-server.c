/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC server: calls, how they are refused, how they end before their time. */
#include "ateom/dispatch.h"
#include "ateom/grpc.h"
#include "base/clock.h"
#include "isolate.h"
#include "server-lab.h"

#include <errno.h>
#include <string.h>

/* One call with these bytes; the answer is static. */
static struct client_answer *ask(const struct client_request *request)
{
	struct client_answer *answer = lab_answer();
	struct client *client = lab_client();

	client_ask(client, answer, request);
	lab_answered(client, answer);
	client_close(client);
	return answer;
}

static struct client_answer *ask_bytes(const char *path, const void *data, size_t len)
{
	return ask(&(struct client_request){ .path = path, .data = data, .len = len });
}

static void test_a_call_is_answered_with_message_and_trailers(void **state)
{
	struct client_answer *answer = lab_answer();
	struct client *client;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	for (int i = 0; i < 200; i++) {
		lab_ask(client, answer, LAB_ECHO, NULL);
		lab_answered(client, answer);
		assert_int_equal(answer->http, 200);
		assert_int_equal(answer->grpc, RPC_OK);
		assert_string_equal(answer->message, "");
		assert_int_equal(answer->len, 7);
		assert_memory_equal(answer->body, "\0\0\0\0\2hi", 7);
		assert_in_range(answer->elapsed, 0, 5000000);
		assert_int_equal(answer->stage, 1234);
		assert_int_equal(answer->reset, 0);
	}
	assert_int_equal(lab.calls, 200);
	client_close(client);
	answer = ask_bytes(LAB_ECHO, "\0\0\0\0\0", 5);
	assert_int_equal(answer->grpc, RPC_OK);
	assert_int_equal(answer->len, 5);
	lab_close();
}

static void test_requests_come_in_pieces_up_to_64_kib(void **state)
{
	static uint8_t big[GRPC_MESSAGE_MAX + 6];
	struct client_answer *answer;

	(void)state;
	lab_open(0, 0);
	grpc_prefix_build(big, GRPC_MESSAGE_MAX);
	memset(big + 5, 'x', sizeof(big) - 5);
	answer = ask_bytes(LAB_ECHO, big, 5 + GRPC_MESSAGE_MAX);
	assert_int_equal(answer->grpc, RPC_OK);
	assert_int_equal(answer->len, 5 + GRPC_MESSAGE_MAX);
	assert_memory_equal(answer->body, big, answer->len);
	grpc_prefix_build(big, GRPC_MESSAGE_MAX + 1);
	answer = ask_bytes(LAB_ECHO, big, 6 + GRPC_MESSAGE_MAX);
	assert_int_equal(answer->grpc, RPC_RESOURCE_EXHAUSTED);
	assert_string_equal(answer->message, "the message is longer than 64 KiB");
	answer = ask(&(struct client_request){
		.path = LAB_ECHO, .data = (const uint8_t *)"\0\0\0\0\2hi", .len = 7, .piece = 1 });
	assert_int_equal(answer->grpc, RPC_OK);
	assert_memory_equal(answer->body, "\0\0\0\0\2hi", 7);
	lab_close();
}

static void test_a_failure_has_its_text_percent_encoded(void **state)
{
	struct client_answer *answer;

	(void)state;
	lab_open(0, 0);
	answer = ask_bytes(LAB_FAIL, "\0\0\0\0\0", 5);
	assert_int_equal(answer->http, 200);
	assert_int_equal(answer->grpc, RPC_INTERNAL);
	assert_string_equal(answer->message, "100%25 f%C3%A4il%0A");
	assert_int_equal(answer->len, 0);
	assert_in_range(answer->elapsed, 0, 5000000);
	lab_close();
}

static void test_what_is_no_call_of_ours_is_refused(void **state)
{
	static const struct {
		struct client_request request;
		int http, grpc;
		const char *message;
	} cases[] = {
		{ { .path = "/ateom.Ateom/No" }, 200, RPC_UNIMPLEMENTED, "unknown method /ateom.Ateom/No" },
		{ { .path = "/" }, 200, RPC_UNIMPLEMENTED, "unknown method /" },
		{ { .path = LAB_ECHO, .method = "GET" }, 405, -1, "" },
		{ { .path = LAB_ECHO, .content_type = "application/json" }, 415, -1, "" },
		{ { .path = LAB_ECHO, .content_type = "" }, 415, -1, "" },
		{ { .path = LAB_ECHO, .timeout = "soon" }, 200, RPC_INTERNAL, "malformed grpc-timeout" },
		{ { .path = LAB_ECHO }, 200, RPC_UNIMPLEMENTED, "the method takes one message" },
		{ { .path = LAB_ECHO, .data = (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0", .len = 10 },
		  200,
		  RPC_UNIMPLEMENTED,
		  "the method takes one message" },
		{ { .path = LAB_ECHO, .data = (const uint8_t *)"\0\0\0\0\3ab", .len = 7 },
		  200,
		  RPC_INTERNAL,
		  "the message is cut short" },
		{ { .path = LAB_ECHO, .data = (const uint8_t *)"\0\0", .len = 2 },
		  200,
		  RPC_INTERNAL,
		  "the message is cut short" },
		{ { .path = LAB_ECHO, .encoding = "gzip", .data = (const uint8_t *)"\1\0\0\0\1x", .len = 6 },
		  200,
		  RPC_UNIMPLEMENTED,
		  "compressed messages are not supported" },
		{ { .path = LAB_ECHO, .data = (const uint8_t *)"\1\0\0\0\1x", .len = 6 },
		  200,
		  RPC_INTERNAL,
		  "a compressed message without grpc-encoding" },
		{ { .path = LAB_ECHO, .data = (const uint8_t *)"\7\0\0\0\1x", .len = 6 },
		  200,
		  RPC_INTERNAL,
		  "the message has no valid prefix" },
		/* Controls: a plain message may say that others would be compressed. */
		{ { .path = LAB_ECHO, .encoding = "gzip", .data = (const uint8_t *)"\0\0\0\0\1x", .len = 6 },
		  200,
		  RPC_OK,
		  "" },
		{ { .path = LAB_ECHO, .timeout = "5S", .data = (const uint8_t *)"\0\0\0\0\1x", .len = 6 },
		  200,
		  RPC_OK,
		  "" },
	};

	(void)state;
	lab_open(0, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client_answer *answer = ask(&cases[i].request);

		assert_int_equal(answer->http, cases[i].http);
		assert_int_equal(answer->grpc, cases[i].grpc);
		assert_string_equal(answer->message, cases[i].message);
		assert_string_equal(answer->accept, cases[i].grpc == RPC_UNIMPLEMENTED ? "identity" : "");
	}
	assert_int_equal(lab.calls, 2);
	lab_close();
}

/* A refusal need not wait for the end of the request. */
static void test_a_refused_client_may_stop_sending(void **state)
{
	struct client_answer *answer;

	(void)state;
	lab_open(0, 0);
	answer = ask(&(struct client_request){ .path = "/no/no", .hold = true });
	assert_int_equal(answer->grpc, RPC_UNIMPLEMENTED);
	assert_int_equal(answer->reset, NGHTTP2_NO_ERROR);
	lab_close();
}

static void test_a_deadline_cancels_the_running_call(void **state)
{
	struct client_answer *answer = lab_answer();
	uint64_t began_us = clock_us();
	struct client *client;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	lab_ask(client, answer, LAB_WAIT, "200m");
	lab_answered(client, answer);
	assert_in_range(clock_us() - began_us, 200000, 2000000);
	assert_int_equal(answer->grpc, RPC_DEADLINE_EXCEEDED);
	assert_string_equal(answer->message, "stopped");
	assert_int_equal(lab.cancelled, 1);
	/* The next call has a deadline of its own, and the end of the one before is none of its business. */
	lab_ask(client, answer, LAB_WAIT, "10S");
	assert_true(lab_await(lab.started_fd, 2000) && lab_await(lab.started_fd, 2000));
	assert_true(lab_await(lab.ended_fd, 2000));
	assert_false(lab_await(lab.ended_fd, 300));
	lab_release();
	lab_answered(client, answer);
	assert_int_equal(answer->grpc, RPC_OK);
	assert_int_equal(lab.cancelled, 1);
	client_close(client);
	lab_close();
}

static void test_calls_run_one_by_one_and_those_that_wait_are_dropped_unrun(void **state)
{
	static struct client_answer first, expired, reset, last;
	struct client *client;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	lab_ask(client, &first, LAB_WAIT, NULL);
	assert_true(lab_await(lab.started_fd, 2000));
	lab_ask(client, &expired, LAB_ECHO, "100m");
	lab_ask(client, &reset, LAB_ECHO, NULL);
	lab_ask(client, &last, LAB_ECHO, NULL);
	lab_answered(client, &expired);
	assert_int_equal(expired.grpc, RPC_DEADLINE_EXCEEDED);
	assert_string_equal(expired.message, "the deadline passed before the call began");
	client_reset(client, &reset);
	client_flush(client);
	assert_false(client_pump(client, &last.closed, 100)); /* it waits its turn */
	assert_int_equal(lab.calls, 1);
	lab_release();
	lab_answered(client, &first);
	lab_answered(client, &last);
	assert_int_equal(first.grpc, RPC_OK);
	assert_int_equal(last.grpc, RPC_OK);
	assert_int_equal(lab.calls, 2);
	assert_int_equal(lab.cancelled, 0);
	client_close(client);
	lab_close();
}

/* @loss: the whole connection goes; otherwise the call alone. */
static void cancel_running(bool loss)
{
	struct client_answer *answer = lab_answer();
	struct client *client;

	lab_open(0, 0);
	client = lab_client();
	lab_ask(client, answer, LAB_WAIT, NULL);
	assert_true(lab_await(lab.started_fd, 2000));
	assert_false(lab_await(lab.ended_fd, 200)); /* control: it waits */
	if (loss) {
		client_close(client);
		client = lab_client();
	} else {
		client_reset(client, answer);
		client_flush(client);
	}
	assert_true(lab_await(lab.ended_fd, 2000));
	assert_int_equal(lab.cancelled, 1);
	/* The next call is not cancelled. */
	lab_ask(client, answer, LAB_WAIT, NULL);
	assert_true(lab_await(lab.started_fd, 2000));
	assert_false(lab_await(lab.ended_fd, 200));
	lab_release();
	lab_answered(client, answer);
	assert_int_equal(answer->grpc, RPC_OK);
	client_close(client);
	lab_close();
}

static void test_a_reset_cancels_the_running_call(void **state)
{
	(void)state;
	cancel_running(false);
}

static void test_a_lost_connection_cancels_the_running_call(void **state)
{
	(void)state;
	cancel_running(true);
}

static void test_the_queue_has_an_end(void **state)
{
	static struct client_answer answers[DISPATCH_QUEUE_MAX + 2];
	struct client *clients[2];

	(void)state;
	lab_open(0, 0);
	clients[0] = lab_client();
	clients[1] = lab_client();
	lab_ask(clients[0], &answers[0], LAB_WAIT, NULL);
	assert_true(lab_await(lab.started_fd, 2000));
	for (int i = 1; i < DISPATCH_QUEUE_MAX + 2; i++) {
		lab_ask(clients[i % 2], &answers[i], LAB_ECHO, NULL);
		/* In this order; what is asked on two connections has none of its own. */
		nghttp2_submit_ping(clients[i % 2]->session, NGHTTP2_FLAG_NONE, NULL);
		while (clients[i % 2]->pongs < (unsigned int)(i + 1) / 2 && !clients[i % 2]->gone)
			client_pump(clients[i % 2], &(bool){ false }, 1);
	}
	lab_answered(clients[(DISPATCH_QUEUE_MAX + 1) % 2], &answers[DISPATCH_QUEUE_MAX + 1]);
	assert_int_equal(answers[DISPATCH_QUEUE_MAX + 1].grpc, RPC_RESOURCE_EXHAUSTED);
	assert_string_equal(answers[DISPATCH_QUEUE_MAX + 1].message, "too many calls are waiting");
	assert_int_equal(lab.calls, 1);
	lab_release();
	for (int i = 0; i <= DISPATCH_QUEUE_MAX; i++) {
		lab_answered(clients[i % 2], &answers[i]);
		assert_int_equal(answers[i].grpc, RPC_OK);
	}
	client_close(clients[0]);
	client_close(clients[1]);
	lab_close();
}

static void test_after_comes_when_the_reply_has_gone_and_as_often_as_it_likes(void **state)
{
	static struct client_answer answer;
	struct client *client;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	lab_ask(client, &answer, LAB_ECHO, NULL);
	lab_answered(client, &answer);
	for (int i = 0; i < 200 && lab.afters < 1; i++)
		usleep(1000);
	assert_int_equal(lab.afters, 1);
	lab.more = 4;
	lab_ask(client, &answer, LAB_ECHO, NULL);
	lab_answered(client, &answer);
	for (int i = 0; i < 200 && lab.afters < 6; i++)
		usleep(1000);
	usleep(20000);
	assert_int_equal(lab.afters, 6);
	client_close(client);
	lab_close();
}

static void test_health_is_as_the_server_was_told(void **state)
{
	(void)state;
	lab_open(0, 0);
	for (int i = 0; i < 2; i++) {
		server_serving(lab.server, i > 0);
		assert_int_equal(ask_bytes(LAB_HEALTH, "\0\0\0\0\0", 5)->grpc, RPC_OK);
		assert_memory_equal(lab_answer()->body, i ? "\0\0\0\0\2\x08\x01" : "\0\0\0\0\2\x08\x02", 7);
		ask_bytes(LAB_HEALTH, "\0\0\0\0\15\12\13ateom.Ateom", 18);
		assert_int_equal(lab_answer()->grpc, RPC_OK);
		assert_memory_equal(lab_answer()->body, i ? "\0\0\0\0\2\x08\x01" : "\0\0\0\0\2\x08\x02", 7);
		assert_int_equal(ask_bytes(LAB_HEALTH, "\0\0\0\0\3\12\1x", 8)->grpc, RPC_NOT_FOUND);
	}
	lab_close();
}

static void test_health_is_told_while_a_call_runs(void **state)
{
	static struct client_answer answer, health;
	struct client *client;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	lab_ask(client, &answer, LAB_WAIT, NULL);
	assert_true(lab_await(lab.started_fd, 2000));
	client_ask(client, &health,
		   &(struct client_request){
			   .path = LAB_HEALTH, .data = (const uint8_t *)"\0\0\0\0\0", .len = 5 });
	lab_answered(client, &health);
	assert_int_equal(health.grpc, RPC_OK);
	assert_memory_equal(health.body, "\0\0\0\0\2\x08\x01", 7); /* status: SERVING */
	client_ask(client, &health,
		   &(struct client_request){ .path = LAB_HEALTH,
					     .data = (const uint8_t *)"\0\0\0\0\15\12\13ateom.Ateom",
					     .len = 18 });
	lab_answered(client, &health);
	assert_int_equal(health.grpc, RPC_OK);
	client_ask(client, &health,
		   &(struct client_request){
			   .path = LAB_HEALTH, .data = (const uint8_t *)"\0\0\0\0\3\12\1x", .len = 8 });
	lab_answered(client, &health);
	assert_int_equal(health.grpc, RPC_NOT_FOUND);
	client_ask(client, &health,
		   &(struct client_request){
			   .path = LAB_HEALTH, .data = (const uint8_t *)"\0\0\0\0\1\377", .len = 6 });
	lab_answered(client, &health);
	assert_int_equal(health.grpc, RPC_INVALID_ARGUMENT);
	assert_false(answer.closed);
	lab_release();
	lab_answered(client, &answer);
	client_close(client);
	lab_close();
}

static bool body_holds(const struct client_answer *answer, const char *text)
{
	return memmem(answer->body, answer->len, text, strlen(text)) != NULL;
}

/* ServerReflectionRequest's fields 7 (list_services), 4 (file_containing_symbol), 3 (file_by_filename) */
#define ASK_LIST    "\0\0\0\0\2\x3a\0"
#define ASK_SYMBOL  "\0\0\0\0\15\x22\13ateom.Ateom"
#define ASK_NOTHING "\0\0\0\0\4\x22\2no"
#define ASK_FILE    "\0\0\0\0\16\x1a\14health.proto"

static void test_reflection_lists_and_describes(void **state)
{
	static const char *const paths[] = {
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
	};
	static const char list[] = ASK_LIST, symbol[] = ASK_SYMBOL, nothing[] = ASK_NOTHING,
			  all[] = ASK_NOTHING ASK_SYMBOL ASK_FILE;

	(void)state;
	lab_open(0, 0);
	for (int i = 0; i < 2; i++) {
		struct client_answer *answer = ask_bytes(paths[i], list, sizeof(list) - 1);

		assert_int_equal(answer->grpc, RPC_OK);
		assert_true(body_holds(answer, "\12\13ateom.Ateom"));
		assert_true(body_holds(answer, "grpc.health.v1.Health"));
		assert_true(body_holds(answer, "grpc.reflection.v1.ServerReflection"));
		assert_true(body_holds(answer, "grpc.reflection.v1alpha.ServerReflection"));
		answer = ask_bytes(paths[i], symbol, sizeof(symbol) - 1);
		assert_true(body_holds(answer, "CheckpointWorkloadRequest"));
		assert_false(body_holds(answer, "not found"));
		answer = ask_bytes(paths[i], nothing, sizeof(nothing) - 1);
		assert_int_equal(answer->grpc, RPC_OK);
		assert_true(body_holds(answer, "not found"));
		assert_int_equal(ask_bytes(paths[i], "\0\0\0\0\0", 5)->grpc, RPC_INVALID_ARGUMENT);
		assert_int_equal(ask_bytes(paths[i], "", 0)->grpc, RPC_OK);
	}
	assert_true(body_holds(ask_bytes(paths[0], all, sizeof(all) - 1), "not found"));
	assert_true(body_holds(lab_answer(), "CheckpointWorkloadRequest"));
	assert_true(body_holds(lab_answer(), "HealthCheckRequest"));
	lab_close();
}

static void test_stop_lets_the_running_call_end_and_no_other_begin(void **state)
{
	static struct client_answer running, waiting, asking;
	struct client *client, *idle;

	(void)state;
	lab_open(0, 0);
	client = lab_client();
	idle = lab_client();
	lab_ask(idle, &waiting, LAB_ECHO, NULL);
	lab_answered(idle, &waiting);
	lab_ask(client, &running, LAB_WAIT, NULL);
	assert_true(lab_await(lab.started_fd, 2000));
	lab_ask(client, &waiting, LAB_ECHO, NULL);
	client_ask(client, &asking, &(struct client_request){ .path = LAB_ECHO, .hold = true });
	assert_false(client_pump(client, &waiting.closed, 100));
	server_stop(lab.server);
	server_stop(lab.server);
	lab_answered(client, &running);
	lab_answered(client, &waiting);
	lab_answered(client, &asking);
	assert_int_equal(running.grpc, RPC_UNAVAILABLE); /* the handler stopped as it was told */
	assert_string_equal(running.message, "stopped");
	assert_int_equal(waiting.grpc, RPC_UNAVAILABLE);
	assert_string_equal(waiting.message, "the server is ending");
	assert_int_equal(asking.grpc, RPC_UNAVAILABLE);
	assert_int_equal(lab.calls, 2);
	assert_true(client_pump(client, &client->goaway, 2000));
	assert_int_equal(client->goaway_code, NGHTTP2_NO_ERROR);
	assert_false(client_pump(client, &(bool){ false }, 2000));
	assert_true(client->gone);
	client_pump(idle, &idle->gone, 2000);
	assert_true(idle->goaway && idle->gone);
	assert_true(lab_await(server_fd(lab.server), 2000));
	assert_int_equal(client_socket(lab.path), -ENOENT);
	client_close(client);
	client_close(idle);
	lab_close();
}

static void test_an_idle_server_stops_at_once(void **state)
{
	uint64_t began_us;

	(void)state;
	lab_open(0, 0);
	assert_false(lab_await(server_fd(lab.server), 50));
	began_us = clock_us();
	server_stop(lab.server);
	assert_true(lab_await(server_fd(lab.server), 2000));
	assert_true(clock_us() - began_us < 500000);
	lab_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_call_is_answered_with_message_and_trailers),
		cmocka_unit_test(test_requests_come_in_pieces_up_to_64_kib),
		cmocka_unit_test(test_a_failure_has_its_text_percent_encoded),
		cmocka_unit_test(test_what_is_no_call_of_ours_is_refused),
		cmocka_unit_test(test_a_refused_client_may_stop_sending),
		cmocka_unit_test(test_a_deadline_cancels_the_running_call),
		cmocka_unit_test(test_calls_run_one_by_one_and_those_that_wait_are_dropped_unrun),
		cmocka_unit_test(test_a_reset_cancels_the_running_call),
		cmocka_unit_test(test_a_lost_connection_cancels_the_running_call),
		cmocka_unit_test(test_the_queue_has_an_end),
		cmocka_unit_test(test_after_comes_when_the_reply_has_gone_and_as_often_as_it_likes),
		cmocka_unit_test(test_health_is_as_the_server_was_told),
		cmocka_unit_test(test_health_is_told_while_a_call_runs),
		cmocka_unit_test(test_reflection_lists_and_describes),
		cmocka_unit_test(test_stop_lets_the_running_call_end_and_no_other_begin),
		cmocka_unit_test(test_an_idle_server_stops_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
