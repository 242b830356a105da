/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The types of a process's objects, found by their use: an address is one of a type object where
 * what lies there looks like one in all that can be checked. The table lives over many looks, so
 * that an index means the same type in each; a type object that was freed, and another that took
 * its place, get an index each.
 */
#ifndef UNFREED_PYTHON_OBJECTS_TYPES_H
#define UNFREED_PYTHON_OBJECTS_TYPES_H

#include "../../memory/view.h"
#include "../interpreter.h"
#include "structs.h"

/* What an object's references are found by. */
enum object_kind {
	KIND_PLAIN,
	KIND_DICT,
	KIND_LIST,
	KIND_TUPLE,
	KIND_SET, /* and frozenset */
	KIND_DEQUE,
	KIND_BYTEARRAY,
	KIND_ARRAY,
	KIND_BYTES,
	KIND_STR,
	KIND_INT,
	KIND_TYPE,
	KIND_MODULE,
	KIND_FUNCTION,
	KIND_CODE,
	KIND_CELL,
	KIND_METHOD,
	KIND_DESCRIPTOR, /* and builtin functions: nothing of interest behind them */
	KIND_WEAKREF,
	KIND_FRAME,
	KIND_GENERATOR, /* and coroutines */
	KIND_CACHE,     /* functools.lru_cache */
	KIND_CACHE_ENTRY,
	KIND_LOCAL, /* threading.local */
	KIND_GREENLET,
	KIND_NDARRAY, /* numpy */
};

struct python_type {
	uint64_t address;
	uint64_t flags;
	uint64_t base;
	uint32_t basic_bytes;
	uint32_t item_bytes;
	int32_t dict_offset;
	uint8_t kind;         /* enum object_kind */
	uint8_t header_bytes; /* in front of the object, in its block */
	bool is_ordered;      /* OrderedDict, or of a class that is made of it */
	char *name;           /* qualified, with its module unless that is builtins */
	/* Of the look that is under way. */
	uint64_t count;
	uint64_t bytes;   /* blocks, with what lists, dictionaries and the like have beside them */
	uint64_t payload; /* the latter alone */
	uint64_t old;     /* of `count`, those that were there at the first look; see newcomers.h */
};

/* Indices; TYPE_NONE is no type. */
enum { TYPE_NONE = 0, TYPES_MAX = 65000 };

struct python_object_types {
	const struct python_structs *structs;
	const struct python_layout *layout;
	uint64_t type_type; /* address of PyType_Type; 0: not found yet */
	struct python_type *items;
	size_t count;     /* items[0] is none */
	uint64_t refused; /* for want of room */
	size_t bytes;     /* of all types with their names */
	size_t max_bytes; /* 0: no bound but TYPES_MAX */
	struct type_slot *slots;
	size_t slot_count;
	struct negative *negatives;
	uint32_t look;
};

/* Returns 0 or -ENOMEM. */
int python_types_init(struct python_object_types *types,
		      const struct python_interpreter *interpreter,
		      const struct python_structs *structs);
void python_types_release(struct python_object_types *types);

/* Before each look: counts become 0, and what was no type may be one now. */
void python_types_begin(struct python_object_types *types);

/* The index of the type object at an address, TYPE_NONE where there is none. */
uint32_t python_types_find(struct python_object_types *types, struct view *view, uint64_t address);

/* Whether the kind is one whose entries are counted: dict, list, set, deque, bytearray, array. */
bool object_kind_is_container(enum object_kind kind);

#endif
