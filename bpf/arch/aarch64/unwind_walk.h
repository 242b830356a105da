/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * AArch64. What each is for: ../unwind_walk.h.
 *
 * A call puts the return address into x30 (`extra`), and nothing on the stack. A function that
 * calls no other may leave it there, and its frame may have no bytes; so of the frame that a walk
 * begins with, or that a signal interrupted, the CFA may be the stack pointer itself. One that
 * calls saves x30, mostly as a pair with x29, the frame record (Procedure Call Standard for the Arm
 * 64-bit Architecture, 6.4.6): unwind_guess follows those, as they have the form of x86-64's.
 */
#ifndef UNFREED_ARCH_AARCH64_UNWIND_WALK_H
#define UNFREED_ARCH_AARCH64_UNWIND_WALK_H

#include "code_pointer.h"
#include "signal_frame.h"

#define UNWIND_CODE_POINTER(word) CODE_POINTER(word)

#define UNWIND_ADVANCES(state, cfa) \
	((cfa) > (state)->sp ||     \
	 ((cfa) == (state)->sp && (state)->flags & (UNWIND_EXACT | UNWIND_EXTRA_GIVEN)))

/* What x30 holds by the file's rule; it tells nothing of the caller's own from then on. */
UNWIND_INLINE __u64 unwind_return_address(struct unwind_state *state, __u64 cfa)
{
	__u64 word = unwind_use_extra(state);

	(void)cfa;
	state->flags &= ~UNWIND_EXTRA_GIVEN;
	return CODE_POINTER(word);
}

/* Linkage stubs change nothing on the stack, and need no such rule. */
UNWIND_INLINE __u64 unwind_plt_cfa(const struct unwind_state *state, const struct unwind_rule *rule)
{
	(void)rule;
	return state->sp;
}

/* `mov x8, #139; svc #0`: rt_sigreturn. */
UNWIND_FUNCTION int unwind_at_restorer(struct unwind_state *state)
{
	return state && !unwind_read_user(&state->word, sizeof(state->word), state->pc) &&
	       state->word == 0xd4000001d2801168ull;
}

/* User space finds no such calls on this machine (user/arch/go_calls.h). */
UNWIND_FUNCTION int unwind_go_stack(struct unwind_state *state, const struct unwind_rule *rule)
{
	(void)state;
	(void)rule;
	return UNWIND_NO_SUPPORT;
}

#endif
