// SPDX-License-Identifier: BSD-2-Clause
#include "http_text.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

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

static int value_of(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* What stands before the first colon, a name, is not kept. */
bool http_text_password(const char *raw, char *text, size_t size)
{
	size_t length = strlen(raw), used = 0;
	uint32_t bits = 0;
	int bit_count = 0;
	bool is_password = false;

	while (length && raw[length - 1] == '=')
		length--;
	for (size_t i = 0; i < length; i++) {
		int value = value_of(raw[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		bit_count += 6;
		if (bit_count < 8)
			continue;
		bit_count -= 8;
		char c = (char)(bits >> bit_count & 0xff);
		if (!c || (is_password && used + 1 >= size))
			return false;
		if (is_password)
			text[used++] = c;
		is_password |= c == ':';
	}
	if (is_password)
		text[used] = '\0';
	return is_password;
}
