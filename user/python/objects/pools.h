/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The blocks of pymalloc, by which most objects of an interpreter are found: its pools need no
 * list, since each shows by its header what it is. A pool that changes while it is read is read
 * again.
 *
 * Pools hold what is up to 512 bytes. What is larger, and what is static, is found by reference
 * (graph.h).
 */
#ifndef UNFREED_PYTHON_OBJECTS_POOLS_H
#define UNFREED_PYTHON_OBJECTS_POOLS_H

#include "../../memory/claims.h"
#include "../../memory/page_index.h"
#include "../../memory/view.h"
#include "structs.h"
#include "types.h"

enum {
	POOL_BLOCKS_MAX = 1024,
	POOL_HEADER_BYTES = 48,
	POOL_BLOCK_UNIT = 16, /* sizes of blocks are multiples of it */
	POOL_BLOCK_BYTES_MAX = 512,
	POOL_BYTES_MAX = 16384,
};

/* What a block holds: an index of a type, or one of these. */
enum { BLOCK_RAW = TYPE_NONE, BLOCK_FREE = 0xffff };

struct object_pool {
	uint64_t address;
	uint32_t first;   /* number of its first block */
	uint16_t size;    /* of a block */
	uint16_t blocks;  /* that were ever used */
	uint32_t inverse; /* of the units in a block, in 2^16ths */
	uint16_t head;    /* of each block, in front of what it holds: marks for debugging */
	uint16_t tail;
};

struct object_pools {
	const struct python_structs *structs;
	struct python_object_types *types;
	bool keep; /* the list of pools and what each block is; else sums alone */
	struct object_pool *items;
	size_t count; /* items[0] is none */
	size_t capacity;
	struct page_index index; /* pool at an address, by pages of a pool's size */
	uint16_t *blocks;        /* by number: type, BLOCK_RAW or BLOCK_FREE */
	uint32_t *starts;        /* the pool of each POOL_STARTS_EVERY-th block */
	size_t block_count;      /* blocks[0] is none */
	size_t block_capacity;
	bool marks_known; /* the next two are */
	uint16_t head;    /* of blocks, as above */
	uint16_t tail;
	struct memory_claim *claims; /* pools side by side, as one; kept in any case */
	size_t claim_count;

	bool absent; /* there are none: another allocator (PYTHONMALLOC=malloc) is in their place */
	uint64_t pool_count;
	uint64_t live_blocks; /* objects, raw memory and CPython's free lists */
	uint64_t live_bytes;
	uint64_t free_bytes; /* of blocks in pools that are in use, and their headers */
	uint64_t raw_blocks; /* no objects: tables of dictionaries, items of lists, … */
	uint64_t raw_bytes;
	uint64_t listed_blocks; /* objects that wait in free lists of the types */
	uint64_t torn;          /* pools that were changing each time */
	uint64_t read_again;
};

/* Returns 0 or -ENOMEM. */
int object_pools_init(struct object_pools *pools, const struct python_structs *structs,
		      struct python_object_types *types);
void object_pools_release(struct object_pools *pools);

/* Forgets everything, for the next look. */
void object_pools_begin(struct object_pools *pools, bool keep);

/* A pool whose claim comes behind those that there are, which are those of the last look until they
 * are dropped. */
void object_pools_claim(struct object_pools *pools, uint64_t address, uint64_t live_bytes);
void object_pools_drop_claims(struct object_pools *pools);

/* Whether a header, as it was read at an address, is a pool's: with the size of a block, and how
 * many are in use. */
bool object_pool_header(const struct object_pools *pools, uint64_t address,
			const uint8_t header[POOL_HEADER_BYTES], uint32_t *size, uint32_t *used);

enum pool_result {
	POOL_NONE, /* no pool, or one that nobody uses */
	POOL_READ,
	POOL_TORN, /* its numbers do not agree: it was changing */
};

struct pool_blocks {
	uint32_t size;  /* of a block */
	uint32_t count; /* that were ever used */
	bool is_free[POOL_BLOCKS_MAX];
};

/* Which blocks of a pool are free, of its memory, aligned by 8, as it was read at an address. */
enum pool_result object_pool_parse(const uint8_t *pool, uint32_t pool_bytes, uint64_t address,
				   struct pool_blocks *found);

/* What is done with each object, at its address behind its header. */
typedef void object_fn(void *context, uint64_t address, uint32_t type);

/*
 * Goes through the pools in the range of a region whose pages are in the view; `act` may be NULL.
 * Returns 0, or a negative errno (-ENOMEM, or the process is gone).
 */
int object_pools_read(struct object_pools *pools, struct view *view, uint64_t start, uint64_t end,
		      object_fn *act, void *context);

/* The index is by pages of 4096 bytes; pools may be larger. */
static inline uint64_t object_pools_key(const struct object_pools *pools, uint64_t address)
{
	return address >> pools->structs->pool_shift << PAGE_INDEX_SHIFT;
}

/* The pool that holds the address, where pools are kept; NULL: none. */
static inline const struct object_pool *object_pools_at(const struct object_pools *pools,
							uint64_t address)
{
	uint32_t number = page_index_get(&pools->index, object_pools_key(pools, address));

	return number ? &pools->items[number] : NULL;
}

/*
 * The number of the block that holds an address; 0: none. What is asked for each reference is not
 * divided: with fewer than 2^10 units in a pool and at most 2^5 in a block, a product with the
 * inverse in 2^16ths, rounded up, is exact.
 */
static inline uint32_t object_pool_block_at(const struct object_pool *pool, uint64_t address)
{
	uint64_t offset = address - pool->address - POOL_HEADER_BYTES;
	uint32_t index = (uint32_t)(offset / POOL_BLOCK_UNIT) * pool->inverse >> 16;

	return address - pool->address >= POOL_HEADER_BYTES && index < pool->blocks
		       ? pool->first + index
		       : 0;
}

/* The same where pools are kept, for any address. */
static inline uint32_t object_pools_block(const struct object_pools *pools, uint64_t address)
{
	const struct object_pool *pool = object_pools_at(pools, address);

	return pool ? object_pool_block_at(pool, address) : 0;
}

/* Where what a block of a pool holds begins, by its number. */
static inline uint64_t object_pool_block(const struct object_pool *pool, uint32_t block)
{
	return pool->address + POOL_HEADER_BYTES + (uint64_t)(block - pool->first) * pool->size +
	       pool->head;
}

/* How much it may hold. */
static inline uint32_t object_pool_room(const struct object_pool *pool)
{
	uint32_t marks = (uint32_t)pool->head + pool->tail;

	return pool->size > marks ? pool->size - marks : 0;
}

enum { POOL_STARTS_EVERY = 32 };

/* The pool of a block by its number. */
static inline const struct object_pool *object_pools_of(const struct object_pools *pools,
							uint32_t block)
{
	size_t at = block < POOL_STARTS_EVERY ? 1 : pools->starts[block / POOL_STARTS_EVERY];

	while (at + 1 < pools->count && pools->items[at + 1].first <= block)
		at++;
	return &pools->items[at];
}

struct pool_block {
	uint64_t start;
	uint32_t bytes;
	bool free;
};

/* The block that holds an address, as it is in the view, whether pools are kept or not. */
bool object_pools_inspect(const struct object_pools *pools, struct view *view, uint64_t address,
			  struct pool_block *block);

/*
 * The type of the object in a block of so many bytes, and with *header what is in front of it;
 * TYPE_NONE where there is none. Sets *listed where it is one that waits in a free list.
 */
uint32_t object_block_type(struct python_object_types *types, struct view *view,
			   const uint8_t *block, uint32_t size, uint32_t *header, bool *listed);

/*
 * Whether a block has the marks that PYTHONMALLOC=debug puts around what it holds, which begins
 * BLOCK_HEAD_BYTES behind its beginning.
 */
enum { BLOCK_HEAD_BYTES = 16, BLOCK_TAIL_BYTES = 8 };
bool object_block_is_marked(const uint8_t *block, uint32_t size);

#endif
