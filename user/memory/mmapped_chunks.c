/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks with mappings of their own. The allocator counts them and their bytes and keeps no list,
 * so they are looked for: the page where such a mapping begins has a header that says so, with a
 * size of whole pages that are mapped. Most begin a mapping of the kernel's list; others lie behind
 * one with which the kernel merged theirs, which may be a module's zeroed variables; the header of
 * an aligned block lies elsewhere in a page.
 * The search goes in that order, and ends once count and bytes agree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "arenas_internal.h"

enum { SCANNED_PAGES = 256, PAGE = PAGES_BYTES };

/* Of pages that are looked at, for a process with very much other memory: 4 GiB. */
#define LOOKED_PAGES_MAX (UINT64_C(1) << 20)

/* Where in a page the header of a block may be that is aligned to a power of two. */
static const uint16_t aligned_offsets[] = {0xff0, 0x10, 0x30, 0x70, 0xf0, 0x1f0, 0x3f0, 0x7f0};

struct search {
	struct pages *pages;
	struct arenas *arenas;
	uint64_t found_bytes;
	uint64_t looked_pages;
	size_t sorted; /* so many were found in earlier rounds, and are in order */
};

/* How much the allocator's sum may be off: from 2.43 on realloc leaves it some bytes short. */
static uint64_t slack(const struct arenas *arenas)
{
	return arenas->parameters->mmapped_extra ? arenas->mmapped_count * PAGE : 0;
}

static bool is_complete(const struct search *search)
{
	const struct arenas *arenas = search->arenas;

	return arenas->mmapped_found >= arenas->mmapped_count &&
	       search->found_bytes + slack(arenas) >= arenas->mmapped_bytes;
}

/* Anonymous memory all along, over mappings that lie side by side. */
static bool is_anonymous(const struct regions *regions, uint64_t start, uint64_t end)
{
	while (start < end) {
		const struct region *region = regions_find(regions, start);

		if (!region || !region_is_data(region) || region->mapping.inode ||
		    (region->flags & REGION_STACK) || !strcmp(region->mapping.path, "[heap]"))
			return false;
		start = region->mapping.end;
	}
	return true;
}

static bool overlaps_heap(const struct arenas *arenas, uint64_t start, uint64_t end)
{
	const struct heap_segment *last = arenas_find_segment(arenas, end - 1);

	/* A heap that lies wholly inside has its start there too. */
	for (size_t i = 0; !last && i < arenas->segment_count; i++)
		if (arenas->segments[i].from >= start)
			return arenas->segments[i].from < end;
	return last || arenas_find_segment(arenas, start);
}

/* The chunk that a header at an address describes, if it can be one. */
static bool judge_header(const struct search *search, uint64_t address, const uint8_t *header,
			 struct mmapped_chunk *chunk)
{
	uint64_t extra = search->arenas->parameters->mmapped_extra;
	/* From 2.43 on, bit 0 of the first word says that it is of huge pages. */
	uint64_t before = word_at(header, 0) & ~(uint64_t)(extra ? 1 : 0);
	uint64_t word = word_at(header, 8), size = chunk_bytes(word);

	if ((word & CHUNK_BITS) != CHUNK_IS_MMAPPED || before > address || size >> 46)
		return false;
	chunk->start = address - before;
	chunk->end = address + size + extra;
	chunk->block = address + CHUNK_HEADER_BYTES;
	return !(chunk->start & (PAGE - 1)) && !(chunk->end & (PAGE - 1)) &&
	       size >= CHUNK_BYTES_MIN &&
	       chunk->end - chunk->start <= search->arenas->mmapped_bytes + slack(search->arenas) &&
	       (address & (PAGE - 1) ? before > 0 : !before) &&
	       is_anonymous(pages_regions(search->pages), chunk->start, chunk->end) &&
	       !overlaps_heap(search->arenas, chunk->start, chunk->end);
}

static int compare_address(const void *key, const void *item)
{
	const struct mmapped_chunk *chunk = item;
	uint64_t address = *(const uint64_t *)key;

	return address < chunk->start ? -1 : address >= chunk->end;
}

/* Each round goes up by address, so that of its own finds only the last can be in the way. */
static const struct mmapped_chunk *known_chunk(const struct search *search, uint64_t address)
{
	const struct arenas *arenas = search->arenas;
	const struct mmapped_chunk *last =
		arenas->mmapped_found ? &arenas->mmapped[arenas->mmapped_found - 1] : NULL;

	if (last && address >= last->start && address < last->end)
		return last;
	return search->sorted ? bsearch(&address, arenas->mmapped, search->sorted,
					sizeof(*arenas->mmapped), compare_address)
			      : NULL;
}

static int add_chunk(struct search *search, const struct mmapped_chunk *chunk)
{
	struct arenas *arenas = search->arenas;

	if (known_chunk(search, chunk->start) || known_chunk(search, chunk->end - 1))
		return 0;
	search->found_bytes += chunk->end - chunk->start;
	return array_append(&arenas->mmapped, &arenas->mmapped_found, *chunk) ? 0 : -ENOMEM;
}

/* Judges the headers that a page may have. Returns 1 where one was found, 0, or a negative
 * errno. */
static int judge_page(struct search *search, uint64_t address, const uint8_t *page, bool aligned)
{
	struct mmapped_chunk chunk;
	int error;

	if (!aligned) {
		if (!judge_header(search, address, page, &chunk))
			return 0;
		error = add_chunk(search, &chunk);
		return error ?: 1;
	}
	for (size_t i = 0; i < sizeof(aligned_offsets) / sizeof(*aligned_offsets); i++) {
		size_t offset = aligned_offsets[i];

		if (!judge_header(search, address + offset, page + offset, &chunk))
			continue;
		error = add_chunk(search, &chunk);
		return error ?: 1;
	}
	return 0;
}

/* The mappings that begin with a block, one behind the other. */
static int search_starts(struct search *search, const struct region *region)
{
	uint64_t at = region->mapping.start;

	while (at < region->mapping.end && !is_complete(search)) {
		struct mmapped_chunk chunk;
		uint8_t header[CHUNK_HEADER_BYTES];
		int error = pages_read(search->pages, at, header, sizeof(header));

		if (error)
			return error == -EFAULT || error == -ENODATA ? 0 : error;
		if (!judge_header(search, at, header, &chunk))
			return 0;
		error = add_chunk(search, &chunk);
		if (error)
			return error;
		at = chunk.end;
	}
	return 0;
}

/* Where ends what an address is in that needs no search; 0: it is in nothing of that kind. */
static uint64_t end_of_taken(const struct search *search, uint64_t address)
{
	const struct mmapped_chunk *known = known_chunk(search, address);
	const struct memory_claim *claim = claims_from(search->arenas->claims, address);

	if (known)
		return known->end;
	return claim && claim->start <= address ? claim->end : 0;
}

/* How many pages to look at together. */
static size_t count_free(const struct search *search, uint64_t address, uint64_t end)
{
	const struct memory_claim *claim = claims_from(search->arenas->claims, address);
	uint64_t pages = ((claim && claim->start < end ? claim->start : end) - address) / PAGE;

	return pages < SCANNED_PAGES ? pages + !pages : SCANNED_PAGES;
}

static int search_pages(struct search *search, const struct region *region, bool aligned)
{
	static _Thread_local uint8_t bytes[SCANNED_PAGES * PAGE], states[SCANNED_PAGES];
	uint64_t skip = 0;

	for (uint64_t at = region->mapping.start; at < region->mapping.end;) {
		uint64_t taken = end_of_taken(search, at);

		if (taken) {
			at = taken;
			continue;
		}
		size_t count = count_free(search, at, region->mapping.end);
		search->looked_pages += count;
		if (is_complete(search) || search->looked_pages > LOOKED_PAGES_MAX)
			return 0;
		int error = pages_read_some(search->pages, at, count, bytes, states);
		for (size_t i = 0; i < count && error >= 0; i++) {
			if (states[i] != PAGE_RESIDENT || at + i * PAGE < skip)
				continue;
			error = judge_page(search, at + i * PAGE, bytes + i * PAGE, aligned);
			if (error == 1)
				skip = search->arenas->mmapped[search->arenas->mmapped_found - 1]
					       .end;
		}
		if (error < 0)
			return error;
		at += count * PAGE;
		at = at < skip ? skip : at;
	}
	return 0;
}

static int compare_starts(const void *a, const void *b)
{
	uint64_t left = ((const struct mmapped_chunk *)a)->start;
	uint64_t right = ((const struct mmapped_chunk *)b)->start;

	return left < right ? -1 : left > right;
}

enum round { ROUND_STARTS, ROUND_PAGES, ROUND_ALIGNED, ROUND_COUNT };

static int search_round(struct search *search, enum round round)
{
	const struct regions *regions = pages_regions(search->pages);
	int error = 0;

	for (size_t i = 0; i < regions->count && !error && !is_complete(search); i++) {
		const struct region *region = &regions->items[i];

		if (!region->resident_bytes ||
		    !is_anonymous(regions, region->mapping.start, region->mapping.start + 1))
			continue;
		error = round == ROUND_STARTS
				? search_starts(search, region)
				: search_pages(search, region, round == ROUND_ALIGNED);
	}
	search->sorted = search->arenas->mmapped_found;
	if (search->sorted)
		qsort(search->arenas->mmapped, search->sorted, sizeof(*search->arenas->mmapped),
		      compare_starts);
	return error;
}

int arenas_find_mmapped(struct pages *pages, struct arenas *arenas)
{
	const struct parameters_layout *layout = arenas->parameters;
	struct search search = {.pages = pages, .arenas = arenas};
	uint8_t bytes[PARAMETERS_BYTES_MAX];
	int error = pages_read(pages, arenas->parameters_address, bytes, layout->tcache_count + 8u);

	if (error)
		return error;
	if (!parameters_judge(layout, bytes))
		return ARENAS_TORN;
	arenas->mmapped_count = half_at(bytes, layout->mmap_count);
	arenas->mmapped_bytes = word_at(bytes, layout->mmapped_bytes);
	for (enum round round = 0; round < ROUND_COUNT && !error && !is_complete(&search); round++)
		error = search_round(&search, round);
	return error;
}
