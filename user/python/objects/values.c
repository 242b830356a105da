/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values that are replaced by longer ones: text += chunk, numpy.append(), a tuple of small numbers
 * to which one is added. No container gets longer and no objects become more. But what stands under
 * one path has more bytes from look to look, and there are as many of them as before.
 *
 * Of what is replaced by something of another size, as the last answer of a service is, half is
 * longer than before. So a value must never have been seen to become shorter; and that it became
 * longer once or twice says no more than that it is worth to be asked again (growth.h's `sure`).
 * Of values that were seen five times, one in 120 becomes longer SURE_UPS times by chance.
 */
#include "values.h"

#include <stdlib.h>

#include "value_now.h"
#include "words.h"

enum {
	GREW_LEAST = 256,     /* bytes: less is a number with another digit, a name */
	HEADER_MOST = 32,     /* of a list or the like */
	SLOTS_MAX = 1024,     /* that are looked for at a look, */
	READ_AGAIN_MAX = 256, /* and read */
	ONE = 2,              /* of a value, what was in its place before may be found too */
	MISSED_SHARE = 3,     /* of the looks, in which values were being replaced */
};

/* What is followed: patterns, and the types of their objects. */
struct values {
	const struct patterns *patterns;
	const struct python_object_types *types;
};

/* How the largest of the values of a pattern changed. */
struct change {
	size_t steps;
	size_t ups;
	bool fell;
	size_t first; /* looks */
	size_t last;
};

/* What of a list is not found, as it was moved while it was copied, does not count. */
static bool has_missed(const struct values *values, const struct pattern *pattern, size_t look)
{
	const struct python_type *type = &values->types->items[pattern->type];

	return !pattern->counts[look] || !pattern->largest[look] ||
	       (object_kind_has_payload((enum object_kind)type->kind) &&
		pattern->largest[look] * PATTERN_UNIT <= type->basic_bytes + HEADER_MOST);
}

/* As far as to a look. Returns false where it was there at too few looks. */
static bool follow_change(const struct values *values, const struct pattern *pattern, size_t looks,
			  struct change *change)
{
	size_t seen = 0;

	*change = (struct change){0};
	for (size_t look = 0; look < looks; look++) {
		if (has_missed(values, pattern, look))
			continue;
		if (!seen++)
			change->first = change->last = look;
		change->ups += pattern->largest[look] > pattern->largest[change->last];
		change->fell |= pattern->largest[look] < pattern->largest[change->last];
		change->last = look;
	}
	change->steps = seen ? seen - 1 : 0;
	return seen && (looks - seen) * MISSED_SHARE <= looks;
}

/* How many there are; at a look they and what was in their place before may be found. */
static uint32_t count_of(const struct patterns *patterns, const struct pattern *pattern)
{
	uint32_t fewest = UINT32_MAX;

	for (size_t look = 0; look < patterns->looks; look++)
		if (pattern->counts[look] && pattern->counts[look] < fewest)
			fewest = pattern->counts[look];
	return fewest;
}

/* Of all of them at a look; of the largest where there is one. */
static uint64_t bytes_at(const struct pattern *pattern, size_t look, uint32_t count)
{
	return count == 1 ? (uint64_t)pattern->largest[look] * PATTERN_UNIT : pattern->bytes[look];
}

/* By the largest alone where they were not as many before. */
static int64_t bytes_grown(const struct patterns *patterns, const struct pattern *pattern,
			   const struct change *change)
{
	bool alike = pattern->counts[change->first] == pattern->counts[change->last];
	uint32_t count = alike ? count_of(patterns, pattern) : 1;

	return (int64_t)(bytes_at(pattern, change->last, count) -
			 bytes_at(pattern, change->first, count));
}

/* Whether there were others in the place of its objects at some look. */
static bool was_replaced(const struct pattern *pattern)
{
	return pattern->stayed < pattern->sampled;
}

/* What gets longer where it is tells that itself, by its length. */
static bool is_value(const struct values *values, const struct pattern *pattern)
{
	switch ((enum object_kind)values->types->items[pattern->type].kind) {
	case KIND_STR:
	case KIND_BYTES:
	case KIND_TUPLE:
	case KIND_NDARRAY:
		return true;
	case KIND_LIST:
	case KIND_BYTEARRAY:
	case KIND_ARRAY:
		return pattern->counts[values->patterns->looks - 1] <= ONE && was_replaced(pattern);
	default:
		return false;
	}
}

/* As many of them at each look; what was torn while it was copied is missed as a value is. */
static bool is_always_there(const struct patterns *patterns, const struct pattern *pattern)
{
	uint32_t count = count_of(patterns, pattern);
	size_t missed = 0;

	for (size_t look = 0; look < patterns->looks; look++) {
		if (pattern->counts[look] && pattern->counts[look] != count)
			return false;
		missed += !pattern->counts[look];
	}
	return missed * MISSED_SHARE <= patterns->looks;
}

/* What is replaced as a whole, with the value in it: the frame of an array of pandas. */
static uint32_t find_replaced(const struct objects *objects, uint32_t number)
{
	const struct patterns *patterns = &objects->patterns;
	uint32_t whole = number;

	for (uint32_t at = patterns->items[number].parent; at; at = patterns->items[at].parent) {
		const struct pattern *pattern = &patterns->items[at];

		if (!pattern->parent || !was_replaced(pattern) ||
		    !is_always_there(patterns, pattern))
			break;
		whole = at;
	}
	return whole;
}

/* By pattern: whether more objects below it were told to be its growth. NULL on out of memory. */
static bool *mark_told(const struct growing *growing)
{
	const struct patterns *patterns = &growing->objects->patterns;
	bool *told = calloc(patterns->count, sizeof(*told));

	for (size_t i = 0; told && i < growing->count; i++)
		for (uint32_t at = growing->items[i].pattern; at && !told[at];
		     at = patterns->items[at].parent)
			told[at] = true;
	return told;
}

static void take_value(struct growing *growing, const bool *told, uint32_t number,
		       const struct change *change)
{
	const struct patterns *patterns = &growing->objects->patterns;
	const struct pattern *pattern = &patterns->items[number];
	uint32_t whole = find_replaced(growing->objects, number);
	uint32_t node = whole == number ? pattern->largest_node : growing->examples[whole];
	int64_t bytes = bytes_grown(patterns, pattern, change);
	uint64_t length = bytes_at(pattern, change->last, count_of(patterns, pattern));
	bool sure = change->ups >= SURE_UPS;
	struct grown *grown;

	if (growing->group_of[whole]) { /* what it is in grows in several places */
		grown = &growing->items[growing->group_of[whole] - 1];
		if (grown->value) {
			grown->bytes += bytes;
			grown->length += length;
			grown->sure |= sure;
		}
		return;
	}
	if (!node || told[number] || !(grown = growing_add(growing)))
		return;
	growing->group_of[whole] = (uint32_t)growing->count;
	grown->value = true;
	grown->sure = sure;
	grown->pattern = whole;
	grown->node = node;
	grown->slot = whole == number ? pattern->slot : 0;
	grown->alike = count_of(patterns, &patterns->items[whole]);
	grown->length = length;
	grown->bytes = bytes;
}

/* Whether it grew all the time, in the end by enough. */
static bool has_grown(const struct values *values, const struct pattern *pattern,
		      struct change *change)
{
	return is_value(values, pattern) &&
	       follow_change(values, pattern, values->patterns->looks, change) && !change->fell &&
	       change->ups && change->ups * 2 >= change->steps &&
	       bytes_grown(values->patterns, pattern, change) >= GREW_LEAST;
}

void growing_add_values(struct growing *growing)
{
	const struct objects *objects = growing->objects;
	const struct values values = {&objects->patterns, &objects->types};
	bool *told = mark_told(growing);

	for (uint32_t i = 1; told && i < objects->patterns.count; i++) {
		struct change change;

		if (has_grown(&values, &objects->patterns.items[i], &change) &&
		    !growing_is_fleeting(objects, i) && !growing_is_told_elsewhere(objects, i) &&
		    !growing_above(growing, i, 0))
			take_value(growing, told, i, &change);
	}
	free(told);
}

/* --- reading again --- */

/* Whether it only became longer up to a look, and is that still or seems to be `shorter`. */
static bool is_promising(const struct values *values, const struct pattern *pattern, size_t look,
			 bool *shorter)
{
	struct change change;

	if (!is_value(values, pattern) || !follow_change(values, pattern, look, &change) ||
	    change.fell || pattern->largest[change.last] * PATTERN_UNIT < GREW_LEAST)
		return false;
	*shorter = has_missed(values, pattern, look) ||
		   pattern->largest[look] < pattern->largest[change.last];
	return *shorter || change.ups;
}

/* By what it was found; what is there now is not looked for, as it may be another one's. */
static void find_slot(struct pattern *pattern, bool shorter, const struct graph *graph)
{
	uint32_t node = pattern->largest_node;
	uint64_t slot = node && !(pattern->slot && shorter) ? graph_slot(graph, node) : 0;

	if (slot)
		pattern->slot = slot;
}

/* What cannot be read is missed at this look. */
static void read_again(struct pattern *pattern, size_t look, const struct graph *graph)
{
	struct value_now now;
	uint64_t bytes =
		pattern->slot ? value_read(graph->reader, pattern->slot, pattern->type, &now) : 0;

	pattern->largest[look] = pattern_units(bytes);
	if (bytes && !pattern->counts[look])
		pattern->counts[look] = 1;
}

/* All that were found stand in the copy as long as nothing of it is renewed. */
void values_read_again(struct patterns *patterns, const struct graph *graph)
{
	const struct values values = {patterns, graph->reader->types};
	size_t look = patterns->looks - 1, count = 0, slots = SLOTS_MAX;
	uint32_t chosen[READ_AGAIN_MAX];

	for (uint32_t i = 1; i < patterns->count && look && slots && count < READ_AGAIN_MAX; i++) {
		bool shorter;

		if (!is_promising(&values, &patterns->items[i], look, &shorter))
			continue;
		slots--;
		find_slot(&patterns->items[i], shorter, graph);
		if (shorter)
			chosen[count++] = i;
	}
	for (size_t i = 0; i < count; i++)
		read_again(&patterns->items[chosen[i]], look, graph);
}
