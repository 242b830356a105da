/* SPDX-License-Identifier: BSD-2-Clause */
#include "free_runs.h"

#include <string.h>

#include "glibc_layout.h"

enum { PAGE = PAGES_BYTES, LINK_BYTES = 48, TOP_KEPT_BYTES = CHUNK_BYTES_MIN + 1 };

void free_runs_init(struct free_runs *runs, struct pages *pages, uint64_t top_granule)
{
	const struct regions *regions = pages_regions(pages);

	*runs = (struct free_runs){.pages = pages, .top_granule = top_granule};
	for (size_t i = 0; i < regions->count; i++) {
		const struct mapping *mapping = &regions->items[i].mapping;

		if (strcmp(mapping->path, "[heap]"))
			continue;
		runs->heap_start = runs->heap_start ?: mapping->start;
		runs->heap_end = mapping->end;
	}
}

/* The heap may have grown since its mapping was read. */
static bool ends_heap(const struct free_runs *runs)
{
	return runs->has_top && runs->arena == 0 && runs->start >= runs->heap_start &&
	       runs->start <= runs->heap_end && runs->end >= runs->heap_end;
}

/* The end of the main heap: sbrk takes back whole pages beyond what the top must keep. */
static void add_cut_top(struct free_runs *runs)
{
	uint64_t size = runs->end - runs->start;
	uint64_t cut =
		size > TOP_KEPT_BYTES ? (size - TOP_KEPT_BYTES) & ~(runs->top_granule - 1) : 0;

	runs->returnable_bytes += cut;
	runs->returnable_resident += pages_count(runs->pages, runs->end - cut, runs->end).resident;
}

static void add_whole_pages(struct free_runs *runs)
{
	uint64_t start = (runs->start + LINK_BYTES + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	uint64_t end = runs->end & ~(uint64_t)(PAGE - 1);

	if (end <= start)
		return;
	uint64_t resident = pages_count(runs->pages, start, end).resident;
	if (runs->has_top) {
		runs->arena_tops_resident += resident;
		return;
	}
	runs->returnable_bytes += end - start;
	runs->returnable_resident += resident;
}

static void close_run(struct free_runs *runs)
{
	if (!runs->start)
		return;
	if (ends_heap(runs))
		add_cut_top(runs);
	else
		add_whole_pages(runs);
	runs->start = 0;
}

void free_runs_add(struct free_runs *runs, const struct chunk *chunk)
{
	bool is_free = chunk->state == CHUNK_FREE || chunk->state == CHUNK_FASTBIN ||
		       chunk->state == CHUNK_TOP;

	if (!is_free) {
		close_run(runs);
		return;
	}
	if (runs->start && (runs->end != chunk->address || runs->arena != chunk->arena))
		close_run(runs);
	if (!runs->start) {
		runs->start = chunk->address;
		runs->arena = chunk->arena;
		runs->has_top = false;
	}
	runs->end = chunk->address + chunk->size;
	runs->has_top |= chunk->state == CHUNK_TOP;
	runs->free_bytes += chunk->size;
	runs->free_resident += chunk->resident_bytes;
}

void free_runs_finish(struct free_runs *runs)
{
	close_run(runs);
}
