/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What unwinding needs of an ELF file: where its code lies, and its call frame sections. Reads the
 * few parts with pread and never maps the file, which its owner may cut short at any time.
 */
#ifndef UNFREED_ELF_SECTIONS_H
#define UNFREED_ELF_SECTIONS_H

#include "cfi.h"

#define ELF_SEGMENTS_MAX 8

/* Where an executable part of the file goes in memory. */
struct elf_segment {
	uint64_t offset; /* in the file */
	uint64_t address;
	uint64_t size;
};

/* A file descriptor, or where that is negative, bytes in memory. */
struct elf_source {
	int fd;
	const uint8_t *bytes;
	size_t size;
};

struct elf_sections {
	struct elf_segment segments[ELF_SEGMENTS_MAX];
	size_t segment_count;
	struct cfi_section cfi[2]; /* own their bytes */
	size_t cfi_count;
	bool is_go; /* made by Go's linker */
};

/*
 * Returns 0 or a negative errno: -ENOEXEC: no x86-64 ELF file or a damaged one; -EFBIG: a section
 * beyond 512 MiB. A file without call frame information is no error. On failure `sections` is
 * empty.
 */
int elf_sections_read(const struct elf_source *source, struct elf_sections *sections);
/* Bytes of a source, for the caller to free; NULL with a negative errno in `error`. */
void *elf_source_copy(const struct elf_source *source, uint64_t offset, uint64_t size, int *error);

void elf_sections_release(struct elf_sections *sections);

#endif
