/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unwind table of one ELF file, laid out in pages as bpf/unwind.h wants it, but with its own
 * rule numbers and row positions.
 */
#ifndef UNFREED_UNWIND_FILE_H
#define UNFREED_UNWIND_FILE_H

#include "../confine/confined.h"
#include "frame_sections.h"

#define UNWIND_FILE_PAGES_MAX (1u << 21) /* 1 GiB of code */
#define UNWIND_FILE_ROWS_MAX  (1u << 26)

struct unwind_file {
	struct elf_segment segments[CODE_SEGMENTS_MAX];
	uint32_t segment_count;
	uint32_t page_count; /* 0: the file has no table */
	uint32_t row_count;
	uint32_t rule_count;
	uint64_t base;   /* address of the first page, as the file counts */
	uint32_t *pages; /* where in `rows` a page begins */
	uint32_t *rows;  /* as in unwind_words; row 0 stands for every page without rules */
	struct unwind_rule *rules; /* distinct; rule 0 is UNWIND_NO_RULE */
};

/*
 * Builds the table of the ELF file `fd`. The bytes may be hostile; a target's files go through
 * unwind_file_request all the same.
 * Returns 0 or a negative errno: -ENOEXEC, -ENOTSUP: no ELF file, none for 64-bit x86; -EFBIG,
 * -E2BIG: too large, or more work than its size justifies. On failure `file` is empty.
 */
int unwind_file_build(int fd, struct unwind_file *file);

/* The same of the kernel's vdso, which is one for all 64-bit processes: this process's is read. */
int unwind_file_build_vdso(struct unwind_file *file);

void unwind_file_release(struct unwind_file *file);

/*
 * To and from another process. Decoding trusts nothing: sizes are bounded, and what the arrays
 * refer to is checked when the file is added to the tables. Return 0 or a negative errno (-EPROTO:
 * not what unwind_file_encode makes); then there is nothing to release.
 */
int unwind_file_encode(const struct unwind_file *file, struct confined_answer *answer);
int unwind_file_decode(const struct confined_answer *answer, struct unwind_file *file);

/* Has the confined process build the table. Returns as unwind_file_build or confined_call. */
int unwind_file_request(struct confined *confined, int fd, struct unwind_file *file);

#endif
