/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: the ledger maps, as the kernel writes them and user space reads them (mmap).
 *
 * buckets          open blocks, an own hash table in a flat array: see bpf/ledger.bpf.h
 * totals_by_stack  one row a distinct stack; the row number is the stack's id
 * space_states     one entry a number of a space
 * counters         one row a CPU; and one a space and CPU
 */
#ifndef UNFREED_LEDGER_H
#define UNFREED_LEDGER_H

#include "losses.h"
#include "types.h"

#define BUCKET_SLOTS 8

/* A block's key: its address, with the address space that it lies in on top. */
#define BLOCK_KEY_SHIFT           48
#define BLOCK_KEY(space, address) ((unsigned long long)(space) << BLOCK_KEY_SHIFT | (address))
#define BLOCK_KEY_SPACE(key)      ((__u32)((key) >> BLOCK_KEY_SHIFT))
#define BLOCK_KEY_ADDRESS(key)    ((key) & ((1ull << BLOCK_KEY_SHIFT) - 1))
#define BLOCK_KEY_EMPTY           0ull
#define BLOCK_KEY_BUSY            (~0ull)
#define SPACE_MAX                 0xfffeu

/*
 * A space as records and the rest of the programs name it: its number, and on top its generation,
 * which is how often that number was taken back. Numbers are given out again.
 */
#define SPACE(number, generation) ((__u32)(generation) << 16 | (number))
#define SPACE_NUMBER(space)       ((space)&0xffffu)
#define SPACE_GENERATION(space)   ((space) >> 16)
#define SPACES                    0x10000u

/* What is recorded of a space. */
enum gate {
	GATE_OFF = 0,         /* nothing */
	GATE_ALLOCATIONS = 1, /* new blocks, and which older ones lay at their addresses */
	GATE_ALL = 2,
};

/* By number: W: user space; gate and window of a child's too: programs. R: programs. */
struct space_state {
	__u32 generation; /* of the space that has the number, or will be given it next */
	__u32 gate;       /* enum gate */
	__u32 window;     /* how often the gate was opened: 0: it never was */
	__u32 removed;    /* 1: what is left of the space is to be swept out */
};

struct block {
	__u64 size;    /* bytes requested */
	__u64 time_ns; /* CLOCK_MONOTONIC at the allocation's return; of one that a realloc replaced
			  that of the first one */
	__u32 stack;   /* row of totals_by_stack */
	__u32 window;  /* of its space, in which it got its address and size; where config.windows
			  the half of a window, see WINDOW_OF() */
};

struct bucket {
	__u64 keys[BUCKET_SLOTS]; /* one cache line */
	struct block blocks[BUCKET_SLOTS];
};

/* Monotonic counters: what is live is alloc - free. Padded to a cache line. */
struct stack_totals {
	__u64 hash; /* of the frames and of everything else that makes a stack distinct, odd; 0: a
		       row never used; STACK_HASH_FREED */
	__u64 alloc_bytes;
	__u64 alloc_blocks;
	__u64 free_bytes;
	__u64 free_blocks;
	__u16 announced; /* 1 once the frames went to user space */
	__u16 space;     /* number */
	/* Where config.peak: what was live at the peak of that number, if the row changed since. */
	__u32 peak_number;
	__u64 peak_bytes;
	__u64 peak_blocks;
};

/*
 * Where config.windows, recording is on for short windows, each of two halves of one length, which
 * are numbered through: 2, 3 the first one's, 4, 5 the next one's.
 */
#define WINDOW_OF(half)       ((half) >> 1)
#define WINDOW_IS_FIRST(half) (!((half)&1))

/*
 * The highest moment so far, where config.peak. A row keeps what it had then as it changes for the
 * first time after it: so all rows together say what was held at that moment.
 */
struct peak {
	__u64 held_bytes; /* now, of all rows but those of blocks whose frees are not seen */
	__u64 bytes;      /* at most */
	__u64 time_ns;    /* CLOCK_MONOTONIC, when that was */
	__u32 number;     /* of peaks; 0: none yet */
	__u32 reserved;
};

/* A row whose space is gone: it can be used again, but a search goes on behind it. */
#define STACK_HASH_FREED 2ull

/* A traced process image: the value of spaces_by_pid. */
struct space {
	__u32 id;     /* SPACE(), of numbers 1 to SPACE_MAX */
	__u32 shared; /* a vfork child: the space is its parent's */
};

/* Rows behind the stack table proper, whose size is config.stack_rows. */
enum { STACK_ROW_FULL = 0, STACK_ROW_UNCAPTURED = 1, STACK_ROWS_EXTRA = 2 };

/*
 * Of all, by CPU. Of a space, by its number and CPU: what rows of its own do not tell, so that of
 * blocks only those count here that have no such row; there is none as long as nothing counted.
 */
struct counters {
	__u64 alloc_bytes;
	__u64 alloc_blocks;
	__u64 free_bytes;
	__u64 free_blocks;
	__u64 unknown_frees; /* of blocks that the ledger never held */
	__u64 sized_frees;   /* of them those whose size was to be had, */
	__u64 sized_bytes;   /* and their usable bytes */
	__u64 losses[LOSS_COUNT];
};

_Static_assert(sizeof(struct block) == 24, "three words a block");
_Static_assert(sizeof(struct bucket) == 256, "a bucket is 256 bytes, so it never crosses a page");
_Static_assert(sizeof(struct stack_totals) == 64, "one cache line a stack");
_Static_assert(sizeof(struct space_state) == 16, "no space lies across two cache lines");

/* What to go over in one run of `sweep`. */
struct sweep {
	__u32 first_bucket;
	__u32 buckets;
	__u32 first_row;
	__u32 rows;
	__u32 spilled; /* 1: the spilled blocks too */
};

#endif
