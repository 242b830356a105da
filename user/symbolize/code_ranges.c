/* SPDX-License-Identifier: BSD-2-Clause */
#include "code_ranges.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/sorted.h"

int code_ranges_add(struct code_ranges *ranges, uint64_t start, uint64_t end, size_t index)
{
	if (start >= end)
		return 0;
	if (ranges->count == ranges->capacity) {
		size_t capacity = ranges->capacity ? ranges->capacity * 2 : 64;
		struct code_range *grown = reallocarray(ranges->items, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		ranges->items = grown;
		ranges->capacity = capacity;
	}
	ranges->items[ranges->count++] = (struct code_range){start, end, end, index};
	return 0;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct code_range *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->end < b->end) - (a->end > b->end);
}

void code_ranges_sort(struct code_ranges *ranges)
{
	uint64_t reach = 0;

	if (ranges->count)
		qsort(ranges->items, ranges->count, sizeof(*ranges->items), compare_ranges);
	for (size_t i = 0; i < ranges->count; i++) {
		if (ranges->items[i].end > reach)
			reach = ranges->items[i].end;
		ranges->items[i].reach = reach;
	}
}

bool code_ranges_find(const struct code_ranges *ranges, uint64_t address, size_t *index)
{
	size_t low = sorted_count(ranges->items, ranges->count, start, address);

	for (; low > 0 && ranges->items[low - 1].reach > address; low--) {
		if (ranges->items[low - 1].end > address) {
			*index = ranges->items[low - 1].index;
			return true;
		}
	}
	return false;
}

void code_ranges_release(struct code_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct code_ranges){0};
}
