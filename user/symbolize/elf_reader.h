/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resolves addresses in ELF files inside this process. For files that can be trusted, and for the
 * symbolizer's helper process; others go through symbolizer.h.
 */
#ifndef UNFREED_ELF_READER_H
#define UNFREED_ELF_READER_H

#include "symbolizer.h"

struct elf_reader;

/*
 * `debuginfo_path` says where separate debug information is searched, as in libdwfl: directories
 * separated by colons, each with `.build-id/xx/…` or trees like that of the files themselves.
 * NULL is libdwfl's default, `:.debug:/usr/lib/debug`. The string must outlive the reader.
 * Returns NULL with errno.
 */
struct elf_reader *elf_reader_new(const char *debuginfo_path);
void elf_reader_free(struct elf_reader *reader);

/* As symbolizer_resolve, without its process. */
int elf_reader_resolve(struct elf_reader *reader, int fd, const char *path, const uint64_t *offsets,
		       size_t count, struct symbol_list *lists);

#endif
