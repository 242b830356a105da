/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame_cache.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"

struct cached_frame {
	UT_hash_handle hh;
	struct frame key;
	const struct frame *interned;
};

struct frame_cache {
	struct snapshot *snapshot;
	struct zone *zone;
	struct cached_frame *frames; /* by the bytes of their keys */
};

_Static_assert(sizeof(struct frame) == offsetof(struct frame, linkage) + sizeof(char *) &&
		       offsetof(struct frame, kind) + sizeof(enum frame_kind) ==
			       offsetof(struct frame, linkage),
	       "a frame that is a key has no padding");

struct frame_cache *frame_cache_new(struct snapshot *snapshot)
{
	struct frame_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		abort();
	cache->snapshot = snapshot;
	cache->zone = zone_new();
	return cache;
}

void frame_cache_free(struct frame_cache *cache)
{
	if (!cache)
		return;
	HASH_CLEAR(hh, cache->frames);
	zone_free(cache->zone);
	free(cache);
}

const struct frame *frame_cache_find(const struct frame_cache *cache, const struct frame *frame)
{
	struct cached_frame *found;

	HASH_FIND(hh, cache->frames, frame, sizeof(*frame), found);
	return found ? found->interned : NULL;
}

const struct frame *frame_cache_keep(struct frame_cache *cache, const struct frame *key,
				     const struct frame *frame)
{
	struct cached_frame *cached = zone_alloc(cache->zone, 1, sizeof(*cached));

	cached->key = *key;
	cached->interned = snapshot_intern_frame(cache->snapshot, frame);
	HASH_ADD(hh, cache->frames, key, sizeof(cached->key), cached);
	return cached->interned;
}

const struct frame *frame_cache_intern(struct frame_cache *cache, const struct frame *frame)
{
	const struct frame *found = frame_cache_find(cache, frame);

	return found ? found : frame_cache_keep(cache, frame, frame);
}
