/* SPDX-License-Identifier: BSD-2-Clause */
#include "zone.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES     (64u * 1024)
#define ALIGNMENT_BYTES _Alignof(max_align_t)

struct chunk {
	struct chunk *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) unsigned char data[];
};

struct zone {
	struct chunk *chunks; /* the first is the one being filled */
};

struct zone *zone_new(void)
{
	struct zone *zone = calloc(1, sizeof(*zone));

	if (!zone)
		abort();
	return zone;
}

void zone_free(struct zone *zone)
{
	if (!zone)
		return;
	for (struct chunk *chunk = zone->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(zone);
}

static struct chunk *add_chunk(struct zone *zone, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		abort();
	chunk->size = size;
	if (zone->chunks && size > CHUNK_BYTES) {
		chunk->next = zone->chunks->next;
		zone->chunks->next = chunk;
	} else {
		chunk->next = zone->chunks;
		zone->chunks = chunk;
	}
	return chunk;
}

void *zone_alloc(struct zone *zone, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - 2 * CHUNK_BYTES)
		abort();
	bytes = (bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;

	struct chunk *chunk = zone->chunks;

	if (!chunk || chunk->size - chunk->used < bytes)
		chunk = add_chunk(zone, bytes);
	void *memory = chunk->data + chunk->used;

	chunk->used += bytes;
	return memory;
}

char *zone_strdup(struct zone *zone, const char *string)
{
	size_t bytes = strlen(string) + 1;

	return memcpy(zone_alloc(zone, bytes, 1), string, bytes);
}

void *zone_grow(struct zone *zone, void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 64;
	void *larger = zone_alloc(zone, *room, size);

	if (count)
		memcpy(larger, array, count * size);
	return larger;
}
