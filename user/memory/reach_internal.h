/* SPDX-License-Identifier: BSD-2-Clause */
/* What reach.c and reach_roots.c share. */
#ifndef UNFREED_MEMORY_REACH_INTERNAL_H
#define UNFREED_MEMORY_REACH_INTERNAL_H

#include "block_map.h"
#include "reach.h"

struct span {
	uint64_t start;
	uint64_t end;
};

/* A block to go through, and where its chain began. */
struct step {
	struct span span;
	uint64_t root;
};

struct register_word {
	uint64_t word;
	pid_t thread;
};

struct reach {
	const struct procfs *procfs;
	pid_t pid;
	uint64_t budget_bytes;
	char problem[160];
	reach_fn *reached; /* NULL: nobody asked */
	void *reached_context;
	void (*meanwhile)(void *context); /* NULL: nothing */
	void *meanwhile_context;
	/* Of the look: */
	struct reach_path path; /* of what is gone through now */
	struct register_word *registers;
	size_t register_count;
	bool begun;
	struct block_map map;
	struct span *holes; /* what is no root: heaps, the main arena, what of stacks is over */
	size_t hole_count;
	struct span *unclear; /* parts of heaps that could not be walked through: roots */
	size_t unclear_count;
	uint64_t *cache_keys; /* that stand in blocks of threads' caches; sorted */
	size_t cache_key_count;
	uint32_t torn_fastbins; /* see arenas.h */
	struct regions regions; /* newer than the walk, as are: */
	struct pages *pages;
	struct step *stack;
	size_t stack_count;
	bool overflowed;
	uint8_t *cache; /* of blocks of memory; see read_cached() */
	uint64_t *cached;
	size_t cache_slots;
	uint64_t read_bytes;
	uint64_t read_limit;
	uint32_t checks;
	uint64_t swapped_bytes;
	int error;
	/* Of all looks: */
	struct lost_block *lost;
	size_t lost_count;
	uint64_t left_out;
	size_t looks;
};

/*
 * Between pieces of roots: gives up where it is late, and goes through blocks, where more of them
 * wait than may be added by the next piece. What no longer had room would not be told where its
 * chain began.
 */
void reach_relieve(struct reach *reach);

/* Of what is no root. They are sorted by whoever begins with the roots. */
void reach_add_hole(struct reach *reach, uint64_t start, uint64_t end);

/* Words of a copy of roots, at every `step` bytes; of what lies at an address. */
void reach_scan(struct reach *reach, uint64_t address, const uint8_t *bytes, size_t size,
		size_t step);

/* What the kernel or a thread has. */
void reach_visit_root(struct reach *reach, enum reach_root kind, pid_t thread, uint64_t word);

/* Marks what the roots refer to. Returns 0 or a negative errno. */
int reach_scan_roots(struct reach *reach); /* reach_roots.c */

#endif
