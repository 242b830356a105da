/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the programs in CIEs and FDEs: what each instruction of a function does to the way back to
 * its caller.
 */
#ifndef UNFREED_CFI_PROGRAM_H
#define UNFREED_CFI_PROGRAM_H

#include "../arch/cfi.h"
#include "../lib/cursor.h"
#include "cfi_entries.h"

#define CFI_REMEMBERED_MAX 16

struct cfi_machine {
	const struct cfi_cie *cie;
	uint64_t address; /* from which on the state holds */
	struct cfi_state state;
	bool changed; /* the state, since the caller cleared it */
	int error;    /* -EBADMSG: the program is damaged; -E2BIG: out of work */
	size_t work;  /* instructions that may still be run */
	unsigned int depth;
	struct cfi_state initial; /* after the CIE's program */
	struct cfi_state remembered[CFI_REMEMBERED_MAX];
};

/* Loads the CIE's state. */
void cfi_machine_start(struct cfi_machine *machine, const struct cfi_cie *cie, uint64_t address);

/*
 * Runs up to the next change of address, which it returns; the state then holds from
 * machine->address up to there. At the program's end, or on an error, returns UINT64_MAX.
 */
uint64_t cfi_machine_run(struct cfi_machine *machine, struct cursor *program);

/* The state as the walker has it. */
void cfi_rule_make(const struct cfi_state *state, bool signal, struct unwind_rule *rule);

#endif
