/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The patterns of paths are counted at each look already, so that nothing more is read: a pattern's
 * objects are held by the type that its parent pattern ends in, or, where memory of no known form
 * is in between, by the next one above. Patterns that differ in the way to the holder are added up.
 */
#include "edges.h"

#include <stdlib.h>

enum { EDGES_REPORTED = 100 };

struct edge {
	uint32_t from, to; /* types */
	int64_t count;
};

static uint32_t holder_type(const struct patterns *patterns, uint32_t pattern)
{
	uint32_t at = patterns->items[pattern].parent;

	while (at && patterns->items[at].type == TYPE_NONE)
		at = patterns->items[at].parent;
	return at ? patterns->items[at].type : TYPE_NONE;
}

/* By the types that hold and are held. */
static int by_types(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return (a->to > b->to) - (a->to < b->to);
}

static int by_count(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return by_types(left, right);
}

/* Of each pattern whose count changed. */
static size_t list_edges(const struct patterns *patterns, struct edge *edges)
{
	size_t last = patterns->looks - 1, count = 0;

	for (uint32_t i = 1; i < patterns->count; i++) {
		const struct pattern *pattern = &patterns->items[i];
		struct edge edge = {
			.from = holder_type(patterns, i),
			.to = pattern->type,
			.count = (int64_t)pattern->counts[last] - (int64_t)pattern->counts[0],
		};

		if (edge.count && edge.from != TYPE_NONE && edge.to != TYPE_NONE)
			edges[count++] = edge;
	}
	return count;
}

/* Adds up those between the same types; what is left are those that grew, most first. */
static size_t merge_edges(struct edge *edges, size_t count)
{
	size_t merged = 0, kept = 0;

	qsort(edges, count, sizeof(*edges), by_types);
	for (size_t i = 0; i < count; i++) {
		if (merged && !by_types(&edges[merged - 1], &edges[i]))
			edges[merged - 1].count += edges[i].count;
		else
			edges[merged++] = edges[i];
	}
	for (size_t i = 0; i < merged; i++)
		if (edges[i].count > 0)
			edges[kept++] = edges[i];
	qsort(edges, kept, sizeof(*edges), by_count);
	return kept < EDGES_REPORTED ? kept : EDGES_REPORTED;
}

const struct look_edge *objects_grown_edges(const struct objects *objects, struct zone *zone,
					    size_t *count)
{
	const struct patterns *patterns = &objects->patterns;
	struct edge *edges = NULL;

	*count = 0;
	if (patterns->looks > 1 && !objects->streamed)
		edges = calloc(patterns->count, sizeof(*edges));
	if (!edges)
		return NULL;
	*count = merge_edges(edges, list_edges(patterns, edges));
	struct look_edge *found = zone_alloc(zone, *count, sizeof(*found));
	for (size_t i = 0; i < *count; i++)
		found[i] = (struct look_edge){
			.from = zone_strdup(zone, objects->types.items[edges[i].from].name),
			.to = zone_strdup(zone, objects->types.items[edges[i].to].name),
			.count = (uint64_t)edges[i].count,
		};
	free(edges);
	return found;
}
