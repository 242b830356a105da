/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mostly the mean of all entries: it is steady. But one that is large, such as a model that an
 * application keeps in the dictionary in which it also keeps something for each request, would make
 * each small newcomer count for a share of the model. So where those that came, by the order of the
 * container its last ones, are far smaller than the mean, they tell instead: some of them, from the
 * first to the last, since what the very last ones hold may have come behind the copy. Of a set
 * that order is none, and they are as good as any. Where a single one is larger than many others,
 * the mean is of these: it is such a model, or what a torn entry seemed to hold.
 *
 * A table of hashes gets larger by leaps. What an entry brings of it over many of these lies
 * between what it seems to right before a leap and right after: in the middle, as a ratio.
 */
#include "entry_bytes.h"

#include <math.h>
#include <string.h>

#include "dicts.h"

enum {
	SAMPLES_MAX = 64,
	MEAN_LEAST =
		256, /* of less the mean is good enough, and long containers are not gone through */
	FAR_SMALLER = 2,
	ENTRIES_MANY = 64,
	FAR_LARGER = 32,
	LEAPS_MIN = 64,      /* entries: the table of fewer is a trifle */
	SET_LEAPS_4 = 50000, /* setobject.c: of no more entries it becomes four times as large */
	SET_ENTRY_BYTES = 16,
};

/* Entries, of the slots of a set's table. */
#define SET_FULL   0.6 /* it becomes larger, */
#define SET_COPIED 0.5 /* or was made for a copy, as in `kept | {new}` */

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

/* With how many entries a table gets larger, and had how many when it became as large as it is. */
struct leaps {
	double bytes; /* of the table */
	double from;
	double to;
};

static bool find_leaps_of_dict(struct object_reader *reader, uint64_t address, struct leaps *leaps)
{
	struct dict_keys keys;

	if (object_word(reader, address + DICT_VALUES) ||
	    !dict_keys_read(reader->view, reader->structs, object_word(reader, address + DICT_KEYS),
			    &keys))
		return false;
	*leaps = (struct leaps){(double)keys.bytes, (double)keys.capacity / 2,
				(double)keys.capacity};
	return true;
}

static bool find_leaps_of_set(struct object_reader *reader, uint64_t address, const char *type,
			      struct leaps *leaps)
{
	double slots = (double)object_word(reader, address + SET_MASK) + 1;
	double to = slots * (!strcmp(type, "frozenset") ? SET_COPIED : SET_FULL);
	bool fourfold = strcmp(type, "frozenset") && to / 4 <= SET_LEAPS_4;

	*leaps = (struct leaps){slots * SET_ENTRY_BYTES, to / (fourfold ? 4 : 2), to};
	return true;
}

/* By how much more than now a table brings for an entry in the long run. */
static double add_of_table(struct object_reader *reader, uint64_t address, uint32_t number,
			   uint64_t length)
{
	const struct python_type *type = &reader->types->items[number];
	struct leaps leaps;

	if (length < LEAPS_MIN || !type->name ||
	    !(type->kind == KIND_DICT  ? find_leaps_of_dict(reader, address, &leaps)
	      : type->kind == KIND_SET ? find_leaps_of_set(reader, address, type->name, &leaps)
				       : false) ||
	    (double)length < leaps.from || (double)length > leaps.to)
		return 0;
	return leaps.bytes / sqrt(leaps.from * leaps.to) - leaps.bytes / (double)length;
}

static double mean_of_entry(const struct objects *objects, uint32_t node, uint64_t below,
			    uint64_t length)
{
	double mean = length ? (double)below / (double)length : 0;
	struct object object;

	if (!node || !objects->has_graph || !graph_object(&objects->graph, node, &object))
		return mean;
	return fmax(mean + add_of_table((struct object_reader *)&objects->reader, object.address,
					object.type, length),
		    0);
}

double object_own_entry_bytes(struct object_reader *reader, uint64_t address, uint32_t type,
			      uint64_t length)
{
	uint64_t bytes =
		object_bytes(reader, address, type) + object_payload(reader, address, type);

	return length ? (double)bytes / (double)length + add_of_table(reader, address, type, length)
		      : 0;
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
	double mean = mean_of_entry(objects, node, below, length), bytes;
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
