/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A number for each page of an address space: a tree of three levels, 1 GiB, 2 MiB, page, of which
 * only what is used takes memory. What was never set is 0.
 */
#ifndef UNFREED_MEMORY_PAGE_INDEX_H
#define UNFREED_MEMORY_PAGE_INDEX_H

#include <stddef.h>
#include <stdint.h>

enum {
	PAGE_INDEX_SHIFT = 12,
	PAGE_INDEX_ADDRESS_BITS = 47,
	PAGE_INDEX_FANOUT = 512,
	PAGE_INDEX_BRANCHES = 1 << (PAGE_INDEX_ADDRESS_BITS - 30),
};

struct page_leaf {
	uint32_t numbers[PAGE_INDEX_FANOUT];
};

struct page_branch {
	struct page_leaf *leaves[PAGE_INDEX_FANOUT];
};

struct page_index {
	struct page_branch **branches;
	uint32_t *used; /* branches that are there */
	size_t used_count;
	size_t used_capacity;
	size_t bytes; /* of branches and leaves: far more than a number, where pages lie far apart
		       */
};

/* Returns 0 or -ENOMEM. */
int page_index_init(struct page_index *index);
void page_index_release(struct page_index *index);

/* Sets all to 0. */
void page_index_clear(struct page_index *index);

/* To be written; NULL on out of memory, and for what is no address of user space. */
uint32_t *page_index_slot(struct page_index *index, uint64_t address);

static inline uint32_t page_index_get(const struct page_index *index, uint64_t address)
{
	if (address >> PAGE_INDEX_ADDRESS_BITS)
		return 0;
	const struct page_branch *branch = index->branches[address >> 30];
	const struct page_leaf *leaf =
		branch ? branch->leaves[address >> 21 & (PAGE_INDEX_FANOUT - 1)] : NULL;
	return leaf ? leaf->numbers[address >> PAGE_INDEX_SHIFT & (PAGE_INDEX_FANOUT - 1)] : 0;
}

#endif
