/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract of watch.bpf.c: the watched words, and the stacks that write to them. Both lie in mapped
 * memory, so that user space looks at them without a system call.
 */
#ifndef UNFREED_BPF_WATCH_H
#define UNFREED_BPF_WATCH_H

#include "python.h"
#include "records.h"

#define WATCH_WORDS      3           /* of the target: one debug register of four stays free */
#define WATCH_SELF       WATCH_WORDS /* the number of a word of our own, for a test */
#define WATCH_FRAMES     32          /* Python frames of a stack, the innermost ones */
#define WATCH_NATIVE     32          /* native frames of a stack, likewise */
#define WATCH_STACKS_MAX 2048
#define WATCH_SPACE      1 /* the target's address space in the maps of unwind.h */

/* What a write did to a word. */
enum watch_change {
	WATCH_GREW = 0,
	WATCH_SHRANK = 1,   /* of a slot: it became 0 */
	WATCH_SAME = 2,     /* the same value was written again */
	WATCH_REPLACED = 3, /* another value that is not 0; of slots alone */
	WATCH_CHANGES = 4,
};

/*
 * A watched word. From address to armed: user space's, all but that before the first hit. The rest
 * is the program's, but for the first value of last.
 */
struct watch_word_state {
	__u64 address;
	__u64 mask;  /* bits of the word that are looked at */
	__u32 bytes; /* of the word */
	__u16 is_slot;
	__u16 python; /* whether to walk Python frames */
	/*
	 * User space: set once every thread is watched, cleared before the first is not. Hits
	 * without it only give the last value.
	 */
	__u64 armed;
	/*
	 * The value as of the last hit. WATCH_UNKNOWN until the first one, or until user space,
	 * once all threads are watched, puts there what it reads.
	 */
	__u64 last;
	__u64 hits;                   /* all, armed or not */
	__u64 changes[WATCH_CHANGES]; /* those that count, by what they did */
	__s64 net;                    /* sum of the differences */
	__u64 program_ns;             /* time spent in the program */
	__u64 unread;                 /* hits at which the word could not be read */
	__u64 unsure;    /* first hits in forked processes: what was before is unknown */
	__u64 stackless; /* hits for whose stack there was no room */
};

#define WATCH_UNKNOWN (~0ull)

/*
 * Stacks are known by a hash over the word, the change and all frames, which gives their row; a row
 * is written once and then only counted in.
 */
struct watch_stack {
	__u32 ready; /* the last to be written: everything below it is there, count apart */
	__u32 word;
	__u32 change; /* enum watch_change */
	__u32 python_count;
	__u32 python_cut; /* there are more Python frames */
	__u32 native_count;
	__u64 count;
	__s64 net;
	struct python_stack_frame python[WATCH_FRAMES]; /* innermost first */
	/*
	 * The instruction behind the write, then return addresses, as far as there are tables.
	 * Where there are Python frames only those inward of the interpreter's loop, if asked for
	 * and if that was found.
	 */
	__u64 native[WATCH_NATIVE];
};

/* Whose copy of a word. */
struct watch_process_word {
	__u32 pid;
	__u32 word;
};

_Static_assert(sizeof(struct watch_word_state) == 120, "");
_Static_assert(sizeof(struct watch_stack) == 40 + 16 * WATCH_FRAMES + 8 * WATCH_NATIVE, "");
_Static_assert(sizeof(struct watch_process_word) == 8, "");

#endif
