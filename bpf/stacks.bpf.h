/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stacks: walked in the target's memory, known by a 64-bit hash, sent to user space once.
 *
 * The part of the stack that a walk needs is copied in one read (a read per frame costs three times
 * as much) and walked in the copy. Stacks are often shorter than the read: the end is learned at
 * the first failure and remembered for the thread. A frame that lies beyond the copy moves the copy
 * there.
 */
#ifndef UNFREED_STACKS_BPF_H
#define UNFREED_STACKS_BPF_H

#include "calls.bpf.h"
#include "scratch.bpf.h"

#define PAGE_BYTES      4096u
#define STACK_HASH_SEED 0xcbf29ce484222325ull
#define STACK_PROBES    16 /* rows looked at for a hash before the table counts as full */

/* Copies `size` bytes of the stack from `start` on. Returns 0, or -1: then the window is empty. */
static __always_inline int window_fill(struct scratch *scratch, __u64 start, __u64 size)
{
	scratch->window_start = start;
	scratch->window_bytes = size;
	if (!bpf_probe_read_user(scratch->window, size & (WINDOW_BYTES - 1), (void *)start))
		return 0;
	scratch->window_bytes = 0;
	return -1;
}

/* Moves the window to `start`, as far as the stack is readable. Returns 0 or -1. */
static __always_inline int window_move(struct scratch *scratch, struct call *call, __u64 start)
{
	__u64 to_page_end = PAGE_BYTES - (start & (PAGE_BYTES - 1));
	__u64 size = WINDOW_BYTES - 8;

	if (call->stack_end > start && call->stack_end - start < size)
		size = call->stack_end - start;
	if (!window_fill(scratch, start, size))
		return 0;
	if (to_page_end > WINDOW_BYTES - 8 || window_fill(scratch, start, to_page_end))
		return -1;
	call->stack_end = start + to_page_end;
	return 0;
}

static __always_inline bool window_holds(const struct scratch *scratch, __u64 address, __u32 bytes)
{
	return scratch->window_bytes >= bytes &&
	       address - scratch->window_start <= scratch->window_bytes - bytes;
}

static __always_inline __u64 window_word(const struct scratch *scratch, __u64 address)
{
	__u64 offset = (address - scratch->window_start) & (WINDOW_BYTES - 1);

	return *(__u64 *)(scratch->window + offset);
}

static __always_inline __u64 hash_add(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

static __always_inline void frame_add(struct scratch *scratch, __u64 pc)
{
	__u32 number = scratch->record.frame_count++;

	scratch->record.frames[number & (FRAMES_MAX - 1)] = pc;
	scratch->hash = hash_add(scratch->hash, pc);
}

/* What a step of bpf_loop is given; two pointers, so that the programs' own stack stays small. */
struct walk {
	struct scratch *scratch;
	struct call *call;
};

/* One frame outwards, by its frame record. Returns 1 at the end of the walk. */
static long walk_step(__u32 index, struct walk *walk)
{
	struct scratch *scratch = walk->scratch;
	__u64 fp = scratch->fp;

	if (!fp || fp < scratch->sp || fp & 7)
		return 1;
	if (!window_holds(scratch, fp, 16) &&
	    (window_move(scratch, walk->call, fp) || !window_holds(scratch, fp, 16)))
		return 1;
	scratch->sp = fp + 16;
	scratch->fp = window_word(scratch, fp);
	scratch->pc = window_word(scratch, fp + 8);
	if (!scratch->pc)
		return 1;
	frame_add(scratch, scratch->pc);
	return 0;
}

/*
 * Fills scratch->record with the frames from `pc` outwards, and scratch->hash. `sp` and `fp` are
 * the registers of the frame that `pc` lies in. The first frame is `pc` itself, so that the
 * immediate caller is never missing.
 */
static __noinline int capture_stack(struct scratch *scratch, struct call *call, __u64 pc, __u64 sp,
				    __u64 fp)
{
	__u32 domain = PROBE_COOKIE_DOMAIN(call->cookie);
	struct walk walk = {scratch, call};

	scratch->record.frame_count = 0;
	scratch->record.domain = domain;
	scratch->hash = STACK_HASH_SEED ^ (__u64)call->space << 8 ^ domain;
	scratch->sp = sp;
	scratch->fp = fp;
	frame_add(scratch, pc);
	if (window_move(scratch, call, sp))
		count_loss(LOSS_stack_unread);
	else
		bpf_loop(FRAMES_MAX - 1, walk_step, &walk, 0);
	scratch->record.flags = scratch->fp ? STACK_TRUNCATED : 0;
	if (scratch->record.frame_count == FRAMES_MAX && scratch->fp)
		count_loss(LOSS_stack_too_deep);
	scratch->hash = hash_add(scratch->hash, scratch->record.flags) | 1;
	return 0;
}

/* Sends the frames of a new stack to user space; where that fails the next hit tries again. */
static __noinline int stack_announce(struct scratch *scratch, struct call *call, __u32 row)
{
	struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &row);
	__u64 frame_bytes = scratch->record.frame_count * 8;

	if (!totals || frame_bytes > sizeof(scratch->record.frames))
		return 0;
	scratch->record.record.type = RECORD_STACK;
	scratch->record.record.pid = bpf_get_current_pid_tgid() >> 32;
	scratch->record.record.space = call->space;
	scratch->record.stack = row;
	if (!bpf_ringbuf_output(&records, &scratch->record,
				offsetof(struct stack_record, frames) + frame_bytes, 0))
		totals->announced = 1;
	return 0;
}

/* Finds or makes the row of the stack in `scratch`. Returns its number in totals_by_stack. */
static __always_inline __u32 stack_intern(struct scratch *scratch, struct call *call)
{
	__u64 hash = scratch->hash;

	for (__u32 i = 0; i < STACK_PROBES; i++) {
		__u32 row = (hash + i) & config.stack_mask;
		struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &row);

		if (!totals)
			break;
		if (!totals->hash) {
			if (stacks_used >= config.stacks_max)
				break;
			if (!__sync_val_compare_and_swap(&totals->hash, 0, hash))
				__sync_fetch_and_add(&stacks_used, 1);
		}
		if (totals->hash != hash)
			continue;
		if (!totals->announced)
			stack_announce(scratch, call, row);
		return row;
	}
	count_loss(LOSS_stack_table_full);
	return config.stack_mask + 1 + STACK_ROW_FULL;
}

/* The whole of it: row of the current stack, whatever goes wrong. */
static __always_inline __u32 stack_current(struct call *call, __u64 pc, __u64 sp, __u64 fp)
{
	struct scratch *scratch = scratch_claim();
	__u32 row;

	if (!scratch) {
		count_loss(LOSS_scratch_busy);
		return config.stack_mask + 1 + STACK_ROW_UNCAPTURED;
	}
	capture_stack(scratch, call, pc, sp, fp);
	row = stack_intern(scratch, call);
	scratch_release(scratch);
	return row;
}

#endif
