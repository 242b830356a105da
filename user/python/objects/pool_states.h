/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which blocks of pymalloc are in use, read from its pools while the process runs: each is
 * read in one piece, again and again until it was not changed meanwhile. What is said of a
 * block was so at some moment between the beginning of the reading and its end. Nothing is
 * swapped in by being read.
 */
#ifndef UNFREED_PYTHON_OBJECTS_POOL_STATES_H
#define UNFREED_PYTHON_OBJECTS_POOL_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../memory/page_source.h"

struct pool_states;

/*
 * Of the pools at these addresses, in any order and more than once; the array is sorted. `bytes` is
 * a pool's. The source need be open only for this. NULL with errno: ENOMEM, ESRCH.
 */
struct pool_states *pool_states_read(const struct page_source *source, uint32_t bytes,
				     uint64_t *addresses, size_t count);
void pool_states_free(struct pool_states *states); /* accepts NULL */

enum pool_block_state {
	POOL_BLOCK_GONE, /* it is free, or its pool is, or has blocks of another size */
	POOL_BLOCK_IN_USE,
	POOL_BLOCK_UNREAD, /* its pool is in swap, or changed each time it was read */
};

/* Of a block of so many bytes, 1 to 512, in a pool that was asked for. */
enum pool_block_state pool_states_of(const struct pool_states *states, uint64_t address,
				     uint64_t bytes);

/* Whether there is a pool at the address. */
bool pool_states_have(const struct pool_states *states, uint64_t address);

/* Each block in use, and the size of its class. In ascending order. */
void pool_states_each(const struct pool_states *states,
		      void (*act)(void *context, uint64_t address, uint32_t class_bytes),
		      void *context);

/* That a block in use is none: it is left out from then on. */
void pool_states_leave_out(struct pool_states *states, uint64_t address);

#endif
