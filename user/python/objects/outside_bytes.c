/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "../../memory/chunk_guess.h"
#include "objects.h"

/* By pattern: whether something on the way there is one of many. */
static bool *find_repeated(const struct patterns *patterns)
{
	bool *repeated = calloc(patterns->count, sizeof(*repeated));

	for (size_t i = 1; repeated && i < patterns->count; i++)
		repeated[i] = repeated[patterns->items[i].parent] ||
			      label_kind(patterns->items[i].label) == LABEL_ITEM;
	return repeated;
}

static uint64_t bytes_of_object(const struct objects *objects, uint32_t node, uint32_t type)
{
	struct object_reader *reader = (struct object_reader *)&objects->reader;
	uint64_t address = graph_address(&objects->graph, node);

	return chunk_guess_bytes(reader->view, address - objects->types.items[type].header_bytes) +
	       object_payload(reader, address, type);
}

uint64_t objects_outside_bytes(const struct objects *objects)
{
	const struct graph *graph = &objects->graph;
	bool *repeated = objects->has_graph ? find_repeated(&objects->patterns) : NULL;
	uint64_t bytes = 0;

	for (size_t node = graph->pool_nodes; repeated && node < graph->count; node++) {
		uint32_t type = graph_type(graph, (uint32_t)node);

		if (type)
			bytes += bytes_of_object(objects, (uint32_t)node, type);
		else if (node < objects->patterns.node_count &&
			 repeated[objects->patterns.of_nodes[node]])
			bytes += graph_node_bytes(graph, (uint32_t)node);
	}
	free(repeated);
	return bytes;
}
