/* SPDX-License-Identifier: BSD-2-Clause */
#include "chunk_classes.h"

#include <stdlib.h>
#include <string.h>

enum { EXACT_LOG = 16 }; /* exact below 1 << 16 */

size_t chunk_class_of(uint64_t size)
{
	if (size < UINT64_C(1) << EXACT_LOG)
		return size / 16;
	size_t log = 63 - (size_t)__builtin_clzll(size);
	size_t index = CHUNK_CLASSES_EXACT + 4 * (log - EXACT_LOG) + (size >> (log - 2) & 3);
	return index < CHUNK_CLASSES ? index : CHUNK_CLASSES - 1;
}

uint64_t chunk_class_least(size_t index)
{
	if (index < CHUNK_CLASSES_EXACT)
		return index * 16;
	size_t step = index - CHUNK_CLASSES_EXACT, log = EXACT_LOG + step / 4;
	return (UINT64_C(4) + step % 4) << (log - 2);
}

void chunk_classes_add(struct chunk_classes *classes, uint64_t size)
{
	struct chunk_class *item = &classes->items[chunk_class_of(size)];

	item->count++;
	item->bytes += size;
}

static int compare_growth(const void *a, const void *b)
{
	const struct chunk_change *left = a, *right = b;

	if (left->bytes != right->bytes)
		return left->bytes < right->bytes ? 1 : -1;
	return left->least < right->least ? -1 : left->least > right->least;
}

size_t chunk_classes_compare(const struct chunk_classes *before, const struct chunk_classes *after,
			     struct chunk_change *changes, size_t room)
{
	struct chunk_change all[CHUNK_CLASSES];
	size_t count = 0;

	for (size_t i = 0; i < CHUNK_CLASSES; i++) {
		const struct chunk_class *was = &before->items[i], *is = &after->items[i];

		if (was->count == is->count && was->bytes == is->bytes)
			continue;
		all[count++] = (struct chunk_change){
			.least = chunk_class_least(i),
			.count = (int64_t)(is->count - was->count),
			.bytes = (int64_t)(is->bytes - was->bytes),
		};
	}
	qsort(all, count, sizeof(*all), compare_growth);
	memcpy(changes, all, (count < room ? count : room) * sizeof(*all));
	return count;
}
