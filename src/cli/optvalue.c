/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of values that options and arguments take: each checks one text and stores it. */
#include "cli/opts.h"

#include "base/addr.h"
#include "base/error.h"
#include "base/text.h"
#include "core/ports.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#define TEXT_MAX 4095 /* a path, PATH_MAX less its NUL */

int opt_flag(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	(void)opt;
	(void)value;
	(void)err;
	*(bool *)target = true;
	return 0;
}

int opt_text(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	size_t len = strlen(value), max = opt->max ? opt->max : TEXT_MAX;

	if (len > max) {
		error_set(err, AN_USAGE, EINVAL, "", "'%.32s...' is too long, %zu bytes", value, len);
		return error_remedy(err, "give at most %zu bytes", max);
	}
	if (len < opt->min) {
		error_set(err, AN_USAGE, EINVAL, "", "'%s' is too short", value);
		return error_remedy(err, "give at least %u bytes", opt->min);
	}
	*(const char **)target = value;
	return 0;
}

/* A decimal number within the option's limits. */
static int number(const struct opt *opt, const char *value, size_t len, uint32_t *ret, struct an_error *err)
{
	int shown = len < 32 ? (int)len : 32;
	uint64_t n = 0;
	int r = text_to_u64(value, len, UINT32_MAX, &n);

	if (r == -EINVAL)
		error_set(err, AN_USAGE, EINVAL, "", "'%.*s' is not a number", shown, value);
	else if (r < 0 || n > opt->max)
		error_set(err, AN_USAGE, EINVAL, "", "'%.*s' is more than %u", shown, value, opt->max);
	else if (n < opt->min)
		error_set(err, AN_USAGE, EINVAL, "", "'%.*s' is less than %u", shown, value, opt->min);
	else {
		*ret = (uint32_t)n;
		return 0;
	}
	error_remedy(err, "give %u to %u", opt->min, opt->max);
	return -EINVAL;
}

int opt_u32(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	uint32_t n = 0;
	int r = number(opt, value, strlen(value), &n, err);

	if (!r)
		*(uint32_t *)target = n;
	return r;
}

int opt_nat_ports(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	const char *dash = strchr(value, '-');
	struct opt_range *range = target;
	uint32_t min = 0, max = 0;
	int r;

	if (!dash) {
		error_set(err, AN_USAGE, EINVAL, "", "'%.64s' is not a range", value);
		return error_remedy(err, "give FIRST-LAST, for example 20000-29999");
	}
	r = number(opt, value, (size_t)(dash - value), &min, err);
	if (!r)
		r = number(opt, dash + 1, strlen(dash + 1), &max, err);
	if (r < 0)
		return r;
	if (min > max) {
		error_set(err, AN_USAGE, EINVAL, "", "'%s' ends before it starts", value);
		return error_remedy(err, "give %u-%u", max, min);
	}
	*range = (struct opt_range){ .min = (uint16_t)min, .max = (uint16_t)max };
	return 0;
}

int opt_actor(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	int r = an_actor_name_check(value, err);

	(void)opt;
	if (r < 0)
		return r;
	*(const char **)target = value;
	return 0;
}

int opt_interface(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	size_t len = strlen(value);

	(void)opt;
	if (len >= IFNAMSIZ) {
		error_set(err, AN_USAGE, EINVAL, "", "'%.32s' is too long for an interface, %zu bytes", value,
			  len);
		return error_remedy(err, "give at most %d bytes", IFNAMSIZ - 1);
	}
	/* What the kernel's dev_valid_name() refuses. */
	if (strpbrk(value, "/: \t\n\v\f\r") || !strcmp(value, ".") || !strcmp(value, "..")) {
		error_set(err, AN_USAGE, EINVAL, "", "'%s' can't be the name of an interface", value);
		return error_remedy(err, "`ip link` lists them");
	}
	*(const char **)target = value;
	return 0;
}

static int cidr(const struct opt *opt, const char *value, uint8_t family, const char **target,
		struct an_error *err)
{
	const char *word = family == AF_INET ? "IPv4" : "IPv6";
	struct addr a;

	if (addr_parse(value, &a) < 0) {
		error_set(err, AN_USAGE, EINVAL, "", "'%.64s' is not an address with a prefix", value);
		return error_remedy(err, "give %s in %s", opt->value, word);
	}
	if (a.family != family) {
		error_set(err, AN_USAGE, EINVAL, "", "'%s' is not %s", value, word);
		return error_remedy(err, "give it as --%.*s%s", (int)strcspn(opt->name, "6"), opt->name,
				    family == AF_INET ? "6" : "");
	}
	if (a.prefix < opt->min || a.prefix > opt->max) {
		error_set(err, AN_USAGE, EINVAL, "", "'%s' has a prefix of %u bits", value, a.prefix);
		if (opt->min == opt->max)
			return error_remedy(err, "give /%u", opt->min);
		return error_remedy(err, "give /%u to /%u", opt->min, opt->max);
	}
	*target = value;
	return 0;
}

int opt_cidr4(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	return cidr(opt, value, AF_INET, target, err);
}

int opt_cidr6(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	return cidr(opt, value, AF_INET6, target, err);
}

int opt_port(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	struct opt_ports *ports = target;
	char text[AN_PORT_TEXT];
	struct an_port port;
	int r = an_port_parse(value, &port, err);

	(void)opt;
	if (r < 0)
		return r;
	for (size_t i = 0; i < ports->n; i++) {
		if (!ports_overlap(&ports->list[i], &port))
			continue;
		error_set(err, AN_USAGE, EINVAL, "", "'%s' overlaps with '%s'", value,
			  an_port_format(&ports->list[i], text));
		return error_remedy(err, "give each port once");
	}
	if (ports->n == AN_SPECS_MAX) {
		error_set(err, AN_USAGE, EINVAL, "", "'%s' is one too many", value);
		return error_remedy(err, "give at most %d, or ranges", AN_SPECS_MAX);
	}
	ports->list[ports->n++] = port;
	return 0;
}

int opt_egress(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	enum an_egress egress;
	int r = an_egress_parse(value, &egress, err);

	(void)opt;
	if (!r)
		*(enum an_egress *)target = egress;
	return r;
}

int opt_later(const struct opt *opt, const char *value, void *target, struct an_error *err)
{
	(void)opt;
	(void)value;
	(void)target;
	error_set(err, AN_USAGE, EINVAL, "", "policies come with a later version");
	return error_remedy(err, "choose a base set by --egress");
}
