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
	STEADY = 2, /* of STEADY_OF */
	STEADY_OF = 3,
	MEMO = 1 << 12,
	AHEAD = 24, /* so many nodes are fetched before they are counted */
};

struct pattern_slot {
	uint32_t pattern; /* 0: free */
};

/* A step that was taken, since most are taken again and again. */
struct pattern_memo {
	uint32_t parent, label, type;
	uint32_t pattern; /* 0: free */
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
		.memo = calloc(MEMO, sizeof(*patterns->memo)),
	};
	if (patterns->items && patterns->slots && patterns->memo)
		return 0;
	patterns_release(patterns);
	return -ENOMEM;
}

void patterns_release(struct patterns *patterns)
{
	free(patterns->items);
	free(patterns->slots);
	free(patterns->of_nodes);
	free(patterns->memo);
	*patterns = (struct patterns){0};
}

static size_t hash(uint32_t parent, uint32_t label, uint32_t type)
{
	uint64_t value = ((uint64_t)parent << 32 | label) * UINT64_C(0x9E3779B97F4A7C15);

	return (size_t)((value ^ value >> 29 ^ type) * UINT64_C(0xBF58476D1CE4E5B9) >> 32);
}

static struct pattern_slot *find_slot(const struct patterns *patterns, uint32_t parent,
				      uint32_t label, uint32_t type)
{
	size_t at = hash(parent, label, type) & (patterns->slot_count - 1);

	for (; patterns->slots[at].pattern; at = (at + 1) & (patterns->slot_count - 1)) {
		const struct pattern *pattern = &patterns->items[patterns->slots[at].pattern];

		if (pattern->parent == parent && pattern->label == label && pattern->type == type)
			break;
	}
	return &patterns->slots[at];
}

static bool grow(struct patterns *patterns)
{
	if (patterns->count == patterns->capacity) {
		void *items = reallocarray(patterns->items, patterns->capacity * 2,
					   sizeof(*patterns->items));

		if (!items)
			return false;
		patterns->items = items;
		patterns->capacity *= 2;
	}
	if (patterns->count * 2 < patterns->slot_count)
		return true;
	struct patterns larger = *patterns;
	larger.slot_count *= 2;
	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (uint32_t i = 1; i < patterns->count; i++)
		find_slot(&larger, patterns->items[i].parent, patterns->items[i].label,
			  patterns->items[i].type)
			->pattern = i;
	free(patterns->slots);
	*patterns = larger;
	return true;
}

/* The pattern of what a label leads to from the end of another; the other one where it is full. */
static uint32_t step(struct patterns *patterns, uint32_t parent, uint32_t label, uint32_t type)
{
	uint32_t at = parent;

	for (int i = 0; i < FOLD_LEVELS && at; i++, at = patterns->items[at].parent)
		if (patterns->items[at].label == label && patterns->items[at].type == type)
			return at;
	if (patterns->items[parent].depth == DEPTH_MAX)
		return parent;
	struct pattern_slot *slot = find_slot(patterns, parent, label, type);
	if (slot->pattern)
		return slot->pattern;
	if (patterns->count >= patterns->max || !grow(patterns)) {
		patterns->full = true;
		return parent;
	}
	patterns->items[patterns->count] = (struct pattern){
		.parent = parent,
		.label = label,
		.type = type,
		.depth = (uint16_t)(patterns->items[parent].depth + 1),
	};
	find_slot(patterns, parent, label, type)->pattern = (uint32_t)patterns->count;
	return (uint32_t)patterns->count++;
}

/* As step. */
static uint32_t step_again(struct patterns *patterns, uint32_t parent, uint32_t label,
			   uint32_t type)
{
	struct pattern_memo *memo = &patterns->memo[hash(parent, label, type) & (MEMO - 1)];

	if (!memo->pattern || memo->parent != parent || memo->label != label || memo->type != type)
		*memo = (struct pattern_memo){parent, label, type,
					      step(patterns, parent, label, type)};
	return memo->pattern;
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
	patterns->of_nodes = calloc(count, sizeof(*patterns->of_nodes));
	patterns->node_count = patterns->of_nodes ? count : 0;
	return patterns->of_nodes;
}

/* A variable of a function that a greenlet is in, under whose name it stands: wherever the greenlet
 * is held at the moment. */
static bool is_of_greenlet(const struct graph *graph, uint32_t parent, uint32_t label)
{
	return label_kind(label) == LABEL_VARIABLE &&
	       graph->reader->types->items[graph_type(graph, parent)].kind == KIND_GREENLET;
}

/* Namespaces and raw memory belong to what they are of. */
static uint32_t pattern_of(struct patterns *patterns, const struct graph *graph, uint32_t node)
{
	uint32_t parent = graph->parents[node], label = graph->labels[node];
	uint32_t above = parent == node ? 0 : patterns->of_nodes[parent];

	if (above && is_of_greenlet(graph, parent, label))
		above = 0;
	if (above && (label_kind(label) == LABEL_NAMESPACE || label_kind(label) == LABEL_RAW))
		return above;
	if (label_kind(label) == LABEL_ROOT) /* the same in each thread */
		label = label_make(LABEL_ROOT,
				   labels_alike(graph->reader->labels, label_value(label)));
	return step_again(patterns, above, label, graph_type(graph, node));
}

static bool may_be_shared(const struct graph *graph, uint32_t node)
{
	enum object_kind kind = graph->reader->types->items[graph_type(graph, node)].kind;

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

/* Its first two objects, and the last two so far. */
static void sample(struct pattern *pattern, uint32_t node, uint32_t count)
{
	pattern->fresh[count < PATTERN_SAMPLES / 2 ? count : 2 + count % 2] = node;
}

static void compare_samples(const struct patterns *patterns, const struct graph *graph,
			    uint32_t number)
{
	struct pattern *pattern = &patterns->items[number];

	for (size_t i = 0; i < PATTERN_SAMPLES; i++) {
		uint64_t address = pattern->samples[i];
		uint32_t node = address ? graph_find(graph, address, false) : 0;

		pattern->sampled += address != 0;
		pattern->stayed += node && patterns->of_nodes[node] == number;
		node = pattern->fresh[i];
		pattern->samples[i] = node ? graph_address(graph, node) : 0;
		pattern->fresh[i] = 0;
	}
}

bool pattern_is_steady(const struct pattern *pattern)
{
	return pattern->stayed * STEADY_OF >= pattern->sampled * STEADY;
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
	if (at + AHEAD / 2 < graph->order_count &&
	    may_be_shared(graph, graph->order[at + AHEAD / 2]))
		graph_fetch_object(graph, graph->order[at + AHEAD / 2]);
}

uint32_t pattern_units(uint64_t bytes)
{
	uint64_t units = bytes / PATTERN_UNIT;

	return units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

static void take_largest(struct pattern *pattern, size_t look, uint32_t node, uint64_t bytes)
{
	uint32_t units = pattern_units(bytes);

	if (units <= pattern->largest[look])
		return;
	pattern->largest[look] = units;
	pattern->largest_node = node;
}

int patterns_count(struct patterns *patterns, const struct graph *graph, const uint64_t *bytes,
		   double time)
{
	if (patterns->looks == PATTERN_LOOKS)
		thin_out(patterns);
	if (!make_room_for_nodes(patterns, graph->count))
		return -ENOMEM;
	size_t look = patterns->looks++;
	patterns->times[look] = time;
	for (size_t i = 0; i < patterns->count; i++)
		patterns->items[i].largest_node = 0;
	for (size_t i = 0; i < graph->order_count; i++) {
		fetch(patterns, graph, bytes, i);
		uint32_t node = graph->order[i], number = pattern_of(patterns, graph, node);
		struct pattern *pattern = &patterns->items[number];
		enum label_kind kind = label_kind(graph->labels[node]);

		patterns->of_nodes[node] = number;
		if (kind != LABEL_NAMESPACE && kind != LABEL_RAW && !is_shared(graph, node))
			sample(pattern, node, pattern->counts[look]++);
		pattern->bytes[look] += bytes[node];
		take_largest(pattern, look, node, bytes[node]);
	}
	for (uint32_t i = 1; i < patterns->count; i++)
		compare_samples(patterns, graph, i);
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
