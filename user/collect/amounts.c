/* SPDX-License-Identifier: BSD-2-Clause */
#include "amounts.h"

void amounts_fill(struct stack *stack, const struct stack_totals *row,
		  const struct live_blocks *live, uint64_t older_than_ns, uint64_t now_ns)
{
	uint64_t free_bytes = __atomic_load_n(&row->free_bytes, __ATOMIC_ACQUIRE);
	uint64_t free_blocks = __atomic_load_n(&row->free_blocks, __ATOMIC_ACQUIRE);

	stack->alloc_bytes = __atomic_load_n(&row->alloc_bytes, __ATOMIC_ACQUIRE);
	stack->alloc_blocks = __atomic_load_n(&row->alloc_blocks, __ATOMIC_ACQUIRE);
	stack->live_bytes = older_than_ns ? live->bytes : stack->alloc_bytes - free_bytes;
	stack->live_blocks = older_than_ns ? live->blocks : stack->alloc_blocks - free_blocks;
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
