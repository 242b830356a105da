/* SPDX-License-Identifier: BSD-2-Clause */
#include "judged.h"

#include <errno.h>
#include <stdlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/sorted.h"
#include "../lib/zone.h"

struct pair {
	uint32_t row;
	uint32_t holder;
};

struct entry {
	UT_hash_handle hh;
	struct pair key;
	struct amount held;
	uint64_t direct_blocks;
};

struct sum {
	const struct judged_blocks *judged;
	struct reachability *rows;
	struct zone *zone;
	struct entry *entries;
};

struct judged_block *judged_find(const struct judged_blocks *judged, uint64_t key)
{
	size_t low = sorted_below(judged->items, judged->count, key, key);

	return low < judged->count && judged->items[low].key == key ? &judged->items[low] : NULL;
}

static void add_held(struct sum *sum, const struct judged_block *judged, const struct block *block)
{
	struct pair key = {block->stack, judged->holder};
	struct entry *entry;

	HASH_FIND(hh, sum->entries, &key, sizeof(key), entry);
	if (!entry) {
		entry = zone_alloc(sum->zone, 1, sizeof(*entry));
		entry->key = key;
		HASH_ADD(hh, sum->entries, key, sizeof(key), entry);
		sum->rows[block->stack].holder_count++;
	}
	entry->held.bytes += block->size;
	entry->held.blocks++;
	entry->direct_blocks += judged->direct;
}

static void add_block(void *context, uint64_t key, const struct block *block)
{
	struct sum *sum = context;
	const struct judged_block *judged = judged_find(sum->judged, key);

	if (!judged || judged->time_ns != block->time_ns || judged->state == BLOCK_UNTOLD ||
	    (judged->state == BLOCK_IS_REACHABLE && judged->holder >= sum->judged->holder_count))
		return;
	struct reachability *row = &sum->rows[block->stack];
	struct amount *amount = judged->state == BLOCK_IS_LOST ? &row->lost : &row->reachable;

	amount->bytes += block->size;
	amount->blocks++;
	if (judged->state == BLOCK_IS_REACHABLE)
		add_held(sum, judged, block);
}

static void make_holders(struct sum *sum, struct snapshot *snapshot, size_t row_count)
{
	for (size_t i = 0; i < row_count; i++) {
		struct reachability *row = &sum->rows[i];

		if (row->holder_count)
			row->holders =
				snapshot_alloc(snapshot, row->holder_count, sizeof(*row->holders));
		row->holder_count = 0;
	}
	for (const struct entry *entry = sum->entries; entry; entry = entry->hh.next) {
		struct reachability *row = &sum->rows[entry->key.row];
		struct stack_holder *holder = &row->holders[row->holder_count++];

		holder->holder = sum->judged->holders[entry->key.holder];
		holder->holder.name = snapshot_intern(snapshot, holder->holder.name);
		holder->holder.object = snapshot_intern(snapshot, holder->holder.object);
		holder->held = entry->held;
		holder->direct_blocks = entry->direct_blocks;
	}
	for (size_t i = 0; i < row_count; i++)
		snapshot_sort_holders(&sum->rows[i]);
}

int judged_sum(const struct judged_blocks *judged, const struct ledger_view *view,
	       uint64_t newest_ns, struct snapshot *snapshot, struct reachability *rows)
{
	struct sum sum = {.judged = judged, .rows = rows, .zone = zone_new()};
	int error = ledger_view_visit(view, newest_ns, add_block, &sum);

	if (!error)
		make_holders(&sum, snapshot, view->row_count);
	HASH_CLEAR(hh, sum.entries);
	zone_free(sum.zone);
	return error;
}
