/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What call frame information says of a machine's registers: which DWARF numbers matter, and in
 * which forms its compilers, linkers and C libraries write what is no register and offset. The
 * machine that runs the instructions, and the rules that come of it, are unwind/'s.
 */
#ifndef UNFREED_ARCH_CFI_H
#define UNFREED_ARCH_CFI_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/unwind.h"

/* The registers whose place is followed: those of bpf/unwind.h, and the return address where
 * that is a register of its own. */
enum cfi_tracked { CFI_EXTRA, CFI_FP, CFI_SP, CFI_RA, CFI_TRACKED };

enum cfi_how {
	CFI_UNSPECIFIED = 0, /* for a saved register: unchanged; for sp: the CFA */
	CFI_SAME,
	CFI_UNDEFINED,
	CFI_AT_CFA,     /* in the word at CFA + offset */
	CFI_VALUE_CFA,  /* is CFA + offset */
	CFI_REGISTER,   /* in another register */
	CFI_EXPRESSION, /* in the word at the address that the expression gives */
	CFI_VALUE_EXPRESSION,
};

/* For the CFA, CFI_REGISTER: register number + offset. */
struct cfi_place {
	enum cfi_how how;
	uint32_t reg;
	int64_t offset;
	const uint8_t *expression;
	size_t expression_size;
};

struct cfi_state {
	struct cfi_place cfa;
	struct cfi_place saved[CFI_TRACKED];
};

/* An expression that is register + offset, and if `deref` the word there, plus addend. */
struct cfi_form {
	uint8_t reg;
	bool deref;
	int64_t offset;
	int64_t addend;
};

/* False where it is of another form. */
bool cfi_form_parse(const struct cfi_place *place, struct cfi_form *form);

/* --- a machine's own --- */

/* The DWARF number under which entries name the return address. */
extern const uint64_t cfi_return_column;

/* The register of a DWARF number; CFI_TRACKED where it is none of those followed. */
enum cfi_tracked cfi_register(uint64_t number);

/* An instruction of this vendor's that changes no place, and has no operands. */
bool cfi_is_mark(uint8_t op);

/* Where the return address is kept. */
const struct cfi_place *cfi_return(const struct cfi_state *state);

/* Whether the walker finds it there. */
bool cfi_return_is_found(const struct cfi_place *place);

/* Whether these are the rules of a signal frame; `marked`: the file says so. */
bool cfi_is_signal_frame(const struct cfi_state *state, bool marked);

/* For UNWIND_CFA_PLT: the addend, where the CFA is written as linkage stubs have it; else -1. */
int cfi_stub_addend(const struct cfi_place *cfa);

#endif
