/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which parts of an array are free: first fit over a sorted list, as files come and go rarely.
 */
#ifndef UNFREED_EXTENTS_H
#define UNFREED_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

struct extent {
	uint32_t start;
	uint32_t size;
};

struct extents {
	struct extent *items;
	size_t count;
	size_t room;
};

/* All of [0, size) free, but for the first `reserved`. Returns 0 or -ENOMEM. */
int extents_init(struct extents *extents, uint32_t size, uint32_t reserved);
void extents_release(struct extents *extents);

/*
 * Takes `size` items that cross no multiple of `block` (a power of two), or that begin at one where
 * they are more than a block. Returns the first, or -ENOSPC, or -ENOMEM.
 */
int64_t extents_take(struct extents *extents, uint32_t size, uint32_t block);

/* Gives back what extents_take gave; always succeeds. */
void extents_give(struct extents *extents, uint32_t start, uint32_t size);

uint64_t extents_free_total(const struct extents *extents);

#endif
