/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Breadth first, with two exceptions that wrong names taught. Memory whose form is not known (a C
 * structure, items of an unknown container) waits until all that is surer has been followed: a
 * stale pointer in it into the middle of a long chain would else take the chain's tail. And it
 * leads to other such memory only at the very end.
 *
 * The process runs on. A reference to what is no object in the copy is read again from the process;
 * where an object is there now it is taken, else the reference is counted as dangling.
 */
#include "graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../memory/chunk_guess.h"
#include "first_reading.h"
#include "fresh.h"
#include "graph_expect.h"
#include "graph_internal.h"

enum {
	SLOTS_MIN = 1 << 14,
	OUTSIDES_AT_FIRST = 1 << 14,
	REFRESHED = 1 << 16, /* more bytes count as several */
	AHEAD = 12,          /* so many nodes are fetched before they are followed */
};

struct outside_slot {
	uint64_t address;
	uint32_t node;
};

uint64_t graph_bytes(size_t nodes)
{
	/* parents, labels, order, what garbage_find needs meanwhile; patterns */
	return nodes * (4 * sizeof(uint32_t) + sizeof(uint64_t));
}

uint64_t graph_outside_bytes(void)
{
	return graph_bytes(1) + sizeof(struct outside) + 4 * sizeof(struct outside_slot);
}

static bool set_capacity(struct graph *graph, size_t capacity)
{
	uint32_t *parents = reallocarray(graph->parents, capacity, sizeof(*parents));
	graph->parents = parents ? parents : graph->parents;
	uint32_t *labels = reallocarray(graph->labels, capacity, sizeof(*labels));
	graph->labels = labels ? labels : graph->labels;
	uint32_t *order = reallocarray(graph->order, capacity, sizeof(*order));
	graph->order = order ? order : graph->order;
	struct outside *outsides =
		reallocarray(graph->outsides, capacity - graph->pool_nodes, sizeof(*outsides));
	graph->outsides = outsides ? outsides : graph->outsides;
	if (!parents || !labels || !order || !outsides)
		return false;
	memset(parents + graph->capacity, 0, (capacity - graph->capacity) * sizeof(*parents));
	graph->capacity = capacity;
	return true;
}

int graph_init(struct graph *graph, struct object_reader *reader, size_t max_nodes)
{
	size_t blocks = reader->pools->block_count ? reader->pools->block_count : 1;

	*graph = (struct graph){
		.reader = reader,
		.pool_nodes = blocks,
		.count = blocks,
		.slot_count = SLOTS_MIN,
		.slots = calloc(SLOTS_MIN, sizeof(*graph->slots)),
		.max_nodes = max_nodes,
	};
	if (graph->slots && reader->pools->blocks && blocks < max_nodes &&
	    set_capacity(graph, blocks + OUTSIDES_AT_FIRST))
		return 0;
	graph_release(graph);
	return -ENOMEM;
}

void graph_release(struct graph *graph)
{
	free(graph->parents);
	free(graph->labels);
	free(graph->order);
	free(graph->outsides);
	free(graph->slots);
	free(graph->waiting);
	free(graph->raws);
	free(graph->left_out);
	*graph = (struct graph){0};
}

static struct outside_slot *find_slot(const struct graph *graph, uint64_t address)
{
	size_t at = (size_t)((address >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32) &
		    (graph->slot_count - 1);

	while (graph->slots[at].address && graph->slots[at].address != address)
		at = (at + 1) & (graph->slot_count - 1);
	return &graph->slots[at];
}

static bool grow_slots(struct graph *graph)
{
	struct graph larger = *graph;

	if ((graph->count - graph->pool_nodes) * 2 < graph->slot_count)
		return true;
	larger.slot_count *= 2;
	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < graph->slot_count; i++)
		if (graph->slots[i].address)
			*find_slot(&larger, graph->slots[i].address) = graph->slots[i];
	free(graph->slots);
	*graph = larger;
	return true;
}

static uint32_t add_outside(struct graph *graph, uint64_t address, uint32_t type, uint64_t bytes)
{
	size_t larger = graph->capacity + graph->capacity / 4;

	if (graph->count == graph->capacity &&
	    (graph->capacity >= graph->max_nodes ||
	     !set_capacity(graph, larger < graph->max_nodes ? larger : graph->max_nodes))) {
		graph->full = true;
		return 0;
	}
	if (!grow_slots(graph)) {
		graph->full = true;
		return 0;
	}
	uint32_t node = (uint32_t)graph->count++;
	graph->outsides[node - graph->pool_nodes] = (struct outside){address, bytes, type};
	*find_slot(graph, address) = (struct outside_slot){address, node};
	return node;
}

/* Where an address lies. */
struct place {
	const struct object_pool *pool; /* NULL: in none */
	uint32_t block;                 /* 0: none */
};

static struct place find_place(const struct graph *graph, uint64_t address)
{
	const struct object_pool *pool = object_pools_at(graph->reader->pools, address);

	return (struct place){pool, pool ? object_pool_block_at(pool, address) : 0};
}

static uint32_t find_in_pool(const struct graph *graph, const struct place *place, uint64_t address,
			     bool raw)
{
	uint16_t type = graph->reader->pools->blocks[place->block];

	if (type == BLOCK_FREE || (type == BLOCK_RAW && !raw))
		return 0;
	if (type == BLOCK_RAW)
		return place->block;
	return object_pool_block(place->pool, place->block) +
				       graph->reader->types->items[type].header_bytes ==
			       address
		       ? place->block
		       : 0;
}

uint32_t graph_find(const struct graph *graph, uint64_t address, bool raw)
{
	struct place place = find_place(graph, address);

	return place.block ? find_in_pool(graph, &place, address, raw)
			   : find_slot(graph, address)->node;
}

/* A block of malloc in a form that is not known. What is beneath some libraries keeps a word of its
 * own in front of what it hands out, as SQLite does with the size. */
static uint32_t resolve_raw(struct graph *graph, uint64_t address)
{
	uint64_t start = address & ~UINT64_C(15), bytes;

	if (start != address) {
		const struct outside_slot *slot = find_slot(graph, start);

		if (slot->address)
			return graph_type(graph, slot->node) ? 0 : slot->node;
	}
	bytes = chunk_guess_bytes(graph->reader->view, start);
	return bytes ? add_outside(graph, start, TYPE_NONE, bytes) : 0;
}

/* As graph_find, and takes up what was not seen before. */
static uint32_t resolve(struct graph *graph, const struct place *place, uint64_t address, bool raw)
{
	struct object_reader *reader = graph->reader;
	uint64_t words[2];
	uint32_t type;

	if (place->block)
		return find_in_pool(graph, place, address, raw);
	if (address & 7 || !view_has(reader->view, address))
		return 0;
	const struct outside_slot *slot = find_slot(graph, address);
	if (slot->address)
		return raw || graph_type(graph, slot->node) ? slot->node : 0;
	if (view_has(reader->view, address + 15) &&
	    view_bytes(reader->view, address, words, sizeof(words)) &&
	    python_refcount_is_plausible(reader->structs, words[0]) &&
	    (type = python_types_find(reader->types, reader->view, words[1])) &&
	    object_is_mapped(reader, address, type))
		return add_outside(graph, address, type, 0);
	return raw && !place->pool ? resolve_raw(graph, address) : 0;
}

/* Of a block that was in no use yet, or in no pool, when pools were read: what fills up lies there,
 * and its newest link is the way to all others. */
static uint32_t repair_new(struct graph *graph, uint64_t address)
{
	struct view *view = graph->reader->view;
	const struct region *region = regions_find(view_regions(view), address);
	struct place place = find_place(graph, address);

	graph->dangling++;
	if (address & 7 || !region || !region_is_data(region) ||
	    view_refresh(view, address, 2 * sizeof(uint64_t)))
		return 0;
	uint32_t node = resolve(graph, &place, address, false);
	if (node) {
		object_refresh(graph->reader, address, graph_type(graph, node));
		graph->repaired++;
	}
	return node;
}

uint32_t graph_repair(struct graph *graph, uint64_t address)
{
	struct object_reader *reader = graph->reader;
	uint32_t number = object_pools_block(reader->pools, address), header = 0;
	uint8_t block[POOL_BLOCK_BYTES_MAX];
	bool listed;

	if (!number)
		return repair_new(graph, address);
	if (graph->parents[number])
		return 0;
	const struct object_pool *pool = object_pools_of(reader->pools, number);
	uint64_t start = object_pool_block(pool, number);
	graph->dangling++;
	uint32_t room = object_pool_room(pool);
	if (room > sizeof(block) || view_refresh(reader->view, start, room) ||
	    !view_bytes(reader->view, start, block, room))
		return 0;
	uint32_t type =
		object_block_type(reader->types, reader->view, block, room, &header, &listed);
	if (!type || start + header != address)
		return 0;
	reader->pools->blocks[number] = (uint16_t)type;
	object_refresh(reader, address, type);
	graph->repaired++;
	return number;
}

uint64_t graph_address(const struct graph *graph, uint32_t node)
{
	if (node >= graph->pool_nodes)
		return graph->outsides[node - graph->pool_nodes].address;
	const struct object_pool *pool = object_pools_of(graph->reader->pools, node);
	uint32_t type = graph_type(graph, node);
	return object_pool_block(pool, node) + graph->reader->types->items[type].header_bytes;
}

uint32_t graph_type_outside(const struct graph *graph, uint32_t node)
{
	return graph->outsides[node - graph->pool_nodes].type;
}

uint32_t graph_node(struct graph *graph, uint64_t address)
{
	struct place place = find_place(graph, address);

	return resolve(graph, &place, address, false);
}

bool graph_leave_out(struct graph *graph)
{
	free(graph->left_out);
	graph->left_out = calloc(graph->count / 8 + 1, 1);
	graph->left_out_count = graph->left_out ? graph->count : 0;
	return graph->left_out;
}

/* Where an object's own words end: what the rest of its block says is of whoever had it before. Of
 * some types that have items, their number is not where others have it. */
static uint64_t end_in_pool(const struct graph *graph, uint32_t node, const struct object *object)
{
	const struct python_type *type = &graph->reader->types->items[object->type];
	const struct object_pool *pool = object_pools_of(graph->reader->pools, node);
	uint64_t block = object_pool_block(pool, node) + object_pool_room(pool);
	uint64_t end = object->address + type->basic_bytes;

	return type->item_bytes || end > block ? block : end;
}

bool graph_object(const struct graph *graph, uint32_t node, struct object *object)
{
	uint32_t type = graph_type(graph, node);

	if (!type)
		return false;
	*object = (struct object){
		.address = graph_address(graph, node),
		.type = type,
		.is_namespace = label_is_namespace(graph->labels[node]),
	};
	if (node < graph->pool_nodes)
		object->end = end_in_pool(graph, node, object);
	else
		object->end = object->address + object_bytes(graph->reader, object->address, type);
	return true;
}

static bool append(uint32_t **items, size_t *count, uint32_t node)
{
	if (!(*count & (*count - 1)) || !*items) {
		uint32_t *grown = reallocarray(*items, *count ? *count * 2 : 1024, sizeof(node));

		if (!grown)
			return false;
		*items = grown;
	}
	(*items)[(*count)++] = node;
	return true;
}

static void enter(struct graph *graph, uint32_t node, uint32_t parent, uint32_t label)
{
	graph->parents[node] = parent;
	graph->labels[node] = label;
	graph->order[graph->order_count++] = node;
	if (!graph_type(graph, node) && !graph->follow_raw)
		append(&graph->waiting, &graph->waiting_count, node);
}

static void refer(void *context, uint64_t target, uint32_t label)
{
	struct graph *graph = context;
	struct place place = find_place(graph, target);
	enum label_kind kind = label_kind(label);

	if (graph->parents[place.block]) /* by far most were reached before */
		return;
	uint32_t type = graph_type(graph, graph->from);
	bool guess = kind == LABEL_FIELD || kind == LABEL_RAW;
	bool raw = type ? guess && (graph->follow_raw || object_leads_to_raw(graph->reader, type))
			: graph->follow_raw;
	uint32_t node = resolve(graph, &place, target, raw);

	if (!node && (!guess || graph_is_slot(graph, type, label))) {
		node = graph_repair(graph, target);
		graph->is_stale |= !node;
	}
	if (node)
		node = graph_expect(graph, node, target, label);
	if (!node || graph->parents[node] || graph_is_left_out(graph, node))
		return;
	if (type && kind == LABEL_FIELD && !graph_type(graph, node))
		label = label_make(LABEL_RAW, 0);
	enter(graph, node, graph->from, label);
}

/* Memory of the object's own: reached, and nothing behind it, since its form is known. */
static void store(void *context, uint64_t address)
{
	struct graph *graph = context;
	uint32_t node = object_pools_block(graph->reader->pools, address);

	if (!node || graph->parents[node] || graph_type(graph, node) ||
	    graph->reader->pools->blocks[node] == BLOCK_FREE)
		return;
	graph->parents[node] = graph->from;
	graph->labels[node] = label_make(LABEL_RAW, 1); /* not to be searched */
	graph->order[graph->order_count++] = node;
}

static void search_raw(struct graph *graph, uint32_t node)
{
	uint64_t start = graph_address(graph, node), target;
	uint64_t end = start + graph_node_bytes(graph, node);

	if (!graph->follow_raw)
		append(&graph->raws, &graph->raw_count, node);
	for (uint64_t at = start; at + 8 <= end; at += 8) {
		if (!view_has(graph->reader->view, at)) {
			at |= VIEW_PAGE_BYTES - 8;
			continue;
		}
		view_u64(graph->reader->view, at, &target);
		if (!(target & 7) && target >= 16 * VIEW_PAGE_BYTES)
			refer(graph, target, label_make(LABEL_RAW, 0));
	}
}

static bool is_storage(const struct graph *graph, uint32_t node)
{
	return graph->labels[node] == label_make(LABEL_RAW, 1);
}

/* An object that refers to nothing. */
static bool is_leaf(const struct graph *graph, uint32_t node)
{
	const struct python_type *type = &graph->reader->types->items[graph_type(graph, node)];

	return (type->kind == KIND_STR || type->kind == KIND_INT || type->kind == KIND_BYTES) &&
	       !(type->flags & (TYPE_MANAGED_DICT | TYPE_INLINE_VALUES));
}

/* A deque's entries are in many blocks, which stay as they were copied: its newer ends would make
 * entries of what is in them no more. */
static bool can_be_read_again(const struct graph *graph, uint32_t type)
{
	return graph->reader->types->items[type].kind != KIND_DEQUE;
}

/* Takes back what an object led to, which came last; false on out of memory. */
static bool take_back(struct graph *graph, size_t order_count, size_t waiting_count,
		      struct first_reading *first)
{
	if (!first_reading_init(first, graph->order + order_count,
				graph->order_count - order_count))
		return false;
	for (size_t i = order_count; i < graph->order_count; i++)
		graph->parents[graph->order[i]] = 0;
	graph->order_count = order_count;
	graph->waiting_count = waiting_count;
	return true;
}

/*
 * What refers to nothing, or has a table that is none, may have another one by now. That takes the
 * place of the first: what it had then and what it has now are no object that ever was.
 */
static void follow_object(struct graph *graph, uint32_t node, struct object *object)
{
	struct object_reader *reader = graph->reader;
	size_t order_count = graph->order_count, waiting_count = graph->waiting_count;
	struct first_reading first;

	if (object_is_another(reader, object->address, object->type))
		return;
	graph->is_stale = false;
	object_references(reader, object, refer, store, graph);
	if ((!graph->is_stale && !object_is_torn(reader, object->address, object->type)) ||
	    graph->refreshes >= GRAPH_REFRESHES_MAX || !can_be_read_again(graph, object->type))
		return;
	graph->refreshes += 1 + object_payload(reader, object->address, object->type) / REFRESHED;
	object_refresh(reader, object->address, object->type);
	if (object_is_another(reader, object->address, object->type) ||
	    !graph_object(graph, node, object) ||
	    !take_back(graph, order_count, waiting_count, &first))
		return;
	graph->first_reading = &first;
	object_references(reader, object, refer, store, graph);
	graph->first_reading = NULL;
	first_reading_release(&first);
}

static void follow_node(struct graph *graph, uint32_t node)
{
	struct object object;

	graph->from = node;
	if (is_leaf(graph, node))
		return;
	if (graph_object(graph, node, &object))
		follow_object(graph, node, &object);
	else if (graph->follow_raw && !is_storage(graph, node))
		search_raw(graph, node);
}

static void fetch_ahead(const struct graph *graph, size_t at)
{
	if (at + 2 * AHEAD < graph->order_count)
		graph_fetch(graph, graph->order[at + 2 * AHEAD]);
	if (at + AHEAD < graph->order_count && !is_leaf(graph, graph->order[at + AHEAD]))
		graph_fetch_object(graph, graph->order[at + AHEAD]);
}

void graph_follow(struct graph *graph)
{
	do {
		while (graph->next < graph->order_count) {
			fetch_ahead(graph, graph->next);
			follow_node(graph, graph->order[graph->next++]);
		}
		size_t waiting = graph->waiting_count;
		for (size_t i = 0; i < waiting; i++) {
			graph->from = graph->waiting[i];
			search_raw(graph, graph->waiting[i]);
		}
		if (graph->waiting)
			memmove(graph->waiting, graph->waiting + waiting,
				(graph->waiting_count - waiting) * sizeof(*graph->waiting));
		graph->waiting_count -= waiting;
	} while (graph->next < graph->order_count || graph->waiting_count);
}

void graph_follow_raw(struct graph *graph)
{
	graph->follow_raw = true;
	for (size_t i = 0; i < graph->raw_count; i++) {
		graph->from = graph->raws[i];
		search_raw(graph, graph->raws[i]);
	}
	graph->raw_count = 0;
	graph_follow(graph);
}

static uint32_t enter_root(struct graph *graph, uint64_t address, bool raw, uint32_t label)
{
	struct place place = find_place(graph, address);

	if (graph->parents[place.block])
		return 0;
	uint32_t node = resolve(graph, &place, address, raw);
	if (!node || graph->parents[node] || graph_is_left_out(graph, node))
		return 0;
	enter(graph, node, node, label);
	return node;
}

uint32_t graph_root(struct graph *graph, uint64_t address, uint32_t label)
{
	return enter_root(graph, address, false, label);
}

uint32_t graph_raw_root(struct graph *graph, uint64_t address, uint32_t label)
{
	return enter_root(graph, address, true, label);
}
