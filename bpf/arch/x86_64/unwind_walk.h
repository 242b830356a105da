/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* x86-64. What each is for: ../unwind_walk.h. */
#ifndef UNFREED_ARCH_X86_64_UNWIND_WALK_H
#define UNFREED_ARCH_X86_64_UNWIND_WALK_H

#include "signal_frame.h"

#define UNWIND_CODE_POINTER(word) (word)

/* The return address lies below the CFA. */
#define UNWIND_ADVANCES(state, cfa) ((cfa) > (state)->sp)

UNWIND_INLINE __u64 unwind_return_address(struct unwind_state *state, __u64 cfa)
{
	return unwind_read(state, cfa - 8);
}

/* One word more is pushed from `addend` bytes into a stub on. */
UNWIND_INLINE __u64 unwind_plt_cfa(const struct unwind_state *state, const struct unwind_rule *rule)
{
	return state->sp + 8 + ((state->pc & 15) >= (__u32)rule->addend ? 8 : 0);
}

/* `mov $15, %rax; syscall` (or %eax). */
UNWIND_FUNCTION int unwind_at_restorer(struct unwind_state *state)
{
	if (!state || unwind_read_user(&state->word, sizeof(state->word), state->pc))
		return 0;
	if (state->word == 0x0f0000000fc0c748ull)
		return !unwind_read_user(&state->word, 1, state->pc + 8) &&
		       (__u8)state->word == 0x05;
	return (state->word & 0x00ffffffffffffffull) == 0x00050f0000000fb8ull;
}

/* From the stack that C is called on over to the goroutine's, which may lie anywhere. */
UNWIND_FUNCTION int unwind_go_stack(struct unwind_state *state, const struct unwind_rule *rule)
{
	__u64 goroutine, depth, cfa;

	if (!state || !rule)
		return UNWIND_READ_FAILED;
	goroutine = unwind_read(state, state->sp + (__s64)rule->cfa_offset);
	depth = unwind_read(state, state->sp + (__s64)rule->addend);
	state->stack_limit = 0;
	cfa = unwind_read(state, goroutine + UNWIND_GO_STACK_END) - depth + 8;
	if (rule->fp == UNWIND_SAVED_AT_CFA) {
		cfa += 8;
		unwind_restore_fp(state, cfa + (__s64)rule->fp_offset);
	}
	state->pc = unwind_read(state, cfa - 8);
	state->sp = cfa;
	if (state->flags & UNWIND_UNREAD)
		return UNWIND_READ_FAILED;
	state->flags &= ~UNWIND_EXACT;
	return UNWIND_STEPPED;
}

#endif
