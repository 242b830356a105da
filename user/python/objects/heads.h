/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of links that grow, found from their heads, in memory that is streamed. */
#ifndef UNFREED_PYTHON_OBJECTS_HEADS_H
#define UNFREED_PYTHON_OBJECTS_HEADS_H

#include "objects.h"

/* What holds a chain: "__main__.CHAIN.head", and its links, "__main__.CHAIN.head.next". */
struct chain_head {
	char *name;
	char *links_name;
	uint32_t type;      /* of the links */
	uint64_t new_links; /* that were not there at the first look */
	uint64_t bytes;     /* of one with what is below it, about */
};

struct chain_heads {
	struct chain_head *items;
	size_t count;
};

/*
 * Looks for chains of objects of some types (`linked`, of TYPES_MAX + 1), as they are now; without
 * memory for it there are none. The view is cleared and used.
 */
void chain_heads_find(struct chain_heads *heads, struct objects *objects, const bool *linked);
void chain_heads_release(struct chain_heads *heads);

/* Whether the object at an address refers to another one of its type, as an attribute or so. */
bool object_is_link(struct objects *objects, uint64_t address, uint32_t type);

#endif
