/* SPDX-License-Identifier: BSD-2-Clause */
#include "unreferenced.h"

#include <stdlib.h>

enum { FILTER_BITS = 20, ADDRESS_UNIT = 4 /* objects lie at multiples of 16 bytes */ };

/* Objects that words are compared with, by address. */
struct wanted {
	struct held_object **items;
	size_t count;
	uint8_t *filter; /* a bit for some bits of an address */
};

static bool has_print(const struct objects *objects, uint64_t address, uint32_t type,
		      uint64_t print)
{
	const struct object_reader *reader = &objects->reader;

	return python_refcount(reader->structs, object_word(reader, address)) &&
	       object_word(reader, address + OBJECT_TYPE) == objects->types.items[type].address &&
	       held_print_at(reader, address, held_room(&objects->pools, address)) == print;
}

void objects_recheck_lost(struct objects *objects)
{
	struct garbage *garbage = &objects->garbage;

	for (size_t i = 0; i < objects->types.count; i++)
		garbage->sums[i].stayed[1] = 0;
	for (size_t i = 0; i < garbage->held_count; i++) {
		const struct held_object *object = &garbage->held[i];
		uint32_t type = held_type(object->key);

		if (object->lost &&
		    has_print(objects, held_address(object->key), type, object->print))
			garbage->sums[type].stayed[1]++;
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t left = held_address((*(struct held_object *const *)a)->key);
	uint64_t right = held_address((*(struct held_object *const *)b)->key);

	return left < right ? -1 : left > right;
}

static uint32_t place_of(uint64_t address)
{
	return (uint32_t)(address >> ADDRESS_UNIT) & ((1u << FILTER_BITS) - 1);
}

static bool wanted_init(struct wanted *wanted, const struct garbage *garbage)
{
	*wanted = (struct wanted){
		.items = calloc(garbage->held_count + 1, sizeof(struct held_object *)),
		.filter = calloc((1u << FILTER_BITS) / 8, 1),
	};
	if (!wanted->items || !wanted->filter)
		return false;
	for (size_t i = 0; i < garbage->held_count; i++) {
		uint32_t place = place_of(held_address(garbage->held[i].key));

		if (!garbage->held[i].lost)
			continue;
		wanted->items[wanted->count++] = &garbage->held[i];
		wanted->filter[place / 8] |= (uint8_t)(1 << place % 8);
	}
	qsort(wanted->items, wanted->count, sizeof(struct held_object *), compare);
	return true;
}

static void take_word(const struct wanted *wanted, uint64_t word)
{
	struct held_object sought = {.key = word & ~UINT64_C(7)}, *key = &sought;
	uint32_t place = place_of(word);

	if (!(wanted->filter[place / 8] >> place % 8 & 1))
		return;
	struct held_object **found =
		bsearch(&key, wanted->items, wanted->count, sizeof(struct held_object *), compare);
	if (found)
		(*found)->lost = false;
}

static void take_pages(const struct wanted *wanted, const struct view *view, uint64_t start,
		       uint64_t end)
{
	for (uint64_t at = start; at < end; at += VIEW_PAGE_BYTES) {
		const uint64_t *words = (const void *)view_kept(view, at);

		for (size_t i = 0; words && i < VIEW_PAGE_BYTES / sizeof(*words); i++)
			take_word(wanted, words[i]);
	}
}

void objects_drop_referred(struct objects *objects)
{
	struct garbage *garbage = &objects->garbage;
	struct wanted wanted;

	if (wanted_init(&wanted, garbage) && wanted.count)
		for (size_t i = 0; i < objects->regions.count; i++) {
			const struct region *region = &objects->regions.items[i];

			if (region_is_data(region) && region->resident_bytes)
				take_pages(&wanted, objects->view, region->mapping.start,
					   region->mapping.end);
		}
	free(wanted.items);
	free(wanted.filter);
	garbage_count_lost(garbage, objects->types.count);
	if (!objects->has_graph)
		objects_recheck_lost(objects);
}
