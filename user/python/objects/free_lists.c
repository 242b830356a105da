/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which types, by version: from the sources (in Objects, Python/context.c, _asynciomodule.c; from
 * 3.13 on pycore_freelist.h, from 3.14 on pycore_freelist_state.h), and tried out on each version
 * by freeing objects and counting blocks. Left out is what keeps one object alone (slice).
 *
 * Only objects of the very type go there, not those of subclasses, which have a type of their own.
 */
#include "free_lists.h"

#include <string.h>

#include "../../lib/bytes.h"

enum {
	ALWAYS = 99,
	TUPLE_ITEMS_OLD = 19, /* up to 3.10 */
	TUPLE_ITEMS = 20,
	INT_BYTES = 32, /* of one digit */
	KEYS_LOG = 8,   /* from 3.11 on the logarithm of the size, before that the size */
	KEYS_KIND = 10,
	KEYS_STRINGS = 1,
	KEYS_LOG_SIZE = 3,
	KEYS_SIZE = 8,
	KEYS_ENTRIES = 5, /* of a table of that size */
	KEYS_BYTES_MIN = 112,
	KEYS_BYTES_MAX = 192,
};

/* The types themselves are static, unless their names have a module's. */
static const struct {
	const char *name;
	uint8_t first; /* minor versions */
	uint8_t last;
} listed[] = {
	{"dict", 8, ALWAYS},
	{"list", 8, ALWAYS},
	{"tuple", 8, ALWAYS},
	{"float", 8, ALWAYS},
	{"Context", 8, ALWAYS},
	{"_contextvars.Context", 8, ALWAYS},
	{"async_generator_asend", 8, ALWAYS},
	{"async_generator_wrapped_value", 8, ALWAYS},
	{"_asyncio.FutureIter", 8, ALWAYS},
	{"MemoryError", 8, ALWAYS},
	{"frame", 8, 10},
	{"method", 8, 8},
	{"builtin_function_or_method", 8, 8},
	{"method", 14, ALWAYS},
	{"builtin_function_or_method", 14, ALWAYS},
	{"builtin_method", 14, ALWAYS},
	{"int", 14, ALWAYS},
	{"list_iterator", 14, ALWAYS},
	{"tuple_iterator", 14, ALWAYS},
	{"range", 14, ALWAYS},
	{"range_iterator", 14, ALWAYS},
};

static bool is_listed(const struct python_structs *structs, const struct python_type *type)
{
	for (size_t i = 0; i < sizeof(listed) / sizeof(*listed); i++)
		if (structs->minor >= listed[i].first && structs->minor <= listed[i].last &&
		    !strcmp(type->name, listed[i].name) &&
		    (!(type->flags & TYPE_HEAP) || strchr(type->name, '.')))
			return true;
	return false;
}

bool free_lists_have(const struct python_structs *structs, const struct python_type *type,
		     const uint8_t *object, uint32_t block_bytes)
{
	if (!is_listed(structs, type))
		return false;
	if (type->kind == KIND_TUPLE)
		return bytes_u64(object, OBJECT_SIZE) <=
		       (structs->minor <= 10 ? TUPLE_ITEMS_OLD : TUPLE_ITEMS);
	return type->kind != KIND_INT || block_bytes <= INT_BYTES;
}

bool free_lists_have_keys(const struct python_structs *structs, const uint8_t *block,
			  uint32_t block_bytes)
{
	bool small = structs->keys_logarithmic
			     ? block[KEYS_LOG] == KEYS_LOG_SIZE && block[KEYS_KIND] == KEYS_STRINGS
			     : bytes_u64(block, KEYS_LOG) == KEYS_SIZE;

	return small && block_bytes >= KEYS_BYTES_MIN && block_bytes <= KEYS_BYTES_MAX &&
	       bytes_u64(block, OBJECT_REFCOUNT) == 1 &&
	       bytes_u64(block, structs->keys_usable) + bytes_u64(block, structs->keys_used) ==
		       KEYS_ENTRIES;
}
