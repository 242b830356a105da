/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was found out about open blocks by looking at the memory of their processes: which are lost,
 * and what the others are reachable by. Joined with the ledger by key and time, so that a block
 * that was freed since, with another one in its place, is not taken for that.
 */
#ifndef UNFREED_JUDGED_H
#define UNFREED_JUDGED_H

#include "../look/holder.h"
#include "../profile/snapshot.h"
#include "ledger_view.h"

enum block_state { BLOCK_UNTOLD, BLOCK_IS_LOST, BLOCK_IS_REACHABLE };

struct judged_block {
	uint64_t key; /* BLOCK_KEY() */
	uint64_t time_ns;
	uint64_t root; /* where the chain of references begins; see memory/reach.h */
	uint32_t holder;
	uint8_t state;
	bool direct; /* nothing stands between the holder and it */
};

struct judged_process {
	uint32_t space;
	uint32_t looks;
	uint64_t frozen_ns; /* how long it was stopped for them */
	char problem[160];  /* "" where its blocks could be told */
};

struct judged_blocks {
	struct judged_block *items; /* by key */
	size_t count;
	struct holder *holders;
	size_t holder_count;
	struct judged_process *processes;
	size_t process_count;
};

/* NULL where there is no such block. */
struct judged_block *judged_find(const struct judged_blocks *judged, uint64_t key);

/*
 * What is lost and reachable per row of the ledger, of the blocks that are open and were allocated
 * at or before `newest_ns`: an array of row_count entries, zeroed, whose holders are of the
 * snapshot. Returns 0 or a negative errno.
 */
int judged_sum(const struct judged_blocks *judged, const struct ledger_view *view,
	       uint64_t newest_ns, struct snapshot *snapshot, struct reachability *rows);

#endif
