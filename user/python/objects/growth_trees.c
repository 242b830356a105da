/* SPDX-License-Identifier: BSD-2-Clause */
#include "growth_trees.h"

#include <stdlib.h>

#include "trees.h"

struct growing_trees {
	struct growing *growing;
	struct trees trees;
	int64_t *nodes; /* by head: by how many it grew, */
	int64_t *bytes; /* and by how much, with what hangs on them */
	int64_t *told;  /* by head: most of that that one row tells */
};

/* The head of the tree that a pattern lies in, or is of; 0: none. */
static uint32_t find_head(const struct growing_trees *all, uint32_t pattern)
{
	const struct patterns *patterns = &all->growing->objects->patterns;

	while (pattern && !all->trees.heads[pattern])
		pattern = patterns->items[pattern].parent;
	return pattern ? all->trees.heads[pattern] : 0;
}

static int64_t more_objects(const struct patterns *patterns, const struct pattern *pattern)
{
	return (int64_t)pattern->counts[patterns->looks - 1] - (int64_t)pattern->counts[0];
}

static void sum_growth(struct growing_trees *all)
{
	const struct growing *growing = all->growing;
	const struct patterns *patterns = &growing->objects->patterns;

	for (uint32_t i = 1; i < all->trees.count; i++) {
		uint32_t head = all->trees.heads[i];

		if (head)
			all->nodes[head] += more_objects(patterns, &patterns->items[i]);
		/* the others are below these */
		if (head && find_head(all, patterns->items[i].parent) != head)
			all->bytes[head] +=
				(int64_t)(growing->last_below[i] - growing->first_below[i]);
	}
}

/* Objects that are nodes were counted, a part of the tree. */
static bool is_part(const struct growing_trees *all, const struct grown *grown)
{
	return grown->counted && all->trees.heads[grown->pattern];
}

/* `group`: of what the entries are nodes of the tree. */
static void weigh_group(const struct growing_trees *all, uint32_t group, uint32_t head)
{
	struct grown *grown = group ? &all->growing->items[group - 1] : NULL;

	if (!grown || grown->counted)
		return;
	int64_t brought = all->bytes[head] / all->nodes[head] * grown->entries;

	if (grown->bytes > brought)
		grown->bytes = brought;
}

/* What hangs on an entry that is a node tells not what a new one brings: most of that came
 * later. The entries of a pattern that others fold into are nodes under it as well. */
static void weigh_entries(struct growing_trees *all)
{
	const struct growing *growing = all->growing;
	const struct patterns *patterns = &growing->objects->patterns;

	for (uint32_t i = 1; i < all->trees.count; i++) {
		uint32_t head = all->trees.heads[i];

		if (!head || all->nodes[head] <= 0)
			continue;
		if (patterns->items[i].like)
			weigh_group(all, growing->group_of[patterns->items[i].parent], head);
		if (patterns->items[i].folds)
			weigh_group(all, growing->group_of[i], head);
	}
}

static void list_told(struct growing_trees *all)
{
	const struct growing *growing = all->growing;

	for (size_t i = 0; i < growing->count; i++) {
		const struct grown *grown = &growing->items[i];
		uint32_t head = is_part(all, grown) ? 0 : find_head(all, grown->pattern);

		if (head && grown->bytes > all->told[head])
			all->told[head] = grown->bytes;
	}
}

static bool is_growth(const struct growing_trees *all, uint32_t head, const struct pattern *sum)
{
	const struct growing *growing = all->growing;
	const struct patterns *patterns = &growing->objects->patterns;

	return all->bytes[head] > 2 * all->told[head] && growing->examples[head] &&
	       !growing_above(growing, patterns->items[head].parent, head) &&
	       !growing_is_fleeting(growing->objects, head) &&
	       !growing_is_told_elsewhere(growing->objects, head) &&
	       !growing_by_chance(growing->objects, head, sum) && pattern_grew(patterns, sum);
}

static void take_tree(struct growing_trees *all, uint32_t head)
{
	struct growing *growing = all->growing;
	const struct patterns *patterns = &growing->objects->patterns;
	size_t last = patterns->looks - 1;
	struct pattern sum = trees_sum(&all->trees, patterns, head);
	struct grown *grown;

	if (!is_growth(all, head, &sum) || !(grown = growing_add(growing)))
		return;
	grown->tree = true;
	grown->pattern = head;
	grown->node = growing->examples[head];
	grown->type = patterns->items[head].type;
	grown->alike = patterns->items[head].counts[last];
	grown->length = sum.counts[last];
	grown->entries = all->nodes[head];
	grown->bytes = all->bytes[head];
	grown->still = pattern_stands_still(patterns, &sum);
	growing->group_of[head] = (uint32_t)growing->count;
	for (uint32_t i = 1; i < all->trees.count; i++)
		if (all->trees.heads[i] == head)
			growing->group_of[i] = (uint32_t)growing->count;
}

/* The tree that it is nodes of, or that its entries are nodes of; 0: none. */
static uint32_t part_of(const struct growing_trees *all, const struct grown *grown)
{
	uint32_t head = find_head(all, grown->pattern);

	if (is_part(all, grown) ||
	    (head &&
	     trees_hold_nodes(&all->trees, &all->growing->objects->patterns, grown->pattern, head)))
		return head;
	return 0;
}

static void drop_parts(struct growing_trees *all, size_t before)
{
	struct growing *growing = all->growing;

	for (size_t i = 0; i < before; i++) {
		uint32_t head = part_of(all, &growing->items[i]);

		growing->items[i].part = head && growing->group_of[head] > before;
	}
}

static bool allocate(struct growing_trees *all)
{
	all->nodes = calloc(all->trees.count, sizeof(*all->nodes));
	all->bytes = calloc(all->trees.count, sizeof(*all->bytes));
	all->told = calloc(all->trees.count, sizeof(*all->told));
	return all->nodes && all->bytes && all->told;
}

void growing_add_trees(struct growing *growing)
{
	const struct objects *objects = growing->objects;
	struct growing_trees all = {.growing = growing};
	size_t before = growing->count;

	if (trees_find(&all.trees, &objects->patterns, &objects->types))
		return;
	if (allocate(&all)) {
		sum_growth(&all);
		weigh_entries(&all);
		list_told(&all);
		for (uint32_t i = 1; i < all.trees.count; i++)
			if (all.trees.heads[i] == i && all.bytes[i] > 0)
				take_tree(&all, i);
		drop_parts(&all, before);
	}
	free(all.nodes);
	free(all.bytes);
	free(all.told);
	trees_release(&all.trees);
}
