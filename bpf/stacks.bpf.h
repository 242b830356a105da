/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stacks: walked in the target's memory, known by a 64-bit hash, sent to user space once.
 *
 * capture_stack is the one place that knows how; the steps are unwind_walk.h's. The hash covers,
 * for each frame, the file besides the address: another library may be mapped at the same place
 * later. Where the process is an interpreter its Python frames belong to the stack and to the hash.
 */
#ifndef UNFREED_STACKS_BPF_H
#define UNFREED_STACKS_BPF_H

#include "calls.bpf.h"
#include "memo.bpf.h"
#include "places.bpf.h"
#include "python_frames.bpf.h"
#include "scratch.bpf.h"

#define STACK_PROBES 16 /* rows looked at for a hash before the table counts as full */

/* Whether the frame that the walk is in runs Python frames, so that it is the last one asked
 * for. */
static __always_inline bool is_eval_loop(const struct scratch *scratch)
{
	__u64 address = scratch->unwind.pc - !(scratch->unwind.flags & UNWIND_EXACT);

	return address - scratch->eval_start < scratch->eval_bytes;
}

/* What lies on the stack there does not tell callers apart: such a walk is not kept. */
static __always_inline void walk_past_trampoline(struct scratch *scratch)
{
	__u64 given = return_given(scratch->unwind.pc, scratch->unwind.sp - REGS_RETURN_POPS);

	if (given == scratch->unwind.pc)
		return;
	scratch->unwind.pc = given;
	scratch->word_count = NOTED_WORDS + 1;
}

/*
 * Notes the frame that the walk is in and goes on to its caller. Returns 1 at the end. A frame
 * where no code is mapped is none: it is left out, but for the caller, which did make the call.
 */
static long walk_step(__u32 index, struct walk *walk)
{
	struct scratch *scratch = walk->scratch;
	__u64 before = scratch->hash;

	scratch->record.words[(2 * scratch->record.python_count + index) & (STACK_WORDS - 1)] =
		scratch->unwind.pc;
	scratch->record.frame_count = index + 1;
	scratch->hash = hash_add(scratch->hash, scratch->unwind.pc);
	if (is_eval_loop(scratch)) {
		scratch->record.eval_frame = index + 1;
		scratch->stop = UNWIND_BOTTOM;
		return 1;
	}
	scratch->stop = unwind_step(&scratch->unwind);
	walk_past_trampoline(scratch);
	scratch->hash ^= unwind_file_mark(&scratch->unwind.mapping);
	if (scratch->entry && scratch->unwind.sp > scratch->entry) {
		scratch->record.eval_frame = index + 1;
		scratch->entry = 0;
	}
	if (scratch->stop == UNWIND_NO_MAPPING && scratch->no_code && index) {
		scratch->record.frame_count = index;
		scratch->hash = before;
	}
	return scratch->stop != UNWIND_STEPPED;
}

static __always_inline __u32 note_end(struct scratch *scratch, __u32 space)
{
	__u32 flags = scratch->unwind.flags & UNWIND_GUESSED ? STACK_GUESSED : 0;

	if (scratch->unplaced)
		flags |= STACK_UNPLACED;
	switch (scratch->stop) {
	case UNWIND_BOTTOM:
		return flags;
	case UNWIND_STEPPED:
		if (!scratch->python_hash)
			count_loss(LOSS_stack_too_deep, space);
		break;
	case UNWIND_NO_MAPPING:
		count_loss(scratch->place_error == AREA_BUSY ? LOSS_unwind_busy
							     : LOSS_unwind_no_mapping,
			   space);
		flags |= STACK_NO_MAPPING;
		break;
	case UNWIND_NO_TABLE:
		count_loss(LOSS_unwind_no_table, space);
		break;
	case UNWIND_READ_FAILED:
		count_loss(LOSS_unwind_unread, space);
		break;
	case UNWIND_NO_SUPPORT:
		count_loss(LOSS_unwind_unsupported, space);
		break;
	default:
		count_loss(LOSS_unwind_not_advancing, space);
	}
	return flags | STACK_TRUNCATED;
}

/*
 * Fills scratch->record with the native frames from call->caller outwards, behind the Python
 * frames that are there, and scratch->hash. The first frame is the caller itself, so that it is
 * never missing.
 */
static __always_inline void capture_stack(struct scratch *scratch, struct call *call)
{
	struct unwind_state *state = &scratch->unwind;
	struct walk walk = {scratch, NULL};

	state->pc = call->caller.pc;
	state->sp = call->caller.sp;
	state->fp = call->caller.fp;
	state->extra = call->caller.extra;
	state->list = scratch->list;
	state->flags = UNWIND_FP_GIVEN | UNWIND_EXTRA_GIVEN | scratch->stale;
	state->mapping.start = 0;
	state->mapping.end = 0;
	state->mapping.base = 0;
	state->mapping.pages = 0;
	state->mapping.page_count = 0;
	state->window_size = 0;
	state->fp_at = 0;
	state->extra_at = 0;
	state->stack_limit = call->stack_end;
	scratch->start_sp = call->caller.sp;
	scratch->word_count = 0;
	scratch->noted_bytes = 0;
	scratch->record.eval_frame = 0;
	scratch->no_code = 0;
	scratch->place_error = 0;
	scratch->unlisted = 0;
	scratch->unplaced = 0;
	scratch->place_count = 0;
	if (scratch->entry < call->caller.sp)
		scratch->entry = 0;
	scratch->record.domain = PROBE_COOKIE_DOMAIN(call->cookie);
	scratch->hash = STACK_HASH_SEED ^ (__u64)call->space << 8 ^ scratch->record.domain;
	bpf_loop(FRAMES_MAX, walk_step, &walk, 0);
	call->stack_end = state->stack_limit;
	scratch->record.flags = note_end(scratch, call->space);
	scratch->hash = hash_add(scratch->hash, scratch->record.flags) | 1;
	scratch->record.flags |= python_note_end(scratch, call->space);
	if (scratch->unlisted)
		scratch->record.flags |= STACK_UNLISTED;
}

/* Sends the frames of a new stack to user space; where that fails the next hit tries again. */
static __noinline int stack_announce(struct scratch *scratch, struct call *call, __u32 row)
{
	struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &row);
	__u64 bytes;

	if (!totals || python_take_frames(scratch, call))
		return 0;
	places_add(scratch);
	bytes = (scratch->record.frame_count + 2 * scratch->record.python_count +
		 PLACE_WORDS * scratch->place_count) *
		8;
	if (bytes > sizeof(scratch->record.words))
		return 0;
	places_tell(scratch, call);
	scratch->record.record.type = RECORD_STACK;
	scratch->record.record.pid = bpf_get_current_pid_tgid() >> 32;
	scratch->record.record.space = call->space;
	scratch->record.stack = row;
	if (!bpf_ringbuf_output(&records, &scratch->record,
				offsetof(struct stack_record, words) + bytes, 0))
		totals->announced = 1;
	return 0;
}

/* What a search for the row of a hash found. */
enum row_search {
	ROW_NONE = 0, /* nothing, and no room */
	ROW_FOUND = 1,
	ROW_NEVER_USED = 2, /* nothing, but a row to take */
	ROW_FREED = 3,
};

/* Looks for the row of scratch->hash: scratch->row. */
static __noinline __u32 stack_search(struct scratch *scratch)
{
	__u32 free = ROW_NONE;

	for (__u32 i = 0; i < STACK_PROBES; i++) {
		__u32 row = (scratch->hash + i) & config.stack_mask;
		struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &row);
		__u64 hash = totals ? totals->hash : 0;

		if (hash == scratch->hash) {
			scratch->row = row;
			return ROW_FOUND;
		}
		if (hash & 1)
			continue;
		if (!free) {
			scratch->row = row;
			free = hash ? ROW_FREED : ROW_NEVER_USED;
		}
		if (!hash)
			break;
	}
	return free;
}

/* Whether user space has the frames of scratch->hash, and then its row. */
static __noinline bool stack_is_known(struct scratch *scratch)
{
	struct stack_totals *totals;

	if (stack_search(scratch) != ROW_FOUND)
		return false;
	totals = bpf_map_lookup_elem(&totals_by_stack, &scratch->row);
	return totals && totals->announced;
}

/* Takes the row that a search found. Returns whether it is this stack's then. */
static __noinline bool stack_take_row(struct scratch *scratch, struct call *call, __u32 found)
{
	struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &scratch->row);
	__u64 before = found == ROW_FREED ? STACK_HASH_FREED : 0;

	if (!totals || stacks_used >= config.stacks_max)
		return false;
	if (__sync_val_compare_and_swap(&totals->hash, before, scratch->hash) == before) {
		__sync_fetch_and_add(&stacks_used, 1);
		totals->space = SPACE_NUMBER(call->space);
	}
	return totals->hash == scratch->hash;
}

#define STACK_TAKE_TRIES 4 /* where others are faster */

/* Finds or makes the row of the stack in `scratch`: scratch->row. Returns false where there is no
 * room. */
static __always_inline bool stack_intern(struct scratch *scratch, struct call *call)
{
	for (int i = 0; i < STACK_TAKE_TRIES; i++) {
		__u32 found = stack_search(scratch);
		struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &scratch->row);

		if (found == ROW_NONE || !totals)
			break;
		if (found != ROW_FOUND && !stack_take_row(scratch, call, found))
			continue;
		if (!totals->announced)
			stack_announce(scratch, call, scratch->row);
		return totals->announced;
	}
	count_loss(LOSS_stack_table_full, call->space);
	scratch->row = config.stack_mask + 1 + STACK_ROW_FULL;
	return false;
}

/* The Python frames into the hash, if there are any. */
static __always_inline void stack_add_python(struct scratch *scratch)
{
	if (scratch->python_hash)
		scratch->hash = hash_add(scratch->hash, scratch->python_hash) | 1;
}

static __always_inline void stack_find(struct scratch *scratch, struct call *call)
{
	scratch->stale = unwind_list_load(SPACE_NUMBER(call->space), &scratch->list,
					  &scratch->record.unloads);
	python_capture(scratch, call);
	if (memo_find(scratch, call)) {
		if (!scratch->python_hash)
			return;
		stack_add_python(scratch);
		if (stack_is_known(scratch))
			return;
	}
	capture_stack(scratch, call);
	scratch->row = config.stack_mask + 1 + STACK_ROW_UNCAPTURED;
	if (!scratch->record.frame_count && !scratch->python_hash)
		return;
	scratch->native_hash = scratch->hash;
	stack_add_python(scratch);
	if (stack_intern(scratch, call) && scratch->stop == UNWIND_BOTTOM && !scratch->unlisted)
		memo_keep(scratch, call);
}

/*
 * The whole of it: row of the stack from call->caller on, whatever goes wrong. Global, so that the
 * verifier goes through it once and not once for every path to it, and on its own, so that no
 * caller needs a frame so large that it gets a private stack (README.md).
 */
__noinline __u32 stack_current(struct call *call)
{
	struct scratch *scratch = call ? scratch_claim() : NULL;
	__u32 row;

	if (!scratch) {
		count_loss(LOSS_scratch_busy, call ? call->space : 0);
		return config.stack_mask + 1 + STACK_ROW_UNCAPTURED;
	}
	stack_find(scratch, call);
	row = scratch->row;
	scratch_release(scratch);
	return row;
}

#endif
