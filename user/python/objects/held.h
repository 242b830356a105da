/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects with more references than were found (garbage.h): held by C code, or lost by it. */
#ifndef UNFREED_PYTHON_OBJECTS_HELD_H
#define UNFREED_PYTHON_OBJECTS_HELD_H

#include "graph.h"

struct held_object {
	uint64_t key;   /* address and type */
	uint64_t bytes; /* with what only hangs on it */
	uint64_t print; /* of what it holds: the same as long as it is the same object */
	uint32_t node;  /* of the look that it is of */
	bool lost;      /* nothing refers to it */
};

/* What a node's object is known by, from look to look, and what of the key its address is. */
uint64_t held_key(const struct graph *graph, uint32_t node);
uint64_t held_address(uint64_t key);
uint32_t held_type(uint64_t key);

/*
 * What tells an object from another one in its place: of its words those behind the reference
 * count, as far as its block goes. `room`: bytes from its first word to the end of that.
 */
uint64_t held_room(const struct object_pools *pools, uint64_t address); /* 0: in no pool */
uint64_t held_print_at(const struct object_reader *reader, uint64_t address, uint64_t room);

/* By keys. NULL: it is not among those, which are sorted. */
void held_sort(struct held_object *objects, size_t count);
const struct held_object *held_find(const struct held_object *objects, size_t count, uint64_t key);

#endif
