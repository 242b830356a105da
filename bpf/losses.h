/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: everything that can be lost between a probe and a report, by cause.
 *
 * X(identifier, what it means to the reader of a report). The identifier is the key in JSON
 * and in saved profiles; new causes are appended.
 */
#ifndef UNFREED_LOSSES_H
#define UNFREED_LOSSES_H

#define LOSS_LIST(X)                                                                              \
	X(ledger_full, "blocks not recorded: ledger full (raise --max-blocks)")                   \
	X(ledger_update, "blocks not recorded: the kernel refused the ledger entry")              \
	X(stack_table_full, "allocations without a stack: stack table full (raise --max-stacks)") \
	X(stack_too_deep, "stacks cut at the frame limit")                                        \
	X(unwind_no_mapping, "stacks cut at code that was not mapped when last looked")           \
	X(unwind_no_table, "stacks cut at code without unwind information")                       \
	X(unwind_unread, "stacks cut where the stack could not be read")                          \
	X(unwind_unsupported, "stacks cut at an unwind rule that is not supported")               \
	X(unwind_not_advancing, "stacks cut where the caller would not lie above")                \
	X(scratch_busy, "allocations without a stack: no scratch buffer was free")                \
	X(frames_dropped, "stacks whose frames did not reach user space")                         \
	X(return_missed, "allocations whose return was not seen")                                 \
	X(task_state, "calls not seen: no room for the state of a thread")                        \
	X(address_unsupported, "blocks not recorded: address beyond 48 bits")                     \
	X(events_dropped, "process events that did not reach user space")                         \
	X(allocator_unprobed, "allocators that could not be probed")                              \
	X(processes_full, "processes not traced: table full")                                     \
	X(python_too_deep, "Python stacks cut at the frame limit")                                \
	X(python_unread, "Python stacks cut at a frame that could not be read")                   \
	X(python_unnamed, "Python frames whose code was gone before it was read")

enum loss {
#define X(name, meaning) LOSS_##name,
	LOSS_LIST(X)
#undef X
		LOSS_COUNT
};

#endif
