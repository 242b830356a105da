/* SPDX-License-Identifier: BSD-2-Clause */
/* What a person is to read on a terminal. */
#ifndef UNFREED_TESTS_SCREEN_H
#define UNFREED_TESTS_SCREEN_H

#include "output/columns.h"

/* Every line fits a screen, holds nothing that steers a terminal, and ends without a blank. */
static inline void assert_screen(const char *text)
{
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		char *copy = strndup(line, length);

		if (columns_count(copy) > SCREEN_COLUMNS)
			fail_msg("%zu columns: %s", columns_count(copy), copy);
		assert_true(length == 0 || line[length - 1] != ' ');
		for (size_t i = 0; i < length; i++)
			assert_true((unsigned char)copy[i] >= 0x20 && copy[i] != 0x7f);
		assert_null(strstr(copy, "\xe2\x80\xae"));
		assert_null(strstr(copy, "\xc2\x9b"));
		free(copy);
		line += length + (line[length] == '\n');
	}
}

#endif
