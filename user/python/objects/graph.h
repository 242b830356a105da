/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds what: every object that can be reached from an interpreter's roots, with the one
 * through which it was reached first, which is by the shortest way. Nodes are numbered: blocks of
 * pools by their numbers, what lies outside of pools behind them.
 *
 * A parent comes before its children in `order`, so that one pass backwards sums what is below
 * each.
 */
#ifndef UNFREED_PYTHON_OBJECTS_GRAPH_H
#define UNFREED_PYTHON_OBJECTS_GRAPH_H

#include "references.h"

struct graph {
	struct object_reader *reader;
	uint32_t *parents; /* 0: not reached; itself: a root */
	uint32_t *labels;  /* how the parent leads to it */
	uint32_t *order;   /* nodes as they were reached */
	size_t order_count;
	size_t pool_nodes; /* nodes below this are blocks of pools */
	size_t count;      /* nodes; node 0 is none */
	size_t capacity;
	size_t max_nodes;
	struct outside *outsides; /* what lies outside of pools */
	struct outside_slot *slots;
	size_t slot_count;
	uint32_t *waiting; /* raw memory, to be searched when nothing surer is left */
	size_t waiting_count;
	uint32_t *raws; /* raw memory that was reached but not followed to other raw memory */
	size_t raw_count;
	size_t next;       /* in order: what is to be followed next */
	bool follow_raw;   /* from raw memory to raw memory */
	bool full;         /* there was no room for all */
	uint32_t from;     /* the node that is being followed */
	uint8_t *left_out; /* a bit for each of `left_out_count` nodes that are never to be reached
			    */
	size_t left_out_count;
	const struct first_reading
		*first_reading; /* of the object that is followed; NULL: this is */
	bool is_stale;          /* it referred to what is no object, now neither */
	uint64_t dangling;
	uint64_t repaired;
	uint64_t refreshes; /* of objects that seemed to be torn, large ones several times */
};

/* Of the objects that reader->pools kept. Returns 0 or -ENOMEM. `max_nodes` bounds its memory. */
int graph_init(struct graph *graph, struct object_reader *reader, size_t max_nodes);
void graph_release(struct graph *graph);

/* Bytes that a graph of so many nodes takes, and each that lies outside of pools. */
uint64_t graph_bytes(size_t nodes);
uint64_t graph_outside_bytes(void);

/* Makes the object at an address a root. Returns its node; 0 where there is none, or it was reached
 * before. */
uint32_t graph_root(struct graph *graph, uint64_t address, uint32_t label);

/* The same for memory whose form is not known. */
uint32_t graph_raw_root(struct graph *graph, uint64_t address, uint32_t label);

/* Follows all that was reached. */
void graph_follow(struct graph *graph);

/* From here on raw memory leads to other raw memory too; what was held back is followed. */
void graph_follow_raw(struct graph *graph);

/* The node of what lies at an address; 0 where there is none. `raw`: also where it is no object. */
uint32_t graph_find(const struct graph *graph, uint64_t address, bool raw);

uint64_t graph_address(const struct graph *graph, uint32_t node); /* of the object, or the block */
uint64_t graph_node_bytes(const struct graph *graph, uint32_t node); /* with its payload */

/* Of an object; TYPE_NONE: raw memory. */
uint32_t graph_type_outside(const struct graph *graph, uint32_t node);
static inline uint32_t graph_type(const struct graph *graph, uint32_t node)
{
	if (node >= graph->pool_nodes)
		return graph_type_outside(graph, node);
	uint16_t type = graph->reader->pools->blocks[node];
	return type == BLOCK_FREE ? TYPE_NONE : type;
}

/*
 * Has the processor fetch what is known of a node, then, some nodes later, the beginning of the
 * object of a pool that it is: for those who go through nodes in the order in which they were
 * reached, which is not that of memory.
 */
static inline void graph_fetch(const struct graph *graph, uint32_t node)
{
	const struct object_pools *pools = graph->reader->pools;

	if (node >= graph->pool_nodes)
		return;
	__builtin_prefetch(&pools->blocks[node]);
	__builtin_prefetch(&pools->starts[node / POOL_STARTS_EVERY]);
}

static inline void graph_fetch_object(const struct graph *graph, uint32_t node)
{
	uint64_t address = node < graph->pool_nodes ? graph_address(graph, node) : 0;
	const uint8_t *page = view_kept(graph->reader->view, address);

	if (page)
		__builtin_prefetch(page + (address & (VIEW_PAGE_BYTES - 1)));
}

static inline bool graph_reached(const struct graph *graph, uint32_t node)
{
	return graph->parents[node];
}

/* As graph_find for objects, and takes up what lies outside of pools and was not seen before. */
uint32_t graph_node(struct graph *graph, uint64_t address);

/* Makes left_out, for the nodes that there are; no bit is set. Returns false on out of memory. */
bool graph_leave_out(struct graph *graph);

static inline bool graph_is_left_out(const struct graph *graph, uint32_t node)
{
	return node < graph->left_out_count && graph->left_out[node / 8] >> node % 8 & 1;
}

/* The object of a node, as references.h wants it; false for raw memory. */
bool graph_object(const struct graph *graph, uint32_t node, struct object *object);

#endif
