/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_index.h"

#include <errno.h>
#include <stdlib.h>

int page_index_init(struct page_index *index)
{
	*index = (struct page_index){
		.branches = calloc(PAGE_INDEX_BRANCHES, sizeof(*index->branches)),
	};
	return index->branches ? 0 : -ENOMEM;
}

void page_index_clear(struct page_index *index)
{
	for (size_t i = 0; i < index->used_count; i++) {
		struct page_branch **branch = &index->branches[index->used[i]];

		for (size_t j = 0; j < PAGE_INDEX_FANOUT; j++)
			free((*branch)->leaves[j]);
		free(*branch);
		*branch = NULL;
	}
	index->used_count = 0;
	index->bytes = 0;
}

void page_index_release(struct page_index *index)
{
	if (index->branches)
		page_index_clear(index);
	free(index->branches);
	free(index->used);
	*index = (struct page_index){0};
}

static struct page_branch *add_branch(struct page_index *index, uint32_t number)
{
	struct page_branch *branch = calloc(1, sizeof(*branch));

	/* the list of those in use keeps its room when it is cleared */
	if (branch && index->used_count == index->used_capacity) {
		size_t larger = index->used_capacity ? 2 * index->used_capacity : 64;
		uint32_t *used = reallocarray(index->used, larger, sizeof(*used));

		if (!used) {
			free(branch);
			return NULL;
		}
		index->used = used;
		index->used_capacity = larger;
	}
	if (!branch)
		return NULL;
	index->used[index->used_count++] = number;
	index->bytes += sizeof(*branch);
	index->branches[number] = branch;
	return branch;
}

uint32_t *page_index_slot(struct page_index *index, uint64_t address)
{
	if (address >> PAGE_INDEX_ADDRESS_BITS)
		return NULL;
	struct page_branch *branch = index->branches[address >> 30];
	if (!branch && !(branch = add_branch(index, (uint32_t)(address >> 30))))
		return NULL;
	struct page_leaf **leaf = &branch->leaves[address >> 21 & (PAGE_INDEX_FANOUT - 1)];
	if (!*leaf) {
		*leaf = calloc(1, sizeof(**leaf));
		index->bytes += *leaf ? sizeof(**leaf) : 0;
	}
	return *leaf ? &(*leaf)->numbers[address >> PAGE_INDEX_SHIFT & (PAGE_INDEX_FANOUT - 1)]
		     : NULL;
}
