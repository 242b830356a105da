/* SPDX-License-Identifier: BSD-2-Clause */
/* From what was found to a struct look: the largest types and containers, with names. */
#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector_state.h"
#include "connections.h"
#include "growth.h"
#include "names.h"
#include "report.h"

#define STREAMED                                                                              \
	"larger than --max-memory lets be copied: looked at piece by piece; names of what "   \
	"grows most and is longest; growth of many alike by some of what is new; garbage by " \
	"some of each type; not told: what C code holds or lost, which garbage is frozen"

#define BY_CHUNKS "its allocator is not pymalloc: objects were found in the blocks of malloc"
#define DEBUG                                                                               \
	"its allocator puts marks around each block (PYTHONMALLOC=debug, -X dev): most of " \
	"its objects are not told"
#define BY_REACH                                                                            \
	"its allocator is neither pymalloc nor glibc's malloc: of its objects, those that " \
	"are reached were found"

enum { ENTRY_TYPES_MAX = 3, ENTRIES_SAMPLED = 512 };

static int compare_types(const void *a, const void *b)
{
	const struct look_type *left = a, *right = b;

	return left->bytes < right->bytes ? 1 : left->bytes > right->bytes ? -1 : 0;
}

static int compare_containers(const void *a, const void *b)
{
	const struct look_container *left = a, *right = b;

	return left->bytes < right->bytes ? 1 : left->bytes > right->bytes ? -1 : 0;
}

/* Beside those of other languages. */
static void report_types(const struct objects *objects, struct look *look)
{
	size_t count = look->type_count;
	struct look_type *types =
		zone_alloc(look->zone, objects->types.count + count, sizeof(*types));

	if (count)
		memcpy(types, look->types, count * sizeof(*types));
	for (size_t i = 1; i < objects->types.count; i++) {
		const struct python_type *type = &objects->types.items[i];

		if (type->count)
			types[count++] = (struct look_type){
				.name = zone_strdup(look->zone, type->name),
				.language = "python",
				.count = type->count,
				.bytes = type->bytes,
			};
	}
	qsort(types, count, sizeof(*types), compare_types);
	look->types = types;
	look->type_count = count;
}

/* A dictionary of attributes is no container that anybody thinks of as one; nor is a table that the
 * interpreter keeps for itself. */
bool objects_is_shown(const struct graph *graph, uint32_t node)
{
	uint32_t type = graph_type(graph, node), parent = graph->parents[node];
	enum object_kind kind = graph->reader->types->items[type].kind;

	if (!object_kind_is_container(kind) && kind != KIND_CACHE)
		return false;
	if (label_is_namespace(graph->labels[node]))
		return false;
	if (graph->labels[node] == label_make(LABEL_FIELD, TYPE_SUBCLASSES))
		return false;
	/* the dictionary of an lru_cache is the cache */
	return parent == node ||
	       graph->reader->types->items[graph_type(graph, parent)].kind != KIND_CACHE;
}

struct sampling {
	struct object_reader *reader;
	struct {
		uint32_t type;
		uint64_t count;
	} types[16];
	size_t type_count;
	size_t left;
};

static void sample(struct sampling *sampling, uint64_t address)
{
	uint32_t type = object_type_at(sampling->reader, address);
	size_t i = 0;

	if (!type || !sampling->left)
		return;
	sampling->left--;
	while (i < sampling->type_count && sampling->types[i].type != type)
		i++;
	if (i == sizeof(sampling->types) / sizeof(*sampling->types))
		return;
	sampling->types[i].type = type;
	sampling->types[i].count++;
	sampling->type_count += i == sampling->type_count;
}

static void sample_reference(void *context, uint64_t target, uint32_t label)
{
	if (label_kind(label) == LABEL_ITEM || label_kind(label) == LABEL_NAME)
		sample(context, target);
}

/* What most of a container's entries are, judged by some of them. */
static const struct look_count *entry_types(const struct objects *objects,
					    const struct object *object, uint64_t length,
					    struct look *look, size_t *count)
{
	struct object_reader *reader = (struct object_reader *)&objects->reader;
	struct sampling sampling = {.reader = reader, .left = ENTRIES_SAMPLED};
	uint64_t seen = 0;

	object_references(reader, object, sample_reference, NULL, &sampling);
	struct look_count *of = zone_alloc(look->zone, ENTRY_TYPES_MAX, sizeof(*of));
	for (size_t i = 0; i < sampling.type_count; i++)
		seen += sampling.types[i].count;
	for (*count = 0; *count < ENTRY_TYPES_MAX; (*count)++) {
		size_t most = 0;

		for (size_t i = 1; i < sampling.type_count; i++)
			if (sampling.types[i].count > sampling.types[most].count)
				most = i;
		if (!sampling.type_count || !sampling.types[most].count)
			break;
		of[*count].name = zone_strdup(look->zone,
					      objects->types.items[sampling.types[most].type].name);
		of[*count].count = sampling.types[most].count * length / seen;
		sampling.types[most].count = 0;
	}
	return of;
}

void objects_describe_at(const struct objects *objects, const struct object *object, uint64_t bytes,
			 const char *name, struct look *look, struct look_container *container)
{
	struct object_reader *reader = (struct object_reader *)&objects->reader;
	uint64_t address = object->address, word;
	uint32_t type = object->type;

	*container = (struct look_container){
		.type = zone_strdup(look->zone, objects->types.items[type].name),
		.name = name ? zone_strdup(look->zone, name) : NULL,
		.address = address,
		.length = object_length(reader, address, type),
		.bytes = bytes,
		.bound = object_bound(reader, address, type),
		.hits = LOOK_UNKNOWN,
		.misses = LOOK_UNKNOWN,
	};
	if (objects->types.items[type].kind == KIND_CACHE) {
		if (view_u64(reader->view, address + CACHE_HITS, &word))
			container->hits = word;
		if (view_u64(reader->view, address + CACHE_MISSES, &word))
			container->misses = word;
	}
	container->of = entry_types(objects, object, container->length, look, &container->of_count);
}

void objects_describe(const struct objects *objects, uint32_t node, uint64_t bytes,
		      unsigned int form, struct look *look, struct look_container *container)
{
	struct object object = {0};
	char name[OBJECT_NAME_BYTES];
	bool is_named = name_of_node(&objects->graph, node, form, name);

	graph_object(&objects->graph, node, &object);
	objects_describe_at(objects, &object, bytes, is_named ? name : NULL, look, container);
}

/* The largest so far, the smallest of them first to go. */
static void keep_largest(uint32_t *nodes, size_t *count, size_t max, const uint64_t *below,
			 uint32_t node)
{
	size_t at = *count;

	if (!max || (at == max && below[nodes[at - 1]] >= below[node]))
		return;
	if (at == max)
		at--;
	else
		(*count)++;
	for (; at && below[nodes[at - 1]] < below[node]; at--)
		nodes[at] = nodes[at - 1];
	nodes[at] = node;
}

/* What is no larger than the smallest of those that are told needs no closer look. */
static bool is_among_largest(const uint32_t *nodes, size_t count, size_t max, const uint64_t *below,
			     uint32_t node)
{
	return count < max || (max && below[nodes[count - 1]] < below[node]);
}

static bool is_any(const struct graph *graph, uint32_t node)
{
	(void)graph;
	(void)node;
	return true;
}

static bool is_cache(const struct graph *graph, uint32_t node)
{
	return graph->reader->types->items[graph_type(graph, node)].kind == KIND_CACHE;
}

/* The largest of those that are such, largest first, but for the `told`
 * that stand before `nodes`. */
static size_t find_largest(const struct objects *objects, size_t max,
			   bool is_such(const struct graph *graph, uint32_t node), uint32_t *nodes,
			   size_t told)
{
	const struct graph *graph = &objects->graph;
	const uint64_t *below = objects->below;
	size_t count = 0;

	for (size_t i = 0; i < graph->order_count; i++) {
		uint32_t node = graph->order[i];
		bool is_told = false;

		if (!is_among_largest(nodes, count, max, below, node) || !is_such(graph, node) ||
		    !objects_is_shown(graph, node))
			continue;
		for (size_t j = 1; j <= told && !is_told; j++)
			is_told = nodes[-(ptrdiff_t)j] == node;
		if (!is_told)
			keep_largest(nodes, &count, max, below, node);
	}
	return count;
}

static void report_containers(const struct objects *objects, const struct objects_request *request,
			      struct look *look)
{
	size_t max = request->containers + request->caches;
	uint32_t *nodes = zone_alloc(look->zone, max + 1, sizeof(*nodes));
	size_t count = find_largest(objects, request->containers, is_any, nodes, 0);

	count += find_largest(objects, request->caches, is_cache, nodes + count, count);
	struct look_container *containers = zone_alloc(look->zone, count, sizeof(*containers));
	for (size_t i = 0; i < count; i++)
		objects_describe(objects, nodes[i], objects->below[nodes[i]],
				 request->with_keys ? NAME_WITH_KEYS : 0, look, &containers[i]);
	look->containers = containers;
	look->container_count = count;
}

/* Those whose chains were looked for, which are the longest. */
static void report_chains(const struct objects *objects, const struct objects_request *request,
			  struct look *look)
{
	const struct chains *chains = &objects->chains;
	struct look_container *containers =
		zone_alloc(look->zone, chains->count, sizeof(*containers));
	size_t count = 0;

	for (size_t i = 0; i < chains->count && count < request->containers; i++) {
		const struct chain *chain = &chains->items[i];

		if (chain->hidden || !chain->is_weighed)
			continue;
		view_clear(objects->view, &objects->regions);
		const struct object object = object_make((struct object_reader *)&objects->reader,
							 chain->address, chain->type);
		objects_describe_at(objects, &object, chain->bytes, chain->name, look,
				    &containers[count++]);
	}
	qsort(containers, count, sizeof(*containers), compare_containers);
	look->containers = containers;
	look->container_count = count;
}

/* Its blocks begin with words of the allocator's, so that hardly any looks like an object. */
static bool is_debug(const struct object_pools *pools)
{
	return pools->live_blocks > 1000 && pools->raw_blocks > pools->live_blocks / 10 * 9;
}

static const char *note_of(const struct objects *objects, const struct look *look)
{
	char text[512] = "";

	if (objects->pools.absent)
		snprintf(text, sizeof(text), "%s%s", objects->chunks_known ? BY_CHUNKS : BY_REACH,
			 objects->streamed ? "; " : "");
	else if (is_debug(&objects->pools))
		snprintf(text, sizeof(text), "%s%s", DEBUG, objects->streamed ? "; " : "");
	if (objects->streamed)
		strcat(text, STREAMED);
	return *text ? zone_strdup(look->zone, text) : NULL;
}

void objects_report(struct objects *objects, const struct objects_request *request,
		    struct look *look)
{
	struct view_numbers numbers = view_numbers(objects->view);

	report_types(objects, look);
	objects_report_garbage(objects, look);
	look->uncertain[UNCERTAIN_TORN_POOLS] += objects->pools.torn;
	look->uncertain[UNCERTAIN_UNREADABLE] += numbers.failed_bytes;
	look->uncertain[UNCERTAIN_TYPES_FULL] += objects->types.refused;
	look->uncertain[UNCERTAIN_NO_ROOM] += objects->containers.refused + objects->graph.full;
	look->uncertain[UNCERTAIN_DANGLING] += objects->graph.dangling - objects->graph.repaired;
	look->python_note = note_of(objects, look);
	if (objects->streamed && !objects_find_chains(objects)) {
		report_chains(objects, request, look);
		objects_report_garbage_streamed(objects, look);
	}
	if (objects->has_graph) {
		report_containers(objects, request, look);
		objects_report_pools(objects, request, look);
	}
	if (request->holders && objects->streamed)
		objects_report_holders_streamed(objects, request, look);
	else if (request->holders)
		objects_report_holders(objects, request, look);
	if (objects->looks > 1)
		objects_report_growth(objects, look);
}
