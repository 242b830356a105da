/* SPDX-License-Identifier: BSD-2-Clause */
#include "utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static size_t sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

size_t utf8_decode(const char *string, uint32_t *code)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)string;
	size_t length = sequence_length(bytes[0]);

	if (length < 2) {
		*code = bytes[0];
		return length;
	}
	uint32_t value = bytes[0] & (0x7fu >> length);

	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3f);
	}
	if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return length;
}

static bool is_valid(const char *string)
{
	uint32_t code;

	while (*string) {
		size_t length = utf8_decode(string, &code);

		if (!length)
			return false;
		string += length;
	}
	return true;
}

char *utf8_repair(const char *string)
{
	uint32_t code;

	errno = 0;
	if (is_valid(string))
		return NULL;
	char *repaired = malloc(strlen(string) * strlen(UTF8_REPLACEMENT) + 1);

	if (!repaired)
		return NULL;
	char *end = repaired;

	while (*string) {
		size_t length = utf8_decode(string, &code);

		if (length) {
			end = mempcpy(end, string, length);
			string += length;
		} else {
			end = mempcpy(end, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT));
			string++;
		}
	}
	*end = '\0';
	return repaired;
}
