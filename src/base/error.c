/* SPDX-License-Identifier: Apache-2.0 */
/* Filling in a struct an_error. */
#include "base/error.h"

#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What was returned last, for error_remedy() where there is no struct to read it from. */
static _Thread_local int error_last = -EINVAL;

/* A failure must never read as success, whatever errno it came with. */
static int error_return(int errnum)
{
	error_last = errnum > 0 ? -errnum : -EINVAL;
	return error_last;
}

static void error_begin(struct an_error *err, int kind, int errnum, const char *object)
{
	*err = (struct an_error){ .kind = kind, .err = errnum };
	snprintf(err->object, sizeof(err->object), "%s", object ? object : "");
}

int error_set(struct an_error *err, int kind, int errnum, const char *object, const char *format, ...)
{
	va_list args;

	if (!err)
		return error_return(errnum);
	error_begin(err, kind, errnum, object);
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	return error_return(errnum);
}

int error_errno(struct an_error *err, int kind, int errnum, const char *object, const char *format, ...)
{
	char reason[ERROR_TEXT];
	va_list args;
	size_t len;

	if (!err)
		return error_return(errnum);
	error_begin(err, kind, errnum, object);
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	len = strlen(err->message);
	snprintf(err->message + len, sizeof(err->message) - len, "%s%s", len ? ": " : "",
		 error_text(errnum, reason));
	return error_return(errnum);
}

int error_feature(struct an_error *err, const char *what, const char *config)
{
	char options[128];
	struct text t = text_over(options, sizeof(options));

	for (const char *at = config; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		text_add(&t, "%sCONFIG_%.*s", t.len ? ", " : "", (int)len, at);
		at += len;
	}
	error_set(err, AN_FAILED, EOPNOTSUPP, "kernel", "it lacks %s (%s)", what, options);
	return error_remedy(err,
			    "load the module or use a kernel that has it: Linux 5.10 or newer, see README");
}

const char *error_text(int errnum, char buf[static ERROR_TEXT])
{
	const char *words = strerrordesc_np(errnum);

	if (!words)
		snprintf(buf, ERROR_TEXT, "error %d", errnum);
	else
		snprintf(buf, ERROR_TEXT, "%s", words);
	/* "File exists", but not "RFS specific error". */
	if (isupper((unsigned char)buf[0]) && !isupper((unsigned char)buf[1]))
		buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

int error_remedy(struct an_error *err, const char *format, ...)
{
	va_list args;

	if (!err)
		return error_last;
	va_start(args, format);
	vsnprintf(err->remedy, sizeof(err->remedy), format, args);
	va_end(args);
	return error_return(err->err);
}

void error_object(struct an_error *err, const char *format, ...)
{
	va_list args;

	if (!err || err->object[0])
		return;
	va_start(args, format);
	vsnprintf(err->object, sizeof(err->object), format, args);
	va_end(args);
}

void error_context(struct an_error *err, const char *format, ...)
{
	char old[sizeof(err->message)];
	va_list args;
	size_t len;

	if (!err)
		return;
	memcpy(old, err->message, sizeof(old));
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	len = strlen(err->message);
	/* What is cut is the end of the older text: the head says where we are. */
	struct text t = { .buf = err->message, .size = sizeof(err->message), .len = len };
	text_add(&t, ": %s", old);
}
