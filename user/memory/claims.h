/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of memory that an allocator above malloc manages itself, such as CPython's: who knows that
 * allocator says so, so that the rest can be told.
 */
#ifndef UNFREED_MEMORY_CLAIMS_H
#define UNFREED_MEMORY_CLAIMS_H

#include <stddef.h>
#include <stdint.h>

#include "../lib/sorted.h"

struct memory_claim {
	uint64_t start;
	uint64_t end;
	uint64_t live_bytes; /* in blocks that are in use; the rest is free */
};

/* Sorted by address; none overlaps another. */
struct memory_claims {
	const struct memory_claim *items;
	size_t count;
	uint64_t arena_bytes; /* what the allocator takes at once, of CPython; 0: not known */
};

/* The first claim that ends behind an address; NULL: there is none, or `claims` is NULL. */
static inline const struct memory_claim *claims_from(const struct memory_claims *claims,
						     uint64_t address)
{
	size_t low = sorted_count(claims->items, claims ? claims->count : 0, end, address);

	return claims && low < claims->count ? &claims->items[low] : NULL;
}

#endif
