/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Live chunks by size: exact for each size below 64 KiB, four classes to a doubling above. Two such
 * lists, of two looks, tell by their difference what grew, without a probe (look/growth.h).
 */
#ifndef UNFREED_MEMORY_CHUNK_CLASSES_H
#define UNFREED_MEMORY_CHUNK_CLASSES_H

#include <stddef.h>
#include <stdint.h>

enum {
	CHUNK_CLASSES_EXACT = 4096, /* sizes are multiples of 16 */
	CHUNK_CLASSES = CHUNK_CLASSES_EXACT + 4 * 31,
};

struct chunk_class {
	uint64_t count;
	uint64_t bytes;
};

struct chunk_classes {
	struct chunk_class items[CHUNK_CLASSES];
};

/* The class of a chunk's size, and the least size that a class holds. */
size_t chunk_class_of(uint64_t size);
uint64_t chunk_class_least(size_t index);

/* Of a chunk for malloc(size), as glibc's request2size() has it (malloc/malloc.c). */
uint64_t chunk_size_of_request(uint64_t size);

void chunk_classes_add(struct chunk_classes *classes, uint64_t size);

#endif
