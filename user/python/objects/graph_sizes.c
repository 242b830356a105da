/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../memory/chunk_guess.h"
#include "graph_internal.h"

/* Of the block that it is in, where that is known: what says that it is larger is torn. */
static uint64_t outside_bytes(const struct graph *graph, uint64_t address, uint32_t type)
{
	struct object_reader *reader = graph->reader;
	uint32_t header = reader->types->items[type].header_bytes + reader->pools->head;
	uint64_t own = header + object_bytes(reader, address, type);
	uint64_t block = chunk_guess_bytes(reader->view, address - header);

	return block ? block : own;
}

static uint64_t pool_node_bytes(const struct graph *graph, uint32_t node)
{
	const struct object_pool *pool = object_pools_of(graph->reader->pools, node);
	uint32_t type = graph_type(graph, node);
	const struct python_type *known = &graph->reader->types->items[type];
	uint64_t payload = 0;

	if (object_kind_has_payload(known->kind))
		payload = object_payload(graph->reader,
					 object_pool_block(pool, node) + known->header_bytes, type);
	return pool->size + payload;
}

uint64_t graph_node_bytes(const struct graph *graph, uint32_t node)
{
	if (node < graph->pool_nodes)
		return pool_node_bytes(graph, node);
	const struct outside *outside = &graph->outsides[node - graph->pool_nodes];
	if (!outside->type)
		return outside->bytes;
	return outside_bytes(graph, outside->address, outside->type) +
	       object_payload(graph->reader, outside->address, outside->type);
}
