/* SPDX-License-Identifier: BSD-2-Clause */
/* What of malloc's memory is Python's: by bytes, and by chunks of each size. */
#include <math.h>
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

static bool is_repeated(const struct objects *objects, const bool *repeated, uint32_t node)
{
	return repeated[node < objects->patterns.node_count ? objects->patterns.of_nodes[node] : 0];
}

static uint64_t bytes_of_chunk(const struct objects *objects, uint32_t node, uint32_t type)
{
	uint64_t bytes =
		chunk_guess_bytes(objects->view, graph_address(&objects->graph, node) -
							 objects->types.items[type].header_bytes);

	return bytes ? chunk_size_of_request(bytes) : 0;
}

/* Of what an object has beside itself; adds them to `classes`, which may be NULL. */
static uint64_t chunks_beside(const struct objects *objects, uint32_t node, uint32_t type,
			      struct chunk_classes *classes)
{
	struct object_reader *reader = (struct object_reader *)&objects->reader;
	uint64_t address = graph_address(&objects->graph, node);

	if (!object_kind_has_payload((enum object_kind)objects->types.items[type].kind))
		return 0;
	return object_payload_chunks(reader, address, type, object_payload(reader, address, type),
				     classes);
}

/* By pattern: of raw memory behind what is one of many. Returns all else. */
static uint64_t sum_outside(const struct objects *objects, const bool *repeated, uint64_t *raw)
{
	const struct graph *graph = &objects->graph;
	uint64_t bytes = 0;

	for (size_t node = graph->pool_nodes; node < graph->count; node++) {
		uint32_t type = graph_type(graph, (uint32_t)node);

		if (type)
			bytes += bytes_of_chunk(objects, (uint32_t)node, type) +
				 chunks_beside(objects, (uint32_t)node, type, NULL);
		else if (is_repeated(objects, repeated, (uint32_t)node))
			raw[objects->patterns.of_nodes[node]] +=
				chunk_size_of_request(graph_node_bytes(graph, (uint32_t)node));
	}
	return bytes;
}

/*
 * Behind objects of one pattern. Where they become more, what is behind the new ones is theirs;
 * where as many as before have more behind them, as of each thread its dictionary of a parser, it
 * is C code that fills it.
 */
static double bytes_behind(struct pattern *pattern, uint64_t raw, uint32_t count)
{
	if (!pattern->raw_count) {
		if (!raw || !count)
			return 0;
		pattern->raw_bytes = raw;
		pattern->raw_count = count;
	}
	double first = pattern->raw_count;
	double mean = count ? (double)raw / count : (double)pattern->raw_bytes / first;

	return fmax((double)pattern->raw_bytes + (count - first) * mean, 0);
}

uint64_t objects_outside_bytes(struct objects *objects)
{
	struct patterns *patterns = &objects->patterns;
	bool *repeated = objects->has_graph ? find_repeated(patterns) : NULL;
	uint64_t *raw = calloc(patterns->count, sizeof(*raw));
	uint64_t bytes = 0;

	if (repeated && raw) {
		double behind = 0;

		bytes = sum_outside(objects, repeated, raw);
		for (size_t i = 1; i < patterns->count; i++)
			if (repeated[i])
				behind += bytes_behind(
					&patterns->items[i], raw[i],
					patterns->items[i].counts[patterns->looks - 1]);
		bytes += (uint64_t)behind;
	}
	free(repeated);
	free(raw);
	return bytes;
}

/* The chunk of an object that is in no pool, or what is raw memory behind one of many objects. */
static void add_outside(const struct objects *objects, const bool *repeated, uint32_t node,
			uint32_t type, struct chunk_classes *classes)
{
	uint64_t bytes = 0;

	if (type)
		bytes = bytes_of_chunk(objects, node, type);
	else if (is_repeated(objects, repeated, node))
		bytes = chunk_size_of_request(graph_node_bytes(&objects->graph, node));
	if (bytes)
		chunk_classes_add(classes, bytes);
}

void objects_chunks(const struct objects *objects, struct chunk_classes *classes)
{
	const struct graph *graph = &objects->graph;
	bool *repeated = objects->has_graph ? find_repeated(&objects->patterns) : NULL;

	for (size_t i = 1; repeated && i < graph->count; i++) {
		uint32_t node = (uint32_t)i, type = graph_type(graph, node);

		if (type)
			chunks_beside(objects, node, type, classes);
		if (node >= graph->pool_nodes)
			add_outside(objects, repeated, node, type, classes);
	}
	free(repeated);
}
