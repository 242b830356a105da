/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies in single blocks and pools of one interpreter now, for whoever knows their addresses.
 * Reads these alone, and the types; nothing is stopped. A look at the whole is objects.h.
 */
#ifndef UNFREED_PYTHON_OBJECTS_BLOCK_TYPES_H
#define UNFREED_PYTHON_OBJECTS_BLOCK_TYPES_H

#include "pools.h"

struct block_types;

/* Type of a block, or TYPE_NONE: it holds no object. */
struct block_content {
	uint32_t type;
	bool table;  /* it is no object, but the table of keys of a dictionary */
	bool reused; /* of a type of which there are free lists, so that it may have come off one */
};

/* Blocks of equal content. */
typedef void block_content_fn(void *context, struct block_content content, uint64_t count,
			      uint64_t bytes);

/* `interpreter` must outlive it. NULL with errno: ENOTSUP, or the process cannot be read. */
struct block_types *block_types_new(const struct procfs *procfs,
				    const struct python_interpreter *interpreter);
void block_types_free(struct block_types *types); /* accepts NULL */

/* Returns whether the block could be read. */
bool block_types_block(struct block_types *types, uint64_t address, uint64_t bytes,
		       struct block_content *content);

/* Calls `act` for what lives in the pools between two addresses. Returns 0 or a negative errno. */
int block_types_pools(struct block_types *types, uint64_t start, uint64_t end,
		      block_content_fn *act, void *context);

/* Valid as long as the types. */
const char *block_types_name(const struct block_types *types, uint32_t type);

#endif
