/* SPDX-License-Identifier: BSD-2-Clause */
#include "own_code.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* lib/python3.11/json/encoder.py, lib64/python3/…, lib/pypy3.9/…, and what is in lib/python311.zip:
 * the name of an interpreter with its version, where it keeps its library. */
static bool is_library(const char *file)
{
	static const char *const names[] = {"/python", "/pypy"};

	for (const char *lib = strstr(file, "/lib"); lib; lib = strstr(lib + 1, "/lib")) {
		const char *rest = lib + strlen("/lib");

		rest += !strncmp(rest, "64", 2) || !strncmp(rest, "32", 2) ? 2 : 0;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!strncmp(rest, names[i], strlen(names[i])) &&
			    isdigit((unsigned char)rest[strlen(names[i])]))
				return true;
	}
	return false;
}

bool frame_is_own(const char *file)
{
	if (!file || !*file || *file == '<')
		return false;
	return !strstr(file, "/site-packages/") && !strstr(file, "/dist-packages/") &&
	       !is_library(file);
}
