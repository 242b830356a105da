/* SPDX-License-Identifier: BSD-2-Clause */
#include "held.h"

#include <stdlib.h>

#include "garbage.h"

#define ADDRESS_BITS 48
#define PRINT_BYTES  64

uint64_t held_key(const struct graph *graph, uint32_t node)
{
	return graph_address(graph, node) | (uint64_t)graph_type(graph, node) << ADDRESS_BITS;
}

uint64_t held_address(uint64_t key)
{
	return key & ((UINT64_C(1) << ADDRESS_BITS) - 1);
}

uint32_t held_type(uint64_t key)
{
	return (uint32_t)(key >> ADDRESS_BITS);
}

uint64_t held_room(const struct object_pools *pools, uint64_t address)
{
	const struct object_pool *pool = object_pools_at(pools, address);
	uint32_t block = pool ? object_pool_block_at(pool, address) : 0;

	return block ? object_pool_block(pool, block) + object_pool_room(pool) - address : 0;
}

uint64_t held_print_at(const struct object_reader *reader, uint64_t address, uint64_t room)
{
	uint64_t print = 0;

	for (uint64_t at = 8; at < PRINT_BYTES && at + 8 <= room; at += 8) {
		print = (print ^ object_word(reader, address + at)) * UINT64_C(0x9E3779B97F4A7C15);
		print ^= print >> 32;
	}
	return print;
}

static int compare(const void *a, const void *b)
{
	const struct held_object *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

void held_sort(struct held_object *objects, size_t count)
{
	if (count)
		qsort(objects, count, sizeof(*objects), compare);
}

const struct held_object *held_find(const struct held_object *objects, size_t count, uint64_t key)
{
	const struct held_object wanted = {.key = key};

	return count ? bsearch(&wanted, objects, count, sizeof(wanted), compare) : NULL;
}

/* --- what nothing refers to --- */

/* Whether the same object was lost already at the look before. */
static bool was_lost(const struct garbage *garbage, const struct held_object *object)
{
	const struct held_object *before =
		held_find(garbage->held_before, garbage->held_before_count, object->key);

	return before && before->lost && before->print == object->print;
}

void garbage_count_lost(struct garbage *garbage, size_t types)
{
	for (size_t i = 0; i < types; i++) {
		struct garbage_sum *sum = &garbage->sums[i];

		sum->lost[1] = sum->lost_bytes[1] = sum->stayed[1] = 0;
	}
	for (size_t i = 0; i < garbage->held_count; i++) {
		const struct held_object *object = &garbage->held[i];
		struct garbage_sum *sum = &garbage->sums[held_type(object->key)];

		if (!object->lost)
			continue;
		sum->lost[1]++;
		sum->lost_bytes[1] += object->bytes;
		sum->stayed[1] += was_lost(garbage, object);
	}
}

void garbage_find_lost(struct garbage *garbage, const struct graph *graph)
{
	for (size_t i = 0; i < garbage->held_count; i++)
		garbage->held[i].lost = !graph_reached(graph, garbage->held[i].node);
	garbage_count_lost(garbage, graph->reader->types->count);
	for (size_t i = 0; i < graph->reader->types->count; i++) {
		struct garbage_sum *sum = &garbage->sums[i];

		if (garbage->looks == 1) {
			sum->lost[0] = sum->lost[1];
			sum->lost_bytes[0] = sum->lost_bytes[1];
		} else if (garbage->looks == 2) {
			sum->stayed[0] = sum->stayed[1];
		}
	}
}
