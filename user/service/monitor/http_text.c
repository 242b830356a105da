/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_text.h"

#include <ctype.h>

static int digit_of(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

bool http_text_argument(const char *raw, char *text, size_t size)
{
	size_t used = 0;

	while (*raw) {
		int c = *raw == '+' ? ' ' : (unsigned char)*raw;

		if (*raw++ == '%') {
			int high = digit_of(*raw), low = high < 0 ? -1 : digit_of(raw[1]);

			if (low < 0)
				return false;
			c = high << 4 | low;
			raw += 2;
		}
		if (c < ' ' || c == 0x7f || used + 1 >= size)
			return false;
		text[used++] = (char)c;
	}
	text[used] = '\0';
	return true;
}
