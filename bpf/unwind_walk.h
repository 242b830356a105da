/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The walker: from a frame to its caller, by the tables of unwind.h. Compiled for BPF and natively.
 *
 * Whoever includes this has defined, each returning NULL or non-zero where there is nothing:
 *   unwind_chunk_at(index), unwind_rule_at(index), unwind_mapping_at(index)
 *   unwind_read_user(buffer, bytes, address)
 *
 * The target's stack is read in windows of 4 KiB, which serve some ten frames each, and not word by
 * word. A stack mapping may end behind the window's first page: the first read that fails says so,
 * and the end is kept in stack_limit, which the caller may carry over to the thread's next walk.
 *
 * Return addresses are looked up one byte earlier, in the call: a call that does not return may be
 * its function's last instruction. A pc that a signal interrupted is looked up as it is.
 *
 * Where no table covers the code (JITs, musl, Go, assembly) the walk follows the frame pointer, if
 * what it finds there is the address of code, and the stack is marked UNWIND_GUESSED. Signal
 * frames in such code are known by the instructions of the restorer, as debuggers do.
 *
 * Every function keeps its locals in registers: BPF stack frames over 48 bytes are not safe on
 * preemptible kernels. Loops have fixed bounds and masked indexes, which keeps the verifier's work
 * per frame small; the searches end early in practice.
 */
#ifndef UNFREED_UNWIND_WALK_H
#define UNFREED_UNWIND_WALK_H

#include "unwind.h"

/*
 * How a function below is linked. Static ones belong into a bpf_loop: 128 rounds of a plain loop
 * are more jumps than the verifier follows. Global ones (each verified once) do in either, but up
 * to 6.14 they must not be called between bpf_preempt_disable and bpf_preempt_enable.
 */
#ifndef UNWIND_FUNCTION
#define UNWIND_FUNCTION static __attribute__((noinline))
#endif

#define UNWIND_INLINE static inline __attribute__((always_inline))

/*
 * Told every word of the stack that the outcome of a walk hangs on: return addresses, and saved
 * registers once they are used. It depends on nothing else of the target.
 */
#ifndef UNWIND_NOTE
#define UNWIND_NOTE(state, address, word)
#endif

/*
 * For code that is not in the list: makes state->mapping that of `address`. Non-zero: there is
 * none.
 */
#ifndef UNWIND_MAP_BEYOND
#define UNWIND_MAP_BEYOND(state, address) 1
#endif

#define UNWIND_WINDOW       4096u
#define UNWIND_WINDOW_BELOW 512u /* bytes kept below the word that a window was read for */

/* To begin, set pc, sp, fp, extra, list and flags, and zero mapping, stack_limit,
 * window_size, fp_at and extra_at. */
struct unwind_state {
	__u64 pc;
	__u64 sp;
	__u64 fp;
	__u64 extra;
	__u64 list;  /* the space's entry of unwind_spaces */
	__u64 fp_at; /* where fp was read, until it is noted; 0: nowhere */
	__u64 extra_at;
	__u64 word;        /* for single reads */
	__u64 stack_limit; /* end of what can be read of the stack; 0: unknown */
	__u64 window_start;
	__u32 window_size; /* offsets in the window at which a word begins */
	__u32 flags;
	struct unwind_mapping mapping; /* of the last look-up */
	__u8 window[UNWIND_WINDOW + 32];
};

/* Reads a window that holds the word at `address`, if it can. */
UNWIND_FUNCTION int unwind_fill(struct unwind_state *state, __u64 address)
{
	__u64 start, size;

	if (!state)
		return 1;
	start = address;
	if (address > state->sp)
		start -= address - state->sp < UNWIND_WINDOW_BELOW ? address - state->sp
								   : UNWIND_WINDOW_BELOW;
	state->window_size = 0;
	size = UNWIND_WINDOW;
	if (state->stack_limit - start >= UNWIND_WINDOW) {
		if (!unwind_read_user(state->window, UNWIND_WINDOW, start))
			goto read;
	}
	if ((start ^ address) >> 12)
		start = address & ~4095ull;
	state->stack_limit = (start | 4095) + 1;
	size = UNWIND_WINDOW - (start & 4095);
	if (size > UNWIND_WINDOW || unwind_read_user(state->window, size, start))
		return 1;
read:
	state->window_start = start;
	state->window_size = size < 8 ? 0 : size - 7;
	return 0;
}

/* unwind_read for a word that is not in the window. */
UNWIND_FUNCTION __u64 unwind_read_beyond(struct unwind_state *state, __u64 address)
{
	__u64 offset;

	if (!state)
		return 0;
	if (!unwind_fill(state, address)) {
		offset = address - state->window_start;
		if (offset < state->window_size)
			state->word = *(__u64 *)(state->window + (offset & (UNWIND_WINDOW - 1)));
		else if (unwind_read_user(&state->word, sizeof(state->word), address))
			goto unread;
		return state->word;
	}
unread:
	state->flags |= UNWIND_UNREAD;
	return 0;
}

/* A word that nothing hangs on yet; where it cannot be read, 0 and UNWIND_UNREAD. */
UNWIND_INLINE __u64 unwind_read_saved(struct unwind_state *state, __u64 address)
{
	__u64 offset = address - state->window_start;

	if (offset >= state->window_size)
		return unwind_read_beyond(state, address);
	return *(__u64 *)(state->window + (offset & (UNWIND_WINDOW - 1)));
}

/* The word at `address`, likewise. */
UNWIND_INLINE __u64 unwind_read(struct unwind_state *state, __u64 address)
{
	__u64 word = unwind_read_saved(state, address);

	UNWIND_NOTE(state, address, word);
	return word;
}

/* The registers, where an outcome hangs on them: given, or noted now. */
UNWIND_INLINE __u64 unwind_use_fp(struct unwind_state *state)
{
	state->flags |= (state->flags & UNWIND_FP_GIVEN) << 1;
	if (state->fp_at) {
		UNWIND_NOTE(state, state->fp_at, state->fp);
		state->fp_at = 0;
	}
	return state->fp;
}

UNWIND_INLINE __u64 unwind_use_extra(struct unwind_state *state)
{
	state->flags |= (state->flags & UNWIND_EXTRA_GIVEN) << 1;
	if (state->extra_at) {
		UNWIND_NOTE(state, state->extra_at, state->extra);
		state->extra_at = 0;
	}
	return state->extra;
}

/* The caller's register was saved at `address`; 0: it is lost. */
UNWIND_INLINE void unwind_restore_fp(struct unwind_state *state, __u64 address)
{
	state->fp = address ? unwind_read_saved(state, address) : 0;
	state->fp_at = address;
	state->flags &= ~UNWIND_FP_GIVEN;
}

UNWIND_INLINE void unwind_restore_extra(struct unwind_state *state, __u64 address)
{
	state->extra = address ? unwind_read_saved(state, address) : 0;
	state->extra_at = address;
	state->flags &= ~UNWIND_EXTRA_GIVEN;
}

/* Finds the mapping of `address` in the list. Non-zero: none. */
UNWIND_FUNCTION int unwind_map_search(struct unwind_state *state, __u64 address)
{
	const struct unwind_mapping *mapping;
	__u32 first, left;

	if (!state)
		return 1;
	first = UNWIND_LIST_FIRST(state->list);
	left = UNWIND_LIST_COUNT(state->list);
	for (int step = 0; step < 13; step++) {
		__u32 half = left >> 1;

		if (left <= 1)
			break;
		mapping = unwind_mapping_at(first + half);
		if (!mapping)
			return 1;
		if (mapping->start <= address)
			first += half;
		left -= half;
	}
	mapping = unwind_mapping_at(first);
	if (!left || !mapping || address < mapping->start || address >= mapping->end)
		return 1;
	if (state->flags & UNWIND_STALE && !mapping->stays)
		return 1;
	state->mapping = *mapping;
	return 0;
}

/* Makes state->mapping the one of `address`. Non-zero: there is none. */
UNWIND_INLINE int unwind_map(struct unwind_state *state, __u64 address)
{
	if (address >= state->mapping.start && address < state->mapping.end)
		return 0;
	return unwind_map_search(state, address);
}

/* What tells the mapping's file from another one at the same place. */
UNWIND_INLINE __u64 unwind_file_mark(const struct unwind_mapping *mapping)
{
	return mapping->page_count ? mapping->pages : mapping->base;
}

/* The rule for `address`, which lies in state->mapping; 0 where there is none. */
UNWIND_INLINE __u32 unwind_lookup(const struct unwind_state *state, __u64 address)
{
	const struct unwind_chunk *chunk;
	__u64 row, left, page;

	address -= state->mapping.base;
	page = address >> UNWIND_PAGE_SHIFT;
	if (page >= state->mapping.page_count)
		return 0;
	page += state->mapping.pages;
	chunk = unwind_chunk_at(page >> UNWIND_CHUNK_SHIFT);
	if (!chunk)
		return 0;
	row = chunk->words[page & (UNWIND_CHUNK_WORDS - 1)];
	chunk = unwind_chunk_at(row >> UNWIND_CHUNK_SHIFT);
	if (!chunk)
		return 0;
	left = UNWIND_ROW_OFFSET(chunk->words[row & (UNWIND_CHUNK_WORDS - 1)]) + 1;
	address &= UNWIND_PAGE_SIZE - 1;
	for (int step = 0; step <= UNWIND_PAGE_SHIFT && left > 1; step++) {
		__u64 half = left >> 1;
		__u64 word = chunk->words[(row + half) & (UNWIND_CHUNK_WORDS - 1)];

		row += half & ~((__s64)(address - UNWIND_ROW_OFFSET(word)) >> 63);
		left -= half;
	}
	return UNWIND_ROW_RULE(chunk->words[row & (UNWIND_CHUNK_WORDS - 1)]);
}

#include "arch/unwind_walk.h"

/* All registers lie in the signal frame. */
UNWIND_FUNCTION int unwind_signal(struct unwind_state *state)
{
	if (!state)
		return UNWIND_READ_FAILED;
	unwind_restore_fp(state, state->sp + SIGNAL_FRAME_FP);
	unwind_restore_extra(state, state->sp + SIGNAL_FRAME_EXTRA);
	state->pc = unwind_read(state, state->sp + SIGNAL_FRAME_PC);
	state->sp = unwind_read(state, state->sp + SIGNAL_FRAME_SP);
	state->stack_limit = 0;
	if (state->flags & UNWIND_UNREAD)
		return UNWIND_READ_FAILED;
	state->flags |= UNWIND_EXACT;
	return UNWIND_STEPPED;
}

/* Code without a table: a signal frame, or a frame pointer that makes sense. */
UNWIND_FUNCTION int unwind_guess(struct unwind_state *state)
{
	__u64 caller;

	if (!state)
		return UNWIND_NO_TABLE;
	if (unwind_at_restorer(state))
		return unwind_signal(state);
	state->flags |= UNWIND_GUESSED;
	if (!unwind_use_fp(state))
		return UNWIND_BOTTOM;
	if (state->fp < state->sp || state->fp & 7)
		return UNWIND_NO_TABLE;
	state->pc = UNWIND_CODE_POINTER(unwind_read(state, state->fp + 8));
	caller = unwind_read_saved(state, state->fp);
	if (state->flags & UNWIND_UNREAD)
		return UNWIND_NO_TABLE;
	if (!state->pc)
		return UNWIND_BOTTOM;
	if (unwind_map(state, state->pc - 1))
		return UNWIND_NO_TABLE;
	state->sp = state->fp + 16;
	state->fp_at = state->fp;
	state->fp = caller;
	state->flags &= ~(UNWIND_EXACT | UNWIND_FP_GIVEN);
	return UNWIND_STEPPED;
}

UNWIND_INLINE __u64 unwind_cfa(struct unwind_state *state, const struct unwind_rule *rule)
{
	__u64 offset = (__s64)rule->cfa_offset;

	switch (rule->cfa) {
	case UNWIND_CFA_SP:
		return state->sp + offset;
	case UNWIND_CFA_FP:
		return unwind_use_fp(state) + offset;
	case UNWIND_CFA_EXTRA:
		return unwind_use_extra(state) + offset;
	case UNWIND_CFA_PLT:
		return unwind_plt_cfa(state, rule);
	default:
		offset += rule->cfa == UNWIND_CFA_AT_SP ? state->sp : unwind_use_fp(state);
		return unwind_read(state, offset) + (__s64)rule->addend;
	}
}

/* To the caller, by a rule that does not lead to a CFA. */
UNWIND_FUNCTION int unwind_apply_special(struct unwind_state *state, const struct unwind_rule *rule)
{
	if (!rule)
		return UNWIND_NO_SUPPORT;
	switch (rule->cfa) {
	case UNWIND_SIGNAL:
		return unwind_signal(state);
	case UNWIND_GO_STACK:
		return unwind_go_stack(state, rule);
	default:
		return rule->cfa == UNWIND_END ? UNWIND_BOTTOM : UNWIND_NO_SUPPORT;
	}
}

/* To the caller of a frame with the given rule. */
UNWIND_INLINE int unwind_apply(struct unwind_state *state, const struct unwind_rule *rule)
{
	__u64 cfa;

	if (rule->cfa >= UNWIND_SIGNAL)
		return unwind_apply_special(state, rule);
	cfa = unwind_cfa(state, rule);
	if (!UNWIND_ADVANCES(state, cfa))
		return state->flags & UNWIND_UNREAD ? UNWIND_READ_FAILED : UNWIND_NOT_ADVANCING;
	if (rule->extra == UNWIND_SAVED_AT_CFA)
		unwind_restore_extra(state, cfa + (__s64)rule->extra_offset);
	else if (rule->extra == UNWIND_SAVED_AT_FP)
		unwind_restore_extra(state, unwind_use_fp(state) + (__s64)rule->extra_offset);
	else if (rule->extra == UNWIND_SAVED_LOST)
		unwind_restore_extra(state, 0);
	if (rule->fp == UNWIND_SAVED_AT_CFA)
		unwind_restore_fp(state, cfa + (__s64)rule->fp_offset);
	else if (rule->fp == UNWIND_SAVED_AT_FP)
		unwind_restore_fp(state, unwind_use_fp(state) + (__s64)rule->fp_offset);
	else if (rule->fp == UNWIND_SAVED_LOST)
		unwind_restore_fp(state, 0);
	state->pc = unwind_return_address(state, cfa);
	state->sp = cfa;
	if (state->flags & UNWIND_UNREAD)
		return UNWIND_READ_FAILED;
	state->flags = (state->flags & ~UNWIND_EXACT) | (rule->flags & UNWIND_RULE_EXACT);
	return state->pc ? UNWIND_STEPPED : UNWIND_BOTTOM;
}

/* From the frame in `state` to its caller: enum unwind_result. */
UNWIND_FUNCTION int unwind_step(struct unwind_state *state)
{
	const struct unwind_rule *rule;
	__u64 address;
	__u32 index;

	if (!state)
		return UNWIND_NO_MAPPING;
	address = state->pc - !(state->flags & UNWIND_EXACT);
	if (unwind_map(state, address) && UNWIND_MAP_BEYOND(state, address))
		return unwind_at_restorer(state) ? unwind_signal(state) : UNWIND_NO_MAPPING;
	index = unwind_lookup(state, address);
	if (!index && state->mapping.pages && !state->mapping.page_count)
		return UNWIND_NO_MAPPING;
	if (!index)
		return unwind_guess(state);
	rule = unwind_rule_at(index);
	return rule ? unwind_apply(state, rule) : UNWIND_NO_SUPPORT;
}

#endif
