/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pools of CPython's allocator, when they are taken into use: one trap for hundreds of blocks, at a
 * function that no build inlines. Where the build has that function inlined too (3.8) it is whole
 * arenas. When a pool is free again is not seen.
 */
#include "sources.h"

#include "../../bpf/probes.h"
#include "../plan/request.h"

static enum reason has_no_refill(const struct python_slots *slots)
{
	return slots->refill ? REASON_NONE : REASON_NO_REFILL;
}

static uint64_t shift_of(uint32_t bytes)
{
	return bytes ? (uint64_t)__builtin_ctz(bytes) : 0;
}

static size_t find_sites(const struct python_slots *slots, uint32_t pool_bytes, struct site *sites)
{
	sites[0] = slots->refill_site;
	sites[0].cookie |= PROBE_FREES_UNSEEN;
	if (slots->refill_pools == 1)
		sites[0].cookie |= PROBE_POOL(shift_of(pool_bytes));
	return 1;
}

const struct source python_pools = {
	.covers = COVERS_PYTHON,
	.name = "pools",
	.asked_as = PYTHON_POOLS,
	.by_pools = true,
	.lacks = has_no_refill,
	.find_sites = find_sites,
};
