/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free lists: of some types the interpreter keeps what was freed, and hands it on without a call of
 * its allocator. Whoever watches the allocator then sees neither: the block stays with the stack
 * that allocated it first, whoever has it now.
 */
#ifndef UNFREED_PYTHON_OBJECTS_FREE_LISTS_H
#define UNFREED_PYTHON_OBJECTS_FREE_LISTS_H

#include "types.h"

/*
 * Whether an object of the type, in a block of so many bytes and at `object` in a copy of it, may
 * have come off a free list of this version.
 */
bool free_lists_have(const struct python_structs *structs, const struct python_type *type,
		     const uint8_t *object, uint32_t block_bytes);

/* Whether a block that is no object is the table of a small dictionary, which have a list too. */
bool free_lists_have_keys(const struct python_structs *structs, const uint8_t *block,
			  uint32_t block_bytes);

#endif
