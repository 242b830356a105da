/* SPDX-License-Identifier: BSD-2-Clause */
/* Outputs against tests/golden, byte by byte. UPDATE_GOLDEN=1 writes what is there now. */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline char *read_all(const char *path)
{
	char *text = NULL;
	size_t room = 0;
	FILE *file = fopen(path, "r");

	if (!file)
		return NULL;
	if (getdelim(&text, &room, '\0', file) < 0 && !text)
		text = strdup("");
	fclose(file);
	return text;
}

static inline void compare_with_file(const char *actual, size_t size, const char *golden)
{
	char path[200];

	snprintf(path, sizeof(path), "tests/golden/%s", golden);
	if (getenv("UPDATE_GOLDEN")) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fwrite(actual, 1, size, file);
		fclose(file);
	}
	char *expected = read_all(path);

	if (!expected)
		fail_msg("cannot read %s: run from the top directory", path);
	if (strlen(expected) != size || memcmp(expected, actual, size))
		fail_msg("%s differs; now it is:\n%.*s", path, (int)size, actual);
	free(expected);
}

#endif
