/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of arenas, and the heaps of those that are not the main one. Such a heap is a mapping
 * aligned to 64 MiB (four huge pages, where malloc uses those) that begins with struct heap_info;
 * the newest holds the arena's top chunk, and each names the one before it. The oldest holds the
 * arena itself behind its header.
 */
#include <errno.h>

#include "../lib/array.h"
#include "arenas_internal.h"

enum { ARENAS_MAX = 4096, HEAPS_MAX = 100000 };

#define HEAP_BYTES_USUAL (UINT64_C(64) << 20)
#define HUGE_PAGE_MAX    (UINT64_C(16) << 30)

static bool is_huge_page(uint64_t bytes)
{
	return bytes <= HUGE_PAGE_MAX && !(bytes & (bytes - 1));
}

/* thp_pagesize and hp_pagesize stand side by side; both are 0 as a rule. */
static int read_huge_pages(struct pages *pages, struct arenas *arenas)
{
	int16_t offset = arenas->parameters->huge_page_bytes;
	uint64_t sizes[2] = {0};
	int error = offset < 0
			    ? 0
			    : pages_read(pages, arenas->parameters_address + (uint64_t)offset - 8,
					 sizes, sizeof(sizes));

	if (error)
		return error;
	if (!is_huge_page(sizes[0]) || !is_huge_page(sizes[1]))
		return ARENAS_TORN;
	arenas->top_granule = sizes[0] ?: PAGES_BYTES;
	arenas->heap_bytes_max = sizes[1] ? sizes[1] * 4 : HEAP_BYTES_USUAL;
	return 0;
}

static int read_arena(struct pages *pages, struct arenas *arenas, uint64_t *address)
{
	const struct arena_layout *layout = arenas->layout;
	uint8_t bytes[ARENA_BYTES_MAX];
	int error = pages_read(pages, *address, bytes, layout->size);

	if (error)
		return error;
	if (arena_judge(layout, bytes, *address, *address == arenas->main_address) < ARENA_FRESH)
		return ARENAS_TORN;
	struct arena arena = {
		.address = *address,
		.system_bytes = word_at(bytes, layout->system_bytes),
		.threads = word_at(bytes, layout->attached_threads),
		.top = word_at(bytes, layout->top),
	};
	*address = word_at(bytes, layout->next);
	return array_append(&arenas->items, &arenas->count, arena) ? 0 : -ENOMEM;
}

static int read_ring(struct pages *pages, struct arenas *arenas)
{
	uint64_t address = arenas->main_address;
	int error;

	do {
		if (arenas->count == ARENAS_MAX)
			return ARENAS_TORN;
		error = read_arena(pages, arenas, &address);
	} while (!error && address != arenas->main_address);
	return error;
}

/* Where the chunks of a heap begin: behind its header, and the arena's where that is in it. */
static int find_first_chunk(const struct arenas *arenas, const struct arena *arena, uint64_t heap,
			    bool oldest, uint64_t *start)
{
	uint64_t header = arenas->parameters->heap_header_bytes;

	if (!oldest) {
		*start = heap + header;
		return 0;
	}
	if (arena->address != heap + header)
		return ARENAS_TORN;
	*start = (arena->address + arenas->layout->size + 15) & ~UINT64_C(15);
	return 0;
}

/* One heap; the one before it in *heap, 0 behind the oldest. */
static int read_heap(struct pages *pages, struct arenas *arenas, size_t index, uint64_t *heap,
		     uint64_t *bytes)
{
	struct arena *arena = &arenas->items[index];
	uint64_t info[HEAP_HEADER_BYTES / 8]; /* arena, previous heap, size, size made accessible */
	struct heap_segment segment = {.from = *heap, .arena = index};
	int error = pages_read(pages, *heap, info, sizeof(info));

	if (error)
		return error;
	if (info[0] != arena->address || info[2] > arenas->heap_bytes_max ||
	    info[3] > arenas->heap_bytes_max || info[2] > info[3] ||
	    (info[2] & (PAGES_BYTES - 1)) || (info[1] & (arenas->heap_bytes_max - 1)))
		return ARENAS_TORN;
	error = find_first_chunk(arenas, arena, *heap, !info[1], &segment.start);
	if (error)
		return error;
	segment.end = *heap + info[2];
	if (segment.start >= segment.end)
		return ARENAS_TORN;
	arena->heap_count++;
	*bytes += info[2];
	*heap = info[1];
	return arenas_add_segment(arenas, &segment) ? 0 : -ENOMEM;
}

static int read_heaps(struct pages *pages, struct arenas *arenas, size_t index)
{
	const struct arena *arena = &arenas->items[index];
	uint64_t heap = arena->top & ~(arenas->heap_bytes_max - 1), bytes = 0;
	int error = 0;

	while (heap && !error) {
		if (arenas->segment_count == HEAPS_MAX)
			return ARENAS_TORN;
		error = read_heap(pages, arenas, index, &heap, &bytes);
	}
	if (!error && bytes != arena->system_bytes && !arenas->sums_may_differ)
		error = ARENAS_TORN;
	return error;
}

int arenas_find_ring(struct pages *pages, struct arenas *arenas)
{
	return read_huge_pages(pages, arenas) ?: read_ring(pages, arenas);
}

int arenas_find_heaps(struct pages *pages, struct arenas *arenas)
{
	int error = 0;

	for (size_t i = 1; i < arenas->count && !error; i++)
		error = read_heaps(pages, arenas, i);
	return error;
}
