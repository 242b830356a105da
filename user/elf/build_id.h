/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tells one build of a program from another: the note that linkers write.
 */
#ifndef UNFREED_BUILD_ID_H
#define UNFREED_BUILD_ID_H

#include "../confine/confined.h"

/* Of those in use the longest has 20 bytes; two digits each. */
#define BUILD_ID_BYTES_MAX 64
#define BUILD_ID_TEXT_MAX  (2 * BUILD_ID_BYTES_MAX + 1)

/*
 * Reads it in the confined process, in hexadecimal digits. The descriptor stays the caller's.
 * Returns 0 or a negative errno (-ENODATA: it has none); then `text` is empty.
 */
int build_id_read(struct confined *confined, int fd, char text[BUILD_ID_TEXT_MAX]);

/* The same here, of a file that can be trusted. */
int build_id_of_file(int fd, char text[BUILD_ID_TEXT_MAX]);

#endif
