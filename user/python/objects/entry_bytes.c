/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mostly the mean of all entries: it is steady. But one that is large, such as a model that an
 * application keeps in the dictionary in which it also keeps something for each request, would make
 * each small newcomer count for a share of the model. So where those that came, by the order of the
 * container its last ones, are far smaller than the mean, they tell instead: some of them, from the
 * first to the last, since what the very last ones hold may have come behind the copy. Of a set that
 * order is none, and they are as good as any. Where a single one is larger than many others, the mean
 * is of these: it is such a model, or what a torn entry seemed to hold.
 */
#include "entry_bytes.h"

enum {
	SAMPLES_MAX = 64,
	MEAN_LEAST =
		256, /* of less the mean is good enough, and long containers are not gone through */
	FAR_SMALLER = 2,
	ENTRIES_MANY = 64,
	FAR_LARGER = 32,
};

struct arrivals {
	const struct graph *graph;
	const uint64_t *below;
	uint64_t key_bytes; /* of the entry that is to come */
	uint64_t largest;   /* of all */
	uint64_t count;     /* entries that were there so far */
	uint64_t old;       /* entries that were there before */
	uint64_t step;      /* each so many-th of those that came is taken */
	uint64_t samples;
	uint64_t sum;
};

static void take_entry(void *context, uint64_t target, uint32_t label)
{
	struct arrivals *arrivals = context;
	enum label_kind kind = label_kind(label);
	uint32_t node;
	uint64_t bytes;

	if (kind != LABEL_ITEM && kind != LABEL_NAME && kind != LABEL_KEY)
		return;
	node = graph_find(arrivals->graph, target, false);
	/* also where others hold it too, for the moment */
	bytes = node ? arrivals->below[node] : 0;
	if (kind == LABEL_KEY) {
		arrivals->key_bytes = bytes;
		return;
	}
	bytes += arrivals->key_bytes;
	if (arrivals->count >= arrivals->old &&
	    (arrivals->count - arrivals->old) % arrivals->step == 0) {
		arrivals->samples++;
		arrivals->sum += bytes;
	}
	arrivals->count++;
	if (bytes > arrivals->largest)
		arrivals->largest = bytes;
	arrivals->key_bytes = 0;
}

/* Of all entries, without the largest one where that is as much as many others. */
static double mean_of_most(const struct arrivals *arrivals, uint64_t below, uint64_t length)
{
	double mean = (double)below / (double)length, others;

	if (length < ENTRIES_MANY || arrivals->largest > below)
		return mean;
	others = (double)(below - arrivals->largest) / (double)(length - 1);
	return (double)arrivals->largest > others * FAR_LARGER ? others : mean;
}

double objects_entry_bytes(const struct objects *objects, uint32_t node, uint64_t below,
			   uint64_t length, uint64_t grown)
{
	const struct graph *graph = &objects->graph;
	struct arrivals arrivals = {
		.graph = graph,
		.below = objects->below,
		.old = length > grown ? length - grown : 0,
		.step = (grown + SAMPLES_MAX - 1) / SAMPLES_MAX,
	};
	double mean = length ? (double)below / (double)length : 0, bytes;
	struct object object;

	if (mean < MEAN_LEAST || !grown || !node || !objects->has_graph || !objects->below ||
	    !graph_object(graph, node, &object) ||
	    !object_kind_is_container(objects->types.items[object.type].kind))
		return mean;
	object_references((struct object_reader *)&objects->reader, &object, take_entry, NULL,
			  &arrivals);
	if (!arrivals.samples)
		return mean;
	mean = mean_of_most(&arrivals, below, length);
	bytes = (double)arrivals.sum / (double)arrivals.samples +
		(double)graph_node_bytes(graph, node) / (double)length;
	return bytes * FAR_SMALLER < mean ? bytes : mean;
}
