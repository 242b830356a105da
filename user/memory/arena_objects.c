/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An entry of the list is struct arena_object (Objects/obmalloc.c): the arena's address, 0 in one
 * that is not used; where its next pool is carved; how many pools are free, how many it has; and
 * three pointers. The list grows from 16 entries by doubling.
 */
#include "arena_objects.h"

#include <stdlib.h>

#include "../lib/array.h"
#include "glibc_layout.h"

enum {
	ENTRY_BYTES = 48,
	ENTRIES_MIN = 16,
	ENTRIES_READ = 512, /* at once */
	LISTS_MAX = 64,
	POOL_BYTES_MAX = 16384,
};
#define LIST_BYTES_MAX (UINT64_C(64) << 20)

void arena_objects_init(struct arena_objects *objects, uint64_t arena_bytes)
{
	*objects = (struct arena_objects){.arena_bytes = arena_bytes};
}

void arena_objects_release(struct arena_objects *objects)
{
	free(objects->lists);
	*objects = (struct arena_objects){0};
}

/* Arenas of 256 KiB have 64 pools of 4 KiB, those of 1 MiB 64 of 16; one less where not aligned. */
static bool is_entry(const uint8_t *entry, uint64_t arena_bytes)
{
	uint64_t address = word_at(entry, 0), next_pool = word_at(entry, 8);
	uint32_t free_pools = half_at(entry, 16), pools = half_at(entry, 20);

	return !address ||
	       (!(address & (PAGES_BYTES - 1)) && !(address >> 47) && next_pool >= address &&
		next_pool - address <= arena_bytes + POOL_BYTES_MAX &&
		(pools == 64 || pools == 63 || pools == 256 || pools == 255) &&
		free_pools <= pools);
}

/* Of an array's beginning: whether all fits, and the first arenas are in use. */
static bool looks_like_list(const uint8_t *bytes, size_t size, uint64_t arena_bytes)
{
	size_t used = 0,
	       count = size / ENTRY_BYTES < ENTRIES_MIN ? size / ENTRY_BYTES : ENTRIES_MIN;

	for (size_t i = 0; i < count; i++) {
		if (!is_entry(bytes + i * ENTRY_BYTES, arena_bytes))
			return false;
		used += word_at(bytes, i * ENTRY_BYTES) != 0;
	}
	return used && count == ENTRIES_MIN;
}

void arena_objects_consider(struct arena_objects *objects, struct pages *pages,
			    const struct chunk *chunk)
{
	uint8_t beginning[ENTRIES_MIN * ENTRY_BYTES];
	const uint8_t *bytes = chunk->content;
	uint64_t usable = chunk_usable(chunk);

	if ((chunk->state != CHUNK_LIVE && chunk->state != CHUNK_MMAPPED) || chunk->clipped ||
	    !objects->arena_bytes || objects->list_count == LISTS_MAX ||
	    usable < sizeof(beginning) || usable > LIST_BYTES_MAX)
		return;
	if (chunk->at_hand < sizeof(beginning)) {
		if (pages_read(pages, chunk->block, beginning, sizeof(beginning)))
			return;
		bytes = beginning;
	}
	struct mmapped_chunk list = {chunk->block, chunk->block + usable, chunk->block};
	if (looks_like_list(bytes, sizeof(beginning), objects->arena_bytes))
		array_append(&objects->lists, &objects->list_count, list);
}

struct arena_starts {
	uint64_t *items;
	size_t count;
};

/* The arenas of one list, as far as it can be read; 0 of them where it is none after all. */
static void read_list(const struct arena_objects *objects, struct pages *pages,
		      const struct mmapped_chunk *list, struct arena_starts *starts)
{
	uint8_t entries[ENTRIES_READ * ENTRY_BYTES];
	size_t before = starts->count, left = (list->end - list->start) / ENTRY_BYTES;

	for (uint64_t at = list->start; left; at += sizeof(entries)) {
		size_t count = left < ENTRIES_READ ? left : ENTRIES_READ;

		left -= count;
		if (pages_read(pages, at, entries, count * ENTRY_BYTES))
			return; /* the rest was never used */
		for (size_t i = 0; i < count; i++) {
			uint64_t address = word_at(entries, i * ENTRY_BYTES), end;

			if (!is_entry(entries + i * ENTRY_BYTES, objects->arena_bytes)) {
				starts->count = before;
				return;
			}
			if (address && pages_find_data(pages, address, &end))
				array_append(&starts->items, &starts->count, address);
		}
	}
}

static int compare_words(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static bool has_claim(const struct arena_objects *objects, const struct arena_starts *starts,
		      size_t from, const struct memory_claims *claims)
{
	for (size_t i = from; i < starts->count; i++) {
		const struct memory_claim *first = claims_from(claims, starts->items[i]);

		if (first && first->start < starts->items[i] + objects->arena_bytes)
			return true;
	}
	return false;
}

static struct arena_starts find_arenas(const struct arena_objects *objects, struct pages *pages,
				       const struct memory_claims *claims)
{
	struct arena_starts starts = {0};

	for (size_t i = 0; i < objects->list_count; i++) {
		size_t before = starts.count;

		read_list(objects, pages, &objects->lists[i], &starts);
		if (!has_claim(objects, &starts, before, claims))
			starts.count = before;
	}
	if (starts.count)
		qsort(starts.items, starts.count, sizeof(*starts.items), compare_words);
	return starts;
}

struct merged {
	struct memory_claim *items;
	size_t count;
	bool failed;
};

static void merge(struct merged *merged, uint64_t start, uint64_t end, uint64_t live_bytes)
{
	struct memory_claim claim = {start, end, live_bytes};

	if (start < end && !array_append(&merged->items, &merged->count, claim))
		merged->failed = true;
}

/* Claims up to an address, and what lies between them from *at on: free, of an arena. */
static void merge_arena(struct merged *merged, const struct memory_claims *claims, size_t *next,
			uint64_t start, uint64_t end)
{
	uint64_t at = start;

	for (; *next < claims->count && claims->items[*next].end <= start; ++*next)
		merge(merged, claims->items[*next].start, claims->items[*next].end,
		      claims->items[*next].live_bytes);
	for (; *next < claims->count && claims->items[*next].start < end; ++*next) {
		const struct memory_claim *claim = &claims->items[*next];

		merge(merged, at, claim->start, 0);
		merge(merged, claim->start, claim->end, claim->live_bytes);
		at = claim->end;
	}
	merge(merged, at, end, 0);
}

struct memory_claim *arena_objects_claims(const struct arena_objects *objects, struct pages *pages,
					  const struct memory_claims *claims, size_t *count)
{
	struct arena_starts starts = find_arenas(objects, pages, claims);
	struct merged merged = {.items = malloc(sizeof(*merged.items))};
	uint64_t behind = 0;
	size_t next = 0;

	for (size_t i = 0; i < starts.count; i++) {
		uint64_t start = starts.items[i] < behind ? behind : starts.items[i];

		behind = starts.items[i] + objects->arena_bytes;
		merge_arena(&merged, claims, &next, start, behind);
		if (merged.count && merged.items[merged.count - 1].end > behind)
			behind = merged.items[merged.count - 1].end;
	}
	merge_arena(&merged, claims, &next, UINT64_MAX, UINT64_MAX);
	free(starts.items);
	*count = merged.count;
	if (!merged.failed)
		return merged.items;
	free(merged.items);
	return NULL;
}
