/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: what the walker of Python frames is told about an interpreter, and what it says of a
 * frame. User space finds all of it out and fills python_process; the kernel only reads it.
 */
#ifndef UNFREED_PYTHON_H
#define UNFREED_PYTHON_H

#include "types.h"

#define PYTHON_ABSENT 0xffffu /* this version has no such field */

/* Offsets in bytes. */
struct python_walk_layout {
	__u16 tstate_frame;      /* thread state -> innermost frame, or what holds it ... */
	__u16 cframe_frame;      /* ... and where in that; or PYTHON_ABSENT */
	__u16 tstate_thread;     /* -> the thread's pthread_self(), where its own memory begins */
	__u16 frame_code;        /* -> code object, the low bits are tags */
	__u16 frame_previous;    /* -> the caller's frame */
	__u16 frame_instruction; /* address in the bytecode, or an index into it */
	__u16 frame_owner;       /* a byte: PYTHON_OWNER_SHIM or above is no Python function */
	__u16 frame_entry;       /* a byte: called from C (3.11 alone) */
	__u16 frame_bytes;       /* all fields of a frame lie before */
	__u16 code_bytecode;     /* PYTHON_ABSENT: frame_instruction is an index */
	__u16 instruction_bytes; /* what an index counts: bytes or code units */
	__u16 code_first_line;
	__u16 code_filename;     /* name, and from 3.11 on qualified name, come next */
	__u16 every_frame_entry; /* each Python call is a C call too (up to 3.10) */
};

#define PYTHON_OWNER_SHIM  3
#define PYTHON_OBJECT_TYPE 8 /* any object -> its type */

/*
 * Where a thread keeps its thread state, also while it has released the GIL: in the word at the
 * thread's own memory + first, or (indirect) in the word `second` bytes behind where that word
 * points. It is one pthread key for glibc (second level from key 32 on) and musl, and a
 * thread-local variable from 3.15 on.
 */
enum python_access {
	PYTHON_ACCESS_NONE = 0,
	PYTHON_ACCESS_DIRECT = 1,
	PYTHON_ACCESS_INDIRECT = 2,
};

struct python_process {
	struct python_walk_layout layout;
	__u32 access; /* enum python_access */
	__s64 first;
	__s64 second;
	/*
	 * Address of the word that holds the thread state of whoever has the GIL, 0 from 3.12 on.
	 * It goes first where it is this thread's: with several interpreters the key holds the
	 * first one's.
	 */
	__u64 current;
};

/* What the programs keep of a traced process that is an interpreter: by space. */
struct python_space {
	struct python_process process;
	__u64 code_type; /* address of PyCode_Type; 0: unknown */
	/*
	 * The function that runs Python frames: native frames from it outwards are not asked for.
	 * Size 0: they are, or it is unknown.
	 */
	__u64 eval_start;
	__u64 eval_bytes;
	__u64 unknown_frees; /* of blocks that the interpreter's allocator gave before the attach */
	/* Of its pools, which say the size of the blocks in them: a power of two, or 0. */
	__u32 pool_bytes;
	__u32 reserved;
};

/* A pool's header (Objects/obmalloc.c), in a pool whose address is a multiple of its size. */
#define POOL_SIZE_CLASS   36 /* 32 bits each */
#define POOL_LAST_OFFSET  44 /* of the last block that has room */
#define POOL_FIRST_OFFSET 48
#define POOL_CLASSES      32
#define POOL_CLASS_BYTES  16

/* Between this frame and the one inside it (or the probed function) is C code. */
#define PYTHON_FRAME_CALLED_C 1u

#define PYTHON_NO_INSTRUCTION (-1) /* not begun, or not known */

struct python_frame {
	__u64 code;        /* address of the code object */
	__s32 instruction; /* offset in its bytecode, in bytes; PYTHON_NO_INSTRUCTION */
	__u32 flags;       /* PYTHON_FRAME_* */
};

/*
 * A checksum of a code object tells whether an address was reused. It is taken over the five
 * 32-bit words that end with the first line, the three pointers from the file's name on, and the
 * name's own hash, since the names of code that was made alike lie at the same addresses too.
 */
#define PYTHON_CHECK_BYTES            128u /* at code + PYTHON_CHECK_START(layout) */
#define PYTHON_CHECK_START(layout)    ((layout)->code_first_line - 16u)
#define PYTHON_CHECK_POINTERS(layout) ((layout)->code_filename - PYTHON_CHECK_START(layout))
#define PYTHON_CHECK_NAME(layout)     (PYTHON_CHECK_POINTERS(layout) + 8u) /* -> str */
#define PYTHON_STR_HASH               24u /* in a str; names are interned, so that they have one */

static __attribute__((always_inline)) inline __u32 python_check_add(__u32 check, __u32 word)
{
	check = (check ^ word) * 0x9e3779b1u;
	return check ^ check >> 15;
}

/*
 * Of PYTHON_CHECK_BYTES from the start; `pointers` is PYTHON_CHECK_POINTERS. The hash is the one of
 * the name, 0 where it cannot be read. Never 0.
 */
static __attribute__((always_inline)) inline __u32 python_check(const __u8 *bytes, __u32 pointers,
								__u64 hash)
{
	__u32 check = python_check_add(python_check_add(0, hash), hash >> 32);

	for (__u32 i = 0; i < 20; i += 4)
		check = python_check_add(check, *(const __u32 *)(bytes + i));
	pointers &= PYTHON_CHECK_BYTES - 4;
	if (pointers > PYTHON_CHECK_BYTES - 24)
		return 1;
	for (__u32 i = 0; i < 24; i += 4)
		check = python_check_add(check, *(const __u32 *)(bytes + pointers + i));
	return check | 1;
}

_Static_assert(sizeof(struct python_walk_layout) == 28, "");
_Static_assert(sizeof(struct python_process) == 56, "");
_Static_assert(sizeof(struct python_frame) == 16, "");

#endif
