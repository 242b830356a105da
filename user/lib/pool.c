// SPDX-License-Identifier: BSD-2-Clause
#include "pool.h"

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

struct pool {
	struct chunk *chunks; /* the first is the one being filled */
};

struct pool *pool_new(void)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		abort();
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (struct chunk *chunk = pool->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(pool);
}

static struct chunk *add_chunk(struct pool *pool, size_t bytes)
{
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (!chunk)
		abort();
	chunk->size = size;
	if (pool->chunks && size > CHUNK_BYTES) {
		chunk->next = pool->chunks->next;
		pool->chunks->next = chunk;
	} else {
		chunk->next = pool->chunks;
		pool->chunks = chunk;
	}
	return chunk;
}

void *pool_alloc(struct pool *pool, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - 2 * CHUNK_BYTES)
		abort();
	bytes = (bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;

	struct chunk *chunk = pool->chunks;

	if (!chunk || chunk->size - chunk->used < bytes)
		chunk = add_chunk(pool, bytes);
	void *memory = chunk->data + chunk->used;

	chunk->used += bytes;
	return memory;
}

char *pool_strdup(struct pool *pool, const char *string)
{
	size_t bytes = strlen(string) + 1;

	return memcpy(pool_alloc(pool, bytes, 1), string, bytes);
}

void *pool_grow(struct pool *pool, void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 64;
	void *larger = pool_alloc(pool, *room, size);

	if (count)
		memcpy(larger, array, count * size);
	return larger;
}
