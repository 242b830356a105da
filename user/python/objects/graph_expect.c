/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph_expect.h"

#include "edge_types.h"
#include "first_reading.h"
#include "fresh.h"
#include "words.h"

enum { TRIES = 3 };

bool graph_is_slot(const struct graph *graph, uint32_t type, uint32_t label)
{
	const struct python_type *known = &graph->reader->types->items[type];

	return type && label_kind(label) == LABEL_FIELD && known->flags & TYPE_HEAP &&
	       known->kind == KIND_PLAIN && label_value(label) < known->basic_bytes;
}

/* An attribute that leads to what it never did: to a block that was something else when it was
 * copied, perhaps. Of what it is now; the node itself where that is the same, or is not known. */
static uint32_t read_again(struct graph *graph, uint32_t node, uint64_t target)
{
	uint32_t type = graph_type(graph, node);

	graph->reader->pools->blocks[node] = BLOCK_FREE;
	uint32_t now = graph_repair(graph, target);
	if (!now)
		graph->reader->pools->blocks[node] = (uint16_t)type;
	return now ? now : node;
}

/*
 * A container that another one takes the place of all the time: what lies where it was may be any
 * other container by now, as one that a function makes for itself and lets go. So one that is not
 * the one of the look before is read again by the word that refers to it.
 */
static uint32_t follow_replaced(struct graph *graph, uint32_t node, uint64_t target, uint32_t label)
{
	struct object_reader *reader = graph->reader;
	uint32_t type = graph_type(graph, node);
	uint64_t holder = graph_address(graph, graph->from), slot, now, before;

	if (!object_kind_is_container((enum object_kind)reader->types->items[type].kind))
		return node;
	before = edge_targets_exchange(reader->edge_types, holder, label, target);
	if (!before || before == target || graph->refreshes >= GRAPH_REFRESHES_MAX ||
	    !(slot = graph_slot_of(graph, graph->from, target)))
		return node;
	for (int i = 0; i < TRIES; i++, target = now) {
		graph->refreshes++;
		if (view_refresh(reader->view, slot, 8) || !view_u64(reader->view, slot, &now))
			return node;
		if (now == target && i)
			break;
		uint32_t found =
			now == graph_address(graph, node) ? node : graph_repair(graph, now);

		if (!found || graph_type(graph, found) != type)
			return node;
		node = found;
		object_refresh(reader, now, type);
	}
	edge_targets_exchange(reader->edge_types, holder, label, graph_address(graph, node));
	return node;
}

/* Of objects in pools that an attribute or a variable leads to. */
static uint32_t expect(struct graph *graph, uint32_t node, uint64_t target, uint32_t label)
{
	uint32_t holder = graph_type(graph, graph->from);
	struct edge_types *edges = graph->reader->edge_types;
	enum label_kind kind = label_kind(label);

	if (!holder || node >= graph->pool_nodes || graph->parents[node] ||
	    (kind != LABEL_NAME && kind != LABEL_VARIABLE && !graph_is_slot(graph, holder, label)))
		return node;
	if (!edge_types_expect(edges, holder, label, graph_type(graph, node)))
		node = read_again(graph, node, target);
	node = follow_replaced(graph, node, target, label);
	edge_types_note(edges, holder, label, graph_type(graph, node));
	return node;
}

/*
 * What an object leads to that is read a second time, and did not at first: its table is of now,
 * and the copy of what is new in it of before, when another object may have lain there.
 */
static uint32_t make_as_new(struct graph *graph, uint32_t node, uint64_t target)
{
	const struct first_reading *first = graph->first_reading;

	if (!first || node >= graph->pool_nodes || graph->parents[node] ||
	    graph->refreshes >= GRAPH_REFRESHES_MAX || first_reading_has(first, node))
		return node;
	graph->refreshes++;
	return read_again(graph, node, target);
}

uint32_t graph_expect(struct graph *graph, uint32_t node, uint64_t target, uint32_t label)
{
	return expect(graph, make_as_new(graph, node, target), target, label);
}
