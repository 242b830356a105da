/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ways of seeing growth complete each other. A container that gets longer from look to look is
 * seen whatever its entries are, but many small ones, chains, and containers that are replaced by
 * longer copies are not seen so. A pattern whose objects get more while what holds them does not
 * shows all of these but for values that are no containers (values.c). Containers under one pattern
 * are told as one; a pattern below a container that grows is the same growth and told with it.
 */
#include "growth.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/saturate.h"
#include "entry_bytes.h"
#include "growth_internal.h"
#include "growth_streamed.h"
#include "growth_trees.h"
#include "homes.h"
#include "report.h"
#include "values.h"

enum { FEW_TELL = 2 }; /* of all entries, fewer than half are in those that grow visibly */

struct grown *growing_add(struct growing *growing)
{
	if (growing->count == growing->capacity) {
		size_t larger = growing->capacity ? growing->capacity * 2 : 64;
		void *items = reallocarray(growing->items, larger, sizeof(*growing->items));

		if (!items)
			return NULL;
		growing->items = items;
		growing->capacity = larger;
	}
	struct grown *grown = &growing->items[growing->count++];
	*grown = (struct grown){.bound = UINT64_MAX};
	return grown;
}

static int64_t estimate_bytes(const struct growing *growing, const struct container *container,
			      uint32_t node)
{
	const struct chain *chain = chains_at(&growing->objects->chains, container->address);
	uint64_t below = node && growing->objects->below ? growing->objects->below[node]
			 : chain                         ? chain->bytes
							 : 0;
	uint64_t grown = container->length - container->length0;

	if (!below) /* at least a word for each */
		return (int64_t)(grown * 8);
	return (int64_t)((double)grown * objects_entry_bytes(growing->objects, node, below,
							     container->length, grown));
}

static bool is_hidden(const struct objects *objects, uint32_t node)
{
	const struct graph *graph = &objects->graph;

	return node && graph_reached(graph, node) && !objects_is_shown(graph, node) &&
	       label_kind(graph->labels[node]) != LABEL_NAMESPACE;
}

/* Which is replaced by a longer one. */
static bool is_tuple(const struct objects *objects, uint32_t node)
{
	return objects->types.items[graph_type(&objects->graph, node)].kind == KIND_TUPLE;
}

/* What a greenlet holds, in its functions' variables for one. */
static bool is_of_greenlet(const struct objects *objects, uint32_t pattern)
{
	const struct patterns *patterns = &objects->patterns;

	for (; pattern; pattern = patterns->items[pattern].parent)
		if (objects->types.items[patterns->items[pattern].type].kind == KIND_GREENLET ||
		    (!patterns->items[pattern].parent &&
		     label_kind(patterns->items[pattern].label) == LABEL_VARIABLE))
			return true;
	return false;
}

static enum label_kind root_kind(const struct patterns *patterns, uint32_t pattern)
{
	while (patterns->items[pattern].parent)
		pattern = patterns->items[pattern].parent;
	return label_kind(patterns->items[pattern].label);
}

/* Greenlets of requests come and go, and their lists lie where others lay: of theirs counts what
 * grows at nearly all looks. So do what functions that run compute with. */
static bool grows_by_chance(const struct objects *objects, const struct container *container,
			    uint32_t pattern)
{
	if (pattern && root_kind(&objects->patterns, pattern) == LABEL_ROOT &&
	    !container_grew_surely(&objects->containers, container))
		return true;
	return container->ups * 4u < 3u * (objects->containers.looks - 1u) &&
	       is_of_greenlet(objects, pattern);
}

static void take_container(struct growing *growing, uint32_t number)
{
	const struct objects *objects = growing->objects;
	const struct container *container = &objects->containers.items[number];
	uint32_t node =
		objects->has_graph ? graph_find(&objects->graph, container->address, false) : 0;
	uint32_t pattern = node ? patterns_of(&objects->patterns, node) : 0;
	struct grown *grown;
	const char *name;

	pattern = homes_of(objects, container, pattern, &name);
	const struct chain *chain = chains_at(&objects->chains, container->address);

	if (is_hidden(objects, node) || (chain && chain->hidden))
		return;
	/* what nothing leads to may be another one in the same place at each look */
	if (objects->has_graph && !name && (!node || !graph_reached(&objects->graph, node)) &&
	    container->ups + 1u < objects->containers.looks)
		return;
	if (grows_by_chance(objects, container, pattern))
		return;
	if (pattern && growing->group_of[pattern]) {
		grown = &growing->items[growing->group_of[pattern] - 1];
		grown->container = 0;
	} else {
		grown = growing_add(growing);
		if (!grown)
			return;
		if (pattern)
			growing->group_of[pattern] = (uint32_t)growing->count;
		grown->container = number + 1;
		grown->node = node;
		grown->name = name;
		grown->pattern = pattern;
	}
	grown->still = (!grown->alike || grown->still) &&
		       container_stands_still(&objects->containers, container);
	grown->alike++;
	grown->length += container->length;
	grown->entries += (int64_t)(container->length - container->length0);
	grown->bytes += estimate_bytes(growing, container, node);
}

static int64_t difference(const struct patterns *patterns, uint32_t number)
{
	const struct pattern *pattern = &patterns->items[number];

	return (int64_t)pattern->counts[patterns->looks - 1] - (int64_t)pattern->counts[0];
}

/* A module, a variable or an attribute that has been there from the first look on: that others get
 * there too, in sys.modules or in a namespace, is not its growth. */
static bool is_old_name(const struct patterns *patterns, uint32_t number)
{
	return number && label_kind(patterns->items[number].label) == LABEL_NAME &&
	       patterns->items[number].counts[0];
}

/* As many as before while entries come: they lead to it, as requests do to the application. */
static bool is_led_to(const struct patterns *patterns, uint32_t number)
{
	return number && patterns->items[number].counts[0] && difference(patterns, number) <= 0;
}

struct grown *growing_above(const struct growing *growing, uint32_t pattern, uint32_t below)
{
	const struct patterns *patterns = &growing->objects->patterns;

	for (; pattern && !is_led_to(patterns, below);
	     below = pattern, pattern = patterns->items[pattern].parent)
		if (growing->group_of[pattern] && !is_old_name(patterns, below))
			return &growing->items[growing->group_of[pattern] - 1];
	return NULL;
}

/* What goes on to grow when that in which it lies has stopped came from
 * elsewhere than with its entries. */
static bool grows_on(const struct growing *growing, uint32_t pattern, const struct grown *group)
{
	const struct patterns *patterns = &growing->objects->patterns;

	return group->still && !pattern_stands_still(patterns, &patterns->items[pattern]);
}

static bool comes_and_goes(const struct objects *objects, uint32_t pattern)
{
	return root_kind(&objects->patterns, pattern) == LABEL_ROOT ||
	       is_of_greenlet(objects, pattern);
}

/*
 * What only C code seems to hold are mostly leftovers on stacks and in tables; what running
 * functions hold is different at each look. Both come and go, so that a few looks prove nothing. A
 * key grows with its value.
 */
bool growing_is_fleeting(const struct objects *objects, uint32_t number)
{
	const struct patterns *patterns = &objects->patterns;

	return label_kind(patterns->items[number].label) == LABEL_KEY ||
	       root_kind(patterns, number) == LABEL_C ||
	       (patterns->looks < LOOKS_OF_FRAMES && comes_and_goes(objects, number));
}

bool growing_by_chance(const struct objects *objects, uint32_t number,
		       const struct pattern *pattern)
{
	return comes_and_goes(objects, number) &&
	       !pattern_goes_up(&objects->patterns, pattern, SIZE_MAX, SURE_UPS);
}

static enum object_kind kind_of(const struct objects *objects, uint32_t number)
{
	const struct patterns *patterns = &objects->patterns;

	return (enum object_kind)objects->types.items[patterns->items[number].type].kind;
}

/* A cache tells itself how many entries it has, with all that these bring. What code has in it,
 * names and numbers, counts or does not as others refer to it too. */
bool growing_is_told_elsewhere(const struct objects *objects, uint32_t number)
{
	const struct patterns *patterns = &objects->patterns;

	for (uint32_t at = number; at; at = patterns->items[at].parent)
		if (kind_of(objects, at) == KIND_CODE ||
		    (kind_of(objects, at) == KIND_CACHE_ENTRY && difference(patterns, at) > 0))
			return true;
	return false;
}

static bool comes_and_stays(const struct patterns *patterns, uint32_t number)
{
	return !patterns->items[number].falls && pattern_grew(patterns, &patterns->items[number]);
}

/* What stays, of things of which most leave, as those timers do that are not cancelled: more of
 * it is no part of what these do. `group`: in which it lies; NULL. */
static bool stays_behind(const struct patterns *patterns, const struct pattern *pattern,
			 const struct grown *group)
{
	return pattern->parent && !comes_and_stays(patterns, pattern->parent) &&
	       (!group || patterns->items[group->pattern].falls) && pattern_is_firm(pattern) &&
	       pattern_goes_up(patterns, pattern, SIZE_MAX, patterns->looks - 1);
}

/* An attribute or a field is there once for each object that has it: as many as there are of these
 * are all there will be. A chain is not so, as its links count as one pattern. */
static uint64_t bound_of_attribute(const struct patterns *patterns, const struct pattern *pattern)
{
	enum label_kind kind = label_kind(pattern->label);
	size_t last = patterns->looks - 1;
	uint64_t holders = patterns->items[pattern->parent].counts[last];

	if (!pattern->parent || pattern->counts[last] > holders ||
	    (kind != LABEL_NAME && kind != LABEL_VARIABLE && kind != LABEL_FIELD))
		return UINT64_MAX;
	return holders;
}

/* Of things that come and go others have the same small ones too, and which of them leads there
 * first changes with what the others are. */
static bool is_of_what_leaves(const struct patterns *patterns, const struct pattern *pattern,
			      uint64_t bound)
{
	return bound != UINT64_MAX && !pattern_is_steady(&patterns->items[pattern->parent]);
}

/*
 * The entries of containers of which some are known to grow. Where many get one now and then, few
 * grow by enough to be told by themselves; all of them do. That is not so where it is the
 * containers that get more.
 */
static void join_entries(const struct growing *growing, const struct pattern *entries, int64_t grew,
			 int64_t bytes, struct grown *group)
{
	const struct patterns *patterns = &growing->objects->patterns;
	const struct pattern *holders = &patterns->items[entries->parent];
	uint64_t alike = holders->counts[patterns->looks - 1];

	if (!group->type && label_kind(entries->label) != LABEL_KEY)
		group->type = entries->type;
	if (grew < FEW_TELL * group->entries || alike <= group->alike || bytes <= group->bytes ||
	    growing_above(growing, holders->parent, entries->parent) ||
	    difference(patterns, entries->parent) > 0)
		return;
	group->container = 0;
	group->alike = alike;
	group->length = entries->counts[patterns->looks - 1];
	group->entries = grew;
	group->bytes = bytes;
}

/* A key comes with its value, and is told with that; so is its place in a tuple. */
static int64_t bytes_beside(const struct growing *growing, const struct pattern *entries)
{
	const struct patterns *patterns = &growing->objects->patterns;
	enum object_kind holder = kind_of(growing->objects, entries->parent);
	int64_t bytes = 0;

	if (!entries->parent || label_kind(entries->label) != LABEL_ITEM)
		return 0;
	if (holder == KIND_TUPLE) /* what gets longer tells its own bytes */
		return 8 * ((int64_t)entries->counts[patterns->looks - 1] -
			    (int64_t)entries->counts[0]);
	for (size_t i = entries->parent + 1; i < patterns->count; i++)
		if (patterns->items[i].parent == entries->parent &&
		    label_kind(patterns->items[i].label) == LABEL_KEY)
			bytes += (int64_t)(growing->last_below[i] - growing->first_below[i]);
	return bytes > 0 ? bytes : 0;
}

static void take_pattern(struct growing *growing, uint32_t number)
{
	const struct objects *objects = growing->objects;
	const struct pattern *pattern = &objects->patterns.items[number];
	int64_t grew = difference(&objects->patterns, number);
	int64_t above = pattern->parent ? difference(&objects->patterns, pattern->parent) : 0;
	int64_t bytes = (int64_t)(growing->last_below[number] - growing->first_below[number]);
	uint32_t example = growing->examples[number];
	struct grown *group = growing_above(growing, number, 0);
	bool stays = stays_behind(&objects->patterns, pattern, group);
	uint64_t bound = stays ? UINT64_MAX : bound_of_attribute(&objects->patterns, pattern);

	if (group && !stays && !grows_on(growing, number, group)) {
		if (group->pattern == pattern->parent)
			join_entries(growing, pattern, grew, bytes, group);
		return;
	}
	/* small ints are counted or not as others refer to them: more of them, but no more bytes */
	if (!example || !pattern->type || bytes <= 0 || growing_is_fleeting(objects, number) ||
	    growing_by_chance(objects, number, pattern) ||
	    growing_is_told_elsewhere(objects, number) ||
	    (!stays && above > 0 && grew <= 3 * above) ||
	    bound <= pattern->counts[objects->patterns.looks - 1] ||
	    is_of_what_leaves(&objects->patterns, pattern, bound))
		return;
	uint32_t node = example;
	if (label_kind(objects->graph.labels[example]) == LABEL_ITEM)
		node = objects->graph.parents[example];
	if (objects->graph.labels[node] == label_make(LABEL_FIELD, TYPE_SUBCLASSES)) /* weak */
		return;
	if (is_hidden(objects, node) && !is_tuple(objects, node)) /* as an lru_cache's dict */
		node = objects->graph.parents[node];
	struct grown *grown = growing_add(growing);
	if (!grown)
		return;
	growing->group_of[number] = (uint32_t)growing->count;
	*grown = (struct grown){
		.pattern = number,
		.node = node,
		.type = pattern->type,
		.alike = pattern->parent ? objects->patterns.items[pattern->parent]
						   .counts[objects->patterns.looks - 1]
					 : 1,
		.length = pattern->counts[objects->patterns.looks - 1],
		.entries = grew,
		.bytes = bytes + bytes_beside(growing, pattern),
		.bound = bound,
		.counted = true,
		.still = pattern_stands_still(&objects->patterns, pattern),
	};
}

static bool allocate(struct growing *growing)
{
	const struct patterns *patterns = &growing->objects->patterns;

	growing->group_of = calloc(patterns->count, sizeof(*growing->group_of));
	growing->examples = calloc(patterns->count, sizeof(*growing->examples));
	if (!growing->objects->has_graph || patterns->looks < 2)
		return growing->group_of;
	growing->first_below = patterns_below(patterns, 0);
	growing->last_below = patterns_below(patterns, patterns->looks - 1);
	return growing->group_of && growing->examples && growing->first_below &&
	       growing->last_below;
}

static void find_examples(struct growing *growing)
{
	const struct objects *objects = growing->objects;

	for (size_t i = 0; i < objects->graph.order_count; i++) {
		uint32_t node = objects->graph.order[i],
			 pattern = patterns_of(&objects->patterns, node);

		if (!growing->examples[pattern] && objects->patterns.places[node] == PLACE_OWN)
			growing->examples[pattern] = node;
	}
}

static void take_all(struct growing *growing)
{
	const struct objects *objects = growing->objects;

	for (size_t i = 0; i < objects->containers.count; i++)
		if (container_grew(&objects->containers, &objects->containers.items[i], false))
			take_container(growing, (uint32_t)i);
	if (!growing->first_below)
		return;
	find_examples(growing);
	for (uint32_t i = 1; i < objects->patterns.count; i++)
		if (pattern_grew(&objects->patterns, &objects->patterns.items[i]))
			take_pattern(growing, i);
	growing_add_trees(growing);
	growing_add_values(growing);
}

/*
 * What grows inside of something that grows is mostly the same growth. It is told on its own only
 * where it weighs at least half as much.
 */
static bool is_nested(const struct growing *growing, const struct grown *grown)
{
	const struct patterns *patterns = &growing->objects->patterns;
	uint32_t below = grown->pattern, above;

	while (below && (above = patterns->items[below].parent)) {
		const struct grown *group = growing_above(growing, above, below);

		if (!group)
			return false;
		if (grown->bytes < group->bytes / 2 && (grown->still || !group->still))
			return true;
		below = group->pattern;
	}
	return false;
}

static void drop_nested(struct growing *growing)
{
	size_t kept = 0;

	for (size_t i = 0; i < growing->count; i++)
		growing->items[i].nested =
			growing->items[i].part || is_nested(growing, &growing->items[i]);
	for (size_t i = 0; i < growing->count; i++)
		if (!growing->items[i].nested)
			growing->items[kept++] = growing->items[i];
	growing->count = kept;
}

/* Of many alike, what all their bounds add up to; by the pattern of what is filled. */
static uint64_t *sum_bounds(const struct objects *objects)
{
	const struct graph *graph = &objects->graph;
	uint64_t *bounds = calloc(objects->patterns.count, sizeof(*bounds));

	for (size_t i = 0; bounds && i < graph->order_count; i++) {
		uint32_t node = graph->order[i], type = graph_type(graph, node);
		uint64_t *sum = &bounds[patterns_of(&objects->patterns, node)], bound;

		if (objects->types.items[type].kind != KIND_CACHE &&
		    objects->types.items[type].kind != KIND_DEQUE)
			continue;
		bound = object_bound((struct object_reader *)&objects->reader,
				     graph_address(graph, node), type);
		*sum = bound == UINT64_MAX ? bound : saturating_add(*sum, bound);
	}
	return bounds;
}

static void take_bounds(struct growing *growing)
{
	const struct objects *objects = growing->objects;
	uint64_t *bounds = objects->has_graph ? sum_bounds(objects) : NULL;

	for (size_t i = 0; bounds && i < growing->count; i++) {
		struct grown *grown = &growing->items[i];
		enum object_kind kind =
			objects->types.items[graph_type(&objects->graph, grown->node)].kind;

		if (grown->bound == UINT64_MAX && (kind == KIND_CACHE || kind == KIND_DEQUE))
			grown->bound = bounds[patterns_of(&objects->patterns, grown->node)];
	}
	free(bounds);
}

static int compare_grown(const void *a, const void *b)
{
	const struct grown *left = a, *right = b;

	return left->bytes < right->bytes ? 1 : left->bytes > right->bytes ? -1 : 0;
}

struct grown *objects_grown(const struct objects *objects, size_t *count)
{
	struct growing growing = {.objects = objects};

	if (allocate(&growing)) {
		take_all(&growing);
		drop_nested(&growing);
		take_bounds(&growing);
	}
	free(growing.group_of);
	free(growing.examples);
	free(growing.first_below);
	free(growing.last_below);
	if (growing.count)
		qsort(growing.items, growing.count, sizeof(*growing.items), compare_grown);
	*count = growing.count;
	return growing.items;
}
