/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a command line by its tables. What values are is in optvalue.c. */
#include "cli/opts.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Longest word that is looked at for a suggestion. */
#define NEAREST_MAX 31

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Edits that make one word of the other (Levenshtein); both at most NEAREST_MAX long. */
static unsigned int distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned int row[NEAREST_MAX + 1];

	for (unsigned int j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= n; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[m];
}

bool opt_nearest(const char *word, const char *candidate, unsigned int *best)
{
	size_t n = strlen(word), m = strlen(candidate);
	unsigned int d;

	if (n > NEAREST_MAX || m > NEAREST_MAX)
		return false;
	d = distance(word, n, candidate, m);
	/* A third of the word may be wrong: more is another word. */
	if (d > 1 + n / 3 || d >= n || d >= *best)
		return false;
	*best = d;
	return true;
}

/* One word of the command line, taken apart. */
struct word {
	const char *text;  /* as given */
	const char *name;  /* behind the dashes */
	size_t name_len;   /* up to "=" */
	const char *value; /* behind "=", NULL without */
	bool is_long;
};

static struct word word_split(const char *text)
{
	struct word w = { .text = text, .is_long = text[1] == '-' };
	const char *equals;

	w.name = text + (w.is_long ? 2 : 1);
	equals = w.is_long ? strchr(w.name, '=') : NULL;
	w.name_len = equals ? (size_t)(equals - w.name) : strlen(w.name);
	w.value = equals ? equals + 1 : NULL;
	return w;
}

static bool matches(const struct opt *opt, const struct word *w)
{
	if (!w->is_long)
		return opt->letter && w->name_len == 1 && w->name[0] == opt->letter;
	return strlen(opt->name) == w->name_len && !memcmp(opt->name, w->name, w->name_len);
}

static const struct opt *find(const struct opt_group *group, const struct word *w)
{
	if (!group)
		return NULL;
	for (const struct opt *opt = group->opts; opt && opt->name; opt++)
		if (matches(opt, w))
			return opt;
	return NULL;
}

static void suggest(const struct opt_group *group, const char *name, const char **best_name,
		    unsigned int *best)
{
	if (!group)
		return;
	for (const struct opt *opt = group->opts; opt && opt->name; opt++)
		if (opt->help && opt_nearest(name, opt->name, best))
			*best_name = opt->name;
}

static int unknown(const struct opt_line *line, const struct word *w, struct an_error *err)
{
	char name[NEAREST_MAX + 2], object[64];
	struct text t = text_over(object, sizeof(object)), n = text_over(name, sizeof(name));
	const char *best_name = NULL;
	unsigned int best = UINT_MAX;

	text_add(&t, "%.*s", (int)(w->name_len < 48 ? w->name_len + (size_t)(w->name - w->text) : 48),
		 w->text);
	text_add(&n, "%.*s", (int)(w->name_len <= NEAREST_MAX ? w->name_len : 0), w->name);
	suggest(line->options, name, &best_name, &best);
	suggest(line->globals, name, &best_name, &best);
	error_set(err, AN_USAGE, EINVAL, object, "unknown option");
	if (best_name)
		error_remedy(err, "did you mean --%s?", best_name);
	return -EINVAL;
}

/* What a parse function found wrong is said of the option; an object that it named goes before the reason. */
static int blame(const char *label, struct an_error *err, int r)
{
	char object[sizeof(err->object)];

	if (!err)
		return r;
	text_copy(object, sizeof(object), err->object);
	if (object[0])
		error_context(err, "%s", object);
	err->object[0] = '\0';
	error_object(err, "%s", label);
	return r;
}

static int store(struct opt_group *group, const struct opt *opt, const char *label, const char *value,
		 struct an_error *err)
{
	uint64_t bit = UINT64_C(1) << (opt - group->opts);
	int r;

	if ((group->seen & bit) && !opt->many) {
		error_set(err, AN_USAGE, EINVAL, label, "given more than once");
		return error_remedy(err, "give it once");
	}
	if (value && !value[0]) {
		error_set(err, AN_USAGE, EINVAL, label, "the value is empty");
		return opt->value ? error_remedy(err, "give %s", opt->value) : -EINVAL;
	}
	r = opt->parse(opt, value, (char *)group->values + opt->offset, err);
	if (r < 0)
		return blame(label, err, r);
	group->seen |= bit;
	return 0;
}

static int read_option(struct opt_line *line, int argc, char **argv, int *index, struct an_error *err)
{
	struct word w = word_split(argv[*index]);
	struct opt_group *group = line->options;
	const struct opt *opt = find(group, &w);
	char label[64];
	struct text t = text_over(label, sizeof(label));
	const char *value = w.value;

	if (!opt) {
		group = line->globals;
		opt = find(group, &w);
	}
	if (!opt)
		return unknown(line, &w, err);
	text_add(&t, "--%s", opt->name);
	if (!opt->value && value) {
		error_set(err, AN_USAGE, EINVAL, label, "takes no value, '%.64s' was given", value);
		return error_remedy(err, "give --%s alone", opt->name);
	}
	/* A value that looks like an option is a forgotten value far more often than a value. */
	if (opt->value && !value && *index + 1 < argc && strncmp(argv[*index + 1], "--", 2) != 0)
		value = argv[++*index];
	if (opt->value && !value && opt->parse != opt_later) {
		error_set(err, AN_USAGE, EINVAL, label, "has no value");
		return error_remedy(err, "give --%s %s", opt->name, opt->value);
	}
	return store(group, opt, label, value, err);
}

/* The argument whose turn it is; NULL where all have been given. */
static const struct opt *next_argument(const struct opt_group *arguments)
{
	const struct opt *opt = arguments->opts;

	for (; opt && opt->name; opt++)
		if (opt->many || !(arguments->seen & (UINT64_C(1) << (opt - arguments->opts))))
			return opt;
	return NULL;
}

static int read_argument(const struct opt_line *line, const char *value, struct an_error *err)
{
	const struct opt *opt = next_argument(line->arguments);
	char object[80];
	struct text t = text_over(object, sizeof(object));

	if (opt)
		return store(line->arguments, opt, opt->name, value, err);
	text_add(&t, "'%.64s'", value);
	return error_set(err, AN_USAGE, EINVAL, object, "unexpected argument");
}

static int check_complete(const struct opt_line *line, int argc, struct an_error *err)
{
	const struct opt *opt = line->arguments ? line->arguments->opts : NULL;

	for (; opt && opt->name; opt++)
		if (!opt->optional &&
		    !(line->arguments->seen & (UINT64_C(1) << (opt - line->arguments->opts))))
			return error_set(err, AN_USAGE, EINVAL, opt->name, "missing");
	if (line->takes_rest && line->next >= argc) {
		error_set(err, AN_USAGE, EINVAL, "COMMAND", "missing");
		return error_remedy(err, "give it behind --");
	}
	return 0;
}

int opt_read(struct opt_line *line, int argc, char **argv, struct an_error *err)
{
	bool ended = false;
	int i, r = 0;

	for (i = 1; i < argc && !r; i++) {
		if (!ended && !strcmp(argv[i], "--")) {
			ended = true;
			if (!line->takes_rest)
				continue;
			i++;
			break;
		}
		if (!ended && argv[i][0] == '-' && argv[i][1])
			r = read_option(line, argc, argv, &i, err);
		else if (line->arguments)
			r = read_argument(line, argv[i], err);
		else
			break;
	}
	if (r < 0)
		return r;
	line->next = i;
	return check_complete(line, argc, err);
}
