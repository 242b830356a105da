/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds what was asked for. Many objects: the distinct ways in which they are reached, by their
 * patterns. One: everything that refers to it, however it was reached first, and how many of its
 * references are by nothing that was found.
 *
 * Bytes are what an object keeps alive as far as the graph tells: all that is reached through it
 * first. Of objects below others that are held in the same way only the uppermost one's count.
 */
#include <stdlib.h>
#include <string.h>

#include "asked.h"
#include "names.h"
#include "report.h"

enum {
	REFERENCES_MAX = 1 << 20,
	CHAIN_MAX = 48,
	LABEL_OF_GARBAGE = 1, /* no label: keeps garbage apart */
};

/* In front of what a step adds to a name. */
#define EDGE_OF "\1"

/* Objects that are held in the same way. */
struct way {
	uint32_t pattern; /* of the object, or of the one that refers to it */
	uint32_t label;   /* of the reference; LABEL_NONE: the object's own in the graph */
	uint32_t example; /* the object, or the one that refers to it; 0: a root */
	size_t place;     /* of the example: the first is by the shortest way */
	uint64_t count;
	uint64_t bytes;
};

struct ways {
	struct way *items;
	size_t count;
	size_t capacity;
};

struct holding {
	const struct objects *objects;
	const char *text; /* that was asked for */
	struct look *look;
	unsigned int form;
	struct ways ways;
	uint64_t address; /* of the one object */
	uint32_t node;
	uint32_t holder; /* whose references are gone through */
	uint64_t found;  /* references to it */
};

static struct way *add_way(struct holding *holding)
{
	struct ways *ways = &holding->ways;

	if (ways->count == ways->capacity) {
		size_t larger = ways->capacity ? ways->capacity * 2 : 256;
		void *grown = reallocarray(ways->items, larger, sizeof(*ways->items));

		if (!grown)
			return NULL;
		ways->items = grown;
		ways->capacity = larger;
	}
	struct way *way = &ways->items[ways->count++];
	*way = (struct way){0};
	return way;
}

static uint32_t pattern_of(const struct holding *holding, uint32_t node)
{
	const struct patterns *patterns = &holding->objects->patterns;

	return node < patterns->node_count ? patterns->of_nodes[node] : 0;
}

static int compare_places(const void *a, const void *b)
{
	const struct way *left = a, *right = b;

	if (left->pattern != right->pattern)
		return left->pattern < right->pattern ? -1 : 1;
	if (left->label != right->label)
		return left->label < right->label ? -1 : 1;
	return left->place < right->place ? -1 : left->place > right->place;
}

static int compare_counts(const void *a, const void *b)
{
	const struct way *left = a, *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return compare_places(a, b);
}

/* Ways that are alike become one. What is not reached has no pattern, and is garbage or not. */
static void merge(struct holding *holding)
{
	struct ways *ways = &holding->ways;
	size_t kept = 0;

	if (!ways->count)
		return;
	qsort(ways->items, ways->count, sizeof(*ways->items), compare_places);
	for (size_t i = 0; i < ways->count; i++) {
		struct way *last = kept ? &ways->items[kept - 1] : NULL;
		const struct way *way = &ways->items[i];

		if (!last || last->pattern != way->pattern || last->label != way->label) {
			ways->items[kept++] = *way;
			continue;
		}
		last->count += way->count;
		last->bytes += way->bytes;
	}
	ways->count = kept;
	qsort(ways->items, ways->count, sizeof(*ways->items), compare_counts);
}

/* Steps from a root; the dictionaries of attributes are left out. */
static size_t chain_of(const struct graph *graph, uint32_t node, uint32_t *nodes)
{
	size_t count = 0;

	if (!node || !graph_reached(graph, node))
		return 0;
	for (; count < CHAIN_MAX; node = graph->parents[node]) {
		if (!label_is_namespace(graph->labels[node]))
			nodes[count++] = node;
		if (graph->parents[node] == node)
			break;
	}
	return count;
}

static void fill_step(struct holding *holding, unsigned int way_form, uint32_t label,
		      uint32_t holder, uint32_t node, struct look_step *step)
{
	const struct graph *graph = &holding->objects->graph;
	struct zone *zone = holding->look->zone;
	uint32_t type = graph_type(graph, node);
	char edge[OBJECT_NAME_BYTES] = EDGE_OF;
	struct name_step named = {
		.label = label,
		.holder_type = holder ? graph_type(graph, holder) : TYPE_NONE,
		.holder = holder ? graph_address(graph, holder) : 0,
		.target = graph_address(graph, node),
	};

	name_append(graph->reader, &named, holding->form | way_form, edge);
	const char *own = *edge == *EDGE_OF ? edge + 1 : edge; /* else its name begins anew */
	bool is_module = graph->reader->types->items[type].kind == KIND_MODULE;
	if (!holder || is_module)
		step->name = zone_strdup(zone, *own == '.' ? own + 1 : own);
	step->type = type ? zone_strdup(zone, graph->reader->types->items[type].name) : "memory";
	step->edge = holder && !is_module ? zone_strdup(zone, own) : "";
}

/* `way` is of the object itself, or of who refers to it. */
static void fill_chain(struct holding *holding, const struct way *way, struct look_holder *row)
{
	const struct graph *graph = &holding->objects->graph;
	uint32_t nodes[CHAIN_MAX];
	size_t count = chain_of(graph, way->example, nodes);
	unsigned int form = way->count > 1 ? NAME_GENERIC : 0;
	struct look_step *chain = zone_alloc(holding->look->zone, count + 1, sizeof(*chain));

	for (size_t i = 0; i < count; i++) {
		uint32_t node = nodes[count - 1 - i], parent = graph->parents[node];

		fill_step(holding, form, graph->labels[node], parent == node ? 0 : parent, node,
			  &chain[i]);
	}
	if (way->label)
		fill_step(holding, form, way->label, way->example, holding->node, &chain[count++]);
	row->chain = chain;
	row->chain_length = count;
}

static bool name_way(struct holding *holding, const struct way *way, char name[OBJECT_NAME_BYTES])
{
	const struct graph *graph = &holding->objects->graph;
	unsigned int form = holding->form | (way->count > 1 ? NAME_GENERIC : 0);

	*name = '\0';
	if (way->example && !name_of_node(graph, way->example, form, name))
		return false;
	if (!way->label)
		return way->example;
	struct name_step step = {
		.label = way->label,
		.holder_type = way->example ? graph_type(graph, way->example) : TYPE_NONE,
		.holder = way->example ? graph_address(graph, way->example) : 0,
		.target = holding->address,
	};
	name_append(graph->reader, &step, form, name);
	return true;
}

static void fill_row(struct holding *holding, const struct way *way, struct look_holder *row)
{
	const struct graph *graph = &holding->objects->graph;
	char name[OBJECT_NAME_BYTES];

	*row = (struct look_holder){
		.of = zone_strdup(holding->look->zone, holding->text),
		.count = way->count,
		.bytes = way->bytes,
	};
	if (way->example && graph_is_left_out(graph, way->example)) {
		row->name = HOLDER_GARBAGE;
		return;
	}
	if (name_way(holding, way, name))
		row->name = zone_strdup(holding->look->zone, name);
	fill_chain(holding, way, row);
}

static void fill_rows(struct holding *holding, uint64_t unfound)
{
	size_t count =
		holding->ways.count < HOLDERS_REPORTED ? holding->ways.count : HOLDERS_REPORTED;
	struct look_holder *rows = zone_alloc(holding->look->zone, count + 1, sizeof(*rows));

	for (size_t i = 0; i < count; i++)
		fill_row(holding, &holding->ways.items[i], &rows[i]);
	if (unfound)
		rows[count++] = (struct look_holder){
			.of = zone_strdup(holding->look->zone, holding->text),
			.name = HOLDER_UNFOUND,
			.count = unfound,
			.bytes = holding->objects->below[holding->node],
		};
	holding->look->holders = rows;
	holding->look->holder_count = count;
}

static uint64_t bytes_of(const struct objects *objects, uint32_t node)
{
	return graph_reached(&objects->graph, node) ? objects->below[node]
						    : graph_node_bytes(&objects->graph, node);
}

/* By node: itself where it was asked for, else the nearest node above it that was; 0: none. */
static uint32_t *find_nearest(const struct graph *graph, const struct asked *asked)
{
	uint32_t *nearest = calloc(graph->count, sizeof(*nearest));

	for (size_t i = 0; nearest && i < asked->count; i++)
		nearest[asked->nodes[i]] = asked->nodes[i];
	for (size_t i = 0; nearest && i < graph->order_count; i++) {
		uint32_t node = graph->order[i];

		if (!nearest[node])
			nearest[node] = nearest[graph->parents[node]];
	}
	return nearest;
}

static bool take_reached(struct holding *holding, const uint32_t *nearest)
{
	const struct graph *graph = &holding->objects->graph;

	for (size_t i = 0; i < graph->order_count; i++) {
		uint32_t node = graph->order[i], parent = graph->parents[node];
		uint32_t above = parent == node ? 0 : nearest[parent];
		uint32_t pattern = pattern_of(holding, node);

		if (nearest[node] != node)
			continue;
		struct way *way = add_way(holding);
		if (!way)
			return false;
		*way = (struct way){
			.pattern = pattern,
			.example = node,
			.place = i,
			.count = 1,
		};
		if (!above || pattern_of(holding, above) != pattern)
			way->bytes = holding->objects->below[node];
	}
	return true;
}

/* Garbage, and what is held in no known way, apart from each other. */
static bool take_unreached(struct holding *holding, const struct asked *asked)
{
	const struct graph *graph = &holding->objects->graph;

	for (size_t i = 0; i < asked->count; i++) {
		uint32_t node = asked->nodes[i];

		if (graph_reached(graph, node))
			continue;
		struct way *way = add_way(holding);
		if (!way)
			return false;
		*way = (struct way){
			.label = graph_is_left_out(graph, node) ? LABEL_OF_GARBAGE : LABEL_NONE,
			.example = node,
			.count = 1,
			.bytes = graph_node_bytes(graph, node),
		};
	}
	return true;
}

static bool find_patterns(struct holding *holding, const struct asked *asked)
{
	uint32_t *nearest = find_nearest(&holding->objects->graph, asked);
	bool done = nearest && take_reached(holding, nearest) && take_unreached(holding, asked);

	free(nearest);
	return done;
}

static void see_reference(void *context, uint64_t target, uint32_t label)
{
	struct holding *holding = context;
	const struct graph *graph = &holding->objects->graph;

	if (target != holding->address || holding->ways.count == REFERENCES_MAX)
		return;
	/* of a closure's variables the tuple of cells has the reference */
	if (label_kind(label) == LABEL_VARIABLE && holding->holder &&
	    graph->reader->types->items[graph_type(graph, holding->holder)].kind == KIND_FUNCTION)
		return;
	struct way *way = add_way(holding);
	if (!way)
		return;
	holding->found++;
	*way = (struct way){
		.pattern = holding->holder ? pattern_of(holding, holding->holder) : 0,
		.label = label,
		.example = holding->holder,
		.place = holding->ways.count,
		.count = 1,
		.bytes = bytes_of(holding->objects, holding->node),
	};
}

static void find_references(struct holding *holding)
{
	const struct objects *objects = holding->objects;
	const struct graph *graph = &objects->graph;
	struct object object;

	for (uint32_t node = 1; node < graph->count; node++) {
		bool known = graph_reached(graph, node) || graph_is_left_out(graph, node);

		if ((node >= graph->pool_nodes && !known) || !graph_object(graph, node, &object))
			continue;
		if (!known)
			object.is_namespace = false;
		holding->holder = node;
		object_references(graph->reader, &object, see_reference, NULL, holding);
	}
	holding->holder = 0;
	roots_visit(graph->reader, objects->interpreter, see_reference, holding);
}

/* Its references beyond those that were found; not of immortal objects. */
static uint64_t count_unfound(const struct holding *holding)
{
	const struct object_reader *reader = &holding->objects->reader;
	uint64_t word;

	view_u64(reader->view, holding->address + OBJECT_REFCOUNT, &word);
	uint64_t count = python_refcount(reader->structs, word);
	return count < IMMORTAL_COUNT && count > holding->found ? count - holding->found : 0;
}

static void report_one(struct holding *holding, uint32_t node)
{
	const struct graph *graph = &holding->objects->graph;
	struct look *look = holding->look;
	struct look_container *asked = zone_alloc(look->zone, 1, sizeof(*asked));

	holding->node = node;
	holding->address = graph_address(graph, node);
	objects_describe(holding->objects, node, bytes_of(holding->objects, node), holding->form,
			 look, asked);
	if (!object_length(&((struct objects *)holding->objects)->reader, holding->address,
			   graph_type(graph, node)))
		asked->of_count = 0;
	look->asked = asked;
	look->asked_count = 1;
	find_references(holding);
	for (size_t i = 0; i < holding->ways.count; i++) /* each keeps all of it */
		holding->ways.items[i].bytes = 0;
	merge(holding);
	for (size_t i = 0; i < holding->ways.count; i++)
		holding->ways.items[i].bytes = bytes_of(holding->objects, node);
	fill_rows(holding, count_unfound(holding));
}

void objects_report_holders(const struct objects *objects, const struct objects_request *request,
			    struct look *look)
{
	struct holding holding = {
		.objects = objects,
		.text = request->holders,
		.look = look,
		.form = request->with_keys ? NAME_WITH_KEYS : 0,
	};
	struct asked asked;

	look->asked_for = zone_strdup(look->zone, request->holders);
	if (!objects->has_graph)
		return;
	int error = asked_find(objects, request->holders, &asked);
	if (!error && asked.count == 1) {
		report_one(&holding, asked.nodes[0]);
	} else if (!error && asked.count && find_patterns(&holding, &asked)) {
		merge(&holding);
		fill_rows(&holding, 0);
	}
	free(holding.ways.items);
	asked_release(&asked);
}
