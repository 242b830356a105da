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

/* How a function below is linked: a global one is verified once and not once a call. */
#ifndef UNWIND_FUNCTION
#define UNWIND_FUNCTION static __attribute__((noinline))
#endif

#define UNWIND_WINDOW       4096u
#define UNWIND_WINDOW_BELOW 512u /* bytes kept below the word that a window was read for */

/* Offsets in the ucontext of a signal frame, at which rsp points in the restorer. */
enum {
	UNWIND_UCONTEXT_RBP = 120,
	UNWIND_UCONTEXT_RBX = 128,
	UNWIND_UCONTEXT_RSP = 160,
	UNWIND_UCONTEXT_RIP = 168,
};

/* State flags. */
#define UNWIND_EXACT   1u /* pc is an interrupted instruction, not a return address */
#define UNWIND_GUESSED 2u /* a frame pointer was trusted in code without a table */

enum unwind_result {
	UNWIND_STEPPED = 0,
	UNWIND_BOTTOM,        /* no caller: the stack is complete */
	UNWIND_NO_MAPPING,    /* pc is in no mapping of the list */
	UNWIND_NO_TABLE,      /* no table for pc, and no usable frame pointer */
	UNWIND_READ_FAILED,   /* the stack could not be read */
	UNWIND_NO_SUPPORT,    /* a rule that is not supported */
	UNWIND_NOT_ADVANCING, /* the caller's frame would not lie above */
	UNWIND_RESULTS,
};

/* To begin, set pc, sp, fp, bx, list and flags, and zero mapping, stack_limit and window_size. */
struct unwind_state {
	__u64 pc;
	__u64 sp;
	__u64 fp;
	__u64 bx;
	__u64 list; /* the space's entry of unwind_spaces */
	__u64 word; /* what unwind_read read */
	__u64 cfa;
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

/* The word at `address` into state->word. */
static __attribute__((always_inline)) inline int unwind_read(struct unwind_state *state,
							     __u64 address)
{
	__u64 offset = address - state->window_start;

	if (offset >= state->window_size) {
		if (unwind_fill(state, address))
			return 1;
		offset = address - state->window_start;
		if (offset >= state->window_size)
			return unwind_read_user(&state->word, sizeof(state->word), address) != 0;
	}
	state->word = *(__u64 *)(state->window + (offset & (UNWIND_WINDOW - 1)));
	return 0;
}

/* Finds the mapping of `address` in the list. Non-zero: none. */
UNWIND_FUNCTION int unwind_map(struct unwind_state *state, __u64 address)
{
	const struct unwind_mapping *mapping;
	__u32 first, left;

	if (!state)
		return 1;
	if (address - state->mapping.start < state->mapping.end - state->mapping.start)
		return 0;
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
	state->mapping = *mapping;
	return 0;
}

/* The rule for `address`, which lies in state->mapping; 0 where there is none. */
UNWIND_FUNCTION __u32 unwind_lookup(struct unwind_state *state, __u64 address)
{
	const struct unwind_chunk *chunk;
	__u32 page, row, left;

	if (!state)
		return 0;
	address -= state->mapping.base;
	if (address >> UNWIND_PAGE_SHIFT >= state->mapping.page_count)
		return 0;
	page = state->mapping.pages + (__u32)(address >> UNWIND_PAGE_SHIFT);
	chunk = unwind_chunk_at(page >> UNWIND_CHUNK_SHIFT);
	if (!chunk)
		return 0;
	row = chunk->words[page & (UNWIND_CHUNK_WORDS - 1)];
	chunk = unwind_chunk_at(row >> UNWIND_CHUNK_SHIFT);
	if (!chunk)
		return 0;
	left = UNWIND_ROW_OFFSET(chunk->words[row & (UNWIND_CHUNK_WORDS - 1)]) + 1;
	address &= UNWIND_PAGE_SIZE - 1;
	for (int step = 0; step < 11; step++) {
		__u32 half = left >> 1;

		if (left <= 1)
			break;
		page = chunk->words[(row + half) & (UNWIND_CHUNK_WORDS - 1)];
		if (UNWIND_ROW_OFFSET(page) <= address)
			row += half;
		left -= half;
	}
	return UNWIND_ROW_RULE(chunk->words[row & (UNWIND_CHUNK_WORDS - 1)]);
}

/* rsp points at a ucontext: all registers from there. */
UNWIND_FUNCTION int unwind_signal(struct unwind_state *state)
{
	if (!state)
		return UNWIND_READ_FAILED;
	if (unwind_read(state, state->sp + UNWIND_UCONTEXT_RBP))
		return UNWIND_READ_FAILED;
	state->fp = state->word;
	if (unwind_read(state, state->sp + UNWIND_UCONTEXT_RBX))
		return UNWIND_READ_FAILED;
	state->bx = state->word;
	if (unwind_read(state, state->sp + UNWIND_UCONTEXT_RIP))
		return UNWIND_READ_FAILED;
	state->pc = state->word;
	if (unwind_read(state, state->sp + UNWIND_UCONTEXT_RSP))
		return UNWIND_READ_FAILED;
	state->sp = state->word;
	state->stack_limit = 0;
	state->flags |= UNWIND_EXACT;
	return UNWIND_STEPPED;
}

/* Whether pc is at `mov $15, %rax; syscall` (or %eax): the return from a signal handler. */
UNWIND_FUNCTION int unwind_at_restorer(struct unwind_state *state)
{
	if (!state || unwind_read_user(&state->word, sizeof(state->word), state->pc))
		return 0;
	if (state->word == 0x0f0000000fc0c748ull)
		return !unwind_read_user(&state->word, 1, state->pc + 8) &&
		       (__u8)state->word == 0x05;
	return (state->word & 0x00ffffffffffffffull) == 0x00050f0000000fb8ull;
}

/* Code without a table: a signal frame, or a frame pointer that makes sense. */
UNWIND_FUNCTION int unwind_guess(struct unwind_state *state)
{
	if (!state)
		return UNWIND_NO_TABLE;
	if (unwind_at_restorer(state))
		return unwind_signal(state);
	state->flags |= UNWIND_GUESSED;
	if (!state->fp)
		return UNWIND_BOTTOM;
	if (state->fp < state->sp || state->fp & 7 || unwind_read(state, state->fp + 8))
		return UNWIND_NO_TABLE;
	state->pc = state->word;
	if (!state->pc)
		return UNWIND_BOTTOM;
	if (unwind_map(state, state->pc - 1) || unwind_read(state, state->fp))
		return UNWIND_NO_TABLE;
	state->sp = state->fp + 16;
	state->fp = state->word;
	state->flags &= ~UNWIND_EXACT;
	return UNWIND_STEPPED;
}

/* state->cfa by the rule. Non-zero: could not be read. */
static __attribute__((always_inline)) inline int unwind_cfa(struct unwind_state *state,
							    const struct unwind_rule *rule)
{
	__u64 offset = (__s64)rule->cfa_offset;

	switch (rule->cfa) {
	case UNWIND_CFA_RSP:
		state->cfa = state->sp + offset;
		return 0;
	case UNWIND_CFA_RBP:
		state->cfa = state->fp + offset;
		return 0;
	case UNWIND_CFA_RBX:
		state->cfa = state->bx + offset;
		return 0;
	case UNWIND_CFA_PLT:
		state->cfa = state->sp + 8;
		if ((state->pc & 15) >= (__u32)rule->addend)
			state->cfa += 8;
		return 0;
	default:
		offset += rule->cfa == UNWIND_CFA_AT_RSP ? state->sp : state->fp;
		if (unwind_read(state, offset))
			return 1;
		state->cfa = state->word + (__s64)rule->addend;
		return 0;
	}
}

/* A register that the rule may have saved: its value into state->word. */
static __attribute__((always_inline)) inline int unwind_saved(struct unwind_state *state, __u8 how,
							      __s16 offset, __u64 now)
{
	if (how == UNWIND_SAVED_AT_CFA)
		return unwind_read(state, state->cfa + (__s64)offset);
	if (how == UNWIND_SAVED_AT_RBP)
		return unwind_read(state, state->fp + (__s64)offset);
	state->word = how == UNWIND_SAVED_NOT ? now : 0;
	return 0;
}

/* To the caller of a frame with the given rule. */
UNWIND_FUNCTION int unwind_apply(struct unwind_state *state, __u32 index)
{
	const struct unwind_rule *rule = unwind_rule_at(index);

	if (!state || !rule || rule->cfa >= UNWIND_UNSUPPORTED)
		return UNWIND_NO_SUPPORT;
	if (rule->cfa == UNWIND_END)
		return UNWIND_BOTTOM;
	if (rule->cfa == UNWIND_SIGNAL)
		return unwind_signal(state);
	if (unwind_cfa(state, rule))
		return UNWIND_READ_FAILED;
	if (state->cfa <= state->sp)
		return UNWIND_NOT_ADVANCING;
	if (unwind_saved(state, rule->rbx, rule->rbx_offset, state->bx))
		return UNWIND_READ_FAILED;
	state->bx = state->word;
	if (unwind_saved(state, rule->rbp, rule->rbp_offset, state->fp))
		return UNWIND_READ_FAILED;
	state->fp = state->word;
	if (unwind_read(state, state->cfa - 8))
		return UNWIND_READ_FAILED;
	state->pc = state->word;
	state->sp = state->cfa;
	state->flags = (state->flags & ~UNWIND_EXACT) |
		       (rule->flags & UNWIND_RULE_EXACT ? UNWIND_EXACT : 0);
	return state->pc ? UNWIND_STEPPED : UNWIND_BOTTOM;
}

/* From the frame in `state` to its caller: enum unwind_result. */
UNWIND_FUNCTION int unwind_step(struct unwind_state *state)
{
	__u64 address;
	__u32 rule;

	if (!state)
		return UNWIND_NO_MAPPING;
	address = state->pc - !(state->flags & UNWIND_EXACT);
	if (unwind_map(state, address))
		return unwind_at_restorer(state) ? unwind_signal(state) : UNWIND_NO_MAPPING;
	rule = unwind_lookup(state, address);
	return rule ? unwind_apply(state, rule) : unwind_guess(state);
}

#endif
