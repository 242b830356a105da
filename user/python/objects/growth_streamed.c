/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A container that gets longer is seen as it is where there is a graph. Many small ones, chains and
 * what is replaced all the time are seen by newcomers: of objects that were not there at the first
 * look and stay, some are followed back to a root, and on the way from there the first new object
 * is where growth happens: USERS[*].history[*] of a new event with all that it has, CHAIN of a new
 * first link, whatever hangs on it.
 *
 * What is bounded has newcomers that stay too, as long as its entries live. So a place in a
 * container that did not get longer does not count, and all that is told of one type is no more
 * than by what that type grew. That is those that came and stayed less those that went of what had
 * stayed before: of a type whose objects come and go the number at two moments tells nothing, by
 * hundreds where they wait for a collection. A value that is replaced as a whole has newcomers of
 * one age alone.
 *
 * A chain that gets links faster than they are followed back is found from its head (heads.h).
 */
#include "growth_streamed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"
#include "heads.h"
#include "names.h"
#include "sampler.h"
#include "stream.h"

enum {
	FOLLOWED_MAX = 512,
	LINKED_MAX = 1024,
	LINKS_ASKED = 8, /* of each type */
	LINKS_MIN = 8,   /* new ones, of a chain that is found from its head */
	LINKS_SHARE = 16,
	LINKS_TURNED = 8,
	SAMPLES_MIN = 3,
	LOOKS_OF_AGES = 4,
	TYPE_SHARE = 4,
	ENTRIES_CHECKED = 4096,
};

/* Where newcomers come in. */
struct place {
	char *name;
	uint32_t type;    /* of the container, or of what has the name itself */
	uint32_t of;      /* of the newcomers there */
	uint64_t holder;  /* one of the containers; 0: what is there is new itself */
	bool many;        /* containers */
	double newcomers; /* there or below */
	double entries;   /* of them there */
	size_t samples;
	double bytes;
	uint64_t ages; /* a bit for each look at which some were new, modulo 64 */
};

struct placing {
	struct objects *objects;
	const double *grew; /* by type */
	struct look *look;
	struct place *places;
	size_t count;
	double weight; /* newcomers that each one that is followed stands for */
	struct counts {
		uint32_t stayed;
		uint32_t chosen; /* of them: chains were looked for */
		double told;
	} * counts; /* by type */
};

/* By type, by how many those got more that stay, from the second look to the last but one: an
 * array, the caller's. NULL: no memory. */
static double *types_growth(const struct objects *objects)
{
	const struct newcomers *newcomers = &objects->newcomers;
	double *grew = calloc(objects->types.count, sizeof(*grew));

	for (size_t i = 1; grew && i < objects->types.count; i++)
		grew[i] = (double)objects->series[i].old[1] - (double)objects->series[i].old[0];
	for (size_t i = 0; grew && i < newcomers->count; i++)
		if (newcomers_stayed(newcomers, &newcomers->items[i]))
			grew[newcomers->items[i].type] += newcomers_weight(newcomers);
	return grew;
}

/* By how much a type grew that is told nowhere; 0 where that is not most of it. */
static double untold(const struct placing *placing, uint32_t type)
{
	double grew = placing->grew[type], left = grew - placing->counts[type].told;

	return left >= LINKS_MIN && left * 2 >= grew ? left : 0;
}

/*
 * Types whose newcomers refer to others of their type, so that many may hang on each other. With
 * `placing` only those that are told nowhere: links that were added where nobody saw it. Returns
 * whether there are any.
 */
static bool find_linked(struct objects *objects, const struct placing *placing, bool *linked)
{
	const struct newcomers *newcomers = &objects->newcomers;
	uint8_t *asked = calloc(objects->types.count, sizeof(*asked));
	bool any = false;

	for (size_t i = 0; asked && i < newcomers->count; i++) {
		const struct newcomer *item = &newcomers->items[i];

		if (item->seen + 1 != newcomers->looks || linked[item->type] ||
		    asked[item->type] == LINKS_ASKED ||
		    objects->types.items[item->type].kind != KIND_PLAIN ||
		    (placing && untold(placing, item->type) <= 0))
			continue;
		asked[item->type]++;
		linked[item->type] = object_is_link(objects, item->address, item->type);
		any |= linked[item->type];
	}
	free(asked);
	return any;
}

/* Of what is linked the youngest all: one that is missing would cut the chain. */
static void choose_linked(struct objects *objects, const bool *linked)
{
	const struct newcomers *newcomers = &objects->newcomers;
	size_t count = 0;

	for (uint16_t born = newcomers->looks; born--;)
		for (size_t i = 0; i < newcomers->count && count < LINKED_MAX; i++) {
			const struct newcomer *item = &newcomers->items[i];

			if (item->born != born || item->seen + 1 != newcomers->looks ||
			    !linked[item->type])
				continue;
			chains_add(&objects->chains, item->address, item->type, false);
			count++;
		}
}

static void choose_some(struct objects *objects, const double *grew, struct sampler *sampler)
{
	const struct newcomers *newcomers = &objects->newcomers;

	for (size_t i = 0; i < newcomers->count; i++) {
		const struct newcomer *item = &newcomers->items[i];

		if (newcomers_stayed(newcomers, item) && grew[item->type] > 1)
			sampler_see(sampler, item->address, item->type);
	}
	for (size_t i = 0; i < sampler->count; i++)
		chains_add(&objects->chains, sampler->items[i].address, sampler->items[i].type,
			   false);
}

void growth_choose_newcomers(struct objects *objects)
{
	bool *linked = calloc(objects->types.count, sizeof(*linked));
	double *grew = types_growth(objects);
	struct sampler sampler = {0};

	if (linked && grew && objects->newcomers.looks > 2 &&
	    !sampler_init(&sampler, FOLLOWED_MAX)) {
		find_linked(objects, NULL, linked);
		choose_linked(objects, linked);
		choose_some(objects, grew, &sampler);
	}
	sampler_release(&sampler);
	free(grew);
	free(linked);
}

/* Of what lies outside of pools nothing is known. */
static bool is_new(const struct objects *objects, uint64_t address, uint32_t type)
{
	struct pool_block block;

	return type && newcomers_is_new(&objects->newcomers, address, type) &&
	       object_pools_inspect(&objects->pools, objects->view, address, &block);
}

static bool is_own(const struct objects *objects, uint32_t type)
{
	return objects->types.items[type].flags & TYPE_HEAP;
}

/* The first step to what was not there at the first look; the last one where there is none. A step
 * that stands for several, as from node to node of a tree, leads on from the last of them. */
static size_t find_place(const struct objects *objects, const struct chain *chain)
{
	for (size_t i = 0; i + 1 < chain->step_count; i++) {
		const struct chain_step *step = &chain->steps[i], *next = step + 1;

		if (!chain_step_is_silent(step) &&
		    (is_new(objects, step->target, step->target_type) ||
		     (is_own(objects, next->holder_type) &&
		      next->holder_type == step->target_type &&
		      is_new(objects, next->holder, next->holder_type))))
			return i;
	}
	return chain->step_count - 1;
}

/* The step to the root of the tree of which the step to a newcomer leads to another node: to the
 * first object of its type, which is of one's own. The same step where there is none. */
static size_t find_root(const struct objects *objects, const struct chain *chain, size_t at)
{
	uint32_t type = chain->steps[at].target_type;

	for (size_t i = 0; i < at && is_own(objects, type); i++)
		if (chain->steps[i].target_type == type)
			return i;
	return at;
}

/* What only C code seems to hold are mostly leftovers; what running functions hold comes and goes.
 * A key grows with its value. */
static bool is_fleeting(const struct objects *objects, const struct chain *chain, size_t at)
{
	enum label_kind root = label_kind(chain->steps[0].label);

	return root == LABEL_C || label_kind(chain->steps[at].label) == LABEL_KEY ||
	       (root == LABEL_ROOT && objects->looks < LOOKS_OF_FRAMES);
}

/* Whether a container is told already, or did not get longer. */
static bool is_settled(const struct objects *objects, uint64_t address)
{
	const struct container *container = containers_find(&objects->containers, address);

	return container && container->look0 == 0 &&
	       (container->length <= container->length0 ||
		container_grew(&objects->containers, container, false));
}

/* Whether a container on the way is told, whose entries, which have the newcomer, are as many more:
 * that the entry is new was not seen then. */
static bool is_in_told(const struct placing *placing, const struct chain *chain, size_t at)
{
	const struct objects *objects = placing->objects;
	unsigned int looks = objects->newcomers.looks;

	while (at--) {
		const struct chain_step *step = &chain->steps[at];
		const struct container *container =
			label_kind(step->label) == LABEL_ITEM
				? containers_find(&objects->containers, step->holder)
				: NULL;

		if (container && container_grew(&objects->containers, container, false) &&
		    placing->grew[step->target_type] * 2 * (looks - 1) >=
			    (double)(container->length - container->length0) * (looks - 2))
			return true;
	}
	return false;
}

/* Whether what holds the newcomer, which is no container, gets more itself, as much as it does:
 * that it is new too was not seen then. */
static bool is_below_growth(const struct placing *placing, const struct chain *chain, size_t at)
{
	const struct objects *objects = placing->objects;
	const struct chain_step *step = &chain->steps[at];
	enum object_kind kind = (enum object_kind)objects->types.items[step->holder_type].kind;

	if (label_kind(step->label) == LABEL_ITEM && object_kind_is_container(kind))
		return false;
	while (at && chain_step_is_silent(&chain->steps[at - 1]))
		at--;
	return at && placing->grew[chain->steps[at - 1].target_type] * 3 >=
			     placing->grew[step->target_type];
}

static struct place *find_named(struct placing *placing, const char *name, uint32_t type)
{
	for (size_t i = 0; i < placing->count; i++)
		if (!strcmp(placing->places[i].name, name))
			return &placing->places[i];
	const struct place fresh = {.name = strdup(name), .type = type};
	if (fresh.name && array_append(&placing->places, &placing->count, fresh))
		return &placing->places[placing->count - 1];
	free(fresh.name);
	return NULL;
}

static double mean_bytes(const struct objects *objects, uint32_t type)
{
	const struct type_series *series = &objects->series[type];

	return series->counts[1] ? (double)series->bytes[1] / (double)series->counts[1] : 0;
}

struct edge {
	uint64_t target;
	bool found;
};

static void see_edge(void *context, uint64_t target, uint32_t label)
{
	struct edge *edge = context;

	(void)label;
	edge->found |= target == edge->target;
}

/* Whether each step of a chain is still there: it was found over some time, in which what is freed
 * here is used again there. Of a large container that is believed. */
static bool holds(struct objects *objects, const struct chain *chain)
{
	struct object_reader *reader = &objects->reader;

	for (size_t i = 1; i < chain->step_count; i++) {
		const struct chain_step *step = &chain->steps[i];
		struct edge edge = {.target = step->target};

		if (!step->holder_type || label_kind(step->label) == LABEL_RAW)
			return false;
		stream_spare(objects);
		if (object_length(reader, step->holder, step->holder_type) > ENTRIES_CHECKED)
			continue;
		const struct object holder = object_make(reader, step->holder, step->holder_type);
		object_references(reader, &holder, see_edge, NULL, &edge);
		if (!edge.found)
			return false;
	}
	return true;
}

static void take_newcomer(struct placing *placing, const struct newcomer *item,
			  const struct chain *chain)
{
	struct objects *objects = placing->objects;
	size_t at = find_place(objects, chain);
	const struct chain_step *step = &chain->steps[at];
	bool is_item = label_kind(step->label) == LABEL_ITEM;
	size_t root = is_item ? at : find_root(objects, chain, at);
	char name[OBJECT_NAME_BYTES];

	if (is_fleeting(objects, chain, at))
		return;
	struct counts *counts = &placing->counts[item->type];
	double weight = placing->weight * counts->stayed / counts->chosen;
	counts->told += weight;
	if ((is_item && is_settled(objects, step->holder)) ||
	    (root == at && is_below_growth(placing, chain, at)) || is_in_told(placing, chain, at))
		return;
	chain_steps_name(&objects->reader, chain->steps, root + !is_item, NAME_GENERIC, name);
	struct place *place =
		find_named(placing, name, is_item ? step->holder_type : step->target_type);
	if (!place)
		return;
	place->samples++;
	place->newcomers += weight;
	place->bytes += weight * mean_bytes(objects, item->type);
	place->ages |= UINT64_C(1) << item->born % 64;
	if (is_item) {
		place->many |= place->holder && place->holder != step->holder;
		place->holder = step->holder;
	}
	if (at + 1 == chain->step_count) {
		place->entries += weight;
		place->of = item->type;
	}
}

static void take_newcomers(struct placing *placing)
{
	struct objects *objects = placing->objects;
	const struct newcomers *newcomers = &objects->newcomers;

	for (size_t i = 0; i < newcomers->count; i++) {
		const struct newcomer *item = &newcomers->items[i];
		const struct chain *chain = newcomers_stayed(newcomers, item)
						    ? chains_at(&objects->chains, item->address)
						    : NULL;

		if (chain && chain->step_count && !chain->is_garbage && holds(objects, chain))
			take_newcomer(placing, item, chain);
	}
}

/* What is told of a type is no more than what it grew by. */
static double share(const struct placing *placing, uint32_t type)
{
	double told = placing->counts[type].told, grew = placing->grew[type];

	return told > grew ? grew / told : 1;
}

/* A container that got longer by less than what is new in it loses as much as it gets. */
static bool is_exchange(const struct placing *placing, const struct place *place)
{
	const struct container *container =
		place->holder && !place->many
			? containers_find(&placing->objects->containers, place->holder)
			: NULL;

	return container && container->look0 == 0 &&
	       (double)(container->length - container->length0) * 2 < place->entries;
}

static bool is_growth(const struct placing *placing, const struct place *place)
{
	const struct objects *objects = placing->objects;
	bool is_of_one_age = !(place->ages & (place->ages - 1));

	if (place->samples < SAMPLES_MIN || is_exchange(placing, place) ||
	    (place->of && share(placing, place->of) * TYPE_SHARE < 1))
		return false;
	return place->holder || objects->looks < LOOKS_OF_AGES || !is_of_one_age;
}

static void fill_row(const struct placing *placing, const struct place *place,
		     struct look_grown *row)
{
	const struct objects *objects = placing->objects;
	double entries = place->entries > 0 ? place->entries : place->newcomers;
	double net = place->of ? share(placing, place->of) : 1;

	*row = (struct look_grown){
		.name = zone_strdup(placing->look->zone, place->name),
		.type = zone_strdup(placing->look->zone, objects->types.items[place->type].name),
		.of = place->of ? zone_strdup(placing->look->zone,
					      objects->types.items[place->of].name)
				: NULL,
		.containers = place->many ? 2 : 1,
		.grown = (int64_t)(entries * net + 0.5),
		.bytes = (int64_t)(place->bytes * net),
	};
	row->length = (uint64_t)row->grown;
}

static void count_newcomers(struct placing *placing)
{
	const struct objects *objects = placing->objects;
	const struct newcomers *newcomers = &objects->newcomers;

	for (size_t i = 0; i < newcomers->count; i++) {
		const struct newcomer *item = &newcomers->items[i];
		struct counts *counts = &placing->counts[item->type];

		if (!newcomers_stayed(newcomers, item))
			continue;
		counts->stayed++;
		counts->chosen += chains_at(&objects->chains, item->address) != NULL;
	}
}

/* Single containers of one name become one row. */
static size_t merge_alike(const struct objects *objects, struct look *look, struct look_grown *rows,
			  size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const struct chain *chain = chains_at(&objects->chains, rows[i].address);
		struct look_grown row = rows[i];
		size_t at = 0;

		/* a name of its own: only where there are others like it is it told by that */
		while (chain && chain->generic && at < kept &&
		       (!rows[at].name || strcmp(rows[at].name, chain->generic)))
			at++;
		if (!chain || !chain->generic || at == kept) {
			if (chain && chain->generic)
				row.name = zone_strdup(look->zone, chain->generic);
			rows[kept++] = row;
			continue;
		}
		rows[at].containers += row.containers;
		rows[at].length += row.length;
		rows[at].grown += row.grown;
		rows[at].bytes += row.bytes;
		rows[at].address = 0;
	}
	for (size_t i = 0; i < kept; i++) {
		const struct chain *chain = chains_at(&objects->chains, rows[i].address);

		if (rows[i].address && chain && chain->name)
			rows[i].name = zone_strdup(look->zone, chain->name);
	}
	return kept;
}

static bool is_told(const struct look_grown *rows, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].name && !strcmp(rows[i].name, name))
			return true;
	return false;
}

/* New links of all chains of a type. */
static double sum_links(const struct chain_heads *heads, uint32_t type)
{
	double sum = 0;

	for (size_t i = 0; i < heads->count; i++)
		if (heads->items[i].type == type)
			sum += (double)heads->items[i].new_links;
	return sum;
}

/* Few beside many came while it was looked at: who holds a chain's last link does not hold it. And
 * where far more are new than there are more, as many go. */
static bool head_grew(const struct placing *placing, const struct chain_heads *heads,
		      const struct chain_head *head)
{
	double all = sum_links(heads, head->type);

	return head->new_links >= LINKS_MIN && (double)head->new_links * LINKS_SHARE >= all &&
	       untold(placing, head->type) * LINKS_TURNED >= all;
}

static void fill_row_of_head(const struct placing *placing, const struct chain_heads *heads,
			     const struct chain_head *head, struct look_grown *row)
{
	const char *type = placing->objects->types.items[head->type].name;
	double links = (double)head->new_links, all = sum_links(heads, head->type);
	double left = untold(placing, head->type);

	if (all > left)
		links *= left / all;
	*row = (struct look_grown){
		.name = zone_strdup(placing->look->zone, head->links_name),
		.type = zone_strdup(placing->look->zone, type),
		.of = zone_strdup(placing->look->zone, type),
		.containers = 1,
		.grown = (int64_t)(links + 0.5),
		.bytes = (int64_t)(links * (double)head->bytes),
	};
	row->length = (uint64_t)row->grown;
}

static size_t add_heads(const struct placing *placing, struct look_grown *rows, size_t count,
			size_t max)
{
	bool *linked = calloc(TYPES_MAX + 1, sizeof(*linked));
	struct chain_heads heads = {0};
	size_t told = count;

	if (linked && placing->objects->newcomers.looks > 2 &&
	    find_linked(placing->objects, placing, linked))
		chain_heads_find(&heads, placing->objects, linked);
	for (size_t i = 0; i < heads.count && count < max; i++) {
		const struct chain_head *head = &heads.items[i];

		if (head_grew(placing, &heads, head) && !is_told(rows, told, head->name) &&
		    !is_told(rows, told, head->links_name))
			fill_row_of_head(placing, &heads, head, &rows[count++]);
	}
	chain_heads_release(&heads);
	free(linked);
	return count;
}

static int compare_grown(const void *a, const void *b)
{
	const struct look_grown *left = a, *right = b;

	return left->bytes < right->bytes ? 1 : left->bytes > right->bytes ? -1 : 0;
}

size_t growth_add_streamed(struct objects *objects, struct look *look, struct look_grown *rows,
			   size_t count, size_t max)
{
	double *grew = types_growth(objects);
	struct placing placing = {
		.objects = objects,
		.grew = grew,
		.look = look,
		.counts = grew ? calloc(objects->types.count, sizeof(*placing.counts)) : NULL,
		.weight = newcomers_weight(&objects->newcomers),
	};

	count = merge_alike(objects, look, rows, count);
	if (placing.counts) {
		count_newcomers(&placing);
		view_clear(objects->view, &objects->regions);
		take_newcomers(&placing);
	}
	for (size_t i = 0, told = count; i < placing.count; i++) {
		if (count < max && !is_told(rows, told, placing.places[i].name) &&
		    is_growth(&placing, &placing.places[i]))
			fill_row(&placing, &placing.places[i], &rows[count++]);
		free(placing.places[i].name);
	}
	if (placing.counts)
		count = add_heads(&placing, rows, count, max);
	free(placing.places);
	free(placing.counts);
	free(grew);
	if (count)
		qsort(rows, count, sizeof(*rows), compare_grown);
	return count;
}
