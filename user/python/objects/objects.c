/* SPDX-License-Identifier: BSD-2-Clause */
#include "objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../lib/clock.h"
#include "chunks.h"
#include "collector_state.h"
#include "homes.h"
#include "stream.h"
#include "values.h"

enum {
	DICT_LENGTH_MIN = 10,
	HEAP_MOVES_BY = 1 << 20,
	OUTSIDES_MIN = 1 << 15, /* that there is room for at least: static objects, large ones */
	NEWCOMERS_SHARE = 16,   /* of the budget */
	SAMPLES_SHARE = 64,
	POOLS_MIN = 4, /* fewer are chance: an interpreter that has begun has some hundred */
	PATTERN_BYTES = sizeof(struct pattern) + 96, /* with its steps, and what is counted of it */
	CONTAINER_BYTES = sizeof(struct container) + 8,
};

int objects_init(struct objects *objects, const struct procfs *procfs,
		 const struct python_interpreter *interpreter, uint64_t budget_bytes)
{
	int error;

	*objects = (struct objects){
		.procfs = procfs,
		.interpreter = interpreter,
		.budget_bytes = budget_bytes,
	};
	error = python_structs_for(&interpreter->layout, &objects->structs);
	if (!error)
		error = python_types_init(&objects->types, interpreter, &objects->structs);
	if (!error)
		error = object_pools_init(&objects->pools, &objects->structs, &objects->types);
	objects->types.max_bytes = objects->labels.max_bytes = budget_bytes / 8;
	objects->reader = (struct object_reader){
		.structs = &objects->structs,
		.layout = &interpreter->layout,
		.types = &objects->types,
		.pools = &objects->pools,
		.labels = &objects->labels,
	};
	if (!error)
		error = object_reader_init(&objects->reader);
	if (!error)
		error = containers_init(&objects->containers, &objects->reader,
					budget_bytes / 8 / CONTAINER_BYTES);
	if (!error)
		error = patterns_init(&objects->patterns, budget_bytes / 8 / PATTERN_BYTES);
	if (!error)
		error = garbage_init(&objects->garbage);
	objects->series = error ? NULL : calloc(TYPES_MAX + 1, sizeof(*objects->series));
	if (!error && !objects->series)
		error = -ENOMEM;
	if (error)
		objects_release(objects);
	return error;
}

void objects_release(struct objects *objects)
{
	graph_release(&objects->graph);
	free(objects->below);
	objects->below = NULL;
	garbage_release(&objects->garbage);
	patterns_release(&objects->patterns);
	containers_release(&objects->containers);
	object_reader_release(&objects->reader);
	labels_release(&objects->labels);
	object_pools_release(&objects->pools);
	python_types_release(&objects->types);
	chains_release(&objects->chains);
	newcomers_release(&objects->newcomers);
	type_samples_release(&objects->samples);
	view_free(objects->view);
	regions_release(&objects->regions);
	free(objects->series);
	objects->series = NULL;
	objects->view = NULL;
}

/* Resident bytes of all that a program may have written. */
static uint64_t data_bytes(const struct regions *regions)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < regions->count; i++)
		if (region_is_data(&regions->items[i]))
			bytes += regions->items[i].resident_bytes;
	return bytes;
}

/*
 * What an object has beside itself; of a dictionary that is streamed only where it may be more than
 * a pool holds, because to see that its table is asked for. What is no more than that lies in a
 * pool, perhaps one that comes later; only numpy has its own from malloc, however little.
 */
static uint64_t find_payload(struct objects *objects, uint64_t address, uint32_t type)
{
	enum object_kind kind = (enum object_kind)objects->types.items[type].kind;

	if (!objects->pools.keep && kind == KIND_DICT &&
	    object_length(&objects->reader, address, type) < DICT_LENGTH_MIN)
		return 0;
	uint64_t bytes = object_payload(&objects->reader, address, type);
	bool is_in_pool = bytes <= POOL_BLOCK_BYTES_MAX && !objects->pools.absent;
	return is_in_pool && kind != KIND_NDARRAY ? 0 : bytes;
}

void objects_see(void *context, uint64_t address, uint32_t type)
{
	struct objects *objects = context;
	uint64_t payload = find_payload(objects, address, type);

	if (payload)
		objects->beside_bytes +=
			object_payload_chunks(&objects->reader, address, type, payload, NULL);
	objects->types.items[type].payload += payload;
	objects->types.items[type].bytes += payload;
	containers_see(&objects->containers, address, type);
	if (objects->streamed && objects->newcomers.bits)
		objects->types.items[type].old += newcomers_see(&objects->newcomers, address, type);
	if (objects->streamed && objects->types.items[type].flags & TYPE_HAVE_GC)
		type_samples_see(&objects->samples, address, type);
}

static int fill_all(struct objects *objects)
{
	int error = 0;

	for (size_t i = 0; i < objects->regions.count && !error; i++) {
		const struct mapping *mapping = &objects->regions.items[i].mapping;

		if (region_is_data(&objects->regions.items[i]))
			error = view_fill(objects->view, mapping->start, mapping->end);
	}
	return error;
}

static int read_copied(struct objects *objects)
{
	int error = 0;

	for (size_t i = 0; i < objects->regions.count && !error; i++) {
		const struct mapping *mapping = &objects->regions.items[i].mapping;

		if (may_hold_pools(&objects->regions.items[i]))
			error = object_pools_read(&objects->pools, objects->view, mapping->start,
						  mapping->end, objects_see, objects);
	}
	return error;
}

/*
 * What is larger than a pool's blocks, and what is static, is found by the graph alone: also what
 * only objects refer to that nothing reaches, since C code may hold these.
 */
static void count_outsides(struct objects *objects)
{
	struct graph *graph = &objects->graph;

	for (size_t node = graph->pool_nodes; node < graph->count; node++) {
		uint32_t type = graph_type(graph, (uint32_t)node);

		if (!type)
			continue;
		uint64_t address = graph_address(graph, (uint32_t)node);
		objects->types.items[type].count++;
		objects->types.items[type].payload +=
			object_payload(&objects->reader, address, type);
		objects->types.items[type].bytes += graph_node_bytes(graph, (uint32_t)node);
		containers_see(&objects->containers, address, type);
	}
}

/* A block of malloc: what was reached is counted already. */
static void see_chunk_object(void *context, uint64_t address, uint32_t type, uint64_t bytes)
{
	struct objects *objects = context;
	uint32_t node = objects->has_graph ? graph_find(&objects->graph, address, false) : 0;

	if (node && graph_reached(&objects->graph, node))
		return;
	objects->types.items[type].count++;
	objects->types.items[type].bytes += bytes;
	/* blocks are read later than what was copied: what is newer than that has no length yet */
	if (object_type_at(&objects->reader, address) == type)
		objects_see(objects, address, type);
}

/* Where there are no pools, objects are looked for in the blocks of malloc. */
static int read_chunks(struct objects *objects)
{
	int error;

	if (!objects->pools.absent)
		return 0;
	error = object_chunks_read(&objects->reader,
				   objects->streamed ? stream_view_bytes(objects) : 0,
				   see_chunk_object, objects);
	objects->chunks_known = !error;
	return error == -ENOTSUP ? 0 : error;
}

static void drop_graph(struct objects *objects)
{
	graph_release(&objects->graph);
	free(objects->below);
	objects->below = NULL;
	objects->has_graph = false;
}

/* Of each node that was reached; in the order of memory, in which they are asked for fastest. */
static uint64_t *own_bytes(const struct graph *graph)
{
	uint64_t *bytes = calloc(graph->count, sizeof(*bytes));

	for (uint32_t node = 1; bytes && node < graph->count; node++)
		if (graph_reached(graph, node))
			bytes[node] = graph_node_bytes(graph, node);
	return bytes;
}

/* To each node's own bytes those below it: a parent comes before its children in the order. */
static void sum_below(const struct graph *graph, uint64_t *bytes)
{
	for (size_t i = graph->order_count; i--;) {
		uint32_t node = graph->order[i];

		if (graph->parents[node] != node)
			bytes[graph->parents[node]] += bytes[node];
	}
}

/* Of ours, beside what a graph takes. */
static uint64_t used_bytes(const struct objects *objects)
{
	const struct object_pools *pools = &objects->pools;

	return view_numbers(objects->view).kept_bytes + pools->capacity * sizeof(*pools->items) +
	       pools->block_capacity * sizeof(*pools->blocks) + pools->index.bytes +
	       objects->containers.capacity * CONTAINER_BYTES +
	       objects->patterns.capacity * PATTERN_BYTES + objects->types.bytes +
	       objects->labels.bytes;
}

/* -ENOSPC: there is no room for it. */
static int make_graph(struct objects *objects, double time)
{
	uint64_t used = used_bytes(objects), blocks = objects->pools.block_count;
	uint64_t left = objects->budget_bytes > used ? objects->budget_bytes - used : 0;
	int error;

	if (graph_bytes(blocks) + OUTSIDES_MIN * graph_outside_bytes() > left)
		return -ENOSPC;
	error = graph_init(&objects->graph, &objects->reader,
			   blocks + (left - graph_bytes(blocks)) / graph_outside_bytes());
	if (error)
		return error;
	roots_follow(&objects->graph, objects->interpreter, &objects->roots);
	objects->has_garbage = !garbage_find(&objects->garbage, &objects->graph);
	roots_follow_guesses(&objects->graph, objects->interpreter, objects->procfs,
			     &objects->roots);
	if (objects->has_garbage)
		garbage_find_lost(&objects->garbage, &objects->graph);
	objects->below = own_bytes(&objects->graph);
	objects->has_graph = objects->below;
	count_outsides(objects);
	if (!objects->has_graph)
		return -ENOMEM;
	error = patterns_count(&objects->patterns, &objects->graph, objects->below, time);
	if (!error) {
		homes_note(objects);
		values_read_again(&objects->patterns, &objects->graph);
	}
	sum_below(&objects->graph, objects->below);
	return error;
}

static void note_cycle(struct objects *objects)
{
	const struct collector_cycle now = collector_cycle_read(objects->interpreter);

	objects->cycles += collector_cycle_ended(&objects->cycle, &now);
	objects->cycle = now;
}

static void note_series(struct objects *objects, double time)
{
	bool first = !objects->looks;

	for (size_t i = 1; i < objects->types.count; i++) {
		struct type_series *series = &objects->series[i];

		series->counts[1] = objects->types.items[i].count;
		series->bytes[1] = objects->types.items[i].bytes;
		series->old[1] = objects->types.items[i].old;
		if (objects->newcomers.looks == 2)
			series->old[0] = series->old[1];
		if (!first)
			continue;
		series->counts[0] = series->counts[1];
		series->bytes[0] = series->bytes[1];
	}
	objects->last_time = time;
	objects->collections[1] = collector_full_collections(objects->interpreter);
	note_cycle(objects);
	if (first) {
		objects->first_time = time;
		objects->collections[0] = objects->collections[1];
	}
	objects->looks++;
}

/* A view as large as may be, or just enough to stream through. */
static int prepare_view(struct objects *objects, bool copy)
{
	pid_t pid = objects->interpreter->memory.pid;

	if (objects->view && objects->streamed == !copy) {
		view_clear(objects->view, &objects->regions);
		return 0;
	}
	view_free(objects->view);
	objects->view = view_new(pid, &objects->regions,
				 copy ? objects->budget_bytes / 4 * 3 : stream_view_bytes(objects));
	objects->reader.view = objects->view;
	objects->streamed = !copy;
	return objects->view ? 0 : -errno;
}

/* They are those since the first look that was streamed. Without room for them nothing is told. */
static void begin_newcomers(struct objects *objects, bool copy)
{
	if (!copy && !objects->samples.items)
		type_samples_init(&objects->samples, objects->budget_bytes / SAMPLES_SHARE);
	type_samples_begin(&objects->samples);
	if (copy)
		newcomers_release(&objects->newcomers);
	else if (!objects->newcomers.bits)
		newcomers_init(&objects->newcomers, objects->budget_bytes / NEWCOMERS_SHARE);
	if (objects->newcomers.bits)
		newcomers_begin(&objects->newcomers);
}

static int look(struct objects *objects, bool copy, bool graph, double time)
{
	int error = prepare_view(objects, copy);

	if (error)
		return error;
	drop_graph(objects);
	begin_newcomers(objects, copy);
	python_types_begin(&objects->types);
	object_reader_begin(&objects->reader);
	object_pools_begin(&objects->pools, copy);
	objects->chunks_known = false;
	objects->beside_bytes = 0;
	error = copy ? fill_all(objects) : stream_all(objects);
	if (!error && copy)
		error = read_copied(objects);
	objects->pools.absent = objects->pools.pool_count < POOLS_MIN;
	if (!error && copy && graph)
		error = make_graph(objects, time);
	return error ? error : read_chunks(objects);
}

/* What is copied may grow beyond the view meanwhile. */
static int look_either_way(struct objects *objects, bool graph, double time)
{
	uint64_t room = objects->budget_bytes / 4 * 3;
	bool copy = data_bytes(&objects->regions) <= room / 8 * 7;
	int error;

	chains_release(&objects->chains);
	containers_begin(&objects->containers, time);
	error = look(objects, copy, graph, time);
	if (copy && (error == -ENOSPC || error == -ENOMEM))
		error = look(objects, false, false, time);
	if (!error)
		note_series(objects, time);
	return error;
}

/* The end of malloc's heap moves while it is looked at, as far as the
 * blocks at its top come and go. */
static void widen_heap(const struct regions *regions)
{
	for (size_t i = 0; i < regions->count && !regions->core; i++) {
		struct mapping *heap = &regions->items[i].mapping;
		uint64_t room = i + 1 < regions->count ? regions->items[i + 1].mapping.start : 0;

		if (strcmp(heap->path, "[heap]"))
			continue;
		uint64_t wanted = heap->end + HEAP_MOVES_BY;
		if (room > heap->end)
			heap->end = room < wanted ? room : wanted;
	}
}

static int renew_regions(struct objects *objects)
{
	regions_release(&objects->regions);
	int error =
		regions_read(objects->procfs, objects->interpreter->memory.pid, &objects->regions);

	if (!error)
		widen_heap(&objects->regions);
	return error;
}

int objects_forget_copy(struct objects *objects)
{
	int error = renew_regions(objects);

	drop_graph(objects);
	view_clear(objects->view, &objects->regions);
	return error;
}

int objects_look(struct objects *objects, bool graph)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_ns(CLOCK_MONOTONIC);
	int error = renew_regions(objects);

	if (!error)
		error = look_either_way(objects, graph, (double)wall / 1e9);
	objects->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	objects->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
	return error;
}
