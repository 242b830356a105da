/* SPDX-License-Identifier: BSD-2-Clause */
#include "patterns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FOLD_LEVELS = 4,
	DEPTH_MAX = 24,
	SLOTS_MIN = 1 << 14,
	SHARED_REFERENCES = 8,
	ENTRIES_MIN = 2,
	LOOKS_OF_HALVES = 4,
	STEADY = 2, /* of STEADY_OF */
	STEADY_OF = 3,
	FIRM_SAMPLES = 12,
	FIRM_SHARE = 12, /* of which one may be gone */
	AHEAD = 24,      /* so many nodes are fetched before they are counted */
};

/* What a step from the end of a pattern leads to. */
struct pattern_step {
	uint32_t parent, label, type;
	uint32_t pattern; /* 0: free */
};

/* What is counted of a pattern at one look, each in a line of the processor's cache: the
 * histories are far larger than that cache, and each object would miss it several times. */
struct pattern_sum {
	uint64_t bytes;
	uint32_t count;
	uint32_t largest;
	uint32_t largest_node;
	uint32_t fresh[PATTERN_SAMPLES]; /* those of the lowest marks, the highest one last */
	uint32_t marks[PATTERN_SAMPLES];
};

int patterns_init(struct patterns *patterns, size_t max)
{
	*patterns = (struct patterns){
		.count = 1,
		.capacity = 1024,
		.max = max,
		.items = calloc(1024, sizeof(*patterns->items)),
		.slots = calloc(SLOTS_MIN, sizeof(*patterns->slots)),
		.slot_count = SLOTS_MIN,
	};
	if (patterns->items && patterns->slots)
		return 0;
	patterns_release(patterns);
	return -ENOMEM;
}

void patterns_release(struct patterns *patterns)
{
	free(patterns->items);
	free(patterns->slots);
	free(patterns->of_nodes);
	free(patterns->places);
	*patterns = (struct patterns){0};
}

static size_t hash(uint32_t parent, uint32_t label, uint32_t type)
{
	uint64_t value = ((uint64_t)parent << 32 | label) * UINT64_C(0x9E3779B97F4A7C15);

	return (size_t)((value ^ value >> 29 ^ type) * UINT64_C(0xBF58476D1CE4E5B9) >> 32);
}

static size_t slot_of(const struct patterns *patterns, uint32_t parent, uint32_t label,
		      uint32_t type)
{
	return hash(parent, label, type) & (patterns->slot_count - 1);
}

static struct pattern_step *find_slot(const struct patterns *patterns, uint32_t parent,
				      uint32_t label, uint32_t type)
{
	size_t at = slot_of(patterns, parent, label, type);

	for (; patterns->slots[at].pattern; at = (at + 1) & (patterns->slot_count - 1)) {
		const struct pattern_step *taken = &patterns->slots[at];

		if (taken->parent == parent && taken->label == label && taken->type == type)
			break;
	}
	return &patterns->slots[at];
}

static bool make_room(struct patterns *patterns)
{
	if (patterns->count < patterns->capacity)
		return true;
	void *items =
		reallocarray(patterns->items, patterns->capacity * 2, sizeof(*patterns->items));
	if (!items)
		return false;
	patterns->items = items;
	patterns->capacity *= 2;
	return true;
}

static bool make_room_for_step(struct patterns *patterns)
{
	if (patterns->step_count * 2 < patterns->slot_count)
		return true;
	struct patterns larger = *patterns;
	larger.slot_count *= 2;
	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < patterns->slot_count; i++) {
		const struct pattern_step *taken = &patterns->slots[i];

		if (taken->pattern)
			*find_slot(&larger, taken->parent, taken->label, taken->type) = *taken;
	}
	free(patterns->slots);
	*patterns = larger;
	return true;
}

/* The one that a step folds into; 0: none. */
static uint32_t find_folded(const struct patterns *patterns, uint32_t parent, uint32_t label,
			    uint32_t type)
{
	uint32_t at = parent;

	for (int i = 0; i < FOLD_LEVELS && at; i++, at = patterns->items[at].parent)
		if (patterns->items[at].label == label && patterns->items[at].type == type)
			return at;
	return 0;
}

/* Modules, classes and functions refer to their like for other reasons, and dictionaries and
 * lists hold others that mean something else, but for those that hold them directly. */
static uint32_t find_like(const struct patterns *patterns, uint32_t parent, uint32_t number,
			  const struct python_type *type)
{
	enum object_kind kind = (enum object_kind)type->kind;
	int levels = type->flags & TYPE_HEAP ? FOLD_LEVELS : 1;

	if (!number ||
	    (kind != KIND_PLAIN && kind != KIND_DICT && kind != KIND_LIST && kind != KIND_TUPLE))
		return 0;
	for (uint32_t at = parent; at && levels--; at = patterns->items[at].parent)
		if (patterns->items[at].type == number)
			return at;
	return 0;
}

static uint32_t add(struct patterns *patterns, const struct python_type *types, uint32_t parent,
		    uint32_t label, uint32_t type)
{
	if (patterns->count >= patterns->max || !make_room(patterns))
		return 0;
	patterns->items[patterns->count] = (struct pattern){
		.parent = parent,
		.label = label,
		.type = type,
		.like = find_like(patterns, parent, type, &types[type]),
		.depth = (uint16_t)(patterns->items[parent].depth + 1),
	};
	return (uint32_t)patterns->count++;
}

/* The pattern of what a label leads to from the end of another; 0 where there is no room for it.
 * Most steps are taken again and again. */
static uint32_t step(struct patterns *patterns, const struct python_type *types, uint32_t parent,
		     uint32_t label, uint32_t type)
{
	struct pattern_step *slot = find_slot(patterns, parent, label, type);

	if (slot->pattern)
		return slot->pattern;
	uint32_t pattern = find_folded(patterns, parent, label, type);
	patterns->items[pattern].folds |= pattern == parent;
	if (!pattern && patterns->items[parent].depth == DEPTH_MAX)
		return parent;
	bool has_room = make_room_for_step(patterns);
	if (!pattern && has_room)
		pattern = add(patterns, types, parent, label, type);
	if (!pattern) {
		patterns->full = true;
		return 0;
	}
	if (has_room) {
		*find_slot(patterns, parent, label, type) =
			(struct pattern_step){parent, label, type, pattern};
		patterns->step_count++;
	}
	return pattern;
}

/* Makes room for a look by forgetting every second one but the first. */
static void thin_out(struct patterns *patterns)
{
	size_t kept = 1;

	for (size_t look = 2; look < PATTERN_LOOKS; look += 2, kept++) {
		patterns->times[kept] = patterns->times[look];
		for (size_t i = 0; i < patterns->count; i++) {
			struct pattern *pattern = &patterns->items[i];

			pattern->counts[kept] = pattern->counts[look];
			pattern->bytes[kept] = pattern->bytes[look];
			pattern->largest[kept] = pattern->largest[look];
		}
	}
	for (size_t i = 0; i < patterns->count; i++)
		for (size_t look = kept; look < PATTERN_LOOKS; look++)
			patterns->items[i].counts[look] = patterns->items[i].bytes[look] =
				patterns->items[i].largest[look] = 0;
	patterns->looks = kept;
}

static bool make_room_for_nodes(struct patterns *patterns, size_t count)
{
	free(patterns->of_nodes);
	free(patterns->places);
	patterns->of_nodes = calloc(count, sizeof(*patterns->of_nodes));
	patterns->places = calloc(count, sizeof(*patterns->places));
	patterns->node_count = patterns->of_nodes && patterns->places ? count : 0;
	return patterns->node_count;
}

static enum object_kind kind_of(const struct graph *graph, uint32_t node)
{
	return (enum object_kind)graph->reader->types->items[graph_type(graph, node)].kind;
}

/* A variable of a function that a greenlet is in, under whose name it stands: wherever the greenlet
 * is held at the moment. */
static bool is_of_greenlet(const struct graph *graph, uint32_t parent, uint32_t label)
{
	return label_kind(label) == LABEL_VARIABLE && kind_of(graph, parent) == KIND_GREENLET;
}

/* What code is made of, and names of functions and classes: a program of many modules has more of
 * these than of all else, each in a place of its own. */
static bool is_of_code(const struct patterns *patterns, const struct graph *graph, uint32_t node)
{
	uint32_t parent = graph->parents[node];
	enum object_kind above = kind_of(graph, parent), kind = kind_of(graph, node);

	if (parent == node)
		return false;
	return above == KIND_CODE || patterns->places[parent] == PLACE_OF_CODE ||
	       ((above == KIND_FUNCTION || above == KIND_TYPE) &&
		label_kind(graph->labels[node]) == LABEL_FIELD &&
		(kind == KIND_CODE || kind == KIND_STR));
}

static enum pattern_place place_of(const struct patterns *patterns, const struct graph *graph,
				   uint32_t node)
{
	enum label_kind kind = label_kind(graph->labels[node]);

	if (kind == LABEL_NAMESPACE || kind == LABEL_RAW)
		return PLACE_PART;
	return is_of_code(patterns, graph, node) ? PLACE_OF_CODE : PLACE_OWN;
}

/* Parts, and what there is no room for, are with what they are of. */
static uint32_t pattern_of(struct patterns *patterns, const struct graph *graph, uint32_t node)
{
	uint32_t parent = graph->parents[node], label = graph->labels[node];
	uint32_t above = parent == node ? 0 : patterns->of_nodes[parent], pattern;

	if (above && is_of_greenlet(graph, parent, label))
		above = 0;
	patterns->places[node] = place_of(patterns, graph, node);
	if (above && patterns->places[node] != PLACE_OWN)
		return above;
	if (label_kind(label) == LABEL_ROOT) /* the same in each thread */
		label = label_make(LABEL_ROOT,
				   labels_alike(graph->reader->labels, label_value(label)));
	pattern =
		step(patterns, graph->reader->types->items, above, label, graph_type(graph, node));
	if (!pattern)
		patterns->places[node] = PLACE_NO_ROOM;
	return pattern ? pattern : above;
}

static bool may_be_shared(const struct graph *graph, uint32_t node)
{
	enum object_kind kind = kind_of(graph, node);

	return kind == KIND_INT || kind == KIND_STR || kind == KIND_BYTES;
}

/* Small ints and names are in many places: through which of them they are reached changes with what
 * the others hold. */
static bool is_shared(const struct graph *graph, uint32_t node)
{
	const struct object_reader *reader = graph->reader;
	uint64_t count;

	return may_be_shared(graph, node) &&
	       view_u64(reader->view, graph_address(graph, node), &count) &&
	       python_refcount(reader->structs, count) > SHARED_REFERENCES;
}

/* Any of its objects, others at each look: what comes first and last on the way may be what is
 * about to leave, as timers that are due soon are in a heap. */
static void sample(struct pattern_sum *sum, uint32_t node, size_t look)
{
	uint64_t value = ((uint64_t)look << 32 | node) * UINT64_C(0x9E3779B97F4A7C15);
	uint32_t mark = (uint32_t)((value ^ value >> 29) * UINT64_C(0xBF58476D1CE4E5B9) >> 32);
	size_t at = sum->count++;

	if (at >= PATTERN_SAMPLES) {
		at = PATTERN_SAMPLES - 1;
		if (mark >= sum->marks[at])
			return;
	}
	for (; at && sum->marks[at - 1] > mark; at--) {
		sum->marks[at] = sum->marks[at - 1];
		sum->fresh[at] = sum->fresh[at - 1];
	}
	sum->marks[at] = mark;
	sum->fresh[at] = node;
}

/* Also where its way there is another one now, as it hangs on others of its type: see trees.h. */
static bool has_stayed(const struct patterns *patterns, uint32_t number, uint32_t now)
{
	const struct pattern *pattern = &patterns->items[number], *other = &patterns->items[now];

	return now == number || (pattern->like && other->like && pattern->type == other->type);
}

static void compare_samples(const struct patterns *patterns, const struct graph *graph,
			    const struct pattern_sum *sum, uint32_t number)
{
	struct pattern *pattern = &patterns->items[number];

	for (size_t i = 0; i < PATTERN_SAMPLES; i++) {
		uint64_t address = pattern->samples[i];
		uint32_t node = address ? graph_find(graph, address, false) : 0;

		pattern->sampled += address != 0;
		pattern->stayed += node && has_stayed(patterns, number, patterns->of_nodes[node]);
		node = sum->fresh[i];
		pattern->samples[i] = node ? graph_address(graph, node) : 0;
	}
}

uint32_t patterns_of(const struct patterns *patterns, uint32_t node)
{
	if (node >= patterns->node_count || patterns->places[node] == PLACE_NO_ROOM)
		return 0;
	return patterns->of_nodes[node];
}

bool pattern_is_steady(const struct pattern *pattern)
{
	return pattern->stayed * STEADY_OF >= pattern->sampled * STEADY;
}

bool pattern_is_firm(const struct pattern *pattern)
{
	return pattern->sampled >= FIRM_SAMPLES &&
	       (pattern->sampled - pattern->stayed) * FIRM_SHARE <= pattern->sampled;
}

bool pattern_goes_up(const struct patterns *patterns, const struct pattern *pattern, size_t skipped,
		     size_t ups_min)
{
	size_t ups = 0, steps = 0;
	uint32_t first = 0, last = 0;

	for (size_t i = 0; i < patterns->looks; i++) {
		if (i == skipped)
			continue;
		if (steps++) {
			if (pattern->counts[i] < last)
				return false;
			ups += pattern->counts[i] > last;
		} else {
			first = pattern->counts[i];
		}
		last = pattern->counts[i];
	}
	return steps > 1 && last >= first + ENTRIES_MIN && ups * 2 >= steps - 1 && ups >= ups_min;
}

bool pattern_grew(const struct patterns *patterns, const struct pattern *pattern)
{
	if (pattern->counts[patterns->looks - 1] <= pattern->counts[0] ||
	    !pattern_is_steady(pattern) || (patterns->looks > 2 && !pattern->sampled))
		return false;
	if (pattern_goes_up(patterns, pattern, SIZE_MAX, 0))
		return true;
	for (size_t i = 0; i < patterns->looks && patterns->looks > 3; i++)
		if (pattern_goes_up(patterns, pattern, i, 0))
			return true;
	return false;
}

bool pattern_stands_still(const struct patterns *patterns, const struct pattern *pattern)
{
	size_t looks = patterns->looks;

	return looks >= LOOKS_OF_HALVES && pattern->counts[looks - 1] <= pattern->counts[looks / 2];
}

/* Where its step is likely to be, if what it is reached from was counted by now. */
static void fetch_step(const struct patterns *patterns, const struct graph *graph, uint32_t node)
{
	uint32_t above = patterns->of_nodes[graph->parents[node]];

	__builtin_prefetch(&patterns->slots[slot_of(patterns, above, graph->labels[node],
						    graph_type(graph, node))]);
}

/* Nodes lie in memory as they were found, and are gone through as they were reached. */
static void fetch(const struct patterns *patterns, const struct graph *graph, const uint64_t *bytes,
		  size_t at)
{
	if (at + AHEAD < graph->order_count) {
		uint32_t node = graph->order[at + AHEAD];

		__builtin_prefetch(&graph->parents[node]);
		__builtin_prefetch(&graph->labels[node]);
		__builtin_prefetch(&bytes[node]);
		__builtin_prefetch(&patterns->of_nodes[node]);
		graph_fetch(graph, node);
	}
	if (at + AHEAD / 2 < graph->order_count) {
		uint32_t node = graph->order[at + AHEAD / 2];

		__builtin_prefetch(&patterns->of_nodes[graph->parents[node]]);
		if (may_be_shared(graph, node))
			graph_fetch_object(graph, node);
	}
	if (at + AHEAD / 4 < graph->order_count)
		fetch_step(patterns, graph, graph->order[at + AHEAD / 4]);
}

uint32_t pattern_units(uint64_t bytes)
{
	uint64_t units = bytes / PATTERN_UNIT;

	return units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

/* The block of a list's entries, which is larger than the list, stands for the list; what lies in
 * memory behind that is no object of the pattern. */
static void take_largest(struct pattern_sum *sum, const struct patterns *patterns,
			 const struct graph *graph, uint32_t node, uint64_t bytes)
{
	bool is_part = patterns->places[node] == PLACE_PART;
	uint32_t object = is_part ? graph->parents[node] : node;
	const struct pattern *pattern = &patterns->items[patterns->of_nodes[node]];
	uint32_t units = pattern_units(bytes);

	if (units <= sum->largest || graph_type(graph, object) != pattern->type)
		return;
	sum->largest = units;
	sum->largest_node = object;
}

/* As many sums as there is room for patterns. */
static bool make_room_for_sums(const struct patterns *patterns, struct pattern_sum **sums,
			       size_t *count)
{
	struct pattern_sum *larger;

	if (*count == patterns->capacity)
		return true;
	larger = reallocarray(*sums, patterns->capacity, sizeof(*larger));
	if (!larger)
		return false;
	memset(larger + *count, 0, (patterns->capacity - *count) * sizeof(*larger));
	*sums = larger;
	*count = patterns->capacity;
	return true;
}

static int sum_up(struct patterns *patterns, const struct graph *graph, const uint64_t *bytes,
		  struct pattern_sum **sums)
{
	size_t count = 0;

	for (size_t i = 0; i < graph->order_count; i++) {
		fetch(patterns, graph, bytes, i);
		uint32_t node = graph->order[i], number = pattern_of(patterns, graph, node);

		if (!make_room_for_sums(patterns, sums, &count))
			return -ENOMEM;
		struct pattern_sum *sum = &(*sums)[number];
		patterns->of_nodes[node] = number;
		sum->bytes += bytes[node];
		take_largest(sum, patterns, graph, node, bytes[node]);
		if (patterns->places[node] == PLACE_OWN && !is_shared(graph, node))
			sample(sum, node, patterns->looks);
	}
	return make_room_for_sums(patterns, sums, &count) ? 0 : -ENOMEM;
}

int patterns_count(struct patterns *patterns, const struct graph *graph, const uint64_t *bytes,
		   double time)
{
	struct pattern_sum *sums = NULL;

	if (patterns->looks == PATTERN_LOOKS)
		thin_out(patterns);
	if (!make_room_for_nodes(patterns, graph->count) || sum_up(patterns, graph, bytes, &sums)) {
		free(sums);
		return -ENOMEM;
	}
	size_t look = patterns->looks++;
	patterns->times[look] = time;
	for (uint32_t i = 0; i < patterns->count; i++) {
		struct pattern *pattern = &patterns->items[i];

		pattern->counts[look] = sums[i].count;
		pattern->bytes[look] = sums[i].bytes;
		pattern->largest[look] = sums[i].largest;
		pattern->largest_node = sums[i].largest_node;
		if (i)
			compare_samples(patterns, graph, &sums[i], i);
	}
	free(sums);
	return 0;
}

/* A pattern comes behind the one that it goes on from. */
uint64_t *patterns_below(const struct patterns *patterns, size_t look)
{
	uint64_t *below = calloc(patterns->count, sizeof(*below));

	for (size_t i = patterns->count; below && i-- > 1;) {
		below[i] += patterns->items[i].bytes[look];
		if (patterns->items[i].parent)
			below[patterns->items[i].parent] += below[i];
	}
	return below;
}
