/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629), checked. */
#ifndef ATEOM_UTF8_H
#define ATEOM_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** utf8_next() - bytes of the character at the beginning of @text, 1 to 4; 0: none begins there. */
size_t utf8_next(const char *text, size_t len);
/** utf8_check() - is all of it UTF-8? */
bool utf8_check(const char *text, size_t len);

#endif
