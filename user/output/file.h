/* SPDX-License-Identifier: BSD-2-Clause */
/* Where outputs go: files that are private and whole, or what is there to be written to. */
#ifndef UNFREED_OUTPUT_FILE_H
#define UNFREED_OUTPUT_FILE_H

#include <stdio.h>

/* Writes what is to be in the file. Returns 0 or a negative errno. */
typedef int file_writer(const void *context, FILE *file);

/*
 * Writes to `path` ("-" is stdout): mode 0600, beside its final name and then renamed, so that a
 * failure leaves an older file as it was; as root under sudo the file belongs to the calling user.
 * A path that is there and is no regular file (/dev/stdout, a FIFO) is written to directly. Returns
 * 0 or a negative errno.
 */
int file_write(const char *path, file_writer *print, const void *context);

/*
 * Where what was measured must not be lost for that its file cannot be written: to stdout, else to
 * stderr. Returns 0 or a negative errno.
 */
int file_write_somewhere(file_writer *print, const void *context);

/*
 * Whether a path can be written to, as far as it shows before: that its directory is not there or
 * takes no file (one is made there and removed), that it is one itself, that stdout is closed.
 * Returns 0 or a negative errno.
 */
int file_check(const char *path);

#endif
