/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds what was asked for, in memory that is too large to copy. Many objects: the ways in
 * which some of them are reached, found backwards (chains.h), for all of them. One: every object
 * with a word that points to it, in one or two passes; then each of these, by its own chain.
 *
 * Rows are those of report_holders.c; bytes are about: what an object has below it, by some of it,
 * without others that were asked for, whose bytes are added where the uppermost one is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"
#include "asked.h"
#include "names.h"
#include "report.h"
#include "stream.h"

enum {
	CHAIN_MAX = 48,
	HOLDERS_OF_ONE = 8, /* in the net of holders, for each chain that is looked for */
	ASKED_MAX = 2048,
};

/* In front of what a step adds to a name. */
#define EDGE_OF "\1"

/* Objects that are held in the same way. */
struct way {
	char *generic;             /* the caller's; NULL: by none that is known */
	const struct chain *chain; /* of the object, or of what refers to it; NULL: a root does */
	struct chain_step edge;    /* from there to it; label LABEL_NONE: none */
	uint64_t count;
	uint64_t bytes;
};

struct holding {
	struct objects *objects;
	const char *text; /* that was asked for */
	struct look *look;
	unsigned int form;
	struct chains chains;
	struct way *ways;
	size_t way_count;
	double scale; /* objects that each one stands for */
	/* Of the one object: */
	struct chain one;
	const struct chain *holder; /* whose references are gone through; NULL: roots */
	struct object object;       /* the holder's */
	uint64_t found;             /* references */
};

static void add_way(struct holding *holding, const char *generic, const struct way *way)
{
	if (!array_append(&holding->ways, &holding->way_count, *way))
		return;
	holding->ways[holding->way_count - 1].generic = generic ? strdup(generic) : NULL;
}

static int compare_names(const void *a, const void *b)
{
	const struct way *left = a, *right = b;

	if (!left->generic || !right->generic)
		return !left->generic - !right->generic;
	return strcmp(left->generic, right->generic);
}

static int compare_counts(const void *a, const void *b)
{
	const struct way *left = a, *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return compare_names(a, b);
}

/* Ways that are alike become one; bytes alone are added to a way that is told. */
static void merge(struct holding *holding)
{
	size_t kept = 0;

	if (!holding->way_count)
		return;
	qsort(holding->ways, holding->way_count, sizeof(*holding->ways), compare_names);
	for (size_t i = 0; i < holding->way_count; i++) {
		struct way *way = &holding->ways[i], *last = kept ? &holding->ways[kept - 1] : NULL;

		if (!last || compare_names(last, way)) {
			holding->ways[kept++] = *way;
			continue;
		}
		if (!last->count) {
			last->chain = way->chain;
			last->edge = way->edge;
		}
		last->count += way->count;
		last->bytes += way->bytes;
		free(way->generic);
	}
	holding->way_count = kept;
	qsort(holding->ways, holding->way_count, sizeof(*holding->ways), compare_counts);
}

static struct name_step name_of_step(const struct chain_step *step)
{
	return (struct name_step){step->label, step->holder_type, step->holder, step->target};
}

static const char *type_name(const struct holding *holding, uint32_t type)
{
	return type ? zone_strdup(holding->look->zone, holding->objects->types.items[type].name)
		    : "memory";
}

static void fill_step(struct holding *holding, const struct chain_step *step, unsigned int form,
		      struct look_step *row)
{
	const struct object_reader *reader = &holding->objects->reader;
	const struct name_step named = name_of_step(step);
	struct zone *zone = holding->look->zone;
	char edge[OBJECT_NAME_BYTES] = EDGE_OF;

	name_append(reader, &named, form, edge);
	const char *own = *edge == *EDGE_OF ? edge + 1 : edge; /* else its name begins anew */
	bool is_module = label_kind(step->label) == LABEL_MODULES ||
			 reader->types->items[step->target_type].kind == KIND_MODULE;
	if (!step->holder_type || is_module)
		row->name = zone_strdup(zone, *own == '.' ? own + 1 : own);
	row->type = is_module ? "module" : type_name(holding, step->target_type);
	row->edge = step->holder_type && !is_module ? zone_strdup(zone, own) : "";
}

static void fill_chain(struct holding *holding, const struct way *way, struct look_holder *row)
{
	unsigned int form = holding->form | (way->count > 1 ? NAME_GENERIC : 0);
	struct look_step *chain = zone_alloc(holding->look->zone, CHAIN_MAX + 1, sizeof(*chain));
	size_t count = 0;

	for (size_t i = 0; way->chain && i < way->chain->step_count && count < CHAIN_MAX; i++) {
		const struct chain_step *step = &way->chain->steps[i];

		if (label_kind(step->label) != LABEL_NAMESPACE)
			fill_step(holding, step, form, &chain[count++]);
	}
	if (way->edge.label)
		fill_step(holding, &way->edge, form, &chain[count++]);
	row->chain = chain;
	row->chain_length = count;
}

/* `many`: as one name for many alike. */
static bool name_way(const struct holding *holding, const struct way *way, bool many,
		     char name[OBJECT_NAME_BYTES])
{
	if (way->chain && way->chain->is_garbage) {
		snprintf(name, OBJECT_NAME_BYTES, "%s", HOLDER_GARBAGE);
		return true;
	}
	const char *chain = way->chain ? many ? way->chain->generic : way->chain->name : "";
	const struct name_step step = name_of_step(&way->edge);
	unsigned int form = holding->form | (many ? NAME_GENERIC : 0);

	/* that of a dictionary of modules is empty */
	if (way->chain && !chain && !way->chain->step_count)
		return false;
	snprintf(name, OBJECT_NAME_BYTES, "%s", chain ? chain : "");
	if (way->edge.label)
		name_append(&holding->objects->reader, &step, form, name);
	return *name;
}

static void fill_rows(struct holding *holding, uint64_t unfound)
{
	struct look *look = holding->look;
	struct look_holder *rows = zone_alloc(look->zone, HOLDERS_REPORTED + 1, sizeof(*rows));
	char name[OBJECT_NAME_BYTES];
	size_t count = 0;

	for (size_t i = 0; i < holding->way_count && count < HOLDERS_REPORTED; i++) {
		const struct way *way = &holding->ways[i];
		struct look_holder *row = &rows[count];

		if (!way->count)
			continue;
		view_clear(holding->objects->view, &holding->objects->regions);
		*row = (struct look_holder){
			.of = zone_strdup(look->zone, holding->text),
			.count = (uint64_t)((double)way->count * holding->scale + 0.5),
			.bytes = (uint64_t)((double)way->bytes * holding->scale),
		};
		if (name_way(holding, way, way->count > 1, name))
			row->name = zone_strdup(look->zone, name);
		fill_chain(holding, way, row);
		count++;
	}
	if (unfound)
		rows[count++] = (struct look_holder){
			.of = zone_strdup(look->zone, holding->text),
			.name = HOLDER_UNFOUND,
			.count = unfound,
			.bytes = holding->one.bytes,
		};
	look->holders = rows;
	look->holder_count = count;
}

/* Adds its bytes to the ways of objects above it that were asked for too. */
static void add_above(struct holding *holding, const struct chain *chain,
		      const struct asked_streamed *asked)
{
	const struct way way = {.chain = chain, .bytes = chain->bytes};
	char name[OBJECT_NAME_BYTES];

	for (size_t i = 0; i + 1 < chain->step_count; i++) {
		uint32_t type = chain->steps[i].target_type;

		if (type >= asked->type_count || !asked->types[type])
			continue;
		chain_steps_name(&holding->objects->reader, chain->steps, i + 1,
				 holding->form | NAME_GENERIC, name);
		add_way(holding, name, &way);
	}
}

static void report_many(struct holding *holding, const struct asked_streamed *asked)
{
	const struct sampler *sampler = &asked->sampler;

	holding->chains.apart = asked->types;
	holding->chains.apart_count = asked->type_count;
	for (size_t i = 0; i < sampler->count; i++)
		chains_add(&holding->chains, sampler->items[i].address, sampler->items[i].type,
			   true);
	if (stream_find(holding->objects, &holding->chains))
		return;
	holding->scale = (double)sampler->seen / (double)sampler->count;
	for (size_t i = 0; i < holding->chains.count; i++) {
		const struct chain *chain = &holding->chains.items[i];
		const struct way way = {.chain = chain, .count = 1, .bytes = chain->bytes};

		add_way(holding, chain->is_garbage ? HOLDER_GARBAGE : chain->generic, &way);
		if (asked->types)
			add_above(holding, chain, asked);
	}
	merge(holding);
	fill_rows(holding, 0);
	holding->look->uncertain[UNCERTAIN_SAMPLED] += sampler->seen - sampler->count;
	holding->look->uncertain[UNCERTAIN_NO_ROOM] += holding->chains.full;
}

static void see_reference(void *context, uint64_t target, uint32_t label)
{
	struct holding *holding = context;
	const struct objects *objects = holding->objects;
	const struct object *object = &holding->object;
	char name[OBJECT_NAME_BYTES] = "";

	stream_spare(holding->objects);
	if (target != holding->one.address)
		return;
	/* of a closure's variables the tuple of cells has the reference */
	if (label_kind(label) == LABEL_VARIABLE && holding->holder &&
	    objects->types.items[object->type].kind == KIND_FUNCTION)
		return;
	holding->found++;
	const struct way way = {
		.chain = holding->holder,
		.edge = {label, holding->holder ? object->type : TYPE_NONE,
			 holding->holder ? object->address : 0, target, holding->one.type,
			 CHAIN_NO_INDEX},
		.count = 1,
	};
	add_way(holding, name_way(holding, &way, true, name) ? name : NULL, &way);
}

/* Of each that may refer to it, the references. */
static void count_references(struct holding *holding)
{
	struct objects *objects = holding->objects;

	for (size_t i = 1; i < holding->chains.count; i++) {
		const struct chain *chain = &holding->chains.items[i];

		view_clear(objects->view, &objects->regions);
		holding->holder = chain;
		holding->object = object_make(&objects->reader, chain->address, chain->type);
		holding->object.is_namespace =
			chain->step_count &&
			label_is_namespace(chain->steps[chain->step_count - 1].label);
		object_references(&objects->reader, &holding->object, see_reference, NULL, holding);
	}
	view_clear(objects->view, &objects->regions);
	holding->holder = NULL;
	roots_visit(&objects->reader, objects->interpreter, see_reference, holding);
}

/* Its references beyond those that were found; not of immortal objects. */
static uint64_t count_unfound(const struct holding *holding)
{
	const struct object_reader *reader = &holding->objects->reader;
	uint64_t count =
		python_refcount(reader->structs, object_word(reader, holding->one.address));

	return count < IMMORTAL_COUNT && count > holding->found ? count - holding->found : 0;
}

static void describe_one(struct holding *holding)
{
	struct objects *objects = holding->objects;
	const struct chain *one = &holding->chains.items[0];
	struct look_container *asked = zone_alloc(holding->look->zone, 1, sizeof(*asked));

	view_clear(objects->view, &objects->regions);
	const struct object object = object_make(&objects->reader, one->address, one->type);
	holding->one.bytes = one->bytes;
	objects_describe_at(objects, &object, one->bytes, one->name, holding->look, asked);
	if (!asked->length)
		asked->of_count = 0;
	holding->look->asked = asked;
	holding->look->asked_count = 1;
}

static void report_one(struct holding *holding, const struct sampled *asked)
{
	struct objects *objects = holding->objects;
	size_t max = stream_holders(objects) / HOLDERS_OF_ONE, count = 0;
	struct referrer *referrers = NULL;
	bool full = false;

	holding->one = (struct chain){.address = asked->address, .type = asked->type};
	if (stream_referrers(objects, &holding->one, &referrers, &count, &full))
		return;
	chains_add(&holding->chains, asked->address, asked->type, true);
	for (size_t i = 0; i < count && i < max; i++)
		chains_add(&holding->chains, referrers[i].address, referrers[i].type, false);
	free(referrers);
	if (stream_find(objects, &holding->chains))
		return;
	describe_one(holding);
	count_references(holding);
	merge(holding);
	for (size_t i = 0; i < holding->way_count; i++) /* each keeps all of it */
		holding->ways[i].bytes = holding->one.bytes;
	fill_rows(holding, count_unfound(holding));
	holding->look->uncertain[UNCERTAIN_NO_ROOM] += full + (count > max ? count - max : 0);
}

static void holding_release(struct holding *holding)
{
	for (size_t i = 0; i < holding->way_count; i++)
		free(holding->ways[i].generic);
	free(holding->ways);
	chains_release(&holding->chains);
}

void objects_report_holders_streamed(struct objects *objects, const struct objects_request *request,
				     struct look *look)
{
	size_t max = stream_holders(objects) / HOLDERS_OF_ONE;
	struct holding holding = {
		.objects = objects,
		.text = request->holders,
		.look = look,
		.form = request->with_keys ? NAME_WITH_KEYS : 0,
		.scale = 1,
	};
	struct asked_streamed asked;

	holding.chains.form = holding.form;
	holding.chains.thorough = true;
	look->asked_for = zone_strdup(look->zone, request->holders);
	int error = asked_find_streamed(objects, request->holders,
					max < ASKED_MAX ? max : ASKED_MAX, &asked);
	if (!error && asked.sampler.seen == 1)
		report_one(&holding, &asked.sampler.items[0]);
	else if (!error && asked.sampler.count)
		report_many(&holding, &asked);
	holding_release(&holding);
	asked_streamed_release(&asked);
}
