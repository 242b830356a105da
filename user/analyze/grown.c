/* SPDX-License-Identifier: BSD-2-Clause */
#include "grown.h"

#include <string.h>

enum { WORTH_BYTES = 1000000, WORTH_SHARE = 10, LIKELY_SHARE = 2 };

/* Sums of a saved profile's numbers, which may be anything, wrap. */
static void add(int64_t *sum, uint64_t bytes)
{
	*sum = (int64_t)((uint64_t)*sum + bytes);
}

static uint64_t used_bytes(const struct target_moment *moment, bool with_parts)
{
	return moment->swapped_bytes + (with_parts
						? moment->resident_bytes - moment->parts[PART_FILES]
						: moment->anonymous_bytes);
}

static bool is_measured(const struct target *target)
{
	return target->first.known && target->last.known;
}

static void add_target(const struct target *target, struct grown *grown)
{
	const struct target_moment *first = &target->first, *last = &target->last;
	bool with_parts = first->parts_known && last->parts_known;

	grown->processes += target->measured;
	grown->resident_bytes += last->resident_bytes;
	add(&grown->resident, last->resident_bytes - first->resident_bytes);
	add(&grown->used, used_bytes(last, with_parts) - used_bytes(first, with_parts));
	grown->parts_known |= with_parts;
	for (size_t i = 0; with_parts && i < PART_COUNT; i++) {
		add(&grown->parts[i], last->parts[i] - first->parts[i]);
		grown->last[i] += last->parts[i];
	}
}

void grown_sum(const struct snapshot *snapshot, struct grown *grown)
{
	memset(grown, 0, sizeof(*grown));
	for (size_t i = 0; i < snapshot->target_count; i++)
		if (is_measured(&snapshot->targets[i]))
			add_target(&snapshot->targets[i], grown);
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];

		if (is_measured(&snapshot->targets[stack->target]))
			add(&grown->seen[stack->domain], stack->live_bytes);
	}
	grown->unexplained = grown->used;
	for (size_t i = 0; i < DOMAIN_COUNT; i++)
		add(&grown->unexplained, -(uint64_t)grown->seen[i]);
}

bool grown_is_kept(enum look_part_id part)
{
	return part == PART_MALLOC_FREE_RETURNABLE || part == PART_MALLOC_FREE_PINNED ||
	       part == PART_MALLOC_CACHE || part == PART_PYTHON_FREE;
}

bool grown_keeps_much(const struct grown *grown)
{
	uint64_t kept = 0;
	int64_t more = 0;

	for (size_t i = 0; i < PART_COUNT; i++) {
		if (!grown_is_kept(i))
			continue;
		kept += grown->last[i];
		add(&more, (uint64_t)grown->parts[i]);
	}
	if (!grown->parts_known || kept < WORTH_BYTES)
		return false;
	return kept >= grown->resident_bytes / WORTH_SHARE ||
	       (more >= WORTH_BYTES && more >= grown->used / WORTH_SHARE);
}

/* What of a part's growth probes on allocators did not see. */
static int64_t unseen(const struct grown *grown, enum look_part_id part)
{
	switch (part) {
	case PART_MALLOC_LIVE:
		return grown->parts[part] - grown->seen[DOMAIN_MALLOC];
	case PART_PYTHON_LIVE:
		return grown->parts[part] - grown->seen[DOMAIN_PYTHON];
	case PART_FILES:
		return 0; /* not counted in `used` */
	default:
		return grown->parts[part];
	}
}

bool grown_is_unexplained(const struct grown *grown, enum look_part_id *where)
{
	int64_t most = grown->unexplained / LIKELY_SHARE;

	*where = PART_COUNT;
	if (grown->unexplained < WORTH_BYTES || grown->unexplained < grown->used / WORTH_SHARE)
		return false;
	for (size_t i = 0; grown->parts_known && i < PART_COUNT; i++) {
		int64_t bytes = unseen(grown, i);

		if (bytes < most)
			continue;
		most = bytes;
		*where = i;
	}
	return true;
}
