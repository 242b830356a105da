/* SPDX-License-Identifier: BSD-2-Clause */
#include "chunk_classes.h"

enum {
	EXACT_LOG = 16, /* exact below 1 << 16 */
	SIZE_WORD = 8,  /* in front of what the user has */
	ALIGNMENT = 16,
	SIZE_MIN = 32,
};

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

uint64_t chunk_size_of_request(uint64_t size)
{
	uint64_t chunk = (size + SIZE_WORD + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);

	return chunk < SIZE_MIN ? SIZE_MIN : chunk;
}

void chunk_classes_add(struct chunk_classes *classes, uint64_t size)
{
	struct chunk_class *item = &classes->items[chunk_class_of(size)];

	item->count++;
	item->bytes += size;
}
