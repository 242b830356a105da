/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes out of a difference what is known, and counts it by what asked for that. */
#include "difference_internal.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"
#include "suppressions.h"

/* A frame that was looked at: stacks share them. */
struct seen_frame {
	UT_hash_handle hh;
	const struct frame *frame;
	size_t pattern; /* the first that matches it; patterns.count: none */
};

struct matcher {
	const struct suppressions *patterns;
	const struct snapshot *names;
	struct zone *zone;
	struct seen_frame *frames;
};

static size_t match_frame(struct matcher *matcher, const struct frame *frame)
{
	struct seen_frame *seen;
	size_t i = 0;

	HASH_FIND_PTR(matcher->frames, &frame, seen);
	if (seen)
		return seen->pattern;
	for (; i < matcher->patterns->count; i++) {
		const char *pattern = matcher->patterns->patterns[i];

		if (suppression_matches(pattern, frame->name) ||
		    suppression_matches(pattern, frame->linkage) ||
		    suppression_matches(pattern, frame->file) ||
		    suppression_matches(pattern, frame->module))
			break;
	}
	seen = zone_alloc(matcher->zone, 1, sizeof(*seen));
	seen->frame = frame;
	seen->pattern = i;
	HASH_ADD_PTR(matcher->frames, frame, seen);
	return i;
}

/* Innermost frame first; what is no stack also by its name. */
static size_t match(struct matcher *matcher, const struct difference_entry *entry)
{
	size_t count = matcher->patterns->count;
	const struct stack *stack =
		entry->stack < SIZE_MAX ? &matcher->names->stacks[entry->stack] : NULL;

	for (size_t i = 0; i < count && entry->name; i++)
		if (suppression_matches(matcher->patterns->patterns[i], entry->name))
			return i;
	for (size_t i = stack ? stack->frame_count : 0; i > 0; i--) {
		size_t found = match_frame(matcher, stack->frames[i - 1]);

		if (found < count)
			return found;
	}
	return count;
}

static uint64_t less(uint64_t whole, uint64_t part)
{
	return whole > part ? whole - part : 0;
}

/* A part too small for a rate of its own is in that of the whole as if it had one. */
static struct rate rate_of(const struct difference_side *part, double seconds)
{
	double rate = seconds > 0 ? (double)part->bytes * 3600 / seconds : 0;

	return part->rated ? part->rate : (struct rate){rate, rate, rate};
}

static void side_subtract(struct difference_side *whole, const struct difference_side *part,
			  double seconds)
{
	struct rate rate = rate_of(part, seconds);

	whole->count = less(whole->count, part->count);
	whole->rate.value -= rate.value;
	whole->rate.low -= rate.high;
	whole->rate.high -= rate.low;
}

/* Types and parts hold again what containers do: these alone count for the whole. */
static void take_out(struct difference *difference, struct difference_entry *entry,
		     struct difference_suppression *suppression)
{
	struct difference_entry *total = &difference->total;
	bool in_total = entry->kind <= ENTRY_CONTAINER;

	suppression->entries++;
	side_add(&suppression->before, &entry->before);
	side_add(&suppression->after, &entry->after);
	if (entry->kind == ENTRY_STACK) {
		struct stack *stack = &difference->names->stacks[entry->stack];

		stack->live_bytes = stack->live_blocks = 0;
	}
	if (!in_total)
		return;
	side_subtract(&total->before, &entry->before, difference->before.seconds);
	side_subtract(&total->after, &entry->after, difference->after.seconds);
	if (difference->kind == DIFFERENCE_ANSWERS)
		return; /* what is resident */
	total->before.bytes = less(total->before.bytes, entry->before.bytes);
	total->after.bytes = less(total->after.bytes, entry->after.bytes);
}

void difference_suppress(struct difference *difference, const struct suppressions *suppressions)
{
	struct matcher matcher = {suppressions, difference->names, zone_new(), NULL};
	struct difference_suppression *list =
		zone_alloc(difference->zone, suppressions->count, sizeof(*list));
	size_t kept = 0;

	for (size_t i = 0; i < suppressions->count; i++)
		list[i].pattern = difference_string(difference, suppressions->patterns[i]);
	for (size_t i = 0; i < difference->entry_count; i++) {
		struct difference_entry *entry = &difference->entries[i];
		size_t found = match(&matcher, entry);

		if (found < suppressions->count)
			take_out(difference, entry, &list[found]);
		else
			difference->entries[kept++] = *entry;
	}
	difference->entry_count = kept;
	difference->suppressions = list;
	difference->suppression_count = suppressions->count;
	difference_settle(difference, &difference->total);
	HASH_CLEAR(hh, matcher.frames);
	zone_free(matcher.zone);
}
