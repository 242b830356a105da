/* SPDX-License-Identifier: BSD-2-Clause */
#include "fresh.h"

#include "dicts.h"

enum { PIECE_MAX = 4 << 20 };

static bool dict_is_torn(struct object_reader *reader, uint64_t dict)
{
	uint64_t used = object_word(reader, dict + DICT_USED);
	struct dict_keys keys;

	if (!used || object_word(reader, dict + DICT_VALUES))
		return false;
	return !dict_keys_read(reader->view, reader->structs, object_word(reader, dict + DICT_KEYS),
			       &keys) ||
	       used > keys.capacity;
}

/* Where nothing was written yet, there are zeroes; no item of a list is one. */
static bool list_is_torn(struct object_reader *reader, uint64_t list)
{
	uint64_t length = object_word(reader, list + LIST_LENGTH), item;

	return length && view_u64(reader->view, object_word(reader, list + LIST_ITEMS), &item) &&
	       !item;
}

bool object_is_another(const struct object_reader *reader, uint64_t address, uint32_t type)
{
	return object_word(reader, address + OBJECT_TYPE) != reader->types->items[type].address;
}

bool object_is_torn(struct object_reader *reader, uint64_t address, uint32_t type)
{
	switch ((enum object_kind)reader->types->items[type].kind) {
	case KIND_DICT:
		return dict_is_torn(reader, address);
	case KIND_LIST:
		return list_is_torn(reader, address);
	default:
		return false;
	}
}

/* What is small may lie in a pool, whose blocks tell no smaller size. */
static void refresh(struct object_reader *reader, uint64_t address, uint64_t bytes)
{
	if (bytes < POOL_BLOCK_BYTES_MAX)
		bytes = POOL_BLOCK_BYTES_MAX;
	view_refresh(reader->view, address, bytes < PIECE_MAX ? bytes : PIECE_MAX);
}

/* Where the table or the items of a container are; 0: it has none, or they are in it. */
static uint64_t storage_of(const struct object_reader *reader, uint64_t address, uint32_t type)
{
	switch ((enum object_kind)reader->types->items[type].kind) {
	case KIND_DICT:
		return object_word(reader, address + DICT_KEYS);
	case KIND_LIST:
		return object_word(reader, address + LIST_ITEMS);
	case KIND_SET:
		return object_word(reader, address + SET_TABLE);
	default:
		return 0;
	}
}

void object_refresh(struct object_reader *reader, uint64_t address, uint32_t type)
{
	uint32_t header = reader->types->items[type].header_bytes;
	uint64_t values, storage;

	refresh(reader, address - header, 0);
	uint64_t bytes = header + object_bytes(reader, address, type);
	if (bytes > POOL_BLOCK_BYTES_MAX)
		refresh(reader, address - header, bytes);
	values = object_values(reader, address, type);
	if (values)
		refresh(reader, values, 0);
	storage = storage_of(reader, address, type);
	if (!storage)
		return;
	refresh(reader, storage, 0); /* a table tells its size itself */
	bytes = object_payload(reader, address, type);
	if (bytes > POOL_BLOCK_BYTES_MAX)
		refresh(reader, storage, bytes);
}
