/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger maps as user space sees them, and what is live in them per stack.
 */
#ifndef UNFREED_LEDGER_VIEW_H
#define UNFREED_LEDGER_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "../../bpf/ledger.h"

struct ledger_view {
	const struct bucket *buckets; /* mapped */
	size_t bucket_count;
	const struct stack_totals *totals; /* mapped; the extra rows are at the end */
	size_t row_count;                  /* with the extra rows */
	int spilled_fd;                    /* spilled_blocks_by_key */
	int counters_fd;                   /* counters_by_cpu */
	const struct peak *peak;           /* mapped; NULL: not asked for */
};

/* What the open blocks of one stack come to, and all that it allocated and freed. */
struct live_blocks {
	uint64_t bytes; /* of the blocks that are old enough */
	uint64_t blocks;
	uint64_t oldest_ns; /* CLOCK_MONOTONIC at the oldest one's allocation; 0: none */
	uint64_t alloc_bytes;
	uint64_t alloc_blocks;
	uint64_t free_bytes;
	uint64_t free_blocks;
};

/*
 * Reads, per row, what was allocated and freed in all: of all rows within a moment, so that what is
 * said of them agrees while targets run on. Nothing appears freed that was not yet allocated.
 */
void ledger_view_totals(const struct ledger_view *view, struct live_blocks *live);

/*
 * Goes over all open blocks and adds up, per row, those allocated at or before `newest_ns`.
 * `live` has row_count entries, zeroed. Returns 0 or a negative errno.
 */
int ledger_view_scan(const struct ledger_view *view, uint64_t newest_ns, struct live_blocks *live);

/*
 * Calls `visit` with each open block that was allocated at or before `newest_ns`. Returns 0 or a
 * negative errno.
 */
int ledger_view_visit(const struct ledger_view *view, uint64_t newest_ns,
		      void (*visit)(void *context, uint64_t key, const struct block *block),
		      void *context);

/* What a row had live at the highest moment; nothing where that is not asked for. */
struct live_blocks ledger_view_peak(const struct ledger_view *view, size_t row);

/* Sums an entry of a map of struct counters by CPU over all of them. 0 or a negative errno. */
int ledger_view_sum_counters(int map_fd, uint32_t key, struct counters *sum);

/* Sums the counters of all CPUs. Returns 0 or a negative errno. */
int ledger_view_counters(const struct ledger_view *view, struct counters *sum);

#endif
