/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: everything that can be lost between a probe and a report, by cause.
 *
 * X(identifier, what it means to the reader of a report, and in brackets what to do about it). The
 * identifier is the key in JSON and in saved profiles; new causes are appended.
 */
#ifndef UNFREED_LOSSES_H
#define UNFREED_LOSSES_H

/* clang-format off */
#define LOSS_LIST(X) \
	X(ledger_full, "blocks not recorded: ledger full (raise --max-blocks)") \
	X(ledger_update, "blocks not recorded: the kernel refused the ledger entry (out of kernel memory: free some, or lower --max-blocks)") \
	X(stack_table_full, "allocations without a stack: stack table full (raise --max-stacks)") \
	X(stack_too_deep, "stacks cut at 128 frames (a deep recursion: read them from the allocator on)") \
	X(unwind_no_mapping, "stacks cut at code that was not mapped when last looked (loaded just then: record again)") \
	X(unwind_no_table, "stacks cut at code without unwind information (build it with -fno-omit-frame-pointer or -funwind-tables)") \
	X(unwind_unread, "stacks cut where the stack could not be read (swapped out: record again)") \
	X(unwind_unsupported, "stacks cut at an unwind rule that is not supported (rare assembly: the frames below are right)") \
	X(unwind_not_advancing, "stacks cut where the caller would not lie above (a stack of its own, or damaged: the frames below are right)") \
	X(scratch_busy, "allocations without a stack: no scratch buffer was free (few of many: record longer)") \
	X(frames_dropped, "stacks whose frames did not reach user space (a busy machine: raise the priority of unfreed)") \
	X(return_missed, "allocations whose return was not seen (code that jumps out of malloc: few, record longer)") \
	X(task_state, "calls not seen: no room for the state of a thread (out of kernel memory: free some)") \
	X(address_unsupported, "blocks not recorded: address beyond 48 bits (five-level page tables: not supported)") \
	X(events_dropped, "process events that did not reach user space (a busy machine: raise the priority of unfreed)") \
	X(allocator_unprobed, "allocators that could not be probed (-v names them; unfreed doctor says why)") \
	X(processes_full, "processes not traced: table full (record fewer: without --follow-forks)") \
	X(python_too_deep, "Python stacks cut at 256 frames (a deep recursion: read them from the allocator on)") \
	X(python_unread, "Python stacks cut at a frame that could not be read (it changed meanwhile: record again)") \
	X(python_unnamed, "Python frames whose code was gone before it was read (made by exec, or a busy machine: raise the priority of unfreed)") \
	X(unwind_busy, "stacks cut at code whose place could not be asked for, as the address space was being changed (few of many: record longer)") \
	X(ended_left_out, "processes that had ended, left out for room, the first ones first (raise --max-stacks, or --max-blocks)") \
	X(python_frees_unread, "blocks of Python that may have been freed: their process ended, or their pools were in swap (reports at intervals: -i)") \
	X(names_late, "places in code without all of their names, as these were still being looked up (a later report has them)")
/* clang-format on */

enum loss {
#define X(name, meaning) LOSS_##name,
	LOSS_LIST(X)
#undef X
		LOSS_COUNT
};

#endif
