/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_LOAD_H
#define UNFREED_LOAD_H

#include <stddef.h>

/*
 * Reads a file, a pipe too, of at most `most` bytes into *data, to be freed also after a failure;
 * a 0 follows that is not counted. Returns 0 or a negative errno; -EFBIG: it has more.
 */
int load_file(const char *path, size_t most, char **data, size_t *size);

#endif
