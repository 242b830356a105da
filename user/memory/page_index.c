/* SPDX-License-Identifier: BSD-2-Clause */
#include "page_index.h"

#include <errno.h>
#include <stdlib.h>

int page_index_init(struct page_index *index)
{
	index->branches = calloc(PAGE_INDEX_BRANCHES, sizeof(*index->branches));
	return index->branches ? 0 : -ENOMEM;
}

void page_index_clear(struct page_index *index)
{
	for (size_t i = 0; i < PAGE_INDEX_BRANCHES; i++) {
		if (!index->branches[i])
			continue;
		for (size_t j = 0; j < PAGE_INDEX_FANOUT; j++)
			free(index->branches[i]->leaves[j]);
		free(index->branches[i]);
		index->branches[i] = NULL;
	}
}

void page_index_release(struct page_index *index)
{
	if (index->branches)
		page_index_clear(index);
	free(index->branches);
	index->branches = NULL;
}

uint32_t *page_index_slot(struct page_index *index, uint64_t address)
{
	if (address >> PAGE_INDEX_ADDRESS_BITS)
		return NULL;
	struct page_branch **branch = &index->branches[address >> 30];
	if (!*branch && !(*branch = calloc(1, sizeof(**branch))))
		return NULL;
	struct page_leaf **leaf = &(*branch)->leaves[address >> 21 & (PAGE_INDEX_FANOUT - 1)];
	if (!*leaf && !(*leaf = calloc(1, sizeof(**leaf))))
		return NULL;
	return &(*leaf)->numbers[address >> PAGE_INDEX_SHIFT & (PAGE_INDEX_FANOUT - 1)];
}
