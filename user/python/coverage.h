/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the interpreter itself counts: the blocks that sys.getallocatedblocks() would say, and the
 * live blocks of single pools, read from its memory while it runs.
 */
#ifndef UNFREED_PYTHON_COVERAGE_H
#define UNFREED_PYTHON_COVERAGE_H

#include "interpreter.h"

/* Static variables of pymalloc up to 3.11; 0 each: not found, or not there. */
struct python_counters {
	uint64_t raw_blocks;  /* 3.8: all blocks */
	uint64_t arenas;      /* -> array of arena objects */
	uint64_t arena_count; /* 32 bits */
};

struct python_blocks {
	uint64_t blocks;     /* as sys.getallocatedblocks(), of all interpreters */
	uint64_t raw_blocks; /* of these, beyond pymalloc's size: passed on to malloc */
	uint64_t pool_blocks;
	uint64_t pool_bytes; /* of the pool blocks, by size class; 0 in 3.8 */
	uint64_t pools;      /* with at least one block in use */
	uint64_t arenas;
	/* Pools taken into use and given back while they are read make the sum inexact. */
};

struct python_pool {
	uint32_t blocks;      /* in use */
	uint32_t block_bytes; /* of the size class; 0: this is no pool (any more) */
};

/* Finds what python_blocks_read needs. Returns 0, or -ENOENT where the build does not show it. */
int python_counters_find(const struct python_interpreter *interpreter,
			 struct python_counters *counters);

/* Returns 0 or a negative errno; -EBADMSG where the memory makes no sense. */
int python_blocks_read(const struct python_interpreter *interpreter,
		       const struct python_counters *counters, struct python_blocks *blocks);

/* Whether its pools can be listed; of 3.8 they cannot. */
bool python_pools_are_listed(const struct python_interpreter *interpreter,
			     const struct python_counters *counters);

/* The addresses of all pools that were ever taken into use, malloc'd. Returns how many, or as
 * python_blocks_read(). */
ssize_t python_pools_list(const struct python_interpreter *interpreter,
			  const struct python_counters *counters, uint64_t **addresses);

/*
 * Reads the headers of pools at the given addresses. Returns 0, or a negative errno where the
 * process cannot be read; then `pools` holds nothing.
 */
int python_pools_read(const struct python_interpreter *interpreter, const uint64_t *addresses,
		      size_t count, struct python_pool *pools);

#endif
