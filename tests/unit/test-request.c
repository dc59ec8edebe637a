/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the supervisor's service: decoded, and refused with the field named. */
#include "ateom.pb-c.h"
#include "ateom/request.h"
#include "ateom/workload.h"
#include "base/cleanup.h"
#include "isolate.h"

#include <errno.h>
#include <string.h>

/* A good request, to be spoilt field by field. */
struct fixture {
	Ateom__RestoreWorkloadRequest request;
	Ateom__WorkloadSpec spec;
	Ateom__Container web, side;
	Ateom__Container *containers[2];
	Ateom__Readyz readyz;
	Ateom__HTTPGetAction get;
	char *volumes[2];
};

static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

static void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	ateom__restore_workload_request__init(&f->request);
	ateom__workload_spec__init(&f->spec);
	ateom__container__init(&f->web);
	ateom__container__init(&f->side);
	ateom__readyz__init(&f->readyz);
	ateom__httpget_action__init(&f->get);
	f->request.actor_template_namespace = word("ns");
	f->request.actor_template_name = word("t");
	f->request.actor_id = word("a");
	f->request.runsc_path = word("/runsc");
	f->request.spec = &f->spec;
	f->request.scope = ATEOM__SNAPSHOT_SCOPE__SNAPSHOT_SCOPE_DATA;
	f->spec.containers = f->containers;
	f->spec.n_containers = 2;
	f->containers[0] = &f->web;
	f->containers[1] = &f->side;
	f->web.name = word("web");
	f->web.readyz = &f->readyz;
	f->readyz.http_get = &f->get;
	f->get.port = 8080;
	f->side.name = word("side");
	f->side.durable_dir_volumes = f->volumes;
	f->side.n_durable_dir_volumes = 2;
	f->volumes[0] = word("/data");
	f->volumes[1] = word("/more");
}

static int decode(const struct fixture *f, struct request *ret, struct an_error *err)
{
	_cleanup_free_ uint8_t *body = malloc(ateom__restore_workload_request__get_packed_size(&f->request));
	size_t len = ateom__restore_workload_request__pack(&f->request, body);

	return request_decode(ret, REQUEST_RESTORE, body, len, err);
}

static void test_all_that_is_used_is_there(void **state)
{
	_cleanup_(request_fini) struct request request = { .message = NULL };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_int_equal(decode(&f, &request, NULL), 0);
	assert_int_equal(request.scope, REQUEST_DATA);
	assert_string_equal(request.key, "ns:t:a");
	assert_string_equal(request.runsc_path, "/runsc");
	assert_int_equal(request.n_containers, 2);
	assert_string_equal(request.containers[0].name, "web");
	assert_int_equal(request.containers[0].ready_port, 8080);
	assert_string_equal(request.containers[0].ready_path, "/readyz");
	assert_int_equal(request.containers[1].ready_port, 0);
	assert_int_equal(request.n_volumes, 2);
	assert_string_equal(request.containers[1].volumes[1], "/more");
}

/* Spoil the text field at @field with each of these. */
static void assert_refused(struct fixture *f, char **field, const char *const *texts)
{
	char *good = *field;

	for (; *texts; texts++) {
		struct request request;
		struct an_error err = { 0 };

		*field = word(*texts);
		assert_int_equal(decode(f, &request, &err), -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
		assert_true(err.object[0] && err.message[0]);
	}
	*field = good;
}

static void test_names_that_are_no_segments_are_refused(void **state)
{
	static const char *const segments[] = { "", ".", "..", "a/b", "/", "\xff", NULL };
	static const char *const names[] = { "",  ".",	 "..",	  "a/b",  "-x",	 "a b",
					     "ä", "a:b", "pause", "side", "a\n", NULL };
	static const char *const programs[] = { "", "runsc", "./runsc", NULL };
	static const char *const paths[] = { "x", "/a b", "/a\r\nHost: x", "/\x7f", NULL };
	static const char *const volumes[] = { "", "data", "/..", "/a/../b", NULL };
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_refused(&f, &f.request.actor_template_namespace, segments);
	assert_refused(&f, &f.request.actor_template_name, segments);
	assert_refused(&f, &f.request.actor_id, segments);
	assert_refused(&f, &f.web.name, names);
	assert_refused(&f, &f.request.runsc_path, programs);
	assert_refused(&f, &f.get.path, paths);
	assert_refused(&f, &f.volumes[0], volumes);
}

static void test_numbers_out_of_range_are_refused(void **state)
{
	static const int32_t ports[] = { 0, -1, 65536, INT32_MIN };
	static const int scopes[] = { 0, 3, -1 };
	struct request request;
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		fixture_init(&f);
		f.get.port = ports[i];
		assert_int_equal(decode(&f, &request, NULL), -EINVAL);
	}
	for (size_t i = 0; i < 3; i++) {
		fixture_init(&f);
		f.request.scope = (Ateom__SnapshotScope)scopes[i];
		assert_int_equal(decode(&f, &request, NULL), -EINVAL);
	}
}

static void test_whole_name_fits_a_directory(void **state)
{
	_cleanup_(request_fini) struct request request = { .message = NULL };
	char id[300];
	struct fixture f;

	(void)state;
	fixture_init(&f);
	memset(id, 'a', sizeof(id));
	id[PATHS_SEGMENT_MAX - strlen("ns:t:")] = '\0';
	f.request.actor_id = id;
	assert_int_equal(decode(&f, &request, NULL), 0);
	id[PATHS_SEGMENT_MAX - strlen("ns:t:")] = 'a';
	id[PATHS_SEGMENT_MAX + 1 - strlen("ns:t:")] = '\0';
	assert_int_equal(decode(&f, &(struct request){ .message = NULL }, NULL), -EINVAL);
}

static void test_crowds_of_containers_are_refused(void **state)
{
	uint8_t body[2 * (REQUEST_CONTAINERS_MAX + 1) + 64];
	static const uint8_t head[] = "\x0a\x01n\x12\x01t\x1a\x01"
				      "a\x22\x02/r\x2a";
	size_t len = sizeof(head) - 1, n = REQUEST_CONTAINERS_MAX + 1;
	struct request request;
	struct an_error err;

	(void)state;
	memcpy(body, head, len);
	body[len++] = (uint8_t)(0x80 | ((2 * n) & 0x7f));
	body[len++] = (uint8_t)((2 * n) >> 7);
	for (size_t i = 0; i < n; i++) {
		body[len++] = 0x0a;
		body[len++] = 0;
	}
	assert_int_equal(request_decode(&request, REQUEST_RUN, body, len, &err), -EINVAL);
	assert_string_equal(err.object, "containers");
}

/* A NUL ends a text for us, not for the wire: what stands behind it would be hidden. */
static void test_nul_and_bad_text_are_refused_at_any_depth(void **state)
{
	static const struct {
		const char *body;
		size_t len;
	} wrong[] = {
#define BODY(text) { text, sizeof(text) - 1 }
		BODY("\x0a\x03n\0x\x12\x01t\x1a\x01"
		     "a\x22\x02/r"),
		BODY("\x0a\x01n\x12\x01t\x1a\x01"
		     "a\x22\x02/r\x2a\x06\x0a\x04\x0a\x02w\0"),
		BODY("\x0a\x01n\x12\x01t\x1a\x01"
		     "a\x22\x02/r\x2a\x05\x0a\x03\x0a\x01\xff"),
		BODY("\x0a\x01n\x12\x01t\x1a\x01"
		     "a\x22\x02/r\x3a\x04\x0a\x02k\0"), /* in a map */
		BODY("\x0a\xff\xff\xff\xff\x0fn"),
		BODY("\x0a"),
		BODY("\x0b\x0c"),
		BODY("\x08\x01"),
	};
	static const char right[] = "\x0a\x01n\x12\x01t\x1a\x01"
				    "a\x22\x02/r\x3a\x03\x0a\x01k\x3a\x03\x0a\x01k";
	_cleanup_(request_fini) struct request good = { .message = NULL };
	struct request request;
	struct an_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(request_decode(&request, REQUEST_RUN, (const uint8_t *)wrong[i].body,
						wrong[i].len, &err),
				 -EINVAL);
		assert_int_equal(err.kind, AN_USAGE);
	}
	/* Positive control, with a map entry that comes twice. */
	assert_int_equal(request_decode(&good, REQUEST_RUN, (const uint8_t *)right, sizeof(right) - 1, NULL),
			 0);
	assert_int_equal(good.n_containers, 0);
	assert_int_equal(request_decode(&request, REQUEST_RUN, NULL, 0, NULL), -EINVAL);
}

static void test_network_name_is_the_key_or_its_hash(void **state)
{
	char name[WORKLOAD_NAME_MAX], other[WORKLOAD_NAME_MAX], key[256];

	(void)state;
	workload_name("ns:t:a", name);
	assert_string_equal(name, "ns:t:a");
	workload_name("ns:t:a b", name);
	assert_int_equal(an_actor_name_check(name, NULL), 0);
	workload_name("ns:t:a/b", other);
	assert_string_not_equal(name, other);
	memset(key, 'k', sizeof(key));
	key[255] = '\0';
	workload_name(key, name);
	assert_int_equal(an_actor_name_check(name, NULL), 0);
	key[128] = '\0';
	workload_name(key, other);
	assert_string_equal(other, key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_that_is_used_is_there),
		cmocka_unit_test(test_names_that_are_no_segments_are_refused),
		cmocka_unit_test(test_numbers_out_of_range_are_refused),
		cmocka_unit_test(test_whole_name_fits_a_directory),
		cmocka_unit_test(test_crowds_of_containers_are_refused),
		cmocka_unit_test(test_nul_and_bad_text_are_refused_at_any_depth),
		cmocka_unit_test(test_network_name_is_the_key_or_its_hash),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
