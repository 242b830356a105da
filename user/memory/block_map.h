/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which live block of malloc an address lies in, and which blocks are marked: bitmaps with a bit
 * for each 16 bytes of heap, four of them and a short index, so 3.3 % of the heap. Fed by one walk
 * over the chunks. A map knows no process.
 */
#ifndef UNFREED_MEMORY_BLOCK_MAP_H
#define UNFREED_MEMORY_BLOCK_MAP_H

#include "arenas.h"

struct block_stretch {
	uint64_t start;
	uint64_t end;
	uint64_t block;    /* of a mapping of its own; 0: a heap */
	uint64_t *starts;  /* where chunks begin; NULL: a mapping of its own */
	uint64_t *index;   /* which words of `starts` are not 0 */
	uint64_t *live;    /* chunks in use */
	uint64_t *marked;  /* those that were reached */
	uint64_t *pending; /* … and not gone through yet */
	bool is_live;      /* of a mapping of its own, likewise */
	bool is_marked;
	bool is_pending;
};

struct block_map {
	struct block_stretch *items; /* by address, once it is sealed */
	size_t count;
	uint64_t low; /* all blocks lie in [low, high) */
	uint64_t high;
	size_t last; /* where the last address was found */
	bool out_of_room;
};

struct block {
	uint64_t address; /* what malloc returned */
	uint64_t bytes;   /* usable */
	size_t stretch;
	size_t granule; /* its place in the bitmaps */
};

/* Bytes that a map of these heaps takes. */
uint64_t block_map_bytes(const struct arenas *arenas);

/* Returns 0 or -ENOMEM; to be released in any case. */
int block_map_init(struct block_map *map, const struct arenas *arenas);
void block_map_release(struct block_map *map);

/* Takes a chunk; of one that is clipped or not understood, that it is no block. */
void block_map_add(struct block_map *map, const struct chunk *chunk);

/* After the last chunk, before anything is asked. */
void block_map_seal(struct block_map *map);

enum block_found { BLOCK_NONE, BLOCK_LIVE, BLOCK_OTHER };

/*
 * What an address points into: a live block, or a chunk that is free or the allocator's (`block`
 * tells it alike; its address is 0 where there is no chunk).
 * The first 8 bytes of a chunk are the last ones of the block before, so that a pointer to them
 * belongs to that.
 */
enum block_found block_map_find(struct block_map *map, uint64_t address, struct block *block);

/* Marks a block, or the place where one may have come since; false where that was done before. */
bool block_map_mark(struct block_map *map, const struct block *block);

/* For later: block_map_next_pending() takes out the next such one behind `block` (zeroed: the first
 * one). */
void block_map_postpone(struct block_map *map, const struct block *block);
bool block_map_next_pending(struct block_map *map, struct block *block);

/* The next live block that is not marked, behind `block` (zeroed: the first one). */
bool block_map_next_unmarked(const struct block_map *map, struct block *block);

#endif
