/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: what the programs send through the ring buffer `records`.
 */
#ifndef UNFREED_RECORDS_H
#define UNFREED_RECORDS_H

#include "types.h"

#define FRAMES_MAX        128
#define PYTHON_FRAMES_MAX 256
#define STACK_WORDS       1024 /* room for both, a power of two */

enum record_type {
	RECORD_STACK = 1,  /* struct stack_record: a stack seen for the first time */
	RECORD_LOADED = 2, /* struct record: the dynamic linker finished a load or an unload */
	RECORD_FORK = 3,   /* struct fork_record */
	RECORD_EXEC = 4,   /* struct exec_record: the process has a new image and a new space */
	RECORD_EXIT = 5,   /* struct exit_record: the process's last thread is gone */
	RECORD_FILE = 6,   /* struct file_record: code of a file that user space does not know */
};

struct record {
	__u32 type;   /* enum record_type */
	__u32 pid;    /* in the initial PID namespace */
	__u32 space;  /* address space, see block keys in ledger.h */
	__u32 shared; /* the space belongs to the parent of this vfork child */
};

#define STACK_TRUNCATED  1u  /* the walk did not reach the bottom */
#define STACK_GUESSED    2u  /* a frame pointer was trusted in code without a table */
#define STACK_NO_MAPPING 4u  /* it ended in code that was not in the list of mappings */
#define STACK_PYTHON_CUT 8u  /* the Python frames do not reach the bottom */
#define STACK_UNLISTED   16u /* it runs through code that was not in the list of mappings */
#define STACK_UNPLACED   32u /* nobody could tell what lies at one of its addresses */

/* Code that a stack runs through: what the kernel had mapped there. */
struct stack_place {
	__u64 start;
	__u64 end;
	__u64 file_offset; /* bytes */
	__u64 inode;       /* 0: no file; PLACE_UNKNOWN: it could not be asked */
	__u64 device;      /* PLACE_DEVICE() */
};

#define PLACE_DEVICE(major, minor) ((__u64)(major) << 32 | (minor))
#define PLACE_UNKNOWN              (~0ull)
#define PLACES_MAX                 16u
#define PLACE_WORDS                5u

/* A Python frame as a stack has it: two words. */
struct python_stack_frame {
	__u64 code;        /* address of the code object, with PYTHON_FRAME_CALLED_C */
	__s32 instruction; /* offset in its bytecode, in bytes; PYTHON_NO_INSTRUCTION */
	__u32 check;       /* python_check() of the code object; 0: it could not be read */
};

struct stack_record {
	struct record record;
	__u32 stack; /* row of totals_by_stack */
	__u32 domain;
	__u32 flags; /* STACK_* */
	__u32 frame_count;
	__u32 python_count;
	/* Number, from 1 on, of the native frame that runs the innermost Python frame; 0:
	 * unknown. */
	__u32 eval_frame;
	__u32 unloads; /* how often the process had unloaded libraries; see unwind.h */
	__u32 place_count;
	/*
	 * Python frames, innermost first, two words each; behind them return addresses, leaf (the
	 * allocator's caller) first; behind those the places.
	 */
	__u64 words[STACK_WORDS];
};

struct fork_record {
	struct record record; /* of the parent */
	__u32 child_pid;
	__u32 child_space; /* 0: not traced */
};

struct exec_record {
	struct record record; /* with the new space */
	__u32 old_space;
	__u32 shared;  /* the old space goes on: it was the parent's */
	char comm[16]; /* the process may be gone before it can be asked */
};

#define FILE_NAME_BYTES 256u  /* of one name on a path, with its NUL */
#define FILE_PATH_NAMES 1024u /* bytes in which the last name begins; a power of two */
#define FILE_PATH_BYTES (FILE_PATH_NAMES + FILE_NAME_BYTES)

/*
 * Where a file lies that was found by its mapping: told before the stack that runs through it, as
 * it may be unmapped by then.
 */
struct file_record {
	struct record record;
	__u64 inode;
	__u64 device; /* PLACE_DEVICE() */
	__u32 path_bytes;
	__u32 reserved;
	/* The names on its path from the process's root, the file's own first, each with its
	 * NUL. */
	char path[FILE_PATH_BYTES];
};

struct exit_record {
	struct record record;
	__u32 status; /* as wait(2) has it */
	__u32 reserved;
};

_Static_assert(sizeof(struct record) == 16, "");
_Static_assert(sizeof(struct stack_place) == 8 * PLACE_WORDS, "");
_Static_assert(sizeof(struct file_record) == 40 + FILE_PATH_BYTES, "");
_Static_assert(sizeof(struct python_stack_frame) == 16, "");
_Static_assert(sizeof(struct stack_record) == 48 + 8 * STACK_WORDS, "");
_Static_assert(2 * PYTHON_FRAMES_MAX + FRAMES_MAX + PLACES_MAX * PLACE_WORDS <= STACK_WORDS, "");
_Static_assert(sizeof(struct fork_record) == 24, "");
_Static_assert(sizeof(struct exec_record) == 40, "");
_Static_assert(sizeof(struct exit_record) == 24, "");

#endif
