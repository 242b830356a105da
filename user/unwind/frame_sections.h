/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What unwinding needs of an ELF file: where its code lies, and its call frame sections.
 */
#ifndef UNFREED_FRAME_SECTIONS_H
#define UNFREED_FRAME_SECTIONS_H

#include "../elf/elf_file.h"
#include "cfi.h"

#define CODE_SEGMENTS_MAX 8

/* The bytes of `cfi` live as long as the file is open. */
struct frame_sections {
	struct elf_segment segments[CODE_SEGMENTS_MAX]; /* executable ones */
	size_t segment_count;
	struct cfi_section cfi[2];
	size_t cfi_count;
	bool is_go; /* made by Go's linker */
};

/*
 * Returns 0 or a negative errno: -ENOTSUP: not for 64-bit x86; -EFBIG: a section beyond
 * ELF_BYTES_MAX; -ENOMEM. A file without call frame information is no error. On failure `sections`
 * is empty.
 */
int frame_sections_read(const struct elf_file *file, struct frame_sections *sections);

#endif
