/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_PATH_H
#define UNFREED_PATH_H

#include <string.h>

/* A path's last part: what stands behind its last slash, or all of it where nothing does. */
static inline const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

#endif
