/* SPDX-License-Identifier: BSD-2-Clause */
#include "open_blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "../lib/array.h"
#include "../lib/sorted.h"

struct gathering {
	struct open_blocks *blocks;
	open_block_fn *is_wanted;
	void *context;
	bool failed;
};

static void gather(void *context, uint64_t key, const struct block *block)
{
	struct gathering *gathering = context;
	struct open_block open = {.key = key, .time_ns = block->time_ns, .bytes = block->size};

	if ((!gathering->is_wanted || gathering->is_wanted(gathering->context, block, &open)) &&
	    !array_append(&gathering->blocks->items, &gathering->blocks->count, open))
		gathering->failed = true;
}

static int compare_keys(const void *a, const void *b)
{
	const struct open_block *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

int open_blocks_gather(struct open_blocks *blocks, const struct ledger_view *view,
		       uint64_t newest_ns, open_block_fn *is_wanted, void *context)
{
	struct gathering gathering = {blocks, is_wanted, context, false};

	*blocks = (struct open_blocks){0};
	int error = ledger_view_visit(view, newest_ns, gather, &gathering);

	if (!error && gathering.failed)
		error = -ENOMEM;
	if (!error && blocks->count)
		qsort(blocks->items, blocks->count, sizeof(*blocks->items), compare_keys);
	return error;
}

void open_blocks_release(struct open_blocks *blocks)
{
	free(blocks->items);
	*blocks = (struct open_blocks){0};
}

struct open_blocks open_blocks_of(const struct open_blocks *blocks, uint32_t space)
{
	size_t first = sorted_below(blocks->items, blocks->count, key, BLOCK_KEY(space, 0));
	size_t behind = sorted_below(blocks->items, blocks->count, key, BLOCK_KEY(space + 1, 0));

	return (struct open_blocks){blocks->items + first, behind - first};
}

bool open_blocks_have(const struct open_blocks *blocks, uint64_t key)
{
	size_t at = sorted_below(blocks->items, blocks->count, key, key);

	return at < blocks->count && blocks->items[at].key == key;
}
