/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sources: DWARF for the Arm 64-bit Architecture (AArch64), 4.1 (numbers) and 4.2.1 (vendor's
 * instructions). The return address has no register of its own: it is in x30.
 */
#include "../cfi.h"

enum {
	FRAME_POINTER = 29,
	LINK_REGISTER = 30,
	STACK_POINTER = 31,
	/* DW_CFA_AARCH64_…: from here on return addresses are signed, or no longer */
	NEGATE_RA_STATE_WITH_PC = 0x2c,
	NEGATE_RA_STATE = 0x2d,
};

const uint64_t cfi_return_column = LINK_REGISTER;

enum cfi_tracked cfi_register(uint64_t number)
{
	switch (number) {
	case FRAME_POINTER:
		return CFI_FP;
	case LINK_REGISTER:
		return CFI_EXTRA;
	case STACK_POINTER:
		return CFI_SP;
	default:
		return CFI_TRACKED;
	}
}

/* The walker takes what return addresses are signed with off them in any case. */
bool cfi_is_mark(uint8_t op)
{
	return op == NEGATE_RA_STATE || op == NEGATE_RA_STATE_WITH_PC;
}

const struct cfi_place *cfi_return(const struct cfi_state *state)
{
	return &state->saved[CFI_EXTRA];
}

/* A frame record lies at the lower end of its frame: those of 32 KiB and more are not followed. */
bool cfi_return_is_found(const struct cfi_place *place)
{
	return place->how == CFI_UNSPECIFIED || place->how == CFI_SAME ||
	       (place->how == CFI_AT_CFA && place->offset == (int16_t)place->offset);
}

/*
 * The kernel's own restorer (arch/arm64/kernel/vdso/sigreturn.S) is marked, and says where the
 * interrupted function's x29 and x30 are, but not its pc. That is in the signal frame.
 */
bool cfi_is_signal_frame(const struct cfi_state *state, bool marked)
{
	return marked && state->cfa.how == CFI_REGISTER && state->cfa.reg == FRAME_POINTER &&
	       !state->cfa.offset;
}

int cfi_stub_addend(const struct cfi_place *cfa)
{
	(void)cfa;
	return -1;
}
