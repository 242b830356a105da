/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "collector_state.h"
#include "report.h"
#include "stream.h"

enum { HELD_REPORTED = 100, SAVED_MAX = 1 << 24 };

struct rows {
	struct look *look;
	struct look_garbage *items;
	size_t count;
};

static int compare_garbage(const void *a, const void *b)
{
	const struct look_garbage *left = a, *right = b;

	return left->bytes < right->bytes ? 1 : left->bytes > right->bytes ? -1 : 0;
}

static void add_row(struct rows *rows, const char *type, uint64_t count, uint64_t bytes,
		    const char *why)
{
	if (count)
		rows->items[rows->count++] = (struct look_garbage){
			.type = zone_strdup(rows->look->zone, type),
			.count = count,
			.bytes = bytes,
			.why = why,
		};
}

static void add_unreached(const struct objects *objects, struct rows *rows)
{
	for (size_t i = 1; i < objects->types.count; i++) {
		const struct garbage_sum *sum = &objects->garbage.sums[i];
		const char *type = objects->types.items[i].name;
		uint64_t frozen = sum->frozen < sum->count ? sum->frozen : sum->count;

		if (!sum->count)
			continue;
		uint64_t bytes =
			(uint64_t)((double)sum->bytes * (double)frozen / (double)sum->count);
		add_row(rows, type, sum->count - frozen, sum->bytes - bytes, "cycle");
		add_row(rows, type, frozen, bytes, "frozen");
	}
}

static void see_saved_node(const struct graph *graph, uint64_t address, uint64_t *counts,
			   uint64_t *bytes)
{
	uint32_t node = graph_find(graph, address, false);
	uint32_t type = node ? graph_type(graph, node) : TYPE_NONE;

	counts[type]++;
	bytes[type] += node ? graph_node_bytes(graph, node) : 0;
}

/* Without a graph: by the object as it is; a type that comes up only now has no place. */
static void see_saved(struct objects *objects, uint64_t address, uint64_t *counts, uint64_t *bytes)
{
	struct object_reader *reader = &objects->reader;
	size_t types = objects->types.count;

	stream_spare(objects);
	uint32_t type = object_type_at(reader, address);
	if (!type || type >= types)
		return;
	counts[type]++;
	bytes[type] += reader->types->items[type].header_bytes +
		       object_bytes(reader, address, type) + object_payload(reader, address, type);
}

/* What gc.garbage keeps: by type, in arrays of types.count. */
static void sum_saved(struct objects *objects, uint64_t list, uint64_t *counts, uint64_t *bytes)
{
	struct view *view = objects->view;
	uint64_t length, items, address;

	if (!view_u64(view, list + LIST_LENGTH, &length) ||
	    !view_u64(view, list + LIST_ITEMS, &items) || length > SAVED_MAX)
		return;
	for (uint64_t i = 0; i < length && view_u64(view, items + 8 * i, &address); i++) {
		if (objects->streamed)
			see_saved(objects, address, counts, bytes);
		else
			see_saved_node(&objects->graph, address, counts, bytes);
	}
}

/* The collector counts what it could not free; else it was told to save all. */
static const char *why_saved(const struct look_gc *gc)
{
	uint64_t uncollectable = 0;

	for (size_t i = 0; i < LOOK_GENERATIONS; i++)
		uncollectable += gc->generations[i].uncollectable;
	return gc->saves_all || !uncollectable ? "saved" : "uncollectable";
}

static void add_saved(struct objects *objects, uint64_t list, struct rows *rows)
{
	size_t types = objects->types.count;
	uint64_t *counts = calloc(types, sizeof(*counts));
	uint64_t *bytes = calloc(types, sizeof(*bytes));

	if (list && counts && bytes) {
		sum_saved(objects, list, counts, bytes);
		for (size_t i = 1; i < types; i++)
			add_row(rows, objects->types.items[i].name, counts[i], bytes[i],
				why_saved(&rows->look->gc));
	}
	free(counts);
	free(bytes);
}

static int compare_held(const void *a, const void *b)
{
	const struct look_held *left = a, *right = b;

	if (left->grown != right->grown)
		return left->grown < right->grown ? 1 : -1;
	return left->count < right->count ? 1 : left->count > right->count ? -1 : 0;
}

static void report_held(const struct objects *objects, struct look *look)
{
	struct look_held *held = zone_alloc(look->zone, objects->types.count, sizeof(*held));
	size_t count = 0;

	for (size_t i = 1; i < objects->types.count; i++) {
		const struct garbage_sum *sum = &objects->garbage.sums[i];

		if (!sum->held[1] && !sum->held[0])
			continue;
		held[count++] = (struct look_held){
			.type = zone_strdup(look->zone, objects->types.items[i].name),
			.count = sum->held[1],
			.bytes = sum->held_bytes[1],
			.grown = objects->garbage.looks > 1
					 ? (int64_t)sum->held[1] - (int64_t)sum->held[0]
					 : 0,
		};
	}
	if (count)
		qsort(held, count, sizeof(*held), compare_held);
	look->held = held;
	look->held_count = count < HELD_REPORTED ? count : HELD_REPORTED;
}

/* With those that gc.garbage keeps. */
static void report_rows(struct objects *objects, const struct collector_lists *lists,
			struct rows *rows)
{
	struct look *look = rows->look;

	if (look->gc.known)
		add_saved(objects, lists->garbage, rows);
	if (rows->count)
		qsort(rows->items, rows->count, sizeof(*rows->items), compare_garbage);
	look->garbage = rows->items;
	look->garbage_count = rows->count;
}

void objects_report_garbage(struct objects *objects, struct look *look)
{
	struct garbage_frozen frozen = {&objects->garbage, &objects->graph};
	struct collector_lists lists;

	collector_read(objects->interpreter, &look->gc, &lists);
	if (!objects->has_graph || !objects->has_garbage)
		return;
	if (look->gc.known && look->gc.has_frozen)
		look->gc.frozen =
			collector_each_frozen(&lists, objects->view, garbage_see_frozen, &frozen);
	struct rows rows = {
		.look = look,
		.items = zone_alloc(look->zone, 3 * objects->types.count, sizeof(*rows.items)),
	};
	add_unreached(objects, &rows);
	report_rows(objects, &lists, &rows);
	report_held(objects, look);
}

/* About: the share of each type that was garbage among those that were judged. */
static void add_sampled(const struct objects *objects, struct rows *rows)
{
	for (uint32_t i = 1; i < objects->types.count; i++) {
		const struct type_series *series = &objects->series[i];
		size_t judged;
		double share =
			type_samples_garbage(&objects->samples, &objects->chains, i, &judged);

		if (share > 0)
			rows->look->uncertain[UNCERTAIN_SAMPLED] += series->counts[1] - judged;
		add_row(rows, objects->types.items[i].name,
			(uint64_t)((double)series->counts[1] * share + 0.5),
			(uint64_t)((double)series->bytes[1] * share), "cycle");
	}
}

static void spare(void *context, uint64_t address)
{
	(void)address;
	stream_spare(context);
}

void objects_report_garbage_streamed(struct objects *objects, struct look *look)
{
	struct collector_lists lists;
	struct rows rows = {
		.look = look,
		.items = zone_alloc(look->zone, 2 * objects->types.count, sizeof(*rows.items)),
	};

	view_clear(objects->view, &objects->regions);
	collector_read(objects->interpreter, &look->gc, &lists);
	if (look->gc.known && look->gc.has_frozen)
		look->gc.frozen = collector_each_frozen(&lists, objects->view, spare, objects);
	add_sampled(objects, &rows);
	report_rows(objects, &lists, &rows);
}
