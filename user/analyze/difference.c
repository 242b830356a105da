/* SPDX-License-Identifier: BSD-2-Clause */
#include "difference_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/saturate.h"
#include "../lib/zone.h"

enum { SAME_SHARE = 100, S_PER_H = 3600 };

struct builder_entry {
	UT_hash_handle hh;
	size_t index;
};

const char *entry_kind_name(enum entry_kind kind)
{
	static const char *const names[] = {
#define X(id, name) name,
		ENTRY_KIND_LIST(X)
#undef X
	};

	return names[kind];
}

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
#define X(id, name) name,
		OUTCOME_LIST(X)
#undef X
	};

	return names[outcome];
}

bool outcome_is_growth(enum outcome outcome)
{
	return outcome == OUTCOME_CAME || outcome == OUTCOME_GREW || outcome == OUTCOME_ROSE;
}

bool outcome_is_decline(enum outcome outcome)
{
	return outcome == OUTCOME_WENT || outcome == OUTCOME_SHRANK || outcome == OUTCOME_FELL;
}

const char *difference_string(struct difference *difference, const char *string)
{
	return string ? zone_strdup(difference->zone, string) : NULL;
}

void side_add(struct difference_side *sum, const struct difference_side *part)
{
	sum->rated = part->there ? part->rated && (sum->rated || !sum->there) : sum->rated;
	sum->there |= part->there;
	sum->bytes = saturating_add(sum->bytes, part->bytes);
	sum->count = saturating_add(sum->count, part->count);
	sum->rate.value += part->rate.value;
	sum->rate.low += part->rate.low;
	sum->rate.high += part->rate.high;
}

/* --- building --- */

void builder_init(struct difference_builder *builder, enum difference_kind kind)
{
	struct zone *zone = zone_new();

	memset(builder, 0, sizeof(*builder));
	builder->scratch = zone_new();
	builder->difference = zone_alloc(zone, 1, sizeof(*builder->difference));
	builder->difference->zone = zone;
	builder->difference->kind = kind;
	builder->difference->total.stack = SIZE_MAX;
	builder->difference->names = snapshot_new();
	if (!builder->difference->names)
		abort();
}

struct difference_entry *builder_entry(struct difference_builder *builder, enum entry_kind kind,
				       const void *key, size_t size)
{
	struct difference *difference = builder->difference;
	struct builder_entry *entry;

	HASH_FIND(hh, builder->by_key, key, size, entry);
	if (!entry) {
		void *copy = zone_alloc(builder->scratch, 1, size ? size : 1);

		memcpy(copy, key, size);
		entry = zone_alloc(builder->scratch, 1, sizeof(*entry));
		entry->index = difference->entry_count;
		HASH_ADD_KEYPTR(hh, builder->by_key, copy, size, entry);
		difference->entries =
			zone_grow(difference->zone, difference->entries, difference->entry_count,
				  &builder->room, sizeof(*difference->entries));
		difference->entries[difference->entry_count++] =
			(struct difference_entry){.kind = kind, .stack = SIZE_MAX};
	}
	return &difference->entries[entry->index];
}

static int64_t subtract(uint64_t after, uint64_t before)
{
	if (after >= before)
		return after - before > INT64_MAX ? INT64_MAX : (int64_t)(after - before);
	return before - after > INT64_MAX ? INT64_MIN : -(int64_t)(before - after);
}

/* What is not there does not grow, where it would have been seen. */
static bool side_is_rated(const struct difference_side *side, const struct difference_side *whole)
{
	return side->rated || (!side->there && whole->rated);
}

/* Of two looks it is the time between them that tells. */
static void set_rate(const struct difference *difference, struct difference_entry *entry)
{
	const struct difference_side *before = &entry->before, *after = &entry->after;

	if (difference->kind == DIFFERENCE_LOOKS) {
		double rate = (double)entry->bytes * S_PER_H / difference->seconds;

		entry->rated = difference->seconds > 0;
		if (entry->rated)
			entry->rate = (struct rate){rate, rate, rate};
		return;
	}
	entry->rated = side_is_rated(before, &difference->total.before) &&
		       side_is_rated(after, &difference->total.after);
	if (entry->rated)
		entry->rate = (struct rate){after->rate.value - before->rate.value,
					    after->rate.low - before->rate.high,
					    after->rate.high - before->rate.low};
}

static enum outcome outcome_of_estimates(const struct difference_entry *entry)
{
	const struct difference_side *before = &entry->before, *after = &entry->after;

	if (!entry->rated)
		return OUTCOME_UNSURE;
	if (!before->there)
		return after->rate.low > 0 ? OUTCOME_CAME : OUTCOME_UNSURE;
	if (!after->there)
		return before->rate.low > 0 ? OUTCOME_WENT : OUTCOME_UNSURE;
	if (after->rate.low > before->rate.high)
		return OUTCOME_ROSE;
	return after->rate.high < before->rate.low ? OUTCOME_FELL : OUTCOME_UNSURE;
}

static enum outcome outcome_of_amounts(const struct difference_entry *entry, double change,
				       double same)
{
	if (!entry->before.there)
		return OUTCOME_CAME;
	if (!entry->after.there)
		return OUTCOME_WENT;
	if (!change || fabs(change) <= same)
		return OUTCOME_SAME;
	return change > 0 ? OUTCOME_GREW : OUTCOME_SHRANK;
}

/*
 * Recordings of different length hold different amounts of the same leak: where both sides have a
 * rate, that is compared.
 */
static void judge(const struct difference *difference, struct difference_entry *entry)
{
	bool by_rate = entry->rated && difference->kind != DIFFERENCE_LOOKS;
	double before = by_rate ? entry->before.rate.value : (double)entry->before.bytes;
	double after = by_rate ? entry->after.rate.value : (double)entry->after.bytes;
	double hours = difference->after.seconds / S_PER_H;
	double same = by_rate ? fmax(fabs(before), fabs(after)) / SAME_SHARE : 0;

	entry->weight = (after - before) * (by_rate && hours > 0 ? hours : 1);
	entry->outcome = difference->kind == DIFFERENCE_ANSWERS
				 ? outcome_of_estimates(entry)
				 : outcome_of_amounts(entry, after - before, same);
}

void difference_settle(const struct difference *difference, struct difference_entry *entry)
{
	bool unsure = entry->outcome == OUTCOME_UNSURE;

	entry->bytes = subtract(entry->after.bytes, entry->before.bytes);
	entry->count = subtract(entry->after.count, entry->before.count);
	set_rate(difference, entry);
	judge(difference, entry);
	if (unsure)
		entry->outcome = OUTCOME_UNSURE;
}

static int compare_names(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_entries(const void *left, const void *right)
{
	const struct difference_entry *a = left, *b = right;
	int order = 0;

	(void)((order = COMPARE(a->kind, b->kind)) || (order = COMPARE(b->weight, a->weight)) ||
	       (order = COMPARE(b->after.bytes, a->after.bytes)) ||
	       (order = compare_names(a->name, b->name)) ||
	       (order = compare_names(a->type, b->type)) || (order = COMPARE(a->id, b->id)) ||
	       (order = COMPARE(a->stack, b->stack)));
	return order;
}

struct difference *builder_finish(struct difference_builder *builder)
{
	struct difference *difference = builder->difference;

	for (size_t i = 0; i < difference->entry_count; i++)
		difference_settle(difference, &difference->entries[i]);
	difference_settle(difference, &difference->total);
	if (difference->entry_count)
		qsort(difference->entries, difference->entry_count, sizeof(*difference->entries),
		      compare_entries);
	HASH_CLEAR(hh, builder->by_key);
	zone_free(builder->scratch);
	return difference;
}

void difference_free(struct difference *difference)
{
	if (!difference)
		return;
	snapshot_free(difference->names);
	zone_free(difference->zone);
}

/* --- asking --- */

bool difference_is_rated(const struct difference *difference)
{
	return difference->total.rated;
}

const struct difference_entry *difference_above(const struct difference *difference, double rate)
{
	if (difference->total.rated && difference->total.rate.low > rate)
		return &difference->total;
	for (size_t i = 0; i < difference->entry_count; i++) {
		const struct difference_entry *entry = &difference->entries[i];

		if (entry->rated && entry->outcome != OUTCOME_UNSURE && entry->rate.low > rate)
			return entry;
	}
	return NULL;
}
