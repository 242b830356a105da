/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the file of a module tells of C++ classes: bytes of pages that the process does not have in
 * memory, and the names of virtual tables. The files and names are a target's and hostile: they are
 * read, and names made readable, in the confined process.
 *
 * Descriptors stay the caller's. Each function returns 0 or a negative errno, as confined_call has
 * it.
 */
#ifndef UNFREED_CLASS_NAMES_H
#define UNFREED_CLASS_NAMES_H

#include "../confine/confined.h"

enum { CLASS_NAME_MAX = 1024 }; /* bytes, with the NUL; longer ones are cut */

/* All `size` bytes (at most 4096) from an offset on; -ENODATA beyond the end of the file. */
int class_file_read(struct confined *confined, int fd, uint64_t offset, void *buffer, size_t size);

/* "N4shop5CacheE" as people read it: "shop::Cache". `fd` is any regular file. */
int class_name_demangle(struct confined *confined, int fd, const char *mangled,
			char name[CLASS_NAME_MAX]);

/* The virtual table that covers an offset in the file, by the symbol tables; -ENOENT: none does. */
int class_name_of_table(struct confined *confined, int fd, uint64_t offset,
			char name[CLASS_NAME_MAX]);

#endif
