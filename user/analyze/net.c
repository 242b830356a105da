/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recorded one by one, blocks that are older than the attach show when they are freed, with their
 * size where the allocator keeps it. Pools of an interpreter do not show what leaves older ones;
 * what all of them hold it knows itself, at both ends.
 */
#include "net.h"

#include <string.h>

enum {
	UNSIZED_SHARE = 50, /* so few frees of unknown size do not matter */
	TURN_SHARE = 2,
	RATE_BLOCKS = 3, /* one block or two are no rate */
};

#define RATE_AFTER_NS 5000000000u /* what a moment shows is no rate either */

/* Of a saved profile's numbers, which may be anything, sums wrap. */
static int64_t difference(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b);
}

static bool is_by_pools(const struct target *target)
{
	return target->python_mode &&
	       (!strcmp(target->python_mode, "pools") || !strcmp(target->python_mode, "arenas"));
}

/* Whether it counted the bytes in its pools at both ends: 3.8 does not. */
static bool has_own_count(const struct target *target)
{
	return target->python_counted && target->python_last.bytes;
}

/* What pools show of those interpreters that could be asked, and by how much they grew. */
struct pools {
	uint64_t seen;
	int64_t grown;
};

static struct pools sum_pools(const struct snapshot *snapshot, struct net *net)
{
	struct pools pools = {0};

	for (size_t i = 0; i < snapshot->target_count; i++) {
		const struct target *target = &snapshot->targets[i];

		if (!is_by_pools(target))
			continue;
		net->at_most |= !has_own_count(target);
		net->pools |= has_own_count(target);
		if (has_own_count(target))
			pools.grown = difference((uint64_t)pools.grown + target->python_last.bytes,
						 target->python_first.bytes);
	}
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];
		const struct target *target = &snapshot->targets[stack->target];

		if (stack->domain == DOMAIN_PYTHON && is_by_pools(target) && has_own_count(target))
			pools.seen += stack->live_bytes;
	}
	return pools;
}

static bool takes_the_place(int64_t net_bytes, uint64_t gross_bytes)
{
	return net_bytes < (int64_t)(gross_bytes / TURN_SHARE);
}

/* The two ways of seeing are judged apart: objects may come and go beside a leak of C. */
static void judge(struct net *net, const struct pools *pools, const struct snapshot *snapshot)
{
	uint64_t blocks = snapshot->totals.alloc_blocks - snapshot->totals.free_blocks;
	uint64_t others = net->gross_bytes - pools->seen;
	bool unsized = net->unsized_frees > snapshot->unknown_frees / UNSIZED_SHARE &&
		       net->unsized_frees > blocks / TURN_SHARE;
	bool turned = unsized || takes_the_place(difference(others, snapshot->sized_bytes), others);
	bool pools_turned = takes_the_place(pools->grown, pools->seen);

	for (size_t i = 0; i < DOMAIN_COUNT; i++)
		net->turned[i] = turned;
	if (net->pools)
		net->turned[DOMAIN_PYTHON] = pools_turned;
	net->turns_over = net->gross_bytes && (!others || turned) && (!pools->seen || pools_turned);
}

void net_sum(const struct snapshot *snapshot, struct net *net)
{
	const struct totals *totals = &snapshot->totals;

	memset(net, 0, sizeof(*net));
	net->unsized_frees = snapshot->unknown_frees - snapshot->sized_frees;
	net->gross_bytes = totals->alloc_bytes - totals->free_bytes;
	net->at_most = net->unsized_frees > snapshot->unknown_frees / UNSIZED_SHARE;
	const struct pools pools = sum_pools(snapshot, net);

	net->bytes = difference(net->gross_bytes + (uint64_t)pools.grown,
				snapshot->sized_bytes + pools.seen);
	net->older_bytes = snapshot->sized_bytes;
	if (pools.grown < 0 || pools.seen > (uint64_t)pools.grown)
		net->older_bytes += pools.seen - (uint64_t)pools.grown;
	judge(net, &pools, snapshot);
}

bool net_stack_turns_over(const struct snapshot *snapshot, const struct stack *stack)
{
	return !snapshot->older_than_ns && !snapshot->has_peak &&
	       snapshot->duration_ns >= RATE_AFTER_NS && stack->oldest_ns &&
	       stack->oldest_ns < snapshot->duration_ns / TURN_SHARE &&
	       stack->live_bytes < stack->alloc_bytes / TURN_SHARE;
}

/* Whether it was long enough; what turns over has no rate, and is known for it. */
static bool is_long_enough(const struct snapshot *snapshot)
{
	return !snapshot->has_peak && snapshot->duration_ns >= RATE_AFTER_NS &&
	       snapshot->duration_ns > snapshot->older_than_ns;
}

uint64_t net_rated_ns(const struct snapshot *snapshot, const struct net *net)
{
	if (net->turns_over || !is_long_enough(snapshot))
		return 0;
	return snapshot->duration_ns - snapshot->older_than_ns;
}

double net_rate_per_hour(const struct snapshot *snapshot, const struct net *net,
			 const struct stack *stack)
{
	uint64_t rated_ns = net_rated_ns(snapshot, net);

	if (!rated_ns || net->turned[stack->domain] || net_stack_turns_over(snapshot, stack) ||
	    stack->live_blocks < RATE_BLOCKS)
		return 0;
	return (double)stack->live_bytes * 3600e9 / (double)rated_ns;
}

bool net_stack_is_rated(const struct snapshot *snapshot, const struct net *net,
			const struct stack *stack)
{
	return is_long_enough(snapshot) &&
	       (stack->live_blocks >= RATE_BLOCKS || net->turned[stack->domain] ||
		net_stack_turns_over(snapshot, stack));
}

double net_total_rate_per_hour(const struct snapshot *snapshot, const struct net *net, bool *rated)
{
	uint64_t rated_ns = snapshot->duration_ns - snapshot->older_than_ns;
	double bytes =
		snapshot->older_than_ns ? (double)snapshot->totals.live_bytes : (double)net->bytes;

	*rated = is_long_enough(snapshot);
	return *rated ? bytes * 3600e9 / (double)rated_ns : 0;
}
