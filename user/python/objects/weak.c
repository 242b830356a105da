/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "objects.h"

enum { ENTRIES_SAMPLED = 256, NEARLY_ALL = 10 /* but one of so many */ };

struct weak_sample {
	const struct objects *objects;
	uint64_t entries;
	uint64_t references; /* of these, to whatever */
	uint64_t weak;
	uint64_t callback; /* of the first reference */
};

/* Or is garbage, and goes with the next collection. One whose object is gone refers to None. */
static bool refers_to_what_is_held(const struct objects *objects, uint64_t reference)
{
	const struct graph *graph = &objects->graph;
	uint64_t referent = object_word(&objects->reader, reference + WEAKREF_OBJECT);
	uint32_t node = referent ? graph_find(graph, referent, false) : 0;

	if (node && graph_is_left_out(graph, node))
		return true;
	return node && graph_reached(graph, node) &&
	       strcmp(objects->types.items[graph_type(graph, node)].name, "NoneType") != 0;
}

static void sample(void *context, uint64_t target, uint32_t label)
{
	struct weak_sample *weak = context;
	const struct graph *graph = &weak->objects->graph;
	enum label_kind kind = label_kind(label);

	if ((kind != LABEL_ITEM && kind != LABEL_NAME) || weak->entries == ENTRIES_SAMPLED)
		return;
	uint32_t node = graph_find(graph, target, false);
	if (!node) /* as what stands in a set for one that was taken out */
		return;
	weak->entries++;
	if (weak->objects->types.items[graph_type(graph, node)].kind != KIND_WEAKREF)
		return;
	/* one of its own for each reference is kept by that, with all that it has */
	uint64_t callback = object_word(&weak->objects->reader, target + WEAKREF_CALLBACK);
	weak->callback = weak->references++ ? weak->callback : callback;
	weak->weak += (!callback || callback == weak->callback) &&
		      refers_to_what_is_held(weak->objects, target);
}

bool objects_hold_weakly(const struct objects *objects, uint32_t node)
{
	struct weak_sample weak = {.objects = objects};
	struct object object;

	if (!objects->has_graph || !node || !graph_object(&objects->graph, node, &object) ||
	    !object_kind_is_container(objects->types.items[object.type].kind))
		return false;
	object_references((struct object_reader *)&objects->reader, &object, sample, NULL, &weak);
	return weak.entries && weak.entries - weak.weak <= weak.entries / NEARLY_ALL;
}
