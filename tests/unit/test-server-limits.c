/* SPDX-License-Identifier: Apache-2.0 */
/* The gRPC server: how many connections and calls, and how much of their bytes, it holds at once. */
#include "ateom/grpc.h"
#include "isolate.h"
#include "server-lab.h"

#include <string.h>

/* -- Connections and calls -- */

/* Connections that have a call open, as many as there may be. */
static void crowd_open(struct client *clients[static SERVER_CONNS_MAX], struct client_answer *answers)
{
	for (int i = 0; i < SERVER_CONNS_MAX; i++) {
		clients[i] = lab_client();
		client_ask(clients[i], &answers[i],
			   &(struct client_request){ .path = LAB_ECHO, .hold = true });
		client_flush(clients[i]);
	}
}

static void test_connections_have_a_limit_and_more_wait_their_turn(void **state)
{
	static struct client_answer answers[SERVER_CONNS_MAX], late;
	struct client *clients[SERVER_CONNS_MAX], *first, *second;

	(void)state;
	lab_open(0, 0);
	crowd_open(clients, answers);
	first = lab_client();
	lab_ask(first, lab_answer(), LAB_ECHO, NULL);
	assert_false(client_pump(first, &lab_answer()->closed, 300));
	client_close(clients[7]);
	lab_answered(first, lab_answer());
	assert_int_equal(lab_answer()->grpc, RPC_OK);
	/* That one is idle now, and makes room; then nobody is until a call ends. */
	client_ask(first, lab_answer(), &(struct client_request){ .path = LAB_ECHO, .hold = true });
	client_flush(first);
	second = lab_client();
	lab_ask(second, &late, LAB_ECHO, NULL);
	assert_false(client_pump(second, &late.closed, 300));
	client_reset(clients[9], &answers[9]);
	client_flush(clients[9]);
	lab_answered(second, &late);
	assert_int_equal(late.grpc, RPC_OK);
	assert_true(client_pump(clients[9], &clients[9]->goaway, 1000));
	client_pump(clients[8], &clients[8]->goaway, 100);
	assert_false(clients[8]->goaway || clients[8]->gone);
	client_close(first);
	client_close(second);
	for (int i = 0; i < SERVER_CONNS_MAX; i++)
		if (i != 7)
			client_close(clients[i]);
	lab_serves();
	lab_close();
}

/* Who says hello and nothing more is closed for others, the longest first, and before those that had a call. */
static void test_idle_connections_make_room(void **state)
{
	static struct client_answer answer;
	struct client *used, *idle[SERVER_CONNS_MAX + 40];
	bool never = false;

	(void)state;
	lab_open(0, 0);
	used = lab_client();
	lab_ask(used, &answer, LAB_ECHO, NULL);
	lab_answered(used, &answer);
	for (int i = 0; i < SERVER_CONNS_MAX + 40; i++) {
		idle[i] = lab_client();
		client_pump(idle[i], &never, 2);
	}
	lab_serves();
	lab_ask(used, &answer, LAB_ECHO, NULL);
	lab_answered(used, &answer);
	assert_int_equal(answer.grpc, RPC_OK);
	client_pump(idle[0], &idle[0]->gone, 1000);
	assert_true(idle[0]->goaway && idle[0]->gone);
	assert_int_equal(idle[0]->goaway_code, NGHTTP2_NO_ERROR);
	client_pump(idle[SERVER_CONNS_MAX + 39], &never, 50);
	assert_false(idle[SERVER_CONNS_MAX + 39]->gone);
	lab_ask(idle[SERVER_CONNS_MAX + 39], &answer, LAB_ECHO, NULL);
	lab_answered(idle[SERVER_CONNS_MAX + 39], &answer);
	assert_int_equal(answer.grpc, RPC_OK);
	for (int i = 0; i < SERVER_CONNS_MAX + 40; i++)
		client_close(idle[i]);
	client_close(used);
	lab_close();
}

static void test_open_calls_have_a_limit(void **state)
{
	static struct client_answer answers[SERVER_STREAMS_MAX + 1];
	struct client *clients[4];
	int n = 0;

	(void)state;
	lab_open(0, 0);
	for (int i = 0; i < 4; i++) {
		clients[i] = lab_client();
		for (int k = 0; k < 64; k++, n++)
			client_ask(clients[i], &answers[n],
				   &(struct client_request){ .path = LAB_ECHO, .hold = true });
		nghttp2_submit_ping(clients[i]->session, NGHTTP2_FLAG_NONE, NULL);
		while (!clients[i]->pongs && !clients[i]->gone)
			client_pump(clients[i], &answers[n - 1].closed, 1);
		assert_false(answers[n - 1].closed);
	}
	lab_ask(clients[0], &answers[n], LAB_ECHO, NULL);
	lab_answered(clients[0], &answers[n]);
	assert_int_equal(answers[n].reset, NGHTTP2_REFUSED_STREAM);
	client_close(clients[3]);
	lab_serves();
	for (int i = 0; i < 3; i++)
		client_close(clients[i]);
	lab_close();
}

/* -- Memory -- */

/* Questions of 18 bytes have answers of 2 KiB: as many as are read, but not all at once. */
static void test_questions_without_end_get_answers_with_an_end(void **state)
{
	static const char question[] = "\0\0\0\0\15\x22\13ateom.Ateom";
	static uint8_t many[800 * 18];
	struct client_request request = {
		.path = LAB_REFLECTION,
		.data = many,
		.len = (size_t)50 * 18,
	};
	struct client *client;

	(void)state;
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = (uint8_t)question[i % 18];
	lab_open(0, 0);
	client = lab_client();
	client_ask(client, lab_answer(), &request);
	lab_answered(client, lab_answer());
	assert_int_equal(lab_answer()->grpc, RPC_OK);
	assert_true(lab_answer()->len > 100000);
	request.len = sizeof(many);
	client_ask(client, lab_answer(), &request);
	lab_answered(client, lab_answer());
	assert_int_equal(lab_answer()->grpc, RPC_RESOURCE_EXHAUSTED);
	assert_string_equal(lab_answer()->message, "the answers are not read");
	client_close(client);
	lab_close();
}

/* A question that is answered by 2 KiB and by itself, twice: "host" is sent back. */
static size_t long_question(uint8_t *buf, size_t host)
{
	static const uint8_t list[] = { 0x3a, 1, '*' };
	size_t len = 4 + host + sizeof(list), at = GRPC_PREFIX;

	grpc_prefix_build(buf, (uint32_t)len);
	buf[at++] = 0x0a;
	buf[at++] = (uint8_t)(0x80 | (host & 0x7f));
	buf[at++] = (uint8_t)(0x80 | ((host >> 7) & 0x7f));
	buf[at++] = (uint8_t)(host >> 14);
	memset(buf + at, 'h', host);
	memcpy(buf + at + host, list, sizeof(list));
	return GRPC_PREFIX + len;
}

#define QUESTION     8000
#define QUESTION_ALL (QUESTION + GRPC_PREFIX + 7)

/* A client that asks on and reads no answer may send what a window takes, and no more. */
static void test_who_reads_no_answers_is_asked_for_no_more_questions(void **state)
{
	static uint8_t many[30 * QUESTION_ALL];
	static struct client_answer unread, read;
	struct client_request request = { .path = LAB_REFLECTION, .data = many, .len = sizeof(many) };
	struct client *client;

	(void)state;
	for (size_t i = 0; i < 30; i++)
		assert_int_equal(long_question(many + i * QUESTION_ALL, QUESTION), QUESTION_ALL);
	lab_open(0, 0);
	client = client_open(lab.path, 3);
	client_ask(client, &unread, &request);
	assert_false(client_pump(client, &unread.closed, 500));
	assert_in_range(unread.sent, 60000, 65535);
	client_close(client);
	/* Control: who reads may ask all of it. */
	client = lab_client();
	client_ask(client, &read, &request);
	lab_answered(client, &read);
	assert_int_equal(read.sent, sizeof(many));
	assert_int_equal(read.grpc, RPC_OK);
	client_close(client);
	lab_close();
}

#define SMALL	  3900
#define SMALL_ALL (SMALL + GRPC_PREFIX + 7)

/* All unread answers together have a limit; calls of the service are not touched by it. */
static void test_unread_answers_have_a_limit(void **state)
{
	static uint8_t questions[15 * SMALL_ALL];
	static struct client_answer answers[40], other;
	struct client_request request = {
		.path = LAB_REFLECTION, .data = questions, .len = sizeof(questions), .hold = true
	};
	struct client *client, *reader;
	bool never = false;
	int refused = 0;

	(void)state;
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(long_question(questions + i * SMALL_ALL, SMALL), SMALL_ALL);
	lab_open(0, 0);
	client = client_open(lab.path, 3);
	for (int i = 0; i < 40; i++) {
		client_ask(client, &answers[i], &request);
		client_pump(client, &never, 20);
	}
	lab_serves();
	client_pump(client, &never, 100);
	for (int i = 0; i < 40; i++)
		refused += answers[i].grpc == RPC_RESOURCE_EXHAUSTED;
	assert_in_range(refused, 20, 36); /* of 120 KB each, in 1 MiB */
	reader = lab_client();
	client_ask(reader, &other, &request);
	client_pump(reader, &other.closed, 1000);
	assert_int_equal(other.grpc, RPC_RESOURCE_EXHAUSTED);
	assert_string_equal(other.message, "the answers are not read");
	client_close(client);
	usleep(50000);
	client_ask(reader, &other, &request);
	client_pump(reader, &other.closed, 300);
	assert_false(other.closed);
	assert_true(other.len > (size_t)30 * SMALL);
	client_close(reader);
	lab_close();
}

/* So do requests that are large and don't come to an end; small ones always have room. */
static void test_large_requests_under_way_have_a_limit(void **state)
{
	static uint8_t big[60000];
	static struct client_answer answers[40];
	struct client_request request = { .path = LAB_ECHO, .data = big, .len = 100, .hold = true };
	struct client *client;
	bool never = false;
	int refused = 0;

	(void)state;
	grpc_prefix_build(big, sizeof(big) - GRPC_PREFIX);
	lab_open(0, 0);
	client = lab_client();
	for (int i = 0; i < 40; i++)
		client_ask(client, &answers[i], &request);
	client_pump(client, &never, 300);
	for (int i = 0; i < 40; i++)
		refused += answers[i].grpc == RPC_RESOURCE_EXHAUSTED;
	assert_in_range(refused, 20, 25); /* 17 of 60 KB go into 1 MiB */
	assert_string_equal(answers[39].message, "too many large messages at once");
	lab_serves();
	client_close(client);
	usleep(50000);
	client = lab_client();
	request.len = sizeof(big);
	request.hold = false;
	client_ask(client, &answers[0], &request);
	lab_answered(client, &answers[0]);
	assert_int_equal(answers[0].grpc, RPC_OK);
	client_close(client);
	lab_close();
}

/* The time limit of a stream of questions begins anew with each. */
static void test_a_stream_of_questions_may_last(void **state)
{
	static uint8_t many[4 * QUESTION_ALL];
	static struct client_answer answer;
	struct client_request request = {
		.path = LAB_REFLECTION, .data = many, .piece = QUESTION_ALL, .hold = true
	};
	struct client *client;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		long_question(many + i * QUESTION_ALL, QUESTION);
	lab_open(0, 400);
	client = lab_client();
	client_ask(client, &answer, &request);
	for (int i = 1; i <= 4; i++) {
		answer.request.len = (size_t)i * QUESTION_ALL;
		nghttp2_session_resume_data(client->session, answer.id);
		assert_false(client_pump(client, &answer.closed, 250));
	}
	assert_true(answer.len > (size_t)8 * QUESTION);
	/* Control: without any it is over. */
	assert_true(client_pump(client, &answer.closed, 1000));
	assert_int_equal(answer.grpc, RPC_DEADLINE_EXCEEDED);
	client_close(client);
	lab_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connections_have_a_limit_and_more_wait_their_turn),
		cmocka_unit_test(test_idle_connections_make_room),
		cmocka_unit_test(test_open_calls_have_a_limit),
		cmocka_unit_test(test_questions_without_end_get_answers_with_an_end),
		cmocka_unit_test(test_who_reads_no_answers_is_asked_for_no_more_questions),
		cmocka_unit_test(test_unread_answers_have_a_limit),
		cmocka_unit_test(test_large_requests_under_way_have_a_limit),
		cmocka_unit_test(test_a_stream_of_questions_may_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
