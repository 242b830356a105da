/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: the ledger maps, as the kernel writes them and user space reads them (mmap).
 *
 * buckets        open blocks, an own hash table in a flat array: see bpf/ledger.bpf.h
 * totals_by_stack  one row a distinct stack; the row number is the stack's id
 * counters       one row a CPU
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

struct block {
	__u64 size;    /* bytes requested */
	__u64 time_ns; /* CLOCK_MONOTONIC at the allocation's return; of one that a realloc replaced
			  that of the first one */
	__u32 stack;   /* row of totals_by_stack */
	__u32 reserved;
};

struct bucket {
	__u64 keys[BUCKET_SLOTS]; /* one cache line */
	struct block blocks[BUCKET_SLOTS];
};

/* Monotonic counters: what is live is alloc - free. Padded to a cache line. */
struct stack_totals {
	__u64 hash; /* of the frames and of everything else that makes a stack distinct; 0: unused
		       row */
	__u64 alloc_bytes;
	__u64 alloc_blocks;
	__u64 free_bytes;
	__u64 free_blocks;
	__u32 announced; /* 1 once the frames went to user space */
	/* Where config.peak: what was live at the peak of that number, if the row changed since. */
	__u32 peak_number;
	__u64 peak_bytes;
	__u64 peak_blocks;
};

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

/* A traced process image: the value of spaces_by_pid. */
struct space {
	__u32 id;     /* BLOCK_KEY's space, 1 to SPACE_MAX */
	__u32 shared; /* a vfork child: the space is its parent's */
};

/* Rows behind the stack table proper, whose size is config.stack_rows. */
enum { STACK_ROW_FULL = 0, STACK_ROW_UNCAPTURED = 1, STACK_ROWS_EXTRA = 2 };

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

#endif
