/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up process with a heap of glibc's malloc, behind the interface of user/memory/pages.h,
 * which this takes the place of: a C library's data with main_arena and mp_, a main heap, and the
 * heap of a second arena. Tests and fuzzers change its words and the states of its pages.
 */
#ifndef TEST_HEAP_SPACE_H
#define TEST_HEAP_SPACE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/arenas.h"
#include "memory/glibc_layout.h"

#define SPACE_HEAP  UINT64_C(0x555500000000)
#define SPACE_ARENA UINT64_C(0x7f0004000000) /* aligned to 64 MiB */
#define SPACE_LIBC  UINT64_C(0x7f0010000000)
#define SPACE_BIG   UINT64_C(0x7f0020000000)

enum {
	SPACE_HEAP_PAGES = 64,
	SPACE_ARENA_PAGES = 8,
	SPACE_LIBC_PAGES = 2,
	SPACE_BIG_PAGES = 40,
	SPACE_REGIONS = 4,
	SPACE_PAGES = SPACE_HEAP_PAGES + SPACE_ARENA_PAGES + SPACE_LIBC_PAGES + SPACE_BIG_PAGES,
	SPACE_MAIN_AT = 0x100,
	SPACE_MP_AT = 0xa00,
	SPACE_KEY_AT = 0x1100,
};
#define SPACE_MAIN (SPACE_LIBC + SPACE_MAIN_AT)
#define SPACE_KEY  UINT64_C(0x9d3b57f1a2c4e6d8)

struct pages {
	struct regions regions;
	struct region items[SPACE_REGIONS];
	uint8_t states[SPACE_PAGES];
	/* A word that the process is changing: so many times yet, pages_read() gets it as 1. */
	uint64_t torn_at;
	size_t torn_reads;
	_Alignas(16) uint8_t bytes[SPACE_PAGES * PAGES_BYTES];
};

/* The number of the page that holds an address; SPACE_PAGES where none does. */
static size_t space_page(const struct pages *space, uint64_t address)
{
	size_t before = 0;

	for (size_t i = 0; i < SPACE_REGIONS; i++) {
		const struct mapping *mapping = &space->items[i].mapping;

		if (address >= mapping->start && address < mapping->end)
			return before + (address - mapping->start) / PAGES_BYTES;
		before += (mapping->end - mapping->start) / PAGES_BYTES;
	}
	return SPACE_PAGES;
}

static uint64_t *space_word(struct pages *space, uint64_t address)
{
	return (uint64_t *)(space->bytes + space_page(space, address) * PAGES_BYTES +
			    address % PAGES_BYTES);
}

void pages_free(struct pages *space)
{
	free(space);
}

const struct regions *pages_regions(const struct pages *space)
{
	return &space->regions;
}

bool pages_find_data(struct pages *space, uint64_t address, uint64_t *end)
{
	const struct region *region = regions_find(&space->regions, address);

	*end = region ? region->mapping.end : 0;
	return region && region_is_data(region);
}

int pages_states(struct pages *space, uint64_t start, size_t count, uint8_t *states)
{
	for (size_t i = 0; i < count; i++) {
		size_t page = space_page(space, start + i * PAGES_BYTES);

		states[i] = page < SPACE_PAGES ? space->states[page] : PAGE_ABSENT;
	}
	return 0;
}

int pages_read_some(struct pages *space, uint64_t start, size_t count, uint8_t *buffer,
		    uint8_t *states)
{
	pages_states(space, start, count, states);
	for (size_t i = 0; i < count; i++) {
		size_t page = space_page(space, start + i * PAGES_BYTES);

		if (states[i] == PAGE_RESIDENT)
			memcpy(buffer + i * PAGES_BYTES, space->bytes + page * PAGES_BYTES,
			       PAGES_BYTES);
		else
			memset(buffer + i * PAGES_BYTES, 0, PAGES_BYTES);
	}
	return 0;
}

static void space_tear(struct pages *space, uint64_t address, uint8_t *buffer, size_t size)
{
	static const uint64_t torn = 1;

	if (!space->torn_reads || space->torn_at < address ||
	    space->torn_at + sizeof(torn) > address + size)
		return;
	memcpy(buffer + (space->torn_at - address), &torn, sizeof(torn));
	space->torn_reads--;
}

int pages_read(struct pages *space, uint64_t address, void *buffer, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t page = space_page(space, address + i);

		if (page == SPACE_PAGES || space->states[page] != PAGE_RESIDENT)
			return page < SPACE_PAGES && space->states[page] == PAGE_SWAPPED ? -ENODATA
											 : -EFAULT;
		((uint8_t *)buffer)[i] =
			space->bytes[page * PAGES_BYTES + (address + i) % PAGES_BYTES];
	}
	space_tear(space, address, buffer, size);
	return 0;
}

bool pages_is_guard(const struct pages *space, uint64_t address)
{
	(void)space;
	(void)address;
	return false;
}

struct page_bytes pages_count(struct pages *space, uint64_t start, uint64_t end)
{
	struct page_bytes sum = {0};

	for (size_t i = 0; i < SPACE_REGIONS; i++) {
		const struct mapping *mapping = &space->items[i].mapping;
		uint64_t at = start > mapping->start ? start : mapping->start;
		uint64_t last = end < mapping->end ? end : mapping->end;

		for (uint64_t next; at < last; at = next) {
			uint8_t state = space->states[space_page(space, at)];

			next = (at / PAGES_BYTES + 1) * PAGES_BYTES;
			next = next < last ? next : last;
			sum.resident += state == PAGE_RESIDENT ? next - at : 0;
			sum.swapped += state == PAGE_SWAPPED ? next - at : 0;
		}
	}
	return sum;
}

static void space_region(struct pages *space, uint64_t start, size_t pages, char *path)
{
	struct region *region = &space->items[space->regions.count++];

	region->mapping.start = start;
	region->mapping.end = start + pages * PAGES_BYTES;
	region->mapping.inode = strstr(path, "libc") ? 7 : 0;
	region->mapping.readable = region->mapping.writable = true;
	region->mapping.path = path;
	region->resident_bytes = pages * PAGES_BYTES;
}

static void space_arena(struct pages *space, uint64_t address, uint64_t next, uint64_t top,
			uint64_t bytes)
{
	const struct arena_layout *layout = &arena_layouts[0];

	for (size_t i = 0; i < 127; i++) {
		uint64_t bin = address + layout->bins + 16 * i;

		space_word(space, bin)[0] = space_word(space, bin)[1] = bin - 16;
	}
	*space_word(space, address + layout->top) = top;
	*space_word(space, address + layout->next) = next;
	*space_word(space, address + layout->attached_threads) = 1;
	*space_word(space, address + layout->system_bytes) = bytes;
	*space_word(space, address + layout->system_bytes + 8) = bytes;
}

/* Chunks of some sizes up to a top chunk at the end; each third is free. Returns the top. */
static uint64_t space_chunks(struct pages *space, uint64_t start, uint64_t end, uint64_t bits)
{
	static const uint64_t sizes[] = {32, 48, 1040, 64, 8208, 96, 400};
	uint64_t at = start;
	bool free_before = false;

	for (size_t i = 0;; i++) {
		uint64_t size = sizes[i % 7];

		if (at + size + 4096 > end)
			break;
		space_word(space, at)[1] = size | bits | (free_before ? 0 : CHUNK_PREV_IN_USE);
		at += size;
		free_before = i % 3 == 2;
		if (free_before)
			*space_word(space, at) = size;
	}
	space_word(space, at)[1] = (end - at) | bits | (free_before ? 0 : CHUNK_PREV_IN_USE);
	return at;
}

static void space_parameters(struct pages *space)
{
	const struct parameters_layout *layout = &parameters_layouts[1];
	uint64_t mp = SPACE_LIBC + SPACE_MP_AT;

	space_word(space, mp)[0] = space_word(space, mp)[1] = 128 << 10;
	space_word(space, mp)[2] = 128 << 10;
	space_word(space, mp)[3] = 8;
	*(uint32_t *)((char *)space_word(space, mp) + layout->mmap_count) = 1;
	*(uint32_t *)((char *)space_word(space, mp) + layout->mmap_count_limit) = 65536;
	*(uint32_t *)((char *)space_word(space, mp) + layout->mmap_count_max) = 1;
	*space_word(space, mp + layout->mmapped_bytes) = SPACE_BIG_PAGES * PAGES_BYTES;
	*space_word(space, mp + layout->mmapped_bytes_max) = SPACE_BIG_PAGES * PAGES_BYTES;
	*space_word(space, mp + layout->sbrk_base) = SPACE_HEAP;
	*space_word(space, mp + layout->tcache_bins) = 64;
	*space_word(space, mp + layout->tcache_max_bytes) = 1032;
	*space_word(space, mp + layout->tcache_count) = 7;
}

/* To be freed with pages_free(). */
static struct pages *space_new(void)
{
	static char libc[] = "/usr/lib/libc.so.6", heap[] = "[heap]", none[] = "";
	struct pages *space = calloc(1, sizeof(*space));
	uint64_t second = SPACE_ARENA + 0x30;

	if (!space)
		abort();
	memset(space->states, PAGE_RESIDENT, sizeof(space->states));
	space->regions.items = space->items;
	space_region(space, SPACE_HEAP, SPACE_HEAP_PAGES, heap);
	space_region(space, SPACE_ARENA, SPACE_ARENA_PAGES, none);
	space_region(space, SPACE_LIBC, SPACE_LIBC_PAGES, libc);
	space_region(space, SPACE_BIG, SPACE_BIG_PAGES, none);

	uint64_t bytes = SPACE_HEAP_PAGES * PAGES_BYTES;
	uint64_t top = space_chunks(space, SPACE_HEAP, SPACE_HEAP + bytes, 0);
	space_arena(space, SPACE_MAIN, second, top, bytes);
	space_parameters(space);
	*space_word(space, SPACE_LIBC + SPACE_KEY_AT) = SPACE_KEY;

	bytes = SPACE_ARENA_PAGES * PAGES_BYTES;
	top = space_chunks(space, second + 0x8a0, SPACE_ARENA + bytes, CHUNK_NON_MAIN);
	space_arena(space, second, SPACE_MAIN, top, bytes);
	space_word(space, SPACE_ARENA)[0] = second;
	space_word(space, SPACE_ARENA)[2] = space_word(space, SPACE_ARENA)[3] = bytes;
	space_word(space, SPACE_BIG)[1] = (SPACE_BIG_PAGES * PAGES_BYTES) | CHUNK_IS_MMAPPED;
	return space;
}

#endif
