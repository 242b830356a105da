/* SPDX-License-Identifier: BSD-2-Clause */
/* What a row of the ledger comes to, as the amounts of a stack. */
#ifndef UNFREED_AMOUNTS_H
#define UNFREED_AMOUNTS_H

#include "../profile/snapshot.h"
#include "ledger_view.h"

/* What was allocated and not freed; with an age limit what of that is old enough. */
void amounts_fill(struct stack *stack, const struct live_blocks *live, uint64_t older_than_ns,
		  uint64_t now_ns);

/*
 * Of pools only what lives in them is known, not what was allocated and freed there: it counts as
 * allocated. The totals, which have the pools as the ledger does, follow.
 */
void amounts_fill_pools(struct snapshot *snapshot, struct stack *stack,
			const struct live_blocks *live);

/* Live becomes what was so at the highest moment; nothing of pools, whose frees are not seen. */
void amounts_fill_peak(const struct ledger_view *view, size_t row, bool pools, struct stack *stack);

/* The totals' live is what the stacks have: with an age limit, or at the highest moment. */
void amounts_sum_live(struct snapshot *snapshot);

/* All of the totals are what the stacks have, and nothing is known of older blocks. */
void amounts_sum(struct snapshot *snapshot);

/* While targets run the counters are of another moment than the rows: then their sum counts. */
void amounts_sum_rows(const struct ledger_view *view, const struct live_blocks *live,
		      struct counters *sum);

#endif
