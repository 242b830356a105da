/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers: System V ABI, AMD64 supplement, 3.6.2. */
#include <dwarf.h>
#include <string.h>

#include "../../../bpf/arch/x86_64/signal_frame.h"
#include "../cfi.h"

enum {
	RBX = 3,
	RBP = 6,
	RSP = 7,
	RETURN_ADDRESS = 16,
};

const uint64_t cfi_return_column = RETURN_ADDRESS;

enum cfi_tracked cfi_register(uint64_t number)
{
	switch (number) {
	case RBX:
		return CFI_EXTRA;
	case RBP:
		return CFI_FP;
	case RSP:
		return CFI_SP;
	case RETURN_ADDRESS:
		return CFI_RA;
	default:
		return CFI_TRACKED;
	}
}

bool cfi_is_mark(uint8_t op)
{
	(void)op;
	return false;
}

const struct cfi_place *cfi_return(const struct cfi_state *state)
{
	return &state->saved[CFI_RA];
}

bool cfi_return_is_found(const struct cfi_place *place)
{
	return place->how == CFI_AT_CFA && place->offset == -8;
}

static bool is_word_at(const struct cfi_place *place, uint8_t reg, int64_t offset)
{
	struct cfi_form form;

	return place->how == CFI_EXPRESSION && cfi_form_parse(place, &form) && form.reg == reg &&
	       !form.deref && form.offset == offset;
}

/* As the C libraries write it by hand: all registers in the kernel's ucontext. */
bool cfi_is_signal_frame(const struct cfi_state *state, bool marked)
{
	struct cfi_form cfa;

	(void)marked;
	return state->cfa.how == CFI_VALUE_EXPRESSION && cfi_form_parse(&state->cfa, &cfa) &&
	       cfa.reg == RSP && cfa.deref && cfa.offset == SIGNAL_FRAME_SP && !cfa.addend &&
	       is_word_at(&state->saved[CFI_RA], RSP, SIGNAL_FRAME_PC) &&
	       is_word_at(&state->saved[CFI_FP], RSP, SIGNAL_FRAME_FP);
}

/* The linker's: the second half of each slot of 16 bytes has pushed one word more. */
int cfi_stub_addend(const struct cfi_place *cfa)
{
	static const uint8_t head[] = {DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and};
	static const uint8_t tail[] = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
	const uint8_t *bytes = cfa->expression;

	if (cfa->expression_size != sizeof(head) + 1 + sizeof(tail) ||
	    memcmp(bytes, head, sizeof(head)) || memcmp(bytes + 7, tail, sizeof(tail)) ||
	    bytes[6] < DW_OP_lit0 || bytes[6] > DW_OP_lit15)
		return -1;
	return bytes[6] - DW_OP_lit0;
}
