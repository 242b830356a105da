/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Python frames of the current thread, into the stack record and a hash of their own.
 *
 * They lie in the interpreter's memory and change while the native stack below them stays as it
 * is (a line further on calls the same function), so that they are walked at every capture, for
 * a hash. Only for a stack that is new they are taken into the record, and then the checksums of
 * their code objects, which tell reused addresses. Where a code object was seen to be freed its
 * checksum is part of the hash as well; so it is where its address was given out again, if frees
 * are not probed. Those that pymalloc serves itself are not seen to be freed in pools mode,
 * which has no probe for either.
 */
#ifndef UNFREED_PYTHON_FRAMES_BPF_H
#define UNFREED_PYTHON_FRAMES_BPF_H

#include "calls.bpf.h"
#include "scratch.bpf.h"

#define STACK_HASH_SEED 0xcbf29ce484222325ull

static __always_inline __u64 hash_add(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* What a step of bpf_loop is given, so that the programs' own stack stays small. */
struct walk {
	struct scratch *scratch;
	const struct python_walk_layout *layout;
};

/* Adds a frame that was skipped to the hash. */
static __always_inline void python_hash_frame(struct scratch *scratch,
					      const struct python_walk_layout *layout)
{
	struct python_walk *python = &scratch->python;
	__u64 code;

	scratch->record.python_count++;
	scratch->python_hash = hash_add(scratch->python_hash, python->word);
	if (!codes_freed)
		return;
	code = python_walk_code(python, layout);
	if (code_was_freed[CODE_SLOT(code)])
		scratch->python_hash =
			hash_add(scratch->python_hash, python_walk_check(python, layout, code));
}

/* Goes over one frame. Returns 1 at the end. */
static __always_inline long python_skip_frame(struct scratch *scratch,
					      const struct python_walk_layout *layout)
{
	__u64 frame = scratch->python.frame;
	int stop = python_walk_skip(&scratch->python, layout);

	scratch->python_stop = stop;
	if (stop == PYTHON_FRAME) {
		python_hash_frame(scratch, layout);
		if (scratch->record.python_count < PYTHON_FRAMES_MAX)
			return 0;
		if (!scratch->python.frame)
			scratch->python_stop = PYTHON_BOTTOM;
		return 1;
	}
	if (!scratch->entry && scratch->record.python_count)
		scratch->entry = frame;
	return stop != PYTHON_SHIM;
}

#define SKIPPED_TOGETHER 4

static long python_skip_frames(__u32 index, struct walk *walk)
{
	for (int i = 0; i < SKIPPED_TOGETHER; i++)
		if (python_skip_frame(walk->scratch, walk->layout))
			return 1;
	return 0;
}

/* The walk to the innermost frame of this thread: enum python_step. */
static __noinline int python_begin(struct scratch *scratch, struct python_space *python,
				   const struct call *call)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!python || !call)
		return PYTHON_NO_THREAD;
	scratch->python.stack = call->caller.sp;
	return python_walk_begin(&scratch->python, &python->process, thread_pointer(task));
}

/*
 * Counts and hashes the Python frames, as most stacks are known by then; python_hash, entry and the
 * eval loop's place are zero where there are none.
 */
static __noinline int python_capture(struct scratch *scratch, struct call *call)
{
	struct python_space *python = python_space_of(call->space);
	struct walk walk = {scratch, NULL};

	scratch->record.python_count = 0;
	scratch->python_hash = 0;
	scratch->entry = 0;
	scratch->eval_bytes = 0;
	scratch->python_stop = PYTHON_NO_THREAD;
	if (!python || python_begin(scratch, python, call) != PYTHON_FRAME)
		return 0;
	walk.layout = &python->process.layout;
	scratch->python_hash = STACK_HASH_SEED;
	bpf_loop(2 * PYTHON_FRAMES_MAX / SKIPPED_TOGETHER, python_skip_frames, &walk, 0);
	if (scratch->record.python_count) {
		scratch->eval_start = python->eval_start;
		scratch->eval_bytes = python->eval_bytes;
	} else {
		scratch->python_hash = 0;
	}
	return 0;
}

/* STACK_* of the end of the walk; counts what was lost. */
static __always_inline __u32 python_note_end(struct scratch *scratch, __u32 space)
{
	if (!scratch->python_hash || scratch->python_stop == PYTHON_BOTTOM)
		return 0;
	count_loss(scratch->python_stop == PYTHON_UNREADABLE ? LOSS_python_unread
							     : LOSS_python_too_deep,
		   space);
	return STACK_PYTHON_CUT;
}

/* Takes one frame into the record. Returns 1 at the end. */
static long python_take_frame(__u32 index, struct walk *walk)
{
	struct scratch *scratch = walk->scratch;
	const struct python_frame *found = &scratch->python.found;
	__u32 word = 2 * scratch->python_taken;
	int step;

	if (scratch->python_taken >= scratch->record.python_count)
		return 1;
	step = python_walk_step(&scratch->python, walk->layout);
	if (step != PYTHON_FRAME)
		return step != PYTHON_SHIM;
	scratch->record.words[word & (STACK_WORDS - 1)] = found->code | found->flags;
	scratch->record.words[(word + 1) & (STACK_WORDS - 1)] = (__u32)found->instruction;
	scratch->python_taken++;
	return 0;
}

/* So that it is noticed when its address is given out again. Where there is no room its checksum
 * tells it from the next one from now on. */
static __noinline int python_keep_code(__u32 space, __u64 code)
{
	__u64 key = BLOCK_KEY(space, code & ((1ull << BLOCK_KEY_SHIFT) - 1));
	__u8 named = 1;

	if (bpf_map_update_elem(&named_codes, &key, &named, BPF_ANY)) {
		code_was_freed[CODE_SLOT(code)] = 1;
		codes_freed = 1;
	}
	code_was_named[CODE_SLOT(code)] = 1;
	return 0;
}

static long python_check_frame(__u32 index, struct walk *walk)
{
	struct scratch *scratch = walk->scratch;
	__u64 *code = &scratch->record.words[(2 * index) & (STACK_WORDS - 2)];
	__u64 check;

	if (index >= scratch->record.python_count)
		return 1;
	check = python_walk_check(&scratch->python, walk->layout, *code & ~7ull);
	code[1] |= check << 32;
	if (frees_are_read)
		python_keep_code(scratch->code_space, *code & ~7ull);
	return 0;
}

/*
 * Fills the record's Python frames, as many as were counted, with the checksums of their code
 * objects. Non-zero where they are no longer there: somebody else writes to the thread's stack.
 */
static __noinline int python_take_frames(struct scratch *scratch, struct call *call)
{
	struct python_space *python = python_space_of(call->space);
	struct walk walk = {scratch, NULL};

	if (!scratch->record.python_count)
		return 0;
	if (!python || python_begin(scratch, python, call) != PYTHON_FRAME)
		return 1;
	walk.layout = &python->process.layout;
	scratch->python_taken = 0;
	scratch->code_space = call->space;
	bpf_loop(2 * PYTHON_FRAMES_MAX, python_take_frame, &walk, 0);
	if (scratch->python_taken != scratch->record.python_count)
		return 1;
	bpf_loop(PYTHON_FRAMES_MAX, python_check_frame, &walk, 0);
	return 0;
}

#endif
