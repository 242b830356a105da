/* SPDX-License-Identifier: BSD-2-Clause */
#include "thread_areas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../arch/thread_descriptor.h"
#include "../lib/array.h"
#include "../lib/bytes.h"

enum {
	THREAD_MAX = 1 << 22,
	BEHIND_BYTES = 16 << 10, /* of a stack's end, from the descriptor on */
	WITHIN_BYTES = 64 << 10, /* of the end of a stack: a descriptor and static TLS */
	SMALL_BYTES = 1 << 20,   /* what the first thread's lies in */
	AREAS_MAX = 1 << 16,
};

/* Two words in it, known by what they must be: the beginning and the size of its stack. */
static void find_stack(struct thread_area *area, const uint64_t *words, size_t count)
{
	for (size_t i = thread_descriptor.head_bytes / 8; i + 1 < count; i++) {
		uint64_t start = words[i], end = start + words[i + 1];

		if ((start | end) & (PAGES_BYTES - 1) || !start || start >= area->descriptor ||
		    end <= area->descriptor || end - area->descriptor > BEHIND_BYTES)
			continue;
		area->stack = start;
		area->end = end;
		return;
	}
}

static bool read_descriptor(struct pages *pages, struct thread_area *area)
{
	uint64_t words[THREAD_DESCRIPTOR_BYTES / 8], address = area->descriptor;
	size_t left = PAGES_BYTES - address % PAGES_BYTES, size = sizeof(words);

	if (pages_read(pages, address, words, size)) {
		size = left < size ? left : size; /* it is smaller, and ends with its page */
		if (size <= thread_descriptor.thread || pages_read(pages, address, words, size))
			return false;
	}
	int32_t thread = (int32_t)bytes_u32(words, thread_descriptor.thread);
	if (thread < THREAD_JOINED || thread > THREAD_MAX)
		return false;
	area->thread = thread;
	area->stack = area->end = 0;
	find_stack(area, words, size / 8);
	return true;
}

/* Whether the word is in a page that was read, or else in memory, and is what is wanted. */
static bool holds(struct pages *pages, const uint64_t *page, uint64_t start, uint64_t address,
		  uint64_t wanted)
{
	uint64_t word;

	if (address - start < PAGES_BYTES)
		return page[(address - start) / 8] == wanted;
	return !pages_read(pages, address, &word, sizeof(word)) && word == wanted;
}

bool thread_descriptor_find(struct pages *pages, uint64_t start, uint64_t end,
			    struct thread_area *area)
{
	const struct thread_descriptor *known = &thread_descriptor;
	uint64_t page[PAGES_BYTES / 8], at = start & ~(uint64_t)(PAGES_BYTES - 1);
	uint8_t state;

	for (; at < end; at += PAGES_BYTES) {
		if (pages_read_some(pages, at, 1, (uint8_t *)page, &state) ||
		    state != PAGE_RESIDENT)
			continue;
		for (size_t i = known->self_words[0] % known->align / 8; i < PAGES_BYTES / 8;
		     i += known->align / 8) {
			area->descriptor = at + 8 * i - known->self_words[0];
			if (page[i] == area->descriptor + known->self &&
			    holds(pages, page, at, area->descriptor + known->self_words[1],
				  page[i]) &&
			    area->descriptor >= start && read_descriptor(pages, area))
				return true;
		}
	}
	return false;
}

/* Where descriptors may be in a mapping. The first thread's has one of its own, or, in a static
 * program, the beginning of the heap. */
static uint64_t find_start(const struct region *region, bool is_stack)
{
	uint64_t start = region->mapping.start, size = region->mapping.end - start;

	if (is_stack && !(region->flags & REGION_GUARDED) && size > WITHIN_BYTES)
		return region->mapping.end - WITHIN_BYTES;
	return start;
}

static uint64_t find_end(const struct region *region, bool is_stack)
{
	const struct mapping *mapping = &region->mapping;
	uint64_t size = mapping->end - mapping->start;

	if (is_stack)
		return mapping->end;
	if (mapping->inode || mapping->executable || !region_is_data(region))
		return mapping->start;
	if (!strcmp(mapping->path, "[heap]"))
		return mapping->start + (size < WITHIN_BYTES ? size : WITHIN_BYTES);
	return size <= SMALL_BYTES ? mapping->end : mapping->start;
}

int thread_areas_find(struct pages *pages, const bool *stacks, struct thread_areas *areas)
{
	const struct regions *regions = pages_regions(pages);
	struct thread_area area = {0};

	*areas = (struct thread_areas){0};
	for (size_t i = 0; i < regions->count; i++) {
		uint64_t at = find_start(&regions->items[i], stacks[i]);
		uint64_t end = find_end(&regions->items[i], stacks[i]);

		while (areas->count < AREAS_MAX && thread_descriptor_find(pages, at, end, &area)) {
			area.region = i;
			if (!array_append(&areas->items, &areas->count, area))
				return -ENOMEM;
			at = area.descriptor + THREAD_DESCRIPTOR_BYTES;
		}
	}
	return 0;
}

void thread_areas_release(struct thread_areas *areas)
{
	free(areas->items);
	*areas = (struct thread_areas){0};
}

size_t thread_areas_from(const struct thread_areas *areas, uint64_t address)
{
	size_t low = 0, high = areas->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (areas->items[middle].descriptor + THREAD_DESCRIPTOR_BYTES <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
