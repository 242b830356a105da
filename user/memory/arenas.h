/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The heaps of glibc's malloc in a running process: where they are, and every chunk in them. Found
 * by shape, without symbols; read without stopping anything; refused where anything does not fit,
 * because a wrong figure is worse than none.
 *
 * arenas_find() takes what is to be known of the allocator as a whole, arenas_walk() streams the
 * chunks in windows of 256 KiB (chunk_walk.c). Neither keeps the memory that it read.
 */
#ifndef UNFREED_MEMORY_ARENAS_H
#define UNFREED_MEMORY_ARENAS_H

#include "claims.h"
#include "pages.h"

struct arena {
	uint64_t address;
	uint64_t system_bytes; /* what it took from the system, as it counts it */
	uint64_t threads;      /* that use it */
	uint64_t top;          /* the last chunk of its newest heap */
	size_t heap_count;
};

/* A stretch of chunks side by side. */
struct heap_segment {
	uint64_t start; /* of the first chunk */
	uint64_t end;
	uint64_t from; /* with what lies before the chunks: headers of the heap and of the arena */
	size_t arena;  /* index; 0 is the main arena */
};

/* A block that has a mapping of its own. */
struct mmapped_chunk {
	uint64_t start;
	uint64_t end;
	uint64_t block; /* what malloc returned */
};

struct arenas {
	/* Why this heap is not understood, as a clause: "no arena of glibc was found: …"; "" where
	   it is. Then all below is set. */
	char problem[160];
	bool is_other;       /* the problem is that another allocator is in use … */
	bool is_unused;      /* … while glibc's is there */
	const char *other;   /* its name; NULL: no mapping tells it */
	bool is_runtime;     /* it is a language's, which nobody calls as malloc */
	const char *version; /* which releases of glibc have these structures: static string */
	struct arena *items;
	size_t count;
	struct heap_segment *segments; /* by address; none overlaps another */
	size_t segment_count;
	struct mmapped_chunk *mmapped; /* those that were found; by address */
	size_t mmapped_found;
	uint64_t mmapped_count; /* as the allocator counts them */
	uint64_t mmapped_bytes;
	uint64_t main_address; /* of main_arena and mp_ */
	uint64_t parameters_address;
	uint64_t heap_bytes_max; /* what heaps of other arenas are aligned to */
	uint64_t top_granule;    /* the main top is cut by so many bytes */
	const struct arena_layout *layout;
	const struct parameters_layout *parameters;
	uint64_t *fastbin_chunks; /* sorted */
	size_t fastbin_count;
	/* By bin: some of whose chunks may be free and count as live, since it changed in all
	   attempts to follow it. */
	uint32_t torn_fastbins;
	uint64_t *cache_keys; /* what marks a block in a thread's cache; sorted */
	size_t cache_key_count;
	bool cache_keys_by_thread; /* the keys are addresses of the caches (glibc up to 2.33) */
	/* Threads changed it in all attempts: heaps and what their arena counts do not add up. */
	bool sums_may_differ;
	uint64_t swapped_bytes;             /* of its structures: in swap, so not read */
	const struct memory_claims *claims; /* of another allocator, while it is searched */
};

/*
 * Returns 0, also where `problem` says that this is no glibc heap, or a negative errno: -ESRCH,
 * -ENOMEM. To be released in any case.
 */
int arenas_find(struct pages *pages, struct arenas *arenas);

/* The same where it is known what another allocator has: there is not looked for blocks with
 * mappings of their own. `claims` may be NULL. */
int arenas_find_beside(struct pages *pages, const struct memory_claims *claims,
		       struct arenas *arenas);
void arenas_release(struct arenas *arenas);

/* Says which allocator it is, for whoever knows more than the mappings tell; a static string. */
void arenas_name_other(struct arenas *arenas, const char *name);

enum chunk_state {
	CHUNK_LIVE,
	CHUNK_FREE, /* in a bin */
	CHUNK_FASTBIN,
	CHUNK_TCACHE,
	CHUNK_TOP,     /* what an arena has not handed out yet */
	CHUNK_MMAPPED, /* live, with a mapping of its own */
	CHUNK_FENCE,   /* the allocator's own: headers, ends of heaps */
	CHUNK_FOREIGN, /* between chunks of the main heap: of whoever else calls sbrk */
	CHUNK_UNKNOWN, /* could not be walked through: in swap, or torn in all attempts */
	CHUNK_STATE_COUNT
};

struct chunk {
	uint64_t address; /* of its header; the block that malloc returned is at `block` */
	uint64_t block;
	uint64_t size; /* with the header: what mallinfo counts */
	uint64_t resident_bytes;
	uint64_t swapped_bytes;
	enum chunk_state state;
	bool clipped; /* the rest of a chunk that changed while it was walked over */
	size_t arena; /* index; 0 for mmapped ones */
	/* What is at hand of the block: `at_hand` bytes from `content` on; not resident: zeroes. */
	const uint8_t *content;
	size_t at_hand;
};

typedef void chunk_fn(void *context, const struct chunk *chunk);

struct walk_numbers {
	uint64_t retries;       /* stretches that made no sense and were read again */
	uint64_t torn_bytes;    /* given up: CHUNK_UNKNOWN that were there */
	uint64_t swapped_bytes; /* CHUNK_UNKNOWN that is in swap */
};

/*
 * Every chunk once, by address within each segment; then those that are mmapped. `fn` may read
 * through the same pages. Returns 0 or a negative errno: -ESRCH, -ENOMEM.
 */
int arenas_walk(struct pages *pages, const struct arenas *arenas, chunk_fn *fn, void *context,
		struct walk_numbers *numbers);

/* The segment that holds an address, with its headers, or NULL. */
const struct heap_segment *arenas_find_segment(const struct arenas *arenas, uint64_t address);

/* Bytes of a block that its owner may use. */
static inline uint64_t chunk_usable(const struct chunk *chunk)
{
	return chunk->state == CHUNK_MMAPPED ? chunk->address + chunk->size - chunk->block
					     : chunk->size - 8;
}

#endif
