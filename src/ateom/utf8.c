/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629), checked. */
#include "ateom/utf8.h"

size_t utf8_next(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	/* Overlong forms, surrogates and what is above U+10FFFF show in the second byte. */
	if (s[0] == 0xe0)
		low = 0xa0;
	if (s[0] == 0xed)
		high = 0x9f;
	if (s[0] == 0xf0)
		low = 0x90;
	if (s[0] == 0xf4)
		high = 0x8f;
	if (len < n || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool utf8_check(const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_next(text + i, len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}
