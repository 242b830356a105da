/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main arena's heap. As a rule it is what sbrk gave, from mp_.sbrk_base to the end of the top
 * chunk; where something else called sbrk too, fences stand before that (the walk passes over it).
 * Where sbrk found no room, there are also mappings of 1 MiB or more, named nowhere: they are
 * looked for among the anonymous mappings, as pages where a chain of chunks begins that leads to
 * the top chunk or to fences.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arenas_internal.h"
#include "chunk_reader.h"

enum {
	CHUNKS_MIN = 3, /* of a mapping that has been filled */
	SCANNED_PAGES = 256,
};

struct search {
	struct pages *pages;
	struct arenas *arenas;
	struct chunk_reader reader;
	uint64_t top;
	uint64_t top_end;
	uint64_t found_bytes;
};

/* Programs close pages of blocks to writing, or make them code. */
static bool find_closed(struct pages *pages, uint64_t address, uint64_t *end)
{
	const struct region *region = regions_find(pages_regions(pages), address);

	if (!region || region->mapping.inode || region->flags & (REGION_SHARED | REGION_DEVICE) ||
	    strcmp(region->mapping.path, "[heap]"))
		return false;
	*end = region->mapping.end;
	return true;
}

static bool is_mapped(struct pages *pages, uint64_t start, uint64_t end)
{
	for (uint64_t next; start < end; start = next)
		if (!pages_find_data(pages, start, &next) && !find_closed(pages, start, &next))
			return false;
	return true;
}

/* Where a chain of chunks that begins at `start` ends as a heap does; 0 where it does not. */
static uint64_t follow_chain(struct search *search, uint64_t start, uint64_t end)
{
	bool has_top = search->top >= start && search->top < end;
	struct chunk_stretch stretch = {
		.end = has_top ? search->top_end : end,
		.top = has_top ? search->top : 0,
		.main = true,
	};
	struct chunk_batch *batch = &search->reader.batch;
	enum chunk_state last = CHUNK_LIVE;
	size_t chunks = 0;
	int result;

	for (uint64_t at = start;; at = batch->next) {
		result = chunk_reader_parse(&search->reader, &stretch, at);
		chunks += batch->count;
		if (batch->count)
			last = batch->items[batch->count - 1].state;
		if (result != PARSE_MORE || batch->next == at)
			break;
	}
	if (result != PARSE_END && result != PARSE_FENCED)
		return 0;
	if (last != CHUNK_TOP && (last != CHUNK_FENCE || chunks < CHUNKS_MIN))
		return 0;
	return batch->next & (PAGES_BYTES - 1) ? 0 : batch->next;
}

static int add_main_segment(struct search *search, uint64_t start, uint64_t end)
{
	struct heap_segment segment = {.start = start, .end = end, .from = start};

	search->found_bytes += end - start;
	return arenas_add_segment(search->arenas, &segment) ? 0 : -ENOMEM;
}

static bool may_begin(const uint8_t *page)
{
	uint64_t word = word_at(page, 8), size = chunk_bytes(word);

	return (word & CHUNK_BITS) == CHUNK_PREV_IN_USE && chunk_bytes_fit(size);
}

/* Chains among the pages of one anonymous mapping. */
static int search_region(struct search *search, const struct region *region, uint64_t wanted)
{
	static _Thread_local uint8_t bytes[SCANNED_PAGES * PAGES_BYTES], states[SCANNED_PAGES];
	const struct mapping *mapping = &region->mapping;

	for (uint64_t at = mapping->start; at < mapping->end && search->found_bytes < wanted;) {
		uint64_t left = (mapping->end - at) / PAGES_BYTES, end = 0;
		size_t count = left < SCANNED_PAGES ? left : SCANNED_PAGES, i = 0;
		int error = pages_read_some(search->pages, at, count, bytes, states);

		for (; i < count && !error && !end; i++)
			if (states[i] == PAGE_RESIDENT && may_begin(bytes + i * PAGES_BYTES))
				end = follow_chain(search, at + i * PAGES_BYTES, mapping->end);
		if (end)
			error = add_main_segment(search, at + (i - 1) * PAGES_BYTES, end);
		if (error)
			return error;
		at = end ?: at + count * PAGES_BYTES;
	}
	return 0;
}

static int search_mappings(struct search *search, uint64_t sbrk_base, uint64_t wanted)
{
	const struct regions *regions = pages_regions(search->pages);
	int error = 0;

	for (size_t i = 0; i < regions->count && !error && search->found_bytes < wanted; i++) {
		const struct region *region = &regions->items[i];
		bool named = *region->mapping.path && strncmp(region->mapping.path, "[anon:", 6);

		if (!region_is_data(region) || region->mapping.inode || named ||
		    !region->resident_bytes || region_is_module_data(regions, i) ||
		    (sbrk_base >= region->mapping.start && sbrk_base < region->mapping.end))
			continue;
		error = search_region(search, region, wanted);
	}
	return error;
}

static int find_scattered(struct search *search, uint64_t sbrk_base, uint64_t wanted)
{
	const struct region *region = regions_find(pages_regions(search->pages), sbrk_base);
	uint64_t end = region ? follow_chain(search, sbrk_base, region->mapping.end) : 0;
	int error = end ? add_main_segment(search, sbrk_base, end) : ARENAS_TORN;

	if (!error)
		error = search_mappings(search, sbrk_base, wanted);
	if (error)
		return error;
	/* The first page counts as a whole, though it may hold what sbrk gave to others before. */
	return search->found_bytes <= wanted && wanted - search->found_bytes < PAGES_BYTES
		       ? 0
		       : ARENAS_TORN;
}

/*
 * The top chunk ends where its header says. While a thread allocates without a pause, what was the
 * top is a block by the time its header is read: then the heap ends where what the arena took from
 * the system does.
 */
static uint64_t find_top_end(struct pages *pages, uint64_t start, uint64_t top, uint64_t system)
{
	uint64_t header[2], end;

	if (!pages_read(pages, top, header, sizeof(header))) {
		end = top + chunk_bytes(header[1]);
		if (end > top && !(end & (PAGES_BYTES - 1)) && is_mapped(pages, top, end))
			return end;
	}
	end = PAGE_ALIGNED(start) + system;
	if (end & (PAGES_BYTES - 1))
		end = start + system;
	return end > top && !(end & (PAGES_BYTES - 1)) && is_mapped(pages, top, end) ? end : 0;
}

int main_heap_read_end(struct pages *pages, const struct arenas *arenas, uint64_t start,
		       uint64_t *top, uint64_t *end)
{
	const struct arena_layout *layout = arenas->layout;
	uint8_t bytes[ARENA_BYTES_MAX];
	int error = pages_read(pages, arenas->main_address, bytes, layout->size);

	if (error)
		return error == -EFAULT ? ARENAS_TORN : error;
	*top = word_at(bytes, layout->top);
	*end = *top >= start
		       ? find_top_end(pages, start, *top, word_at(bytes, layout->system_bytes))
		       : 0;
	return 0;
}

static int find_heap(struct search *search, uint64_t sbrk_base)
{
	struct arenas *arenas = search->arenas;
	uint64_t system = arenas->items[0].system_bytes;
	int error = main_heap_read_end(search->pages, arenas, sbrk_base, &search->top,
				       &search->top_end);

	if (error)
		return error;
	arenas->items[0].top = search->top;
	if (search->top_end && is_mapped(search->pages, sbrk_base, search->top_end))
		return add_main_segment(search, sbrk_base, search->top_end);
	search->top_end = find_top_end(search->pages, search->top, search->top, 0);
	return search->top_end ? find_scattered(search, sbrk_base, system) : ARENAS_TORN;
}

int arenas_find_main_heap(struct pages *pages, struct arenas *arenas)
{
	uint16_t offset = arenas->parameters->sbrk_base;
	uint64_t sbrk_base;

	if (!arenas->items[0].system_bytes)
		return 0;
	int error = pages_read(pages, arenas->parameters_address + offset, &sbrk_base,
			       sizeof(sbrk_base));
	if (error)
		return error;
	struct search search = {.pages = pages, .arenas = arenas};
	error = chunk_reader_init(&search.reader, pages);
	if (!error)
		error = find_heap(&search, sbrk_base);
	chunk_reader_release(&search.reader);
	return error;
}
