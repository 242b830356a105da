/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that lives and dies together: many small pieces, one release. Running out of memory aborts
 * the program, because no caller of a few bytes could do better.
 */
#ifndef UNFREED_POOL_H
#define UNFREED_POOL_H

#include <stddef.h>

struct pool;

struct pool *pool_new(void);

/* Accepts NULL. */
void pool_free(struct pool *pool);

/* Zeroed, aligned for any type; never NULL, also for nothing. */
void *pool_alloc(struct pool *pool, size_t count, size_t size);

/*
 * The array with room for one more behind `count` of that size; *room is how many it has room for,
 * 0 at first. An array that became too small is left behind in the pool.
 */
void *pool_grow(struct pool *pool, void *array, size_t count, size_t *room, size_t size);

char *pool_strdup(struct pool *pool, const char *string);

#endif
