/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that lives and dies together: many small pieces, one release. (Pools are CPython's.)
 * Running out of memory aborts the program, because no caller of a few bytes could do better.
 */
#ifndef UNFREED_ZONE_H
#define UNFREED_ZONE_H

#include <stddef.h>

struct zone;

struct zone *zone_new(void);

/* Accepts NULL. */
void zone_free(struct zone *zone);

/* Zeroed, aligned for any type; never NULL, also for nothing. */
void *zone_alloc(struct zone *zone, size_t count, size_t size);

/*
 * The array with room for one more behind `count` of that size; *room is how many it has room for,
 * 0 at first. An array that became too small is left behind in the zone.
 */
void *zone_grow(struct zone *zone, void *array, size_t count, size_t *room, size_t size);

char *zone_strdup(struct zone *zone, const char *string);

#endif
