/* SPDX-License-Identifier: Apache-2.0 */
/* Actors' names and the words for egress sets. */
#include "input.h"
#include "replay.h"
#include <actornet/actor.h>
#include <errno.h>

/* The rule once more, byte by byte. */
static bool is_name(const char *text)
{
	size_t len = strlen(text);

	if (len < 1 || len > AN_ACTOR_NAME_MAX || text[0] == '.' || text[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		const char c = text[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '.' && c != '_' && c != ':' && c != '-')
			return false;
	}
	return true;
}

static void check(const struct an_error *err, int r, bool right)
{
	promise(r == (right ? 0 : -EINVAL));
	if (right) {
		promise_no_error(err, r);
	} else {
		promise_error(err, r, AN_USAGE);
		promise(err->remedy[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_text(data, size);
	struct an_error err = { 0 };
	enum an_egress egress;
	int r;

	check(&err, an_actor_name_check(text, &err), is_name(text));
	promise(an_actor_name_check(text, NULL) == (is_name(text) ? 0 : -EINVAL));

	err = (struct an_error){ 0 };
	r = an_egress_parse(text, &egress, &err);
	check(&err, r, !strcmp(text, "internet") || !strcmp(text, "all") || !strcmp(text, "none"));
	promise(r < 0 || !strcmp(text, an_egress_name(egress)));
	free(text);

	/* Any number has a word. */
	for (size_t i = 0; i < size && i < 4; i++) {
		promise(an_egress_name((enum an_egress)data[i])[0]);
		promise(an_reason_name((enum an_reason)data[i])[0]);
	}
	return 0;
}
