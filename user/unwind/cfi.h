/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call frame information (.eh_frame, .debug_frame) -> rows: from which address on which rule holds.
 */
#ifndef UNFREED_CFI_H
#define UNFREED_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "../../bpf/unwind.h"

/* Distinct rules of a file: real ones have some hundred, and all files share one table of them. */
#define CFI_RULES_MAX 4096

struct cfi_section {
	const uint8_t *bytes;
	size_t size;
	uint64_t address; /* of the section, as the ELF file counts */
	bool debug_frame; /* else .eh_frame */
};

struct cfi_row {
	uint64_t address; /* as the ELF file counts */
	uint32_t rule;    /* index into cfi_table.rules */
};

/* Sorted; a row holds until the next one. Rule 0 is UNWIND_NO_RULE; the last row refers to it. */
struct cfi_table {
	struct cfi_row *rows;
	size_t row_count;
	struct unwind_rule *rules; /* distinct */
	size_t rule_count;
};

/*
 * Reads all sections; where two describe the same code the first one counts. Code outside
 * [low, high) is left out. The bytes may be hostile: damaged entries cost their own range (which
 * gets UNWIND_BAD_CFI where it is known), and the work is bounded by the sections' size.
 *
 * Returns 0 or a negative errno: -ENOMEM; -E2BIG: more work than its size justifies. On failure
 * `table` is empty.
 */
int cfi_table_build(const struct cfi_section *sections, size_t section_count, uint64_t low,
		    uint64_t high, struct cfi_table *table);
void cfi_table_release(struct cfi_table *table);

/* Number of the row in force at an address; -1 where the table is empty or starts later. */
ptrdiff_t cfi_table_row(const struct cfi_table *table, uint64_t address);

/* The rule of that row, or NULL. */
const struct unwind_rule *cfi_table_find(const struct cfi_table *table, uint64_t address);

#endif
