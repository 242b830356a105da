/* SPDX-License-Identifier: BSD-2-Clause */
#include "snapshot_merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"
#include "../lib/saturate.h"
#include "frame_cache.h"

struct stack_entry {
	UT_hash_handle hh;
	size_t index;
};

/* The key of a stack: a head of fixed size, then the pointers of its interned frames. */
struct stack_key {
	uint64_t target;
	uint32_t domain;
	uint16_t truncated;
	uint16_t guessed;
	const struct frame *frames[];
};

struct merge {
	struct snapshot *result;
	struct zone *memory;
	struct stack_entry *stacks;
	struct frame_cache *frames; /* of all parts */
	bool by_program;            /* processes of one executable are one target */
};

static bool strings_equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool programs_equal(const struct target *a, const struct target *b)
{
	return strings_equal(a->comm, b->comm) && strings_equal(a->exe, b->exe);
}

static bool targets_equal(const struct target *a, const struct target *b)
{
	if (a->pid != b->pid || a->cmdline_count != b->cmdline_count || !programs_equal(a, b))
		return false;
	for (size_t i = 0; i < a->cmdline_count; i++) {
		if (!strings_equal(a->cmdline[i], b->cmdline[i]))
			return false;
	}
	return true;
}

/* The lowest coverage is the one to go by. */
static void merge_python(struct snapshot *result, struct target *target, const struct target *part)
{
	if (!part->python_mode)
		return;
	target->python_mode = snapshot_intern(result, part->python_mode);
	target->python_version = snapshot_intern(result, part->python_version);
	target->python_frees_read |= part->python_frees_read;
	if (part->python_coverage >= 0 &&
	    (target->python_coverage < 0 || part->python_coverage < target->python_coverage))
		target->python_coverage = part->python_coverage;
}

/* Where one of several could not be told, that is said. */
static void merge_reach(struct snapshot *result, struct target *target, const struct target *part)
{
	if (part->reach_problem)
		target->reach_problem = snapshot_intern(result, part->reach_problem);
	if (part->reach_looks > target->reach_looks)
		target->reach_looks = part->reach_looks;
	target->reach_frozen_ns = saturating_add(target->reach_frozen_ns, part->reach_frozen_ns);
}

static void add_moment(struct target_moment *sum, const struct target_moment *part)
{
	sum->parts_known &= part->parts_known;
	sum->resident_bytes = saturating_add(sum->resident_bytes, part->resident_bytes);
	sum->anonymous_bytes = saturating_add(sum->anonymous_bytes, part->anonymous_bytes);
	sum->swapped_bytes = saturating_add(sum->swapped_bytes, part->swapped_bytes);
	for (size_t i = 0; i < PART_COUNT; i++)
		sum->parts[i] = saturating_add(sum->parts[i], part->parts[i]);
}

/* Of interpreters all of which could be asked. */
static void merge_counts(struct target *target, const struct target *part)
{
	target->python_counted &= part->python_counted;
	amount_add(&target->python_first, &part->python_first);
	amount_add(&target->python_last, &part->python_last);
}

/* Of those that are known at both ends. */
static void merge_moments(struct target *target, const struct target *part)
{
	if (!part->first.known || !part->last.known)
		return;
	if (!target->first.known || !target->last.known) {
		target->first = part->first;
		target->last = part->last;
		target->measured = part->measured;
		return;
	}
	add_moment(&target->first, &part->first);
	add_moment(&target->last, &part->last);
	target->measured += part->measured;
}

static void merge_known(const struct merge *merge, struct target *target, const struct target *part)
{
	merge_python(merge->result, target, part);
	merge_reach(merge->result, target, part);
	if (merge->by_program) {
		target->processes += part->processes;
		merge_moments(target, part);
		merge_counts(target, part);
	} else { /* what it grew by between two recordings nobody saw */
		target->first.known = target->last.known = false;
		target->python_counted = false;
	}
}

/* Returns the index of the target in the result, where it is added if need be. */
static size_t merge_target(const struct merge *merge, const struct target *part)
{
	struct snapshot *result = merge->result;

	for (size_t i = 0; i < result->target_count; i++) {
		struct target *known = &result->targets[i];

		if (!(merge->by_program ? programs_equal : targets_equal)(known, part))
			continue;
		merge_known(merge, known, part);
		return i;
	}
	struct target *target = snapshot_add_target(result);

	target->pid = part->pid;
	target->processes = part->processes;
	target->measured = part->measured;
	target->comm = snapshot_intern(result, part->comm);
	target->exe = snapshot_intern(result, part->exe);
	target->cmdline = snapshot_alloc(result, part->cmdline_count, sizeof(*target->cmdline));
	target->cmdline_count = part->cmdline_count;
	for (size_t i = 0; i < part->cmdline_count; i++)
		target->cmdline[i] = snapshot_intern(result, part->cmdline[i]);
	target->first = part->first;
	target->last = part->last;
	target->python_counted = part->python_counted;
	target->python_first = part->python_first;
	target->python_last = part->python_last;
	target->own_mappings = snapshot_intern(result, part->own_mappings);
	merge_python(result, target, part);
	merge_reach(result, target, part);
	return result->target_count - 1;
}

static struct stack *add_stack(struct merge *merge, const struct stack_key *key, size_t key_size,
			       size_t frame_count)
{
	struct stack_entry *entry = zone_alloc(merge->memory, 1, sizeof(*entry));
	struct stack *stack = snapshot_add_stack(merge->result);

	stack->target = key->target;
	stack->domain = key->domain;
	stack->truncated = key->truncated;
	stack->guessed = key->guessed;
	stack->frame_count = frame_count;
	stack->frames = snapshot_alloc(merge->result, frame_count, sizeof(*stack->frames));
	if (frame_count)
		memcpy(stack->frames, key->frames, frame_count * sizeof(*stack->frames));
	entry->index = merge->result->stack_count - 1;
	HASH_ADD_KEYPTR(hh, merge->stacks, key, key_size, entry);
	return stack;
}

static void merge_growth(const struct merge *merge, struct stack *stack,
			 const struct stack_growth *part)
{
	if (!part)
		return;
	if (stack->growth) {
		stack_growth_add(stack->growth, part);
		return;
	}
	stack->growth = snapshot_alloc(merge->result, 1, sizeof(*part));
	*stack->growth = *part;
}

static void merge_stack(struct merge *merge, const struct stack *part, size_t target)
{
	size_t key_size = sizeof(struct stack_key) + part->frame_count * sizeof(part->frames[0]);
	struct stack_key *key = zone_alloc(merge->memory, 1, key_size);
	struct stack_entry *entry;

	key->target = target;
	key->domain = part->domain;
	key->truncated = part->truncated;
	key->guessed = part->guessed;
	for (size_t i = 0; i < part->frame_count; i++)
		key->frames[i] = frame_cache_intern(merge->frames, part->frames[i]);
	HASH_FIND(hh, merge->stacks, key, key_size, entry);
	struct stack *stack = entry ? &merge->result->stacks[entry->index]
				    : add_stack(merge, key, key_size, part->frame_count);

	if (!entry)
		stack->processes = part->processes;
	else if (merge->by_program)
		stack->processes += part->processes;

	stack->live_bytes = saturating_add(stack->live_bytes, part->live_bytes);
	stack->live_blocks = saturating_add(stack->live_blocks, part->live_blocks);
	stack->alloc_bytes = saturating_add(stack->alloc_bytes, part->alloc_bytes);
	stack->alloc_blocks = saturating_add(stack->alloc_blocks, part->alloc_blocks);
	change_add(&stack->change, &part->change);
	if (part->oldest_ns > stack->oldest_ns)
		stack->oldest_ns = part->oldest_ns;
	if (part->reachability)
		snapshot_add_reachability(merge->result, stack, part->reachability);
	if (part->objects)
		snapshot_add_objects(merge->result, stack, part->objects);
	merge_growth(merge, stack, part->growth);
}

static void merge_totals(struct totals *result, const struct totals *part)
{
	result->live_bytes = saturating_add(result->live_bytes, part->live_bytes);
	result->live_blocks = saturating_add(result->live_blocks, part->live_blocks);
	result->alloc_bytes = saturating_add(result->alloc_bytes, part->alloc_bytes);
	result->alloc_blocks = saturating_add(result->alloc_blocks, part->alloc_blocks);
	result->free_bytes = saturating_add(result->free_bytes, part->free_bytes);
	result->free_blocks = saturating_add(result->free_blocks, part->free_blocks);
}

/* Of several recordings the shares are the largest. */
static void merge_windows(struct snapshot *result, const struct recorded_windows *part)
{
	struct recorded_windows *sum = &result->windows;

	sum->asked_percent = fmax(sum->asked_percent, part->asked_percent);
	sum->spent_percent = fmax(sum->spent_percent, part->spent_percent);
	sum->count = saturating_add(sum->count, part->count);
	sum->failed = saturating_add(sum->failed, part->failed);
	sum->given_up = saturating_add(sum->given_up, part->given_up);
	sum->promoted = saturating_add(sum->promoted, part->promoted);
	sum->watched_ns = saturating_add(sum->watched_ns, part->watched_ns);
	sum->bytes_per_hour += part->bytes_per_hour;
	if (part->problem)
		sum->problem = snapshot_intern(result, part->problem);
}

static void merge_part(struct merge *merge, const struct snapshot *part)
{
	struct snapshot *result = merge->result;
	size_t *targets = zone_alloc(merge->memory, part->target_count, sizeof(*targets));

	for (size_t i = 0; i < part->target_count; i++)
		targets[i] = merge_target(merge, &part->targets[i]);
	for (size_t i = 0; i < part->module_count; i++)
		snapshot_note_module(result, &part->modules[i]);
	for (size_t i = 0; i < part->stack_count; i++)
		merge_stack(merge, &part->stacks[i], targets[part->stacks[i].target]);
	merge_totals(&result->totals, &part->totals);
	result->unknown_frees = saturating_add(result->unknown_frees, part->unknown_frees);
	result->sized_frees = saturating_add(result->sized_frees, part->sized_frees);
	result->sized_bytes = saturating_add(result->sized_bytes, part->sized_bytes);
	for (size_t i = 0; i < LOSS_COUNT; i++)
		result->losses[i] = saturating_add(result->losses[i], part->losses[i]);
	if (part->mode > result->mode)
		result->mode = part->mode;
	if (part->mode == MODE_WINDOWS)
		merge_windows(result, &part->windows);
	if (part->has_peak && !result->has_peak)
		result->peak_ns = part->peak_ns;
	result->has_peak |= part->has_peak;
	if (part->older_than_ns > result->older_than_ns)
		result->older_than_ns = part->older_than_ns;
	if (part->overhead_percent > result->overhead_percent)
		result->overhead_percent = part->overhead_percent;
	if (part->overhead_core_percent > result->overhead_core_percent)
		result->overhead_core_percent = part->overhead_core_percent;
}

static int compare_starts(const void *left, const void *right)
{
	const struct snapshot *a = *(struct snapshot *const *)left;
	const struct snapshot *b = *(struct snapshot *const *)right;

	return (a->started_at_ns > b->started_at_ns) - (a->started_at_ns < b->started_at_ns);
}

/* The length of the union of all intervals in which a part was watching. */
static void merge_times(struct merge *merge, struct snapshot *const *parts, size_t count)
{
	struct snapshot **by_start = zone_alloc(merge->memory, count, sizeof(*by_start));
	__int128 watched_until = INT64_MIN;
	uint64_t watched_ns = 0;

	memcpy(by_start, parts, count * sizeof(*by_start));
	qsort(by_start, count, sizeof(*by_start), compare_starts);
	for (size_t i = 0; i < count; i++) {
		__int128 start = by_start[i]->started_at_ns;
		__int128 end = start + by_start[i]->duration_ns;

		if (start < watched_until)
			start = watched_until;
		if (end > start) {
			watched_ns = saturating_add(watched_ns, (uint64_t)(end - start));
			watched_until = end;
		}
	}
	merge->result->started_at_ns = by_start[0]->started_at_ns;
	merge->result->duration_ns = watched_ns;
}

/* NULL where they are of several. */
static const char *common_host(struct snapshot *const *parts, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (!strings_equal(parts[i]->host, parts[0]->host))
			return NULL;
	return parts[0]->host;
}

static struct snapshot *merge_parts(struct snapshot *const *parts, size_t count, bool by_program)
{
	struct merge merge = {.result = snapshot_new(), .by_program = by_program};

	if (!merge.result || !count)
		return merge.result;
	merge.memory = zone_new();
	merge.frames = frame_cache_new(merge.result);
	merge.result->version = snapshot_intern(merge.result, parts[0]->version);
	merge.result->host = snapshot_intern(merge.result, common_host(parts, count));
	if (count == 1) {
		merge.result->since_ns = parts[0]->since_ns;
		merge.result->change = parts[0]->change;
	}
	for (size_t i = 0; i < count; i++)
		merge_part(&merge, parts[i]);
	merge_times(&merge, parts, count);
	snapshot_sort(merge.result);
	HASH_CLEAR(hh, merge.stacks);
	frame_cache_free(merge.frames);
	zone_free(merge.memory);
	return merge.result;
}

struct snapshot *snapshot_merge(struct snapshot *const *parts, size_t count)
{
	return merge_parts(parts, count, false);
}

struct snapshot *snapshot_merge_programs(const struct snapshot *snapshot)
{
	return merge_parts((struct snapshot *[]){(struct snapshot *)snapshot}, 1, true);
}
