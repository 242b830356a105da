/* SPDX-License-Identifier: BSD-2-Clause */
#include "amounts.h"

void amounts_fill(struct stack *stack, const struct live_blocks *live, uint64_t older_than_ns,
		  uint64_t now_ns)
{
	stack->alloc_bytes = live->alloc_bytes;
	stack->alloc_blocks = live->alloc_blocks;
	stack->live_bytes = older_than_ns ? live->bytes : live->alloc_bytes - live->free_bytes;
	stack->live_blocks = older_than_ns ? live->blocks : live->alloc_blocks - live->free_blocks;
	if (live->oldest_ns && live->oldest_ns <= now_ns)
		stack->oldest_ns = now_ns - live->oldest_ns;
}

void amounts_fill_pools(struct snapshot *snapshot, struct stack *stack,
			const struct live_blocks *live)
{
	struct totals *totals = &snapshot->totals;

	totals->alloc_bytes += live->bytes - stack->alloc_bytes;
	totals->alloc_blocks += live->blocks - stack->alloc_blocks;
	totals->free_bytes -= stack->alloc_bytes - stack->live_bytes;
	totals->free_blocks -= stack->alloc_blocks - stack->live_blocks;
	totals->live_bytes += live->bytes - stack->live_bytes;
	totals->live_blocks += live->blocks - stack->live_blocks;
	stack->alloc_bytes = stack->live_bytes = live->bytes;
	stack->alloc_blocks = stack->live_blocks = live->blocks;
}

void amounts_fill_peak(const struct ledger_view *view, size_t row, bool pools, struct stack *stack)
{
	const struct live_blocks none = {0};
	const struct live_blocks held = pools ? none : ledger_view_peak(view, row);

	stack->live_bytes = held.bytes;
	stack->live_blocks = held.blocks;
	stack->oldest_ns = 0;
}

void amounts_sum_live(struct snapshot *snapshot)
{
	snapshot->totals.live_bytes = 0;
	snapshot->totals.live_blocks = 0;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		snapshot->totals.live_bytes += snapshot->stacks[i].live_bytes;
		snapshot->totals.live_blocks += snapshot->stacks[i].live_blocks;
	}
}

void amounts_sum(struct snapshot *snapshot)
{
	struct totals *totals = &snapshot->totals;

	amounts_sum_live(snapshot);
	totals->alloc_bytes = totals->alloc_blocks = 0;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		totals->alloc_bytes += snapshot->stacks[i].alloc_bytes;
		totals->alloc_blocks += snapshot->stacks[i].alloc_blocks;
	}
	totals->free_bytes = totals->alloc_bytes - totals->live_bytes;
	totals->free_blocks = totals->alloc_blocks - totals->live_blocks;
	snapshot->unknown_frees = snapshot->sized_frees = snapshot->sized_bytes = 0;
}

void amounts_sum_rows(const struct ledger_view *view, const struct live_blocks *live,
		      struct counters *sum)
{
	sum->alloc_bytes = sum->alloc_blocks = sum->free_bytes = sum->free_blocks = 0;
	for (size_t i = 0; i < view->row_count; i++) {
		sum->alloc_bytes += live[i].alloc_bytes;
		sum->alloc_blocks += live[i].alloc_blocks;
		sum->free_bytes += live[i].free_bytes;
		sum->free_blocks += live[i].free_blocks;
	}
}
