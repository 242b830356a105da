/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "extents.h"

/*
 * Room for one more than what is free and what is taken can make: each extent taken and given back
 * separates at most two free ones. Reserved when taking, so that giving back cannot fail.
 */
static int extents_reserve(struct extents *extents, size_t more)
{
	size_t room = extents->room + more;
	struct extent *items = reallocarray(extents->items, room, sizeof(*items));

	if (!items)
		return -ENOMEM;
	extents->items = items;
	extents->room = room;
	return 0;
}

int extents_init(struct extents *extents, uint32_t size, uint32_t reserved)
{
	int error;

	*extents = (struct extents){};
	error = extents_reserve(extents, 2);
	if (error)
		return error;
	if (size > reserved)
		extents->items[extents->count++] = (struct extent){reserved, size - reserved};
	return 0;
}

void extents_release(struct extents *extents)
{
	free(extents->items);
	*extents = (struct extents){};
}

static void extent_remove(struct extents *extents, size_t index)
{
	extents->count--;
	memmove(&extents->items[index], &extents->items[index + 1],
		(extents->count - index) * sizeof(*extents->items));
}

static void extent_insert(struct extents *extents, size_t index, struct extent extent)
{
	memmove(&extents->items[index + 1], &extents->items[index],
		(extents->count - index) * sizeof(*extents->items));
	extents->items[index] = extent;
	extents->count++;
}

int64_t extents_take(struct extents *extents, uint32_t size, uint32_t block)
{
	if (!size)
		return -ENOSPC;
	for (size_t i = 0; i < extents->count; i++) {
		struct extent *extent = &extents->items[i];
		uint64_t end = (uint64_t)extent->start + extent->size;
		uint64_t start = extent->start;

		if ((start & (block - 1)) + size > block)
			start = (start + block - 1) & ~(uint64_t)(block - 1);
		if (start + size > end)
			continue;
		if (extents_reserve(extents, 2))
			return -ENOMEM;
		extent = &extents->items[i];
		extent->size = start - extent->start;
		if (end > start + size)
			extent_insert(extents, i + 1,
				      (struct extent){start + size, end - start - size});
		if (!extents->items[i].size)
			extent_remove(extents, i);
		return (int64_t)start;
	}
	return -ENOSPC;
}

void extents_give(struct extents *extents, uint32_t start, uint32_t size)
{
	struct extent *before, *after;
	size_t i = 0;

	while (i < extents->count && extents->items[i].start < start)
		i++;
	extent_insert(extents, i, (struct extent){start, size});
	after = i + 1 < extents->count ? &extents->items[i + 1] : NULL;
	if (after && start + size == after->start) {
		extents->items[i].size += after->size;
		extent_remove(extents, i + 1);
	}
	before = i ? &extents->items[i - 1] : NULL;
	if (before && before->start + before->size == start) {
		before->size += extents->items[i].size;
		extent_remove(extents, i);
	}
	extents->room -= 2;
}

uint64_t extents_free_total(const struct extents *extents)
{
	uint64_t total = 0;

	for (size_t i = 0; i < extents->count; i++)
		total += extents->items[i].size;
	return total;
}
