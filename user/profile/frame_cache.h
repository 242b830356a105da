/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames on their way into a snapshot, by the addresses of their strings: of a million frames of
 * many stacks each different one is interned once, and the rest found without reading a text.
 *
 * The strings must stay what they are, and where they are, as long as the cache.
 */
#ifndef UNFREED_FRAME_CACHE_H
#define UNFREED_FRAME_CACHE_H

#include "snapshot.h"

struct frame_cache;

/* Aborts the program on out of memory, as snapshots do. */
struct frame_cache *frame_cache_new(struct snapshot *snapshot);
void frame_cache_free(struct frame_cache *cache); /* accepts NULL */

/* NULL: it was not kept yet. */
const struct frame *frame_cache_find(const struct frame_cache *cache, const struct frame *frame);

/* Interns `frame` for what is looked for as `key`, which may lack its name, or any other part. */
const struct frame *frame_cache_keep(struct frame_cache *cache, const struct frame *key,
				     const struct frame *frame);

/* Finds it, or keeps it as it is. */
const struct frame *frame_cache_intern(struct frame_cache *cache, const struct frame *frame);

#endif
