/* SPDX-License-Identifier: BSD-2-Clause */
#include "block_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "glibc_layout.h"

enum { GRANULE = 16, WORD_BITS = 64, BITMAPS = 4 };

/* --- bits --- */

static bool get_bit(const uint64_t *bits, size_t at)
{
	return bits[at / WORD_BITS] >> (at % WORD_BITS) & 1;
}

static void set_bit(uint64_t *bits, size_t at)
{
	bits[at / WORD_BITS] |= UINT64_C(1) << (at % WORD_BITS);
}

static void clear_bit(uint64_t *bits, size_t at)
{
	bits[at / WORD_BITS] &= ~(UINT64_C(1) << (at % WORD_BITS));
}

/* The last bit that is set at or before a place; SIZE_MAX: none. */
static size_t last_bit(const uint64_t *bits, size_t at)
{
	size_t word = at / WORD_BITS;
	uint64_t value = bits[word] << (WORD_BITS - 1 - at % WORD_BITS);

	if (value)
		return at - (size_t)__builtin_clzll(value);
	while (word--)
		if (bits[word])
			return word * WORD_BITS + WORD_BITS - 1 -
			       (size_t)__builtin_clzll(bits[word]);
	return SIZE_MAX;
}

/* The first one at or behind a place, before `end`; `end`: none. */
static size_t next_bit(const uint64_t *bits, size_t at, size_t end)
{
	for (; at < end; at = (at / WORD_BITS + 1) * WORD_BITS) {
		uint64_t value = bits[at / WORD_BITS] >> (at % WORD_BITS);

		if (value) {
			at += (size_t)__builtin_ctzll(value);
			return at < end ? at : end;
		}
	}
	return end;
}

/* --- stretches --- */

static size_t granules_of(const struct block_stretch *stretch)
{
	return (stretch->end - stretch->start) / GRANULE;
}

static size_t words_of(size_t granules)
{
	return granules / WORD_BITS + 1;
}

uint64_t block_map_bytes(const struct arenas *arenas)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < arenas->segment_count; i++) {
		const struct heap_segment *segment = &arenas->segments[i];
		size_t words = words_of((segment->end - segment->start) / GRANULE);

		bytes += 8 * (BITMAPS * words + words_of(words));
	}
	return bytes;
}

static int add_heap(struct block_map *map, const struct heap_segment *segment)
{
	struct block_stretch stretch = {.start = segment->start, .end = segment->end};
	size_t words = words_of(granules_of(&stretch));
	uint64_t *bits = calloc(BITMAPS * words + words_of(words), sizeof(*bits));

	if (!bits)
		return -ENOMEM;
	stretch.starts = bits;
	stretch.live = bits + words;
	stretch.marked = bits + 2 * words;
	stretch.pending = bits + 3 * words;
	stretch.index = bits + 4 * words;
	if (array_append(&map->items, &map->count, stretch))
		return 0;
	free(bits);
	return -ENOMEM;
}

int block_map_init(struct block_map *map, const struct arenas *arenas)
{
	int error = 0;

	*map = (struct block_map){0};
	for (size_t i = 0; i < arenas->segment_count && !error; i++)
		error = add_heap(map, &arenas->segments[i]);
	return error;
}

void block_map_release(struct block_map *map)
{
	for (size_t i = 0; i < map->count; i++)
		free(map->items[i].starts);
	free(map->items);
	*map = (struct block_map){0};
}

static int compare_stretches(const void *left, const void *right)
{
	const struct block_stretch *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

void block_map_seal(struct block_map *map)
{
	map->low = map->high = 0;
	map->last = 0;
	if (!map->count)
		return;
	qsort(map->items, map->count, sizeof(*map->items), compare_stretches);
	map->low = map->items[0].start;
	for (size_t i = 0; i < map->count; i++)
		if (map->items[i].end > map->high)
			map->high = map->items[i].end;
}

/* NULL where an address lies in none. Before sealing only heaps are there, by address too. */
static struct block_stretch *find_stretch(struct block_map *map, uint64_t address)
{
	size_t low = 0, high = map->count;

	if (map->last < map->count && address >= map->items[map->last].start &&
	    address < map->items[map->last].end)
		return &map->items[map->last];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == map->count || map->items[low].start > address)
		return NULL;
	map->last = low;
	return &map->items[low];
}

static void add_mapping(struct block_map *map, const struct chunk *chunk)
{
	struct block_stretch stretch = {.start = chunk->address,
					.end = chunk->address + chunk->size,
					.block = chunk->block,
					.is_live = true};

	/* a block that is not in the map is a root all the same, and only cannot be lost */
	if (!array_append(&map->items, &map->count, stretch))
		map->out_of_room = true;
}

void block_map_add(struct block_map *map, const struct chunk *chunk)
{
	if (chunk->state == CHUNK_MMAPPED) {
		add_mapping(map, chunk);
		return;
	}
	struct block_stretch *stretch = find_stretch(map, chunk->address);
	if (!stretch || !stretch->starts || chunk->address & (GRANULE - 1))
		return; /* the heap grew meanwhile */
	size_t granule = (chunk->address - stretch->start) / GRANULE;
	set_bit(stretch->starts, granule);
	set_bit(stretch->index, granule / WORD_BITS);
	if (chunk->state == CHUNK_LIVE && !chunk->clipped)
		set_bit(stretch->live, granule);
	/* nothing tells whether such a chunk came into use again: as if it had been seen */
	if (chunk->state == CHUNK_FASTBIN)
		set_bit(stretch->marked, granule);
}

/* --- blocks --- */

static size_t find_start(const struct block_stretch *stretch, size_t granule)
{
	size_t word = granule / WORD_BITS;
	uint64_t value = stretch->starts[word] << (WORD_BITS - 1 - granule % WORD_BITS);

	if (value)
		return granule - (size_t)__builtin_clzll(value);
	word = word ? last_bit(stretch->index, word - 1) : SIZE_MAX;
	return word == SIZE_MAX ? SIZE_MAX
				: word * WORD_BITS + WORD_BITS - 1 -
					  (size_t)__builtin_clzll(stretch->starts[word]);
}

static size_t find_end(const struct block_stretch *stretch, size_t granule)
{
	size_t count = granules_of(stretch), word = (granule + 1) / WORD_BITS;
	size_t next = next_bit(stretch->starts, granule + 1, (word + 1) * WORD_BITS);

	if (next < (word + 1) * WORD_BITS)
		return next < count ? next : count;
	word = next_bit(stretch->index, word + 1, words_of(count));
	next = word < words_of(count) ? next_bit(stretch->starts, word * WORD_BITS, count) : count;
	return next < count ? next : count;
}

static void describe(const struct block_map *map, size_t number, size_t granule,
		     struct block *block)
{
	const struct block_stretch *stretch = &map->items[number];

	*block = (struct block){.stretch = number, .granule = granule};
	if (!stretch->starts) {
		block->address = stretch->block;
		block->bytes = stretch->end - stretch->block;
		return;
	}
	block->address = stretch->start + granule * GRANULE + CHUNK_HEADER_BYTES;
	block->bytes = (find_end(stretch, granule) - granule) * GRANULE - 8;
}

static enum block_found find_in_heap(const struct block_map *map, size_t number, uint64_t address,
				     struct block *block)
{
	const struct block_stretch *stretch = &map->items[number];
	uint64_t offset = address - stretch->start;
	size_t start = find_start(stretch, offset / GRANULE);

	*block = (struct block){.stretch = number};
	if (start == SIZE_MAX)
		return BLOCK_OTHER;
	offset -= start * GRANULE;
	if (offset < 8 && start)
		start = find_start(stretch, start - 1);
	else if (offset < CHUNK_HEADER_BYTES)
		return BLOCK_OTHER;
	if (start == SIZE_MAX)
		return BLOCK_OTHER;
	describe(map, number, start, block);
	return get_bit(stretch->live, start) ? BLOCK_LIVE : BLOCK_OTHER;
}

enum block_found block_map_find(struct block_map *map, uint64_t address, struct block *block)
{
	struct block_stretch *stretch = find_stretch(map, address);

	if (!stretch)
		return BLOCK_NONE;
	if (stretch->starts)
		return find_in_heap(map, (size_t)(stretch - map->items), address, block);
	describe(map, (size_t)(stretch - map->items), 0, block);
	return BLOCK_LIVE;
}

bool block_map_mark(struct block_map *map, const struct block *block)
{
	struct block_stretch *stretch = &map->items[block->stretch];
	bool was = stretch->starts ? get_bit(stretch->marked, block->granule) : stretch->is_marked;

	if (stretch->starts)
		set_bit(stretch->marked, block->granule);
	else
		stretch->is_marked = true;
	return !was;
}

void block_map_postpone(struct block_map *map, const struct block *block)
{
	struct block_stretch *stretch = &map->items[block->stretch];

	if (stretch->starts)
		set_bit(stretch->pending, block->granule);
	else
		stretch->is_pending = true;
}

bool block_map_next_pending(struct block_map *map, struct block *block)
{
	size_t at = block->address ? block->granule + 1 : 0;

	for (size_t i = block->stretch; i < map->count; i++, at = 0) {
		struct block_stretch *stretch = &map->items[i];
		size_t count = stretch->starts ? granules_of(stretch) : 1;

		if (stretch->starts)
			at = next_bit(stretch->pending, at, count);
		if (at >= count || (!stretch->starts && !stretch->is_pending))
			continue;
		if (stretch->starts)
			clear_bit(stretch->pending, at);
		stretch->is_pending = false;
		describe(map, i, at, block);
		return true;
	}
	return false;
}

/* The next live granule from `at` on that is not marked. */
static size_t next_unmarked(const struct block_stretch *stretch, size_t at)
{
	size_t count = granules_of(stretch);

	while ((at = next_bit(stretch->live, at, count)) < count && get_bit(stretch->marked, at))
		at++;
	return at;
}

bool block_map_next_unmarked(const struct block_map *map, struct block *block)
{
	size_t at = block->address ? block->granule + 1 : 0;

	for (size_t i = block->stretch; i < map->count; i++, at = 0) {
		const struct block_stretch *stretch = &map->items[i];

		if (stretch->starts)
			at = next_unmarked(stretch, at);
		if (stretch->starts ? at >= granules_of(stretch) : at || stretch->is_marked)
			continue;
		describe(map, i, at, block);
		return true;
	}
	return false;
}
