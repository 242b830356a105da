/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The walker of Python frames: from a thread to its thread state, and from a frame to its caller.
 * Compiled for BPF and natively.
 *
 * Whoever includes this has defined python_read_user(buffer, bytes, address), non-zero where it
 * cannot be read. To walk: python_walk_begin, then python_walk_step until it says PYTHON_BOTTOM or
 * an error; a frame is in walk->found where it says PYTHON_FRAME. python_walk_skip goes the same
 * way at a third of the cost, and leaves in walk->word what tells the frame from others.
 *
 * From 3.11 on the frames of a thread mostly lie behind one another in chunks of memory, the outer
 * ones at lower addresses. Where the caller's frame turns out to be near, its page is read up to
 * the frame in one go, a window that serves some twenty frames. Below that page may be nothing to
 * read, and a read that fails costs as much as fifty that do not. Frames of generators and all
 * frames before 3.11 are read one by one, beside the window. Shims lie on the C stack, those of
 * callers at higher addresses: the rest of a shim's page is read with it, which serves some five.
 *
 * 3.12 and later put a frame of their own, a shim, wherever C calls into the interpreter; 3.11
 * marks the frame that was called so; before, every frame was. All three come out as
 * PYTHON_FRAME_CALLED_C, the places where native frames belong between Python frames.
 *
 * Locals stay in registers: BPF stack frames over 48 bytes are not safe on preemptible kernels.
 */
#ifndef UNFREED_PYTHON_WALK_H
#define UNFREED_PYTHON_WALK_H

#include "python.h"

#ifndef PYTHON_FUNCTION
#define PYTHON_FUNCTION static __attribute__((noinline))
#endif

#define PYTHON_WINDOW      4096u
#define PYTHON_FRAME_BYTES 128u
#define PYTHON_BYTES       (2 * PYTHON_WINDOW)
#define PYTHON_STACK_MOST  (64ull << 20)

enum python_step {
	PYTHON_FRAME = 0,
	PYTHON_SHIM,       /* nothing found, go on */
	PYTHON_BOTTOM,     /* the stack is complete */
	PYTHON_NO_THREAD,  /* no Python thread, or one that runs no Python code */
	PYTHON_UNREADABLE, /* a frame could not be read: the stack is cut */
};

struct python_walk {
	__u64 frame; /* the next one; 0: none */
	__u64 word;  /* what was read last */
	__u64 near;  /* the last frame that was no shim */
	__u64 stack; /* how far the thread's C stack goes, set before the walk; 0: unknown */
	__u64 window_start;
	__u64 shims_start;
	__u32 window_size; /* offsets in the window at which a whole frame begins */
	__u32 shims_size;  /* in what was read of the C stack, or of a single frame */
	__u32 offset;      /* of the frame in `bytes` */
	__u32 called_c;
	struct python_frame found;
	__u8 bytes[PYTHON_BYTES] __attribute__((aligned(8))); /* the window, then shims */
};

static __attribute__((always_inline)) inline int python_read_word(struct python_walk *walk,
								  __u64 address)
{
	return python_read_user(&walk->word, sizeof(walk->word), address) != 0;
}

/* walk->word is the thread state of the thread whose own memory this is. Non-zero: it has none. */
PYTHON_FUNCTION int python_walk_thread(struct python_walk *walk,
				       const struct python_process *process, __u64 thread)
{
	if (!walk || !process)
		return 1;
	if (process->current && !python_read_word(walk, process->current) && walk->word) {
		walk->frame = walk->word;
		if (!python_read_word(walk, walk->frame + process->layout.tstate_thread) &&
		    walk->word == thread) {
			walk->word = walk->frame;
			return 0;
		}
	}
	if (process->access == PYTHON_ACCESS_NONE ||
	    python_read_word(walk, thread + process->first))
		return 1;
	if (process->access == PYTHON_ACCESS_INDIRECT &&
	    (!walk->word || python_read_word(walk, walk->word + process->second)))
		return 1;
	return !walk->word;
}

/* To the innermost frame of the thread. PYTHON_FRAME: there is one, though not read yet. */
PYTHON_FUNCTION int python_walk_begin(struct python_walk *walk,
				      const struct python_process *process, __u64 thread)
{
	if (!walk || !process)
		return PYTHON_NO_THREAD;
	if (python_walk_thread(walk, process, thread) ||
	    python_read_word(walk, walk->word + process->layout.tstate_frame))
		return PYTHON_NO_THREAD;
	if (process->layout.cframe_frame != PYTHON_ABSENT && walk->word &&
	    python_read_word(walk, walk->word + process->layout.cframe_frame))
		return PYTHON_NO_THREAD;
	walk->frame = walk->word;
	/* the innermost frame mostly lies in a chunk, too, where frames do */
	walk->near = process->layout.frame_owner == PYTHON_ABSENT ? 0 : walk->frame + 1;
	walk->window_size = 0;
	walk->shims_size = 0;
	walk->called_c = PYTHON_FRAME_CALLED_C;
	return walk->frame ? PYTHON_FRAME : PYTHON_NO_THREAD;
}

/* How much is read of a frame that is not in a chunk: on the C stack, the rest of its page. */
static __attribute__((always_inline)) inline __u32 python_walk_rest(const struct python_walk *walk,
								    __u32 frame_bytes)
{
	__u32 rest = PYTHON_WINDOW - (walk->frame & (PYTHON_WINDOW - 1));

	if (!walk->stack || walk->frame - walk->stack >= PYTHON_STACK_MOST || rest < frame_bytes)
		return frame_bytes;
	return rest;
}

/* Reads walk->frame, with what lies below or above it where that may serve. */
PYTHON_FUNCTION int python_walk_fill(struct python_walk *walk, __u32 frame_bytes)
{
	__u64 start, size;
	__u32 rest;

	if (!walk || frame_bytes > PYTHON_FRAME_BYTES)
		return 1;
	start = walk->frame & ~(PYTHON_WINDOW - 1ull);
	size = walk->frame - start + frame_bytes;
	if (walk->near - walk->frame < PYTHON_WINDOW && size <= PYTHON_WINDOW &&
	    !python_read_user(walk->bytes, size, start)) {
		walk->window_start = start;
		walk->window_size = size - frame_bytes + 1;
		walk->offset = walk->frame - start;
		return 0;
	}
	walk->offset = PYTHON_WINDOW;
	walk->shims_size = 0;
	rest = python_walk_rest(walk, frame_bytes);
	if (rest > PYTHON_WINDOW ||
	    python_read_user(walk->bytes + PYTHON_WINDOW, rest, walk->frame))
		return 1;
	walk->shims_start = walk->frame;
	walk->shims_size = rest - frame_bytes + 1;
	return 0;
}

/* Offsets are bounded by a mask alone: compilers move comparisons where verifiers miss them. */
static __attribute__((always_inline)) inline __u64 python_word(const struct python_walk *walk,
							       __u32 field)
{
	return *(const __u64 *)(walk->bytes + ((walk->offset + field) & (PYTHON_BYTES - 8)));
}

static __attribute__((always_inline)) inline __u8 python_byte(const struct python_walk *walk,
							      __u32 field)
{
	return walk->bytes[(walk->offset + field) & (PYTHON_BYTES - 1)];
}

/* The instruction of walk->frame, whose code object is in walk->found. */
static __attribute__((always_inline)) inline __s32
python_walk_instruction(const struct python_walk *walk, const struct python_walk_layout *layout)
{
	__u64 value = python_word(walk, layout->frame_instruction);

	if (layout->code_bytecode == PYTHON_ABSENT)
		value = (__s64)(__s32)value * layout->instruction_bytes;
	else
		value -= walk->found.code + layout->code_bytecode;
	return value < 1u << 30 ? (__s32)value : PYTHON_NO_INSTRUCTION;
}

/* Has walk->frame read: PYTHON_FRAME, else why not. */
static __attribute__((always_inline)) inline int
python_walk_reach(struct python_walk *walk, const struct python_walk_layout *layout)
{
	if (!walk->frame)
		return PYTHON_BOTTOM;
	if (walk->frame & 7)
		return PYTHON_UNREADABLE;
	if (walk->frame - walk->window_start < walk->window_size)
		walk->offset = walk->frame - walk->window_start;
	else if (walk->frame - walk->shims_start < walk->shims_size)
		walk->offset = PYTHON_WINDOW + (walk->frame - walk->shims_start);
	else if (python_walk_fill(walk, layout->frame_bytes))
		return PYTHON_UNREADABLE;
	return PYTHON_FRAME;
}

static __attribute__((always_inline)) inline bool
python_walk_at_shim(const struct python_walk *walk, const struct python_walk_layout *layout)
{
	return layout->frame_owner != PYTHON_ABSENT &&
	       python_byte(walk, layout->frame_owner) >= PYTHON_OWNER_SHIM;
}

static __attribute__((always_inline)) inline __u64
python_walk_code(const struct python_walk *walk, const struct python_walk_layout *layout)
{
	return python_word(walk, layout->frame_code) & ~7ull;
}

/*
 * Goes on by a frame without taking it: enum python_step. Where it says PYTHON_FRAME, walk->word is
 * the same for frames that are at the same instruction of the same code object, which an address in
 * its bytecode tells already, and python_walk_code says which one it was.
 */
static __attribute__((always_inline)) inline int
python_walk_skip(struct python_walk *walk, const struct python_walk_layout *layout)
{
	int reached = python_walk_reach(walk, layout);

	if (reached != PYTHON_FRAME)
		return reached;
	if (python_walk_at_shim(walk, layout)) {
		walk->frame = python_word(walk, layout->frame_previous);
		return walk->frame ? PYTHON_SHIM : PYTHON_BOTTOM;
	}
	walk->word = python_word(walk, layout->frame_instruction);
	if (layout->code_bytecode == PYTHON_ABSENT)
		walk->word =
			(__u32)walk->word * 0xbf58476d1ce4e5b9ull + python_walk_code(walk, layout);
	walk->near = walk->frame;
	walk->frame = python_word(walk, layout->frame_previous);
	return PYTHON_FRAME;
}

/* Takes the next frame: enum python_step. */
PYTHON_FUNCTION int python_walk_step(struct python_walk *walk,
				     const struct python_walk_layout *layout)
{
	int reached = walk && layout ? python_walk_reach(walk, layout) : PYTHON_BOTTOM;

	if (reached != PYTHON_FRAME)
		return reached;
	walk->found.code = python_walk_code(walk, layout);
	walk->found.instruction = python_walk_instruction(walk, layout);
	walk->found.flags = walk->called_c;
	walk->called_c = layout->every_frame_entry;
	if (layout->frame_entry != PYTHON_ABSENT && python_byte(walk, layout->frame_entry))
		walk->called_c = PYTHON_FRAME_CALLED_C;
	if (!python_walk_at_shim(walk, layout)) {
		walk->near = walk->frame;
		walk->frame = python_word(walk, layout->frame_previous);
		return PYTHON_FRAME;
	}
	walk->frame = python_word(walk, layout->frame_previous);
	walk->called_c = PYTHON_FRAME_CALLED_C;
	return walk->frame ? PYTHON_SHIM : PYTHON_BOTTOM;
}

/* The checksum of the code object that was found; 0 where it cannot be read. Ends the walk's use
 * of its window. */
PYTHON_FUNCTION __u32 python_walk_check(struct python_walk *walk,
					const struct python_walk_layout *layout, __u64 code)
{
	if (!walk || !layout)
		return 0;
	walk->window_size = 0;
	if (python_read_user(walk->bytes, PYTHON_CHECK_BYTES, code + PYTHON_CHECK_START(layout)))
		return 0;
	walk->offset = 0;
	if (python_read_word(walk, python_word(walk, PYTHON_CHECK_NAME(layout)) + PYTHON_STR_HASH))
		walk->word = 0;
	return python_check(walk->bytes, PYTHON_CHECK_POINTERS(layout), walk->word);
}

#endif
