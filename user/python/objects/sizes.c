/* SPDX-License-Identifier: BSD-2-Clause */
/* How large objects are, with what they have beside themselves, and how many entries they have. */
#include "references.h"

#include "../../memory/chunk_guess.h"
#include "dicts.h"

#define BYTES_MAX (UINT64_C(1) << 46)

enum {
	SET_ENTRY_BYTES = 16,
	STR_KIND_SHIFT = 2,
	LIST_SPARE = 64,       /* room that a list may have beside twice its items */
	LARGE_BYTES = 1 << 16, /* the words around it that say so are worth reading */
	TABLE_GROWTH = 8,      /* by more no table is larger than the one before it */
	LENGTH_BELIEVED = 256, /* without a look at what the entries are in: most are shorter */
};

uint64_t object_memory_bytes(const struct object_reader *reader)
{
	const struct regions *regions = view_regions(reader->view);
	uint64_t bytes = 0;

	for (size_t i = 0; i < regions->count; i++)
		if (region_is_data(&regions->items[i]))
			bytes += regions->items[i].mapping.end - regions->items[i].mapping.start;
	return bytes;
}

static uint64_t str_bytes(struct object_reader *reader, uint64_t address)
{
	uint64_t length = object_word(reader, address + reader->layout->str_length);
	uint32_t state;

	if (!view_u32(reader->view, address + reader->layout->str_state, &state))
		return 0;
	unsigned int width = state >> STR_KIND_SHIFT & 7;
	bool ascii = state & 64;
	uint64_t head = ascii ? reader->layout->str_ascii_data : reader->layout->str_data;
	return length < BYTES_MAX ? head + (length + 1) * (width ? width : 4) : head;
}

/* The size of an int is a count with flags in its low bits from 3.12 on; its digits are few. */
static bool counts_items(enum object_kind kind)
{
	return kind == KIND_TUPLE || kind == KIND_BYTES || kind == KIND_PLAIN;
}

/* What an object says of itself. */
static uint64_t claimed_bytes(struct object_reader *reader, uint64_t address, uint32_t type)
{
	const struct python_type *known = &reader->types->items[type];
	int64_t items = 0;

	if (known->kind == KIND_STR)
		return str_bytes(reader, address);
	if (known->item_bytes && counts_items(known->kind))
		items = (int64_t)object_word(reader, address + OBJECT_SIZE);
	if (items < 0)
		items = -items;
	uint64_t variable = (uint64_t)items * known->item_bytes;
	return known->basic_bytes + ((uint64_t)items < BYTES_MAX ? variable : 0);
}

/* Whether so many bytes from an address on are in one mapping. */
static bool are_mapped(const struct object_reader *reader, uint64_t address, uint64_t bytes)
{
	const struct region *region = regions_find(view_regions(reader->view), address);

	return region && bytes <= region->mapping.end - address;
}

bool object_is_mapped(struct object_reader *reader, uint64_t address, uint32_t type)
{
	return are_mapped(reader, address, claimed_bytes(reader, address, type));
}

/* What is in a pool is no larger than its blocks, and nothing larger than its mapping. */
uint64_t object_bytes(struct object_reader *reader, uint64_t address, uint32_t type)
{
	uint64_t bytes = claimed_bytes(reader, address, type);

	if (bytes > POOL_BLOCK_BYTES_MAX &&
	    (object_pools_block(reader->pools, address) || !are_mapped(reader, address, bytes)))
		return reader->types->items[type].basic_bytes;
	return bytes;
}

/* What is in a pool counts there, as a block of its own; where pools are not kept, it is what fits
 * into one. And nothing is larger than the block of malloc that it is, or else its mapping: what
 * says so was torn. */
static uint64_t outside(struct object_reader *reader, uint64_t address, uint64_t bytes)
{
	if (!address || bytes > BYTES_MAX || object_pools_block(reader->pools, address) ||
	    (!reader->pools->keep && !reader->pools->absent && bytes <= POOL_BLOCK_BYTES_MAX))
		return 0;
	const struct region *region = regions_find(view_regions(reader->view), address);
	if (!region)
		return 0;
	uint64_t room = chunk_guess_bytes(reader->view, address);
	if (!room && bytes >= LARGE_BYTES)
		room = chunk_guess_bytes_of_part(reader->view, address);
	if (!room)
		room = region->mapping.end - address;
	return bytes <= room ? bytes : 0;
}

static uint64_t dict_payload(struct object_reader *reader, uint64_t address)
{
	uint64_t table = object_word(reader, address + DICT_KEYS);
	struct dict_keys keys;

	/* a table with values beside it is shared by all instances of a type */
	if (object_word(reader, address + DICT_VALUES) ||
	    !dict_keys_read(reader->view, reader->structs, table, &keys) || !keys.used ||
	    object_word(reader, address + DICT_USED) > keys.capacity)
		return 0;
	return outside(reader, table, keys.bytes);
}

uint64_t object_order_bytes(struct object_reader *reader, uint64_t address)
{
	uint64_t count = object_word(reader, address + ORDERED_NODE_COUNT);

	if (count > BYTES_MAX / 8 || count & (count - 1))
		return 0;
	return outside(reader, object_word(reader, address + ORDERED_NODES), count * 8);
}

/* A list has room for an eighth more than its items, or, when it got shorter, for twice as many;
 * other figures are not of one moment. */
static uint64_t list_payload(struct object_reader *reader, uint64_t address)
{
	uint64_t length = object_word(reader, address + OBJECT_SIZE);
	uint64_t allocated = object_word(reader, address + LIST_ALLOCATED);

	if (length > BYTES_MAX / 16)
		return 0;
	if (allocated < length || allocated > 2 * length + LIST_SPARE)
		allocated = length;
	return outside(reader, object_word(reader, address + LIST_ITEMS), allocated * 8);
}

/* Blocks of one size, of which the first one tells it. More than fit beside it there are not. */
static uint64_t deque_payload(struct object_reader *reader, uint64_t address)
{
	uint64_t left = object_word(reader, address + DEQUE_LEFT);
	uint64_t blocks = object_word(reader, address + DEQUE_LENGTH) / DEQUE_BLOCK_ITEMS + 1;
	uint64_t block = outside(reader, left, DEQUE_BLOCK_BYTES);
	const struct region *region = block ? regions_find(view_regions(reader->view), left) : NULL;

	if (!region)
		return 0;
	return blocks <= (region->mapping.end - region->mapping.start) / block ? blocks * block
									       : block;
}

static uint64_t set_payload(struct object_reader *reader, uint64_t address)
{
	uint64_t table = object_word(reader, address + SET_TABLE);
	uint64_t mask = object_word(reader, address + SET_MASK);

	if (table == address + SET_SMALL_TABLE || mask > BYTES_MAX / SET_ENTRY_BYTES ||
	    mask & (mask + 1))
		return 0;
	return outside(reader, table, (mask + 1) * SET_ENTRY_BYTES);
}

/* An array's items are as large as its size and its room say together: by the description, whose
 * second word is the size of one. */
static uint64_t array_payload(struct object_reader *reader, uint64_t address)
{
	uint64_t description = object_word(reader, address + ARRAY_DESCRIPTION);
	uint32_t item;

	if (!view_u32(reader->view, description + 4, &item) || item > 16)
		return 0;
	return outside(reader, object_word(reader, address + ARRAY_ITEMS),
		       object_word(reader, address + ARRAY_ALLOCATED) * item);
}

/* The largest extent of any dimension: all of it, for arrays that own their data. */
static uint64_t ndarray_payload(struct object_reader *reader, uint64_t address)
{
	uint64_t shape = object_word(reader, address + NDARRAY_SHAPE), largest = 0;
	uint64_t strides = object_word(reader, address + NDARRAY_STRIDES);
	uint32_t dimensions, flags;

	if (!view_u32(reader->view, address + NDARRAY_DIMENSIONS, &dimensions) ||
	    !view_u32(reader->view, address + NDARRAY_FLAGS, &flags) ||
	    !(flags & NDARRAY_OWNS_DATA) || dimensions > NDARRAY_DIMENSIONS_MAX)
		return 0;
	for (uint32_t i = 0; i < dimensions; i++) {
		int64_t stride = (int64_t)object_word(reader, strides + 8 * i);
		uint64_t count = object_word(reader, shape + 8 * i), bytes;

		if (__builtin_mul_overflow(count, (uint64_t)(stride < 0 ? -stride : stride),
					   &bytes))
			return 0;
		largest = bytes > largest ? bytes : largest;
	}
	return outside(reader, object_word(reader, address + NDARRAY_DATA), largest);
}

/* A class that Python code made has keys for the attributes of its instances, with more room than
 * may be used. */
static uint64_t type_payload(struct object_reader *reader, uint64_t address)
{
	struct dict_keys keys;
	uint64_t table, bytes, block;

	if (!(object_word(reader, address + TYPE_FLAGS) & TYPE_HEAP))
		return 0;
	table = object_word(reader, address + reader->structs->type_cached_keys);
	if (!dict_keys_read(reader->view, reader->structs, table, &keys))
		return 0;
	bytes = outside(reader, table, keys.bytes);
	block = bytes ? chunk_guess_bytes(reader->view, table) : 0;
	return block ? block : bytes;
}

uint64_t object_payload(struct object_reader *reader, uint64_t address, uint32_t type)
{
	const struct python_type *known = &reader->types->items[type];

	switch ((enum object_kind)known->kind) {
	case KIND_DICT:
		return dict_payload(reader, address) +
		       (known->is_ordered ? object_order_bytes(reader, address) : 0);
	case KIND_LIST:
		return list_payload(reader, address);
	case KIND_SET:
		return set_payload(reader, address);
	case KIND_DEQUE:
		return deque_payload(reader, address);
	case KIND_BYTEARRAY:
		return outside(reader, object_word(reader, address + BYTEARRAY_BYTES),
			       object_word(reader, address + BYTEARRAY_ALLOCATED));
	case KIND_ARRAY:
		return array_payload(reader, address);
	case KIND_NDARRAY:
		return ndarray_payload(reader, address);
	case KIND_TYPE:
		return type_payload(reader, address);
	default:
		return 0;
	}
}

static uint64_t add_chunks(struct chunk_classes *classes, uint64_t bytes, uint64_t block)
{
	uint64_t chunk = chunk_size_of_request(block), count = block ? bytes / block : 0;

	for (uint64_t i = 0; classes && i < count; i++)
		chunk_classes_add(classes, chunk);
	return count * chunk;
}

/* One block holds them all, but for deques and ordered dictionaries. */
uint64_t object_payload_chunks(struct object_reader *reader, uint64_t address, uint32_t type,
			       uint64_t payload, struct chunk_classes *classes)
{
	const struct python_type *known = &reader->types->items[type];
	uint64_t order = 0;

	if (known->kind == KIND_DEQUE)
		return add_chunks(classes, payload, DEQUE_BLOCK_BYTES);
	if (known->is_ordered)
		order = object_order_bytes(reader, address);
	order = order < payload ? order : payload;
	return add_chunks(classes, order, order) +
	       add_chunks(classes, payload - order, payload - order);
}

/* The same of what may have been moved since the mappings were read: to one that is not known. */
static bool may_be_mapped(const struct object_reader *reader, uint64_t address, uint64_t bytes)
{
	return bytes <= reader->memory_bytes &&
	       (!regions_find(view_regions(reader->view), address) ||
		are_mapped(reader, address, bytes));
}

/* A table may have been copied before the next one took its place, which has room for more. */
static bool dict_has_room(struct object_reader *reader, uint64_t dict, uint64_t length)
{
	uint64_t table = object_word(reader, dict + DICT_KEYS);
	struct dict_keys keys;

	if (!dict_keys_read(reader->view, reader->structs, table, &keys))
		return may_be_mapped(reader, table, length * 8);
	return length <= keys.capacity * TABLE_GROWTH && may_be_mapped(reader, table, keys.bytes);
}

/* Whether what a container keeps its entries in has room for so many. */
static bool has_room(struct object_reader *reader, uint64_t address, enum object_kind kind,
		     uint64_t length)
{
	switch (kind) {
	case KIND_DICT:
		return dict_has_room(reader, address, length);
	case KIND_CACHE:
		return dict_has_room(reader, object_word(reader, address + CACHE_DICT), length);
	case KIND_LIST:
		return length <= object_word(reader, address + LIST_ALLOCATED) &&
		       may_be_mapped(reader, object_word(reader, address + LIST_ITEMS), length * 8);
	case KIND_SET:
		return length <= object_word(reader, address + SET_MASK) &&
		       may_be_mapped(reader, object_word(reader, address + SET_TABLE),
				     length * SET_ENTRY_BYTES);
	case KIND_DEQUE:
		return length <= reader->memory_bytes / 8;
	case KIND_BYTEARRAY:
		return may_be_mapped(reader, object_word(reader, address + BYTEARRAY_BYTES),
				     length);
	default: /* of an array: items of one byte or more */
		return may_be_mapped(reader, object_word(reader, address + ARRAY_ITEMS), length);
	}
}

bool object_length_read(struct object_reader *reader, uint64_t address, uint32_t type,
			uint64_t *length)
{
	enum object_kind kind = reader->types->items[type].kind;

	*length = 0;
	if (kind == KIND_CACHE) {
		uint64_t dict = object_word(reader, address + CACHE_DICT);
		*length = dict ? object_word(reader, dict + DICT_USED) : 0;
	} else if (object_kind_is_container(kind)) {
		*length =
			object_word(reader, address + (kind == KIND_SET ? SET_USED : OBJECT_SIZE));
	}
	if (*length <= LENGTH_BELIEVED ||
	    (*length < BYTES_MAX && has_room(reader, address, kind, *length)))
		return true;
	*length = 0;
	return false;
}

uint64_t object_length(struct object_reader *reader, uint64_t address, uint32_t type)
{
	uint64_t length;

	object_length_read(reader, address, type, &length);
	return length;
}

uint64_t object_bound(struct object_reader *reader, uint64_t address, uint32_t type)
{
	enum object_kind kind = reader->types->items[type].kind;
	uint64_t bound = UINT64_MAX;

	if (kind == KIND_CACHE)
		bound = object_word(reader, address + CACHE_MAX_SIZE);
	else if (kind == KIND_DEQUE)
		bound = object_word(reader, address + DEQUE_MAX_LENGTH);
	return (int64_t)bound < 0 ? UINT64_MAX : bound;
}
