/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks that are free and look used: in fastbins, and in the threads' caches (tcache).
 *
 * Fastbins are lists that begin in the arena: they are followed before the walk, and the chunks
 * kept as a sorted array. From glibc 2.32 on a link is stored as itself ^ (its own address >> 12).
 *
 * A block in a thread's cache carries a key as its second word. From 2.34 on that is one random
 * word for the whole process, kept in the C library's data as well: the first chunk of a heap, as a
 * rule a thread's cache structure, leads to a block and so to the key; else every word of that data
 * that looks random will do. Up to 2.33 the key is the address of the cache structure: those are
 * looked for in a walk of their own (their layout is strict).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "arenas_internal.h"

enum {
	TCACHE_BYTES_OLD = 0x290, /* the structure's chunk, up to 2.41 and from 2.42 on */
	TCACHE_BYTES_NEW = 0x300,
	TCACHE_BINS_OLD = 64,
	TCACHE_BINS_NEW = 76,
	KEYS_MAX = 4096,
	MODULE_BYTES_MAX = 8 << 20,
	FASTBIN_CHUNKS_MAX = 4 << 20,
	COPIES = 64,
	FOLLOW_TRIES = 16,
};

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static bool is_in_segment(const struct arenas *arenas, size_t arena, uint64_t address)
{
	const struct heap_segment *segment = arenas_find_segment(arenas, address);

	return segment && segment->arena == arena && address >= segment->start;
}

/* Lists go back and forth over few pages: the last ones are kept while one is followed. */
struct page_copies {
	uint64_t address[COPIES]; /* 0: none */
	uint8_t bytes[COPIES][PAGES_BYTES];
};

struct follower {
	struct pages *pages;
	struct arenas *arenas;
	size_t arena;
	bool hidden;
	struct page_copies copies;
};

/* The header and the link of a chunk; a chunk that begins in one page may end in the next. */
static bool read_chunk(struct follower *follower, uint64_t address, uint64_t words[3])
{
	uint64_t page = PAGE_ALIGNED(address), offset = address - page;
	size_t slot = page / PAGES_BYTES % COPIES;

	if (offset + 3 * sizeof(*words) > PAGES_BYTES)
		return !pages_read(follower->pages, address, words, 3 * sizeof(*words));
	if (follower->copies.address[slot] != page) {
		follower->copies.address[slot] = 0;
		if (pages_read(follower->pages, page, follower->copies.bytes[slot], PAGES_BYTES))
			return false;
		follower->copies.address[slot] = page;
	}
	memcpy(words, follower->copies.bytes[slot] + offset, 3 * sizeof(*words));
	return true;
}

/* One attempt at a list of chunks of one size: what was found of it stays. Returns 0, ARENAS_TORN
 * where the list changed meanwhile, or -ENOMEM. */
static int follow_once(struct follower *follower, uint64_t address, uint64_t size)
{
	struct arenas *arenas = follower->arenas;
	uint64_t words[3];

	while (address && arenas->fastbin_count < FASTBIN_CHUNKS_MAX) {
		if ((address & 15) || !is_in_segment(arenas, follower->arena, address) ||
		    !read_chunk(follower, address, words) || chunk_bytes(words[1]) != size)
			return ARENAS_TORN;
		if (!array_append(&arenas->fastbin_chunks, &arenas->fastbin_count, address))
			return -ENOMEM;
		address = follower->hidden ? words[2] ^ (address + CHUNK_HEADER_BYTES) >> 12
					   : words[2];
	}
	return 0;
}

/*
 * A list changes at its head, so that another attempt often gets past what changes. What is left of
 * one that none could follow counts as live.
 */
static int follow_fastbin(struct follower *follower, size_t bin, uint64_t head)
{
	struct arenas *arenas = follower->arenas;
	uint64_t at = arenas->items[follower->arena].address + arenas->layout->fastbins;
	size_t before = arenas->fastbin_count;
	int error = follow_once(follower, head, CHUNK_BYTES_MIN + 16 * bin);

	for (size_t i = 1; i < FOLLOW_TRIES && error == ARENAS_TORN; i++) {
		arenas->fastbin_count = before;
		memset(follower->copies.address, 0, sizeof(follower->copies.address));
		error = pages_read(follower->pages, at + sizeof(head) * bin, &head, sizeof(head));
		if (!error)
			error = follow_once(follower, head, CHUNK_BYTES_MIN + 16 * bin);
	}
	if (error != ARENAS_TORN)
		return error;
	arenas->torn_fastbins |= 1u << bin;
	return 0;
}

/* All lists, taking links as they are or as hidden. */
static int follow_all(struct follower *follower, bool hidden)
{
	struct arenas *arenas = follower->arenas;

	free(arenas->fastbin_chunks);
	arenas->fastbin_chunks = NULL;
	arenas->fastbin_count = 0;
	arenas->torn_fastbins = 0;
	follower->hidden = hidden;
	memset(follower->copies.address, 0, sizeof(follower->copies.address));
	for (size_t i = 0; i < arenas->count; i++) {
		uint64_t heads[FASTBIN_COUNT];
		int error = pages_read(follower->pages,
				       arenas->items[i].address + arenas->layout->fastbins, heads,
				       sizeof(heads));

		follower->arena = i;
		for (size_t bin = 0; bin < FASTBIN_COUNT && !error; bin++)
			error = follow_fastbin(follower, bin, heads[bin]);
		if (error)
			return error;
	}
	return 0;
}

/* Whether a release hides its links is seen by which lists make sense. */
static int find_fastbins(struct pages *pages, struct arenas *arenas)
{
	struct follower *follower;

	if (!arenas->layout->has_fastbins)
		return 0;
	follower = calloc(1, sizeof(*follower));
	if (!follower)
		return -ENOMEM;
	follower->pages = pages;
	follower->arenas = arenas;
	int error = follow_all(follower, true);
	size_t found = arenas->fastbin_count;
	if (!error && arenas->torn_fastbins) {
		error = follow_all(follower, false);
		if (!error && arenas->fastbin_count <= found)
			error = follow_all(follower, true);
	}
	free(follower);
	if (arenas->fastbin_count)
		qsort(arenas->fastbin_chunks, arenas->fastbin_count, sizeof(uint64_t),
		      compare_words);
	return error;
}

/* The key that a cache structure's first block carries; 0: it has none, or is no such structure. */
static uint64_t read_key(struct pages *pages, uint64_t chunk)
{
	uint8_t bytes[TCACHE_BYTES_NEW + CHUNK_HEADER_BYTES];
	uint64_t size, key[2];

	if (pages_read(pages, chunk, bytes, sizeof(bytes)))
		return 0;
	size = chunk_bytes(word_at(bytes, 8));
	if (size != TCACHE_BYTES_OLD && size != TCACHE_BYTES_NEW)
		return 0;
	size_t bins = size == TCACHE_BYTES_OLD ? TCACHE_BINS_OLD : TCACHE_BINS_NEW;
	for (size_t i = 0; i < bins; i++) {
		uint64_t block = word_at(bytes, CHUNK_HEADER_BYTES + 2 * bins + 8 * i);

		if (block && !(block & 15) && !pages_read(pages, block, key, sizeof(key)))
			return key[1];
	}
	return 0;
}

static bool looks_random(uint64_t word)
{
	size_t mixed = 0;

	for (size_t i = 0; i < 8; i++)
		mixed += (uint8_t)(word >> 8 * i) != 0 && (uint8_t)(word >> 8 * i) != 0xff;
	return mixed >= 6 && word >> 48 && word >> 48 != 0xffff;
}

/* Where the data of the module lies in which the main arena is. */
static bool find_module(const struct pages *pages, const struct arenas *arenas, uint64_t *start,
			uint64_t *end)
{
	const struct regions *regions = pages_regions(pages);
	const struct region *region = regions_find(regions, arenas->main_address);

	if (!region)
		return false;
	size_t first = (size_t)(region - regions->items), last = first;
	while (first && region_is_module_data(regions, first - 1) &&
	       regions->items[first - 1].mapping.end == regions->items[first].mapping.start)
		first--;
	while (last + 1 < regions->count && region_is_module_data(regions, last + 1) &&
	       regions->items[last + 1].mapping.start == regions->items[last].mapping.end)
		last++;
	*start = regions->items[first].mapping.start;
	*end = regions->items[last].mapping.end;
	return *end - *start <= MODULE_BYTES_MAX;
}

/* Every word that looks random of the C library's data; with `only`, that one if it is there. */
static int collect_keys(struct pages *pages, struct arenas *arenas, uint64_t only)
{
	uint8_t page[PAGES_BYTES], state;
	uint64_t start, end;

	if (!find_module(pages, arenas, &start, &end))
		return 0;
	for (uint64_t at = start; at < end; at += PAGES_BYTES) {
		int error = pages_read_some(pages, at, 1, page, &state);

		if (error)
			return error;
		for (size_t offset = 0; offset < PAGES_BYTES; offset += 8) {
			uint64_t word = word_at(page, offset);

			if (only ? word != only : !looks_random(word))
				continue;
			if (arenas->cache_key_count == KEYS_MAX ||
			    (only && arenas->cache_key_count))
				continue;
			if (!array_append(&arenas->cache_keys, &arenas->cache_key_count, word))
				return -ENOMEM;
		}
	}
	return 0;
}

/* Up to 2.33: the cache structures, by walking through all heaps once. */
struct structures {
	uint64_t *keys;
	size_t count;
	int error;
};

/* Counts and lists agree: a list is there where its count is not 0. */
static bool is_cache_structure(const struct chunk *chunk)
{
	const uint16_t *counts = (const uint16_t *)chunk->content;
	const uint8_t *lists = chunk->content + 2 * TCACHE_BINS_OLD;

	if (chunk->state != CHUNK_LIVE || chunk->size != TCACHE_BYTES_OLD ||
	    chunk->at_hand < TCACHE_BYTES_OLD - CHUNK_HEADER_BYTES)
		return false;
	for (size_t i = 0; i < TCACHE_BINS_OLD; i++) {
		uint64_t first = word_at(lists, 8 * i);

		if (!counts[i] != !first || (first & 15) || first >> 47)
			return false;
	}
	return true;
}

static void collect_structure(void *context, const struct chunk *chunk)
{
	struct structures *structures = context;

	if (!is_cache_structure(chunk) || structures->count == KEYS_MAX)
		return;
	if (!array_append(&structures->keys, &structures->count, chunk->block))
		structures->error = -ENOMEM;
}

static int collect_structures(struct pages *pages, struct arenas *arenas)
{
	struct structures structures = {0};
	struct walk_numbers numbers;
	size_t mmapped = arenas->mmapped_found;

	arenas->mmapped_found = 0;
	int error = arenas_walk(pages, arenas, collect_structure, &structures, &numbers);
	arenas->mmapped_found = mmapped;
	/* not before: the walk has the keys at hand, and takes none for free while there are
	 * none */
	arenas->cache_keys = structures.keys;
	arenas->cache_key_count = structures.count;
	return error ?: structures.error;
}

/* A key from the first chunk of any heap: where the thread's cache structure lies as a rule. */
static uint64_t learn_key(struct pages *pages, const struct arenas *arenas)
{
	uint64_t key = 0;

	for (size_t i = 0; i < arenas->segment_count && !key; i++)
		key = read_key(pages, arenas->segments[i].start);
	return key;
}

int arenas_find_cached(struct pages *pages, struct arenas *arenas)
{
	int error = find_fastbins(pages, arenas);

	if (error)
		return error;
	uint64_t key = learn_key(pages, arenas);
	arenas->cache_keys_by_thread = key && arenas_find_segment(arenas, key);
	if (arenas->cache_keys_by_thread) {
		error = collect_structures(pages, arenas);
	} else {
		error = collect_keys(pages, arenas, key);
		if (!error && key && !arenas->cache_key_count) /* found in no library: no key */
			error = collect_keys(pages, arenas, 0);
	}
	if (arenas->cache_key_count)
		qsort(arenas->cache_keys, arenas->cache_key_count, sizeof(uint64_t), compare_words);
	return error;
}
