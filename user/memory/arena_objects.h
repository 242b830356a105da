/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arenas of CPython's allocator. It has a list of them in a block of malloc, by whose shape
 * they are found in a walk over malloc's chunks: without symbols, in all versions since 3.6. The
 * list tells what pools do not: memory in arenas that no pool uses now.
 */
#ifndef UNFREED_MEMORY_ARENA_OBJECTS_H
#define UNFREED_MEMORY_ARENA_OBJECTS_H

#include "arenas.h"
#include "claims.h"

struct arena_objects {
	uint64_t arena_bytes;
	struct mmapped_chunk *lists; /* blocks that look like a list: [start, end) */
	size_t list_count;
};

/* `arena_bytes`: what CPython takes at once, 256 KiB or 1 MiB. */
void arena_objects_init(struct arena_objects *objects, uint64_t arena_bytes);
void arena_objects_release(struct arena_objects *objects);

/* Each chunk of a walk. */
void arena_objects_consider(struct arena_objects *objects, struct pages *pages,
			    const struct chunk *chunk);

/*
 * The claims, and as claims without live bytes what lies between them in the same arenas. A list
 * counts where a claim lies in one of its arenas. Returns an array to be freed and its length, NULL
 * where there is no memory.
 */
struct memory_claim *arena_objects_claims(const struct arena_objects *objects, struct pages *pages,
					  const struct memory_claims *claims, size_t *count);

#endif
