/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_PATH_H
#define UNFREED_PATH_H

#include <stdbool.h>
#include <string.h>

/* A path's last part: what stands behind its last slash, or all of it where nothing does. */
static inline const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static inline bool text_ends_in(const char *text, const char *ending)
{
	size_t length = strlen(text), tail = strlen(ending);

	return length >= tail && !strcmp(text + length - tail, ending);
}

/* Whether a path has such an ending and something in front of it. */
static inline bool path_ends_in(const char *path, const char *ending)
{
	return strlen(path) > strlen(ending) && text_ends_in(path, ending);
}

#endif
