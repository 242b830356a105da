/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two recordings: stacks are matched by names, so that what was mended, built anew or moved to
 * another host compares. The program's own name counts only where there are several.
 */
#include "difference_internal.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"
#include "../lib/hash.h"
#include "../lib/saturate.h"
#include "../lib/zone.h"
#include "../profile/frame_cache.h"
#include "../profile/snapshot_merge.h"
#include "../profile/stack_ids.h"
#include "net.h"

struct side_sums {
	struct stack *sums; /* of each entry, in the order in which they were found */
	size_t room;
};

struct comparison {
	struct difference_builder builder;
	struct frame_cache *frames;
	bool by_program;
	struct side_sums before, after;
};

struct key {
	uint64_t id;
	uint64_t program;
};

static size_t find_target(struct snapshot *names, const struct target *target, bool by_program)
{
	for (size_t i = 0; i < names->target_count; i++)
		if (!by_program || !strcmp(names->targets[i].comm, target->comm))
			return i;
	struct target *added = snapshot_add_target(names);

	added->pid = target->pid;
	added->comm = snapshot_intern(names, target->comm);
	added->exe = snapshot_intern(names, target->exe);
	added->python_mode = snapshot_intern(names, target->python_mode);
	return names->target_count - 1;
}

/* Of one side or the other: the largest of those that share an id. */
static size_t add_names(struct comparison *comparison, const struct stack *stack, size_t target)
{
	struct snapshot *names = comparison->builder.difference->names;
	const struct frame **frames = snapshot_alloc(names, stack->frame_count, sizeof(*frames));
	struct stack *added = snapshot_add_stack(names);

	for (size_t i = 0; i < stack->frame_count; i++)
		frames[i] = frame_cache_intern(comparison->frames, stack->frames[i]);
	added->target = target;
	added->domain = stack->domain;
	added->truncated = stack->truncated;
	added->guessed = stack->guessed;
	added->frames = frames;
	added->frame_count = stack->frame_count;
	return names->stack_count - 1;
}

static void add_sum(struct comparison *comparison, struct side_sums *side, size_t index,
		    const struct stack *stack)
{
	struct stack *sum;

	if (index >= side->room) {
		size_t room = index < 512 ? 1024 : index * 2;

		sum = zone_alloc(comparison->builder.scratch, room, sizeof(*sum));
		if (side->room)
			memcpy(sum, side->sums, side->room * sizeof(*sum));
		side->sums = sum;
		side->room = room;
	}
	sum = &side->sums[index];
	sum->domain = stack->domain;
	sum->live_bytes = saturating_add(sum->live_bytes, stack->live_bytes);
	sum->live_blocks = saturating_add(sum->live_blocks, stack->live_blocks);
	sum->alloc_bytes = saturating_add(sum->alloc_bytes, stack->alloc_bytes);
	if (stack->oldest_ns > sum->oldest_ns)
		sum->oldest_ns = stack->oldest_ns;
}

static void add_stacks(struct comparison *comparison, const struct snapshot *snapshot,
		       struct side_sums *side)
{
	struct difference *difference = comparison->builder.difference;
	struct stack_ids *ids = stack_ids_new(snapshot);

	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];
		const struct target *target = &snapshot->targets[stack->target];
		struct key key = {stack_name_id(ids, stack),
				  comparison->by_program ? hash_text(FNV_SEED, target->comm) : 0};
		struct difference_entry *entry;

		if (!stack->live_bytes && !stack->live_blocks)
			continue;
		entry = builder_entry(&comparison->builder, ENTRY_STACK, &key, sizeof(key));
		if (entry->stack == SIZE_MAX) {
			entry->id = key.id;
			entry->stack = add_names(
				comparison, stack,
				find_target(difference->names, target, comparison->by_program));
		}
		add_sum(comparison, side, (size_t)(entry - difference->entries), stack);
	}
	stack_ids_free(ids);
}

static void set_side(struct difference_side *side, const struct snapshot *snapshot,
		     const struct net *net, const struct side_sums *sums, size_t index)
{
	const struct stack *sum = index < sums->room ? &sums->sums[index] : NULL;

	if (!sum || (!sum->live_bytes && !sum->live_blocks))
		return;
	side->there = true;
	side->bytes = sum->live_bytes;
	side->count = sum->live_blocks;
	side->rated = net_stack_is_rated(snapshot, net, sum);
	if (!side->rated)
		return;
	double rate = net_rate_per_hour(snapshot, net, sum);

	side->rate = (struct rate){rate, rate, rate};
}

static void set_total(struct difference_side *side, const struct snapshot *snapshot,
		      const struct net *net)
{
	double rate = net_total_rate_per_hour(snapshot, net, &side->rated);

	side->there = true;
	side->bytes = snapshot->totals.live_bytes;
	side->count = snapshot->totals.live_blocks;
	side->rate = (struct rate){rate, rate, rate};
}

static void set_sides(struct comparison *comparison, const struct snapshot *before,
		      const struct snapshot *after)
{
	struct difference *difference = comparison->builder.difference;
	struct net net_before, net_after;

	net_sum(before, &net_before);
	net_sum(after, &net_after);
	set_total(&difference->total.before, before, &net_before);
	set_total(&difference->total.after, after, &net_after);
	for (size_t i = 0; i < difference->entry_count; i++) {
		struct difference_entry *entry = &difference->entries[i];
		struct stack *stack = &difference->names->stacks[entry->stack];

		set_side(&entry->before, before, &net_before, &comparison->before, i);
		set_side(&entry->after, after, &net_after, &comparison->after, i);
		stack->live_bytes = saturating_add(entry->before.bytes, entry->after.bytes);
		stack->live_blocks = saturating_add(entry->before.count, entry->after.count);
		stack->alloc_bytes = entry->before.bytes;
		stack->alloc_blocks = entry->before.count;
	}
}

static struct difference_origin origin_of(struct difference *difference,
					  const struct snapshot *snapshot)
{
	const struct target *target = snapshot->target_count ? &snapshot->targets[0] : NULL;
	struct difference_origin origin = {
		.comm = target ? difference_string(difference, target->comm) : NULL,
		.pid = target ? target->pid : 0,
		.at_ns = snapshot->started_at_ns,
		.seconds = (double)snapshot->duration_ns / NS_PER_S,
		.host = difference_string(difference, snapshot->host),
		.version = difference_string(difference, snapshot->version),
	};

	for (size_t i = 0; i < snapshot->target_count; i++)
		origin.processes += snapshot->targets[i].processes;
	return origin;
}

/* With the processes of one program as one. */
static struct snapshot *merge(const struct snapshot *snapshot)
{
	struct snapshot *merged = snapshot_merge_programs(snapshot);

	if (!merged)
		abort();
	return merged;
}

struct difference *difference_of_profiles(const struct snapshot *before,
					  const struct snapshot *after)
{
	struct snapshot *old = merge(before), *new = merge(after);
	struct comparison comparison = {.by_program =
						old->target_count > 1 || new->target_count > 1};
	struct difference *difference;

	builder_init(&comparison.builder, DIFFERENCE_PROFILES);
	difference = comparison.builder.difference;
	comparison.frames = frame_cache_new(difference->names);
	difference->before = origin_of(difference, old);
	difference->after = origin_of(difference, new);
	add_stacks(&comparison, new, &comparison.after);
	add_stacks(&comparison, old, &comparison.before);
	set_sides(&comparison, old, new);
	frame_cache_free(comparison.frames);
	difference = builder_finish(&comparison.builder);
	snapshot_free(old);
	snapshot_free(new);
	return difference;
}
