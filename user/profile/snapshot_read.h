/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_SNAPSHOT_READ_H
#define UNFREED_SNAPSHOT_READ_H

#include "snapshot.h"

enum { REPORT_BYTES_MAX = 256 << 20 };

/*
 * Reads a report of `record` in JSON, `unfreed/1`, of REPORT_BYTES_MAX at most: all but what
 * holds blocks, what they are, and what changed since an earlier report; stacks of which
 * everything was freed as far as it has them. On failure returns NULL and puts into `error`
 * (of `error_size` bytes) the part of a sentence behind the file's name. The text is
 * hostile: every value is checked.
 */
struct snapshot *snapshot_read_json(const char *text, size_t size, char *error, size_t error_size);

#endif
