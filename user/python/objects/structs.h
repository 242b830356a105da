/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How CPython's objects are laid out, beyond what layouts.h says of frames and code: offsets in
 * bytes. From the headers of 3.8 to 3.14 (Include/cpython, Include/internal; x86-64, with the GIL).
 * What all of these versions have in common are constants.
 */
#ifndef UNFREED_PYTHON_OBJECTS_STRUCTS_H
#define UNFREED_PYTHON_OBJECTS_STRUCTS_H

#include "../layouts.h"

enum {
	OBJECT_REFCOUNT = 0,
	OBJECT_TYPE = 8,
	OBJECT_SIZE = 16, /* of those with a variable part */
	GC_HEAD_BYTES = 16,
	PRE_HEADER_BYTES = 16, /* managed dictionary and weak references */

	TYPE_TP_NAME = 24,
	TYPE_BASIC_SIZE = 32,
	TYPE_ITEM_SIZE = 40,
	TYPE_FLAGS = 168,
	TYPE_BASE = 256,
	TYPE_DICT = 264,
	TYPE_DICT_OFFSET = 288,
	TYPE_BASES = 336,
	TYPE_MRO = 344,
	TYPE_SUBCLASSES = 360,
	TYPE_BYTES = 400, /* at least */

	DICT_USED = 16,
	DICT_KEYS = 32,
	DICT_VALUES = 40,
	DICT_BYTES = 48,

	ORDERED_NODES = 64, /* of an OrderedDict: a pointer for each place of its table */
	ORDERED_NODE_COUNT = 72,

	LIST_LENGTH = 16,
	LIST_ITEMS = 24,
	LIST_ALLOCATED = 32,
	LIST_BYTES = 40,

	SET_USED = 24,
	SET_MASK = 32,
	SET_TABLE = 40,
	SET_SMALL_TABLE = 72,
	SET_SMALL_ENTRIES = 8,

	DEQUE_LENGTH = 16,
	DEQUE_LEFT = 24,
	DEQUE_LEFT_INDEX = 40,
	DEQUE_MAX_LENGTH = 64,
	DEQUE_BLOCK_ITEMS = 64,
	DEQUE_BLOCK_BYTES = 8 * (DEQUE_BLOCK_ITEMS + 2),

	BYTEARRAY_ALLOCATED = 24,
	BYTEARRAY_BYTES = 32,
	ARRAY_ITEMS = 24,
	ARRAY_ALLOCATED = 32,
	ARRAY_DESCRIPTION = 40,

	WEAKREF_OBJECT = 16, /* None where it is gone */
	WEAKREF_CALLBACK = 24,

	/* functools.lru_cache */
	CACHE_DICT = 72,
	CACHE_HITS = 80,
	CACHE_FUNCTION = 88,
	CACHE_MAX_SIZE = 96,
	CACHE_MISSES = 104,
	CACHE_FIRST = 56, /* behind the links to its entries, which its dictionary has too */
	CACHE_ENTRY_KEY = 40,
	CACHE_ENTRY_RESULT = 48,

	/* numpy.ndarray (numpy/core/include/numpy/ndarraytypes.h) */
	NDARRAY_DATA = 16,
	NDARRAY_DIMENSIONS = 24, /* how many */
	NDARRAY_SHAPE = 32,
	NDARRAY_STRIDES = 40,
	NDARRAY_BASE = 48,
	NDARRAY_DESCRIPTION = 56,
	NDARRAY_KIND = 24, /* of the description */
	NDARRAY_FLAGS = 64,
	NDARRAY_OWNS_DATA = 4, /* in the flags */
	NDARRAY_DIMENSIONS_MAX = 64,

	/* frame objects up to 3.10 */
	FRAME_FIRST = 24, /* the frame behind, code, builtins, globals, locals */
	FRAME_VALUE_STACK = 64,
	FRAME_STACK_TOP = 72, /* 3.8 and 3.9: address; 0: it runs */
	FRAME_DEPTH = 80,     /* 3.10: how many are filled; -1: it runs */

	METHOD_FUNCTION = 16,
	METHOD_SELF = 24,
	MODULE_DICT = 16,
	CELL_CONTENTS = 16,
};

enum type_flags {
	TYPE_INLINE_VALUES = 1 << 2,   /* from 3.13 on */
	TYPE_MANAGED_WEAKREF = 1 << 3, /* from 3.12 on */
	TYPE_MANAGED_DICT = 1 << 4,    /* from 3.11 on */
	TYPE_HEAP = 1 << 9,
	TYPE_READY = 1 << 12,
	TYPE_HAVE_GC = 1 << 14,
	TYPE_INT_SUBCLASS = 1 << 24,
	TYPE_LIST_SUBCLASS = 1 << 25,
	TYPE_TUPLE_SUBCLASS = 1 << 26,
	TYPE_BYTES_SUBCLASS = 1 << 27,
	TYPE_STR_SUBCLASS = 1 << 28,
	TYPE_DICT_SUBCLASS = 1 << 29,
};
#define TYPE_TYPE_SUBCLASS (UINT64_C(1) << 31)

struct python_structs {
	unsigned int minor; /* 11 of 3.11 */

	uint32_t tuple_items;
	uint32_t type_qualname;
	uint32_t type_cached_keys; /* keys of its instances' values */
	uint32_t function_code;    /* behind it: __defaults__ and __kwdefaults__ */
	uint32_t function_qualname;
	uint32_t function_closure;
	uint32_t generator_frame;    /* the frame within generators; up to 3.10 -> frame */
	uint32_t frame_stack;        /* how far a frame's stack is filled; PYTHON_ABSENT */
	uint32_t frame_object_frame; /* of a frame object, its frame; PYTHON_ABSENT: it is one */

	/* Keys of a dictionary: their sizes, the indices, then the entries. */
	uint32_t keys_used; /* entries that were used, with those deleted since */
	uint32_t keys_usable;
	uint32_t keys_indices;
	bool keys_logarithmic; /* from 3.11 on: sizes as logarithms, entries without hash */

	bool values_in_dict_from_header; /* from 3.13 on: values behind a header of 8 bytes */
	uint32_t pool_shift;             /* log2 of a pool's bytes */
};

/* Returns 0, or -ENOTSUP for a version that is not known: before 3.8 and after 3.14. */
int python_structs_for(const struct python_layout *layout, struct python_structs *structs);

/* Whether the word at the beginning of what may be an object is the reference count of a live
 * one. */
static inline bool python_refcount_is_plausible(const struct python_structs *structs, uint64_t word)
{
	if (structs->minor >= 14) /* 32 bits, overflow, flags */
		return (uint32_t)word && !(word >> 32 & 0xffff) && word >> 48 <= 0xff;
	if (structs->minor >= 12) /* immortal ones have all low bits */
		return (uint32_t)word && word < UINT64_C(1) << 33;
	return word && word < UINT64_C(1) << 34;
}

/* The count of references; immortal objects have one that says nothing. */
static inline uint64_t python_refcount(const struct python_structs *structs, uint64_t word)
{
	return structs->minor >= 12 ? (uint32_t)word : word;
}

static inline bool python_refcount_is_immortal(const struct python_structs *structs, uint64_t count)
{
	return structs->minor >= 12 && (int32_t)count < 0;
}

#endif
