/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pool (Objects/obmalloc.c) begins with a header that says the class of its blocks and how many
 * are in use and were ever used; those that were freed form a list that begins in the header. The
 * numbers must agree: used = ever used - length of the list. They do not where the pool was read
 * while the process changed it; then it is read again.
 *
 * A block holds an object where its first words, behind the header that the type asks for, are a
 * plausible reference count and the address of a type.
 */
#include "pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"
#include "../../lib/bytes.h"

enum {
	HEADER_BYTES = POOL_HEADER_BYTES,
	SIZE_CLASSES = 32,
	READINGS = 4,
	LOWEST_ADDRESS = 65536,
	CLAIMS_MAX = 1 << 16,
	LIVE_JUDGED = 4,
};
#define LENGTH_MAX (UINT64_C(1) << 40)

struct pool_header {
	uint32_t used;
	uint32_t unused;
	uint64_t free_list;
	uint64_t next;
	uint64_t previous;
	uint32_t arena;
	uint32_t size_class;
	uint32_t next_offset;
	uint32_t last_offset;
};
_Static_assert(sizeof(struct pool_header) == HEADER_BYTES, "");

int object_pools_init(struct object_pools *pools, const struct python_structs *structs,
		      struct python_object_types *types)
{
	*pools = (struct object_pools){.structs = structs, .types = types};
	return page_index_init(&pools->index);
}

void object_pools_release(struct object_pools *pools)
{
	page_index_release(&pools->index);
	free(pools->items);
	free(pools->blocks);
	free(pools->starts);
	object_pools_drop_claims(pools);
	pools->items = NULL;
	pools->blocks = NULL;
	pools->starts = NULL;
}

static bool make_room(struct object_pools *pools, uint32_t blocks)
{
	if (pools->count == pools->capacity || !pools->items) {
		size_t larger = pools->capacity ? pools->capacity * 2 : 1024;
		void *items = reallocarray(pools->items, larger, sizeof(*pools->items));

		if (!items)
			return false;
		pools->items = items;
		pools->capacity = larger;
	}
	if (pools->block_count + blocks > pools->block_capacity) {
		size_t larger = pools->block_capacity ? pools->block_capacity * 2 : 1 << 18;
		void *starts = reallocarray(pools->starts, larger / POOL_STARTS_EVERY + 1,
					    sizeof(*pools->starts));
		pools->starts = starts ? starts : pools->starts;
		void *items = reallocarray(pools->blocks, larger, sizeof(*pools->blocks));
		if (!starts || !items || pools->block_count + blocks > UINT32_MAX / 2)
			return false;
		pools->blocks = items;
		pools->block_capacity = larger;
	}
	return true;
}

void object_pools_drop_claims(struct object_pools *pools)
{
	free(pools->claims);
	pools->claims = NULL;
	pools->claim_count = 0;
}

void object_pools_begin(struct object_pools *pools, bool keep)
{
	page_index_clear(&pools->index);
	pools->keep = keep;
	pools->count = pools->block_count = 1;
	object_pools_drop_claims(pools);
	pools->pool_count = pools->live_blocks = pools->live_bytes = pools->free_bytes = 0;
	pools->raw_blocks = pools->raw_bytes = pools->listed_blocks = 0;
	pools->torn = pools->read_again = 0;
	pools->absent = false;
	if (keep && make_room(pools, 1)) { /* block 0 is none, also where there are no pools */
		pools->items[0] = (struct object_pool){0};
		pools->blocks[0] = BLOCK_FREE;
	}
}

/* How many blocks were ever used; 0 where this is no header of a pool. */
static uint32_t check_header(uint32_t pool_bytes, const struct pool_header *header,
			     uint64_t address)
{
	uint32_t size, blocks;

	if (header->size_class >= SIZE_CLASSES)
		return 0;
	size = (header->size_class + 1) * POOL_BLOCK_UNIT;
	if (header->last_offset != pool_bytes - size || header->next_offset < HEADER_BYTES ||
	    header->next_offset > header->last_offset + size ||
	    (header->next_offset - HEADER_BYTES) % size)
		return 0;
	blocks = (header->next_offset - HEADER_BYTES) / size;
	if (!header->used || header->used > blocks)
		return 0;
	if (header->free_list && (header->free_list - address - HEADER_BYTES >= pool_bytes ||
				  (header->free_list - address - HEADER_BYTES) % size))
		return 0;
	return blocks;
}

bool object_pool_header(const struct object_pools *pools, uint64_t address,
			const uint8_t bytes[POOL_HEADER_BYTES], uint32_t *size, uint32_t *used)
{
	const struct pool_header *header = (const void *)bytes;

	if (!check_header(1u << pools->structs->pool_shift, header, address))
		return false;
	*size = (header->size_class + 1) * POOL_BLOCK_UNIT;
	*used = header->used;
	return true;
}

/* Marks the blocks of the free list. Returns whether all numbers agree. */
static bool mark_free(const uint8_t *pool, uint64_t address, uint32_t size, uint32_t blocks,
		      bool *is_free)
{
	const struct pool_header *header = (const void *)pool;
	uint32_t length = 0;

	memset(is_free, 0, blocks);
	for (uint64_t at = header->free_list; at;) {
		uint64_t offset = at - address - HEADER_BYTES;

		if (offset >= (uint64_t)blocks * size || offset % size || is_free[offset / size])
			return false;
		is_free[offset / size] = true;
		length++;
		memcpy(&at, pool + HEADER_BYTES + offset, sizeof(at));
	}
	return blocks - length == header->used;
}

enum pool_result object_pool_parse(const uint8_t *pool, uint32_t pool_bytes, uint64_t address,
				   struct pool_blocks *found)
{
	const struct pool_header *header = (const void *)pool;

	found->count = check_header(pool_bytes, header, address);
	if (!found->count)
		return POOL_NONE;
	found->size = (header->size_class + 1) * POOL_BLOCK_UNIT;
	return mark_free(pool, address, found->size, found->count, found->is_free) ? POOL_READ
										   : POOL_TORN;
}

/* A compact string's type says a larger size than it has. */
static bool fits(const struct python_type *type, uint32_t size)
{
	return type->basic_bytes + type->header_bytes <= size || type->kind == KIND_STR ||
	       type->kind == KIND_BYTES;
}

/*
 * Memory that holds pointers to types, such as the items of a list of types, looks like objects
 * where the executable lies at low addresses, so that an address may pass for a count of
 * references. What a count would be of objects that people have is far below any address.
 */
static bool is_address(struct view *view, uint64_t count)
{
	return count >= LOWEST_ADDRESS && !(count & 7) && regions_find(view_regions(view), count);
}

/* What the collector keeps in front of an object is a pointer, or nothing. A table of keys begins
 * with a small number there, and has a hash and a type's address where an object would begin. */
static bool has_gc_head(const uint8_t *block, uint32_t header)
{
	uint64_t next = header ? bytes_u64(block, header - GC_HEAD_BYTES) : 0;

	return !next || next >= LOWEST_ADDRESS;
}

/* Whether the numbers of what would be a container agree. */
static bool makes_sense(enum object_kind kind, const uint8_t *object, uint32_t bytes)
{
	switch (kind) {
	case KIND_LIST:
		if (bytes_u64(object, LIST_ALLOCATED) == UINT64_MAX) /* it is being sorted */
			return !bytes_u64(object, LIST_ITEMS);
		return bytes_u64(object, LIST_LENGTH) <= bytes_u64(object, LIST_ALLOCATED) &&
		       bytes_u64(object, LIST_ALLOCATED) < LENGTH_MAX;
	case KIND_DICT:
		return bytes_u64(object, DICT_USED) < LENGTH_MAX && bytes_u64(object, DICT_KEYS) &&
		       !(bytes_u64(object, DICT_KEYS) & 7);
	case KIND_TUPLE:
		return bytes_u64(object, OBJECT_SIZE) <= bytes / 8;
	case KIND_SET:
		return bytes_u64(object, SET_USED) <= bytes_u64(object, SET_MASK) &&
		       bytes_u64(object, SET_MASK) < LENGTH_MAX;
	default:
		return true;
	}
}

uint32_t object_block_type(struct python_object_types *types, struct view *view,
			   const uint8_t *block, uint32_t size, uint32_t *header, bool *listed)
{
	static const uint32_t headers[] = {0, GC_HEAD_BYTES, GC_HEAD_BYTES + PRE_HEADER_BYTES};

	*listed = false;
	for (size_t i = 0; i < 3 && headers[i] + 16 <= size; i++) {
		uint64_t count = bytes_u64(block, headers[i]);
		bool live = python_refcount_is_plausible(types->structs, count);

		if (!live && count)
			continue;
		uint32_t type =
			python_types_find(types, view, bytes_u64(block, headers[i] + OBJECT_TYPE));
		if (!type || types->items[type].header_bytes != headers[i] ||
		    !fits(&types->items[type], size) || (live && is_address(view, count)) ||
		    !has_gc_head(block, headers[i]) ||
		    (live &&
		     !makes_sense(types->items[type].kind, block + headers[i], size - headers[i])))
			continue;
		*header = headers[i];
		*listed = !live;
		return live ? type : TYPE_NONE;
	}
	return TYPE_NONE;
}

static int keep_pool(struct object_pools *pools, uint64_t address, uint32_t size, uint32_t blocks)
{
	uint32_t *slot = make_room(pools, blocks)
				 ? page_index_slot(&pools->index, object_pools_key(pools, address))
				 : NULL;

	if (!slot)
		return -ENOMEM;
	*slot = (uint32_t)pools->count;
	pools->items[pools->count++] = (struct object_pool){
		.address = address,
		.first = (uint32_t)pools->block_count,
		.size = (uint16_t)size,
		.blocks = (uint16_t)blocks,
		.head = pools->head,
		.tail = pools->tail,
		.inverse = (1 << 16) / (size / POOL_BLOCK_UNIT) + 1,
	};
	for (size_t i = (pools->block_count + POOL_STARTS_EVERY - 1) / POOL_STARTS_EVERY;
	     i * POOL_STARTS_EVERY < pools->block_count + blocks; i++)
		pools->starts[i] = (uint32_t)(pools->count - 1);
	pools->block_count += blocks;
	return 0;
}

struct reading {
	struct object_pools *pools;
	struct view *view;
	object_fn *act;
	void *context;
};

static uint32_t block_room(const struct object_pools *pools, uint32_t size)
{
	uint32_t marks = (uint32_t)pools->head + pools->tail;

	return size > marks ? size - marks : 0;
}

static uint16_t read_block(const struct reading *reading, const uint8_t *block, uint64_t address,
			   uint32_t size)
{
	struct object_pools *pools = reading->pools;
	uint32_t header = 0;
	bool listed;
	uint32_t type = object_block_type(pools->types, reading->view, block + pools->head,
					  block_room(pools, size), &header, &listed);

	pools->live_blocks++;
	pools->live_bytes += size;
	if (listed)
		pools->listed_blocks++;
	if (!type) {
		pools->raw_blocks += !listed;
		pools->raw_bytes += listed ? 0 : size;
		return listed ? BLOCK_FREE : BLOCK_RAW;
	}
	pools->types->items[type].count++;
	pools->types->items[type].bytes += size;
	if (reading->act)
		reading->act(reading->context, address + pools->head + header, type);
	return (uint16_t)type;
}

void object_pools_claim(struct object_pools *pools, uint64_t address, uint64_t live_bytes)
{
	uint64_t end = address + (UINT64_C(1) << pools->structs->pool_shift);
	struct memory_claim *last =
		pools->claim_count ? &pools->claims[pools->claim_count - 1] : NULL;

	if (last && last->end == address) {
		last->end = end;
		last->live_bytes += live_bytes;
	} else if (pools->claim_count < CLAIMS_MAX) {
		array_append(&pools->claims, &pools->claim_count,
			     ((struct memory_claim){address, end, live_bytes}));
	}
}

static int read_blocks(const struct reading *reading, const uint8_t *pool, uint64_t address,
		       uint32_t size, uint32_t blocks, const bool *is_free)
{
	struct object_pools *pools = reading->pools;
	size_t first = pools->block_count;
	uint64_t live_bytes = 0;
	int error = pools->keep ? keep_pool(pools, address, size, blocks) : 0;

	if (error)
		return error;
	pools->pool_count++;
	pools->free_bytes += 1u << pools->structs->pool_shift;
	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t offset = HEADER_BYTES + i * size;
		uint16_t what = BLOCK_FREE;

		if (!is_free[i]) {
			what = read_block(reading, pool + offset, address + offset, size);
			live_bytes += what == BLOCK_FREE ? 0 : size;
			pools->free_bytes -= size;
		}
		if (pools->keep)
			pools->blocks[first + i] = what;
	}
	object_pools_claim(pools, address, live_bytes);
	return 0;
}

bool object_block_is_marked(const uint8_t *block, uint32_t size)
{
	static const uint8_t forbidden[7] = {0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd, 0xfd};
	uint64_t held = 0;

	if (size < BLOCK_HEAD_BYTES + BLOCK_TAIL_BYTES)
		return false;
	for (int i = 0; i < 8; i++)
		held = held << 8 | block[i];
	return held <= size - BLOCK_HEAD_BYTES - BLOCK_TAIL_BYTES && block[8] &&
	       strchr("rmo", block[8]) && !memcmp(block + 9, forbidden, sizeof(forbidden));
}

/* All pools have blocks with marks, or none; the first with some blocks tells. */
static void judge_marks(struct object_pools *pools, const uint8_t *pool, uint32_t size,
			uint32_t blocks, const bool *is_free)
{
	uint32_t live = 0, marked = 0;

	if (pools->marks_known)
		return;
	for (uint32_t i = 0; i < blocks; i++) {
		if (is_free[i])
			continue;
		live++;
		marked += object_block_is_marked(pool + HEADER_BYTES + i * size, size);
	}
	if (live < LIVE_JUDGED)
		return;
	pools->marks_known = true;
	pools->head = marked * 2 > live ? BLOCK_HEAD_BYTES : 0;
	pools->tail = marked * 2 > live ? BLOCK_TAIL_BYTES : 0;
}

static int read_pool(const struct reading *reading, uint64_t address)
{
	struct object_pools *pools = reading->pools;
	uint32_t bytes = 1u << pools->structs->pool_shift;
	_Alignas(8) uint8_t buffer[POOL_BYTES_MAX];
	struct pool_blocks found;

	for (int i = 0; i < READINGS; i++) {
		const uint8_t *pool = view_span(reading->view, address, bytes, buffer);
		enum pool_result result = object_pool_parse(pool, bytes, address, &found);

		if (result == POOL_NONE)
			return 0;
		if (result == POOL_READ) {
			judge_marks(pools, pool, found.size, found.count, found.is_free);
			return read_blocks(reading, pool, address, found.size, found.count,
					   found.is_free);
		}
		pools->read_again++;
		if (view_refresh(reading->view, address, bytes))
			break;
	}
	pools->torn++;
	return 0;
}

int object_pools_read(struct object_pools *pools, struct view *view, uint64_t start, uint64_t end,
		      object_fn *act, void *context)
{
	const struct reading reading = {pools, view, act, context};
	uint64_t bytes = UINT64_C(1) << pools->structs->pool_shift;
	int error = 0;

	for (uint64_t at = (start + bytes - 1) & ~(bytes - 1); at + bytes <= end && !error;
	     at += bytes)
		if (view_has(view, at))
			error = read_pool(&reading, at);
	return error;
}

bool object_pools_inspect(const struct object_pools *pools, struct view *view, uint64_t address,
			  struct pool_block *block)
{
	uint32_t bytes = 1u << pools->structs->pool_shift;
	uint64_t start = address & ~(uint64_t)(bytes - 1), offset = address - start;
	_Alignas(8) uint8_t buffer[POOL_BYTES_MAX];
	struct pool_blocks found;

	if (!view_page(view, start) || offset < HEADER_BYTES)
		return false;
	for (uint32_t page = VIEW_PAGE_BYTES; page < bytes; page += VIEW_PAGE_BYTES)
		view_page(view, start + page);
	const uint8_t *pool = view_span(view, start, bytes, buffer);
	enum pool_result result = object_pool_parse(pool, bytes, start, &found);
	if (result == POOL_NONE)
		return false;
	uint64_t index = (offset - HEADER_BYTES) / found.size;
	*block = (struct pool_block){
		.start = start + HEADER_BYTES + index * found.size + pools->head,
		.bytes = block_room(pools, found.size),
		.free = index >= found.count || (result == POOL_READ && found.is_free[index]),
	};
	return true;
}
