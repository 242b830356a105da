/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mostly the mean of all entries: it is steady. But one that is large, such as a model that an
 * application keeps in the dictionary in which it also keeps something for each request, would make
 * each small newcomer count for a share of the model. So where those that came last, by the order
 * of the container, are far smaller than the mean, they tell instead. Of a set that order is none,
 * and they are as good as any. Where a single one is larger than many others, the mean is of these:
 * it is such a model, or what a torn entry seemed to hold.
 */
#include "entry_bytes.h"

enum {
	NEWEST_MAX = 64,
	MEAN_LEAST =
		256, /* of less the mean is good enough, and long containers are not gone through */
	FAR_SMALLER = 2,
	ENTRIES_MANY = 64,
	FAR_LARGER = 32,
};

struct newest {
	const struct graph *graph;
	const uint64_t *below;
	uint64_t bytes[NEWEST_MAX]; /* a ring, by entry */
	uint64_t key_bytes;         /* of the entry that is to come */
	uint64_t largest;           /* of all, not of the ring alone */
	uint64_t count;
	uint64_t max;
};

static void take_entry(void *context, uint64_t target, uint32_t label)
{
	struct newest *newest = context;
	enum label_kind kind = label_kind(label);
	uint32_t node;
	uint64_t bytes;

	if (kind != LABEL_ITEM && kind != LABEL_NAME && kind != LABEL_KEY)
		return;
	node = graph_find(newest->graph, target, false);
	bytes = node ? newest->below[node] : 0; /* also where others hold it too, for the moment */
	if (kind == LABEL_KEY) {
		newest->key_bytes = bytes;
		return;
	}
	bytes += newest->key_bytes;
	newest->bytes[newest->count++ % newest->max] = bytes;
	if (bytes > newest->largest)
		newest->largest = bytes;
	newest->key_bytes = 0;
}

/* Of all entries, without the largest one where that is as much as many others. */
static double mean_of_most(const struct newest *newest, uint64_t below, uint64_t length)
{
	double mean = (double)below / (double)length, others;

	if (length < ENTRIES_MANY || newest->largest > below)
		return mean;
	others = (double)(below - newest->largest) / (double)(length - 1);
	return (double)newest->largest > others * FAR_LARGER ? others : mean;
}

double objects_entry_bytes(const struct objects *objects, uint32_t node, uint64_t below,
			   uint64_t length, uint64_t grown)
{
	const struct graph *graph = &objects->graph;
	struct newest newest = {.graph = graph, .below = objects->below};
	double mean = length ? (double)below / (double)length : 0, sum = 0;
	struct object object;

	newest.max = grown < NEWEST_MAX ? grown : NEWEST_MAX;
	if (mean < MEAN_LEAST || !newest.max || !node || !objects->has_graph || !objects->below ||
	    !graph_object(graph, node, &object) ||
	    !object_kind_is_container(objects->types.items[object.type].kind))
		return mean;
	object_references((struct object_reader *)&objects->reader, &object, take_entry, NULL,
			  &newest);
	if (newest.count < newest.max)
		return mean;
	mean = mean_of_most(&newest, below, length);
	for (uint64_t i = 0; i < newest.max; i++)
		sum += (double)newest.bytes[i];
	sum = sum / (double)newest.max + (double)graph_node_bytes(graph, node) / (double)length;
	return sum * FAR_SMALLER < mean ? sum : mean;
}
