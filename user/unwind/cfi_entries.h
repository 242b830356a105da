/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entries of a call frame section: CIEs (what functions have in common) and FDEs (one a range
 * of code).
 */
#ifndef UNFREED_CFI_ENTRIES_H
#define UNFREED_CFI_ENTRIES_H

#include "cfi.h"

struct cfi_cie {
	size_t offset; /* in its section */
	const uint8_t *program;
	size_t program_size;
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding; /* DW_EH_PE_* of the addresses in its FDEs */
	bool has_augmentation;
	bool signal; /* frames that were interrupted, not called from */
	bool understood;
};

struct cfi_fde {
	uint64_t start; /* of the code */
	uint64_t end;
	const uint8_t *program;
	uint32_t program_size;
	uint32_t cie;
	uint32_t order; /* in which they were read */
};

struct cfi_entries {
	struct cfi_cie *cies;
	size_t cie_count;
	struct cfi_fde *fdes; /* sorted by start, then order */
	size_t fde_count;
};

/* Returns 0 or -ENOMEM; then `entries` is still to be released. Start with a zeroed one. */
int cfi_entries_read(struct cfi_entries *entries, const struct cfi_section *section, uint64_t low,
		     uint64_t high);
void cfi_entries_sort(struct cfi_entries *entries);
void cfi_entries_release(struct cfi_entries *entries);

#endif
