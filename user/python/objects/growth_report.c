/* SPDX-License-Identifier: BSD-2-Clause */
/* What grew, as rows of a look. */
#include <stdlib.h>

#include "edges.h"
#include "growth.h"
#include "growth_streamed.h"
#include "names.h"
#include "report.h"

enum { TYPES_REPORTED = 40, GROWN_REPORTED = 40, GROWN_MAX = 4096 };

static int compare_counts(const void *a, const void *b)
{
	int64_t left = (int64_t)((const struct look_count *)a)->bytes;
	int64_t right = (int64_t)((const struct look_count *)b)->bytes;

	return left < right ? 1 : left > right ? -1 : 0;
}

static void report_types(const struct objects *objects, struct look *look,
			 struct look_growth *growth)
{
	struct look_count *types = zone_alloc(look->zone, objects->types.count, sizeof(*types));
	size_t count = 0;

	for (size_t i = 1; i < objects->types.count; i++) {
		const struct type_series *series = &objects->series[i];

		if (series->counts[0] != series->counts[1] || series->bytes[0] != series->bytes[1])
			types[count++] = (struct look_count){
				.name = zone_strdup(look->zone, objects->types.items[i].name),
				.count = series->counts[1] - series->counts[0],
				.bytes = series->bytes[1] - series->bytes[0],
			};
	}
	qsort(types, count, sizeof(*types), compare_counts);
	growth->types = types;
	growth->type_count = count < TYPES_REPORTED ? count : TYPES_REPORTED;
}

static bool is_garbage(const struct objects *objects, uint64_t address)
{
	uint32_t node = objects->has_graph ? graph_find(&objects->graph, address, false) : 0;

	return node && graph_is_left_out(&objects->graph, node);
}

static void describe(const struct objects *objects, const struct grown *grown, struct look *look,
		     struct look_grown *row)
{
	const struct container *container =
		grown->container ? &objects->containers.items[grown->container - 1] : NULL;
	uint32_t type = container ? container->type : TYPE_NONE;
	char name[OBJECT_NAME_BYTES];

	*row = (struct look_grown){
		.address = container ? container->address : 0,
		.containers = grown->alike,
		.length = grown->length,
		.grown = grown->entries,
		.bytes = grown->bytes,
		.garbage = container && is_garbage(objects, container->address),
		.replaced = grown->value,
	};
	if (!type && grown->node)
		type = graph_type(&objects->graph, grown->node);
	row->type = zone_strdup(look->zone, type ? objects->types.items[type].name : "?");
	if (grown->type)
		row->of = zone_strdup(look->zone, objects->types.items[grown->type].name);
	if (grown->name)
		row->name = zone_strdup(look->zone, grown->name);
	else if (grown->node &&
		 name_of_node(&objects->graph, grown->node,
			      container || (grown->value && grown->alike <= 1) ? 0 : NAME_GENERIC,
			      name))
		row->name = zone_strdup(look->zone, name);
	const struct chain *chain =
		container ? chains_at(&objects->chains, container->address) : NULL;
	if (chain && chain->name)
		row->name = zone_strdup(look->zone, chain->name);
}

/* Values that became longer, but at too few looks. */
static size_t drop_unsure(struct grown *grown, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (!grown[i].value || grown[i].sure)
			grown[kept++] = grown[i];
	return kept;
}

void objects_report_growth(struct objects *objects, struct look *look)
{
	struct look_growth *growth = zone_alloc(look->zone, 1, sizeof(*growth));
	size_t count;
	struct grown *grown = objects_grown(objects, &count);

	count = drop_unsure(grown, count);
	growth->seconds = objects->last_time - objects->first_time;
	growth->looks = objects->looks;
	if (objects->has_garbage && objects->garbage.looks > 1)
		growth->garbage_bytes =
			(int64_t)(objects->garbage.bytes[1] - objects->garbage.bytes[0]);
	growth->collected = objects->collections[1] > objects->collections[0] ||
			    objects->cycles >= COLLECTOR_CYCLES;
	report_types(objects, look, growth);
	size_t max = objects->streamed ? GROWN_MAX : GROWN_REPORTED; /* many become one there */
	if (count > max)
		count = max;
	struct look_grown *rows = zone_alloc(look->zone, count + GROWN_REPORTED, sizeof(*rows));
	for (size_t i = 0; i < count; i++)
		describe(objects, &grown[i], look, &rows[i]);
	if (objects->streamed)
		count = growth_add_streamed(objects, look, rows, count, count + GROWN_REPORTED);
	if (count > GROWN_REPORTED)
		count = GROWN_REPORTED;
	growth->containers = rows;
	growth->container_count = count;
	growth->edges = objects_grown_edges(objects, look->zone, &growth->edge_count);
	look->growth = growth;
	free(grown);
}
