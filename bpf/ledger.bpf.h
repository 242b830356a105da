/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger: which blocks are open, and what each stack has outstanding. The one file that edits
 * `buckets`, `spilled_blocks_by_key` and the counters of `totals_by_stack`.
 *
 * A hash table in a flat array, because the kernel's own hash maps cost twice as much once a few
 * thousand blocks are open: a bucket holds 8 keys in one cache line and their blocks behind it, all
 * within one page. At the load that user space sizes it for (half full) under one block in a
 * hundred finds its bucket full; these go to a small kernel hash map.
 *
 * A slot's key is its state. 0: free. BLOCK_KEY_BUSY: owned by the CPU that put it there. Anything
 * else: a block, complete. Whoever changes a key from a block to BUSY owns that block, copies it,
 * and is the only one to subtract it; whoever changes 0 to BUSY fills the slot and then publishes
 * the key. So no lock is needed, and a block can be freed on one CPU in the same moment as its
 * address is handed out on another.
 *
 * Rules (every one has a test in tests/integration):
 *  - a block is taken out when free is entered, before another thread can be given its address;
 *  - a block found at the address of a new one means that its free was missed: it is closed first;
 *  - a block that the ledger never held is counted as an unknown free and subtracts nothing.
 */
#ifndef UNFREED_LEDGER_BPF_H
#define UNFREED_LEDGER_BPF_H

#include "maps.bpf.h"

static __always_inline struct bucket *bucket_of(__u64 key)
{
	__u64 mixed = (key ^ key >> 29) * 0x9e3779b97f4a7c15ull;
	__u32 index = (mixed >> 32) & config.bucket_mask;

	return bpf_map_lookup_elem(&buckets, &index);
}

static __always_inline bool key_claim(__u64 *key, __u64 expected)
{
	return __sync_val_compare_and_swap(key, expected, BLOCK_KEY_BUSY) == expected;
}

/* The exchange orders the block's fields before the key that makes them visible. */
static __always_inline void key_publish(__u64 *key, __u64 value)
{
	__sync_lock_test_and_set(key, value);
}

/*
 * Before a row changes: what it had at the highest moment so far. Where two processors change one
 * row right after that moment, what the other adds or takes meanwhile may be in it.
 */
static __noinline int peak_keep(struct stack_totals *totals)
{
	__u32 number = peak.number;

	if (!totals || totals->peak_number == number)
		return 0;
	totals->peak_bytes = totals->alloc_bytes - totals->free_bytes;
	totals->peak_blocks = totals->alloc_blocks - totals->free_blocks;
	totals->peak_number = number;
	return 0;
}

static __noinline int peak_raise(__u64 size)
{
	__u64 held = __sync_fetch_and_add(&peak.held_bytes, size) + size;

	if ((__s64)held <= (__s64)peak.bytes)
		return 0;
	peak.bytes = held;
	peak.time_ns = bpf_ktime_get_ns();
	__sync_fetch_and_add(&peak.number, 1);
	return 0;
}

/* Of a block whose stack has no row of its own: its space's part is known here alone. */
static __noinline int account_rowless(__u32 space, __u64 allocated, __u64 freed)
{
	struct counters *counters = counters_of(space);

	if (!counters)
		return 0;
	count(&counters->alloc_bytes, allocated);
	count(&counters->alloc_blocks, !!allocated);
	count(&counters->free_bytes, freed);
	count(&counters->free_blocks, !!freed);
	return 0;
}

/* `seen`: frees of such blocks are. */
static __always_inline void account_alloc(const struct block *block, __u32 space, bool seen)
{
	__u32 stack = block->stack;
	struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &stack);
	struct counters *counters;

	if (totals && config.peak && seen)
		peak_keep(totals);
	counters = counters_get();
	if (!totals || !counters)
		return;
	count(&totals->alloc_bytes, block->size);
	count(&totals->alloc_blocks, 1);
	count(&counters->alloc_bytes, block->size);
	count(&counters->alloc_blocks, 1);
	if (stack > config.stack_mask)
		account_rowless(space, block->size, 0);
	if (config.peak && seen)
		peak_raise(block->size);
}

static __always_inline void account_free(__u64 size, __u32 stack, __u32 space, bool seen)
{
	struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &stack);
	struct counters *counters = counters_get();

	if (!totals || !counters)
		return;
	if (config.peak && seen) {
		peak_keep(totals);
		__sync_fetch_and_add(&peak.held_bytes, -size);
	}
	count(&totals->free_bytes, size);
	count(&totals->free_blocks, 1);
	count(&counters->free_bytes, size);
	count(&counters->free_blocks, 1);
	if (stack > config.stack_mask)
		account_rowless(space, 0, size);
}

/* Takes a spilled block out. Returns 0, or -1 where there is none or another CPU was faster. */
static __always_inline int spill_take(__u64 key, struct block *block)
{
	struct block *found = bpf_map_lookup_elem(&spilled_blocks_by_key, &key);

	if (!found)
		return -1;
	/* Copy before the delete: the element can be reused at once. */
	block->size = found->size;
	block->time_ns = found->time_ns;
	block->stack = found->stack;
	block->window = found->window;
	if (bpf_map_delete_elem(&spilled_blocks_by_key, &key))
		return -1;
	__sync_fetch_and_add(&blocks_spilled, -1);
	return 0;
}

/* Takes a block out of the ledger; its totals stay as they are. Returns 0, or -1: not held. */
static __always_inline int ledger_take(__u64 key, struct block *block)
{
	struct bucket *bucket = bucket_of(key);

	if (!bucket)
		return -1;
	for (int i = 0; i < BUCKET_SLOTS; i++) {
		if (bucket->keys[i] != key || !key_claim(&bucket->keys[i], key))
			continue;
		block->size = bucket->blocks[i].size;
		block->time_ns = bucket->blocks[i].time_ns;
		block->stack = bucket->blocks[i].stack;
		block->window = bucket->blocks[i].window;
		key_publish(&bucket->keys[i], BLOCK_KEY_EMPTY);
		return 0;
	}
	return blocks_spilled ? spill_take(key, block) : -1;
}

static __always_inline int spill_put(__u64 key, const struct block *block)
{
	long error = bpf_map_update_elem(&spilled_blocks_by_key, &key, block, BPF_ANY);

	if (error) {
		count_loss(error == -7 /* E2BIG */ ? LOSS_ledger_full : LOSS_ledger_update,
			   BLOCK_KEY_SPACE(key));
		return -1;
	}
	__sync_fetch_and_add(&blocks_spilled, 1);
	return 0;
}

/* Whether a block that is put in is a new one, and whether its free will be seen. */
enum put { PUT_BACK, PUT_NEW, PUT_NEW_UNSEEN };

/*
 * Puts a block in whose address is known to be in no slot. Returns 0, or -1: lost and counted.
 * Of a new one its stack's totals grow before others can see, and so free, the block.
 */
static __always_inline int ledger_put(__u64 key, const struct block *block, enum put put)
{
	struct bucket *bucket = bucket_of(key);

	if (!bucket)
		return -1;
	for (int i = 0; i < BUCKET_SLOTS; i++) {
		if (bucket->keys[i] != BLOCK_KEY_EMPTY ||
		    !key_claim(&bucket->keys[i], BLOCK_KEY_EMPTY))
			continue;
		bucket->blocks[i].size = block->size;
		bucket->blocks[i].time_ns = block->time_ns;
		bucket->blocks[i].stack = block->stack;
		bucket->blocks[i].window = block->window;
		if (put != PUT_BACK)
			account_alloc(block, BLOCK_KEY_SPACE(key), put == PUT_NEW);
		key_publish(&bucket->keys[i], key);
		return 0;
	}
	if (spill_put(key, block))
		return -1;
	if (put != PUT_BACK)
		account_alloc(block, BLOCK_KEY_SPACE(key), put == PUT_NEW);
	return 0;
}

/*
 * What is left of spaces that were removed, once no program can be at work on them any more: blocks
 * go, and rows can be used again. What the counters of all have of such a row is taken back, so
 * that they go on to be the sum of the rows.
 */
static __always_inline bool is_removed(__u32 space)
{
	struct space_state *state = space_state_of(space);

	return state && state->removed;
}

/* A block under a row of its own goes with the row. */
static __always_inline void sweep_account(const struct block *block, __u32 space)
{
	if (block->stack > config.stack_mask)
		account_free(block->size, block->stack, space, true);
}

static long sweep_bucket(__u32 index, const struct sweep *sweep)
{
	__u32 number = sweep->first_bucket + index;
	struct bucket *bucket = bpf_map_lookup_elem(&buckets, &number);

	if (!bucket)
		return 1;
	for (int i = 0; i < BUCKET_SLOTS; i++) {
		__u64 key = bucket->keys[i];

		if (key == BLOCK_KEY_EMPTY || key == BLOCK_KEY_BUSY ||
		    !is_removed(BLOCK_KEY_SPACE(key)) || !key_claim(&bucket->keys[i], key))
			continue;
		sweep_account(&bucket->blocks[i], BLOCK_KEY_SPACE(key));
		key_publish(&bucket->keys[i], BLOCK_KEY_EMPTY);
	}
	return 0;
}

static long sweep_spilled(void *map, const __u64 *key, struct block *block, void *context)
{
	__u64 copy = *key;

	if (!is_removed(BLOCK_KEY_SPACE(copy)))
		return 0;
	sweep_account(block, BLOCK_KEY_SPACE(copy));
	if (!bpf_map_delete_elem(map, &copy))
		__sync_fetch_and_add(&blocks_spilled, -1);
	return 0;
}

static long sweep_row(__u32 index, const struct sweep *sweep)
{
	__u32 row = sweep->first_row + index;
	struct stack_totals *totals = bpf_map_lookup_elem(&totals_by_stack, &row);
	struct counters *counters = counters_get();

	if (!totals || !counters || row > config.stack_mask)
		return 1;
	if (!(totals->hash & 1) || !is_removed(totals->space))
		return 0;
	count(&counters->alloc_bytes, -totals->alloc_bytes);
	count(&counters->alloc_blocks, -totals->alloc_blocks);
	count(&counters->free_bytes, -totals->free_bytes);
	count(&counters->free_blocks, -totals->free_blocks);
	totals->alloc_bytes = 0;
	totals->alloc_blocks = 0;
	totals->free_bytes = 0;
	totals->free_blocks = 0;
	totals->announced = 0;
	__sync_lock_test_and_set(&totals->hash, STACK_HASH_FREED);
	__sync_fetch_and_add(&stacks_used, -1);
	return 0;
}

static __always_inline void ledger_sweep(struct sweep *sweep)
{
	bpf_loop(sweep->buckets, sweep_bucket, sweep, 0);
	if (sweep->spilled)
		bpf_for_each_map_elem(&spilled_blocks_by_key, sweep_spilled, sweep, 0);
	bpf_loop(sweep->rows, sweep_row, sweep, 0);
}

#endif
