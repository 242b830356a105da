/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of the ledger's open blocks, ordered by address space and address: what is asked about
 * them outside takes its time, and the ledger goes on to change. */
#ifndef UNFREED_TRACER_OPEN_BLOCKS_H
#define UNFREED_TRACER_OPEN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../collect/ledger_view.h"

struct open_block {
	uint64_t key;
	uint64_t time_ns;
	uint64_t bytes;
	bool unsure; /* as who gathers them has it; false at first */
};

struct open_blocks {
	struct open_block *items;
	size_t count;
};

/* Whether one is to be among them. */
typedef bool open_block_fn(void *context, const struct block *block, struct open_block *open);

/*
 * Those that were allocated at or before `newest_ns` and that `is_wanted` (NULL: all) wants.
 * Returns 0 or a negative errno; to be released in any case.
 */
int open_blocks_gather(struct open_blocks *blocks, const struct ledger_view *view,
		       uint64_t newest_ns, open_block_fn *is_wanted, void *context);
void open_blocks_release(struct open_blocks *blocks);

/* A part of them: those of the address space of that number. */
struct open_blocks open_blocks_of(const struct open_blocks *blocks, uint32_t space);

/* Whether one of that key is among them. */
bool open_blocks_have(const struct open_blocks *blocks, uint64_t key);

#endif
