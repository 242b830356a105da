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

struct reach {
	const struct procfs *procfs;
	pid_t pid;
	uint64_t budget_bytes;
	char problem[160];
	/* Of the look: */
	uint64_t *registers;
	size_t register_count;
	bool begun;
	struct block_map map;
	struct span *holes; /* what is no root: heaps, and the main arena */
	size_t hole_count;
	struct span *unclear; /* parts of heaps that could not be walked through: roots */
	size_t unclear_count;
	uint64_t *cache_keys; /* that stand in blocks of threads' caches; sorted */
	size_t cache_key_count;
	struct regions regions; /* newer than the walk, as are: */
	struct pages *pages;
	struct span *stack; /* blocks to go through */
	size_t stack_count;
	bool overflowed;
	uint8_t *cache; /* of blocks of memory; see read_cached() */
	uint64_t *cached;
	size_t cache_slots;
	uint64_t read_bytes;
	uint64_t read_limit;
	uint64_t swapped_bytes;
	int error;
	/* Of all looks: */
	struct lost_block *lost;
	size_t lost_count;
	uint64_t left_out;
	size_t looks;
};

/* What may be a pointer; marks the block that it points to. */
void reach_visit(struct reach *reach, uint64_t word);

/* Words of a copy, at every `step` bytes. */
void reach_scan(struct reach *reach, const uint8_t *bytes, size_t size, size_t step);

/* Marks what the roots refer to. Returns 0 or a negative errno. */
int reach_scan_roots(struct reach *reach); /* reach_roots.c */

#endif
