/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stacks that repeat: what a walk found, kept with everything that it depended on.
 *
 * A walk is a function of the registers that it starts from, of the tables (known by the list of
 * mappings, which carries a generation) and of the words of the stack that it reads, and of nothing
 * else of the target. So the walker notes each return address, each saved register that it came to
 * use, and whether it used the given registers fp and extra. When the next walk starts from the
 * same place and every one of those words is unchanged, its outcome is the same to the last frame,
 * and the row of the stack is known without a step. Where outer frames differ under the same inner
 * ones, some return address among the words differs: a miss.
 *
 * Where a walk was kept is told by the words too, so that a site that is reached in a thousand ways
 * has a thousand places. Which words those are is looked up first, by the start alone: its shape,
 * that of the walk kept last. One of another shape is looked for in the wrong place, and missed.
 *
 * Python frames lie elsewhere and are walked each time. What is kept here is then the hash of the
 * native frames, to which that of the Python frames is added.
 *
 * This costs one read of the stack, a hash and a comparison a word, a fifth of what the steps cost.
 * Only walks that reached the bottom are kept, and only those whose words lie within one read.
 *
 * Entries are shared by all CPUs. `version` is odd while one is written; a reader that finds
 * another version at the end than at its beginning has read a mixture and takes it for a miss.
 */
#ifndef UNFREED_MEMO_BPF_H
#define UNFREED_MEMO_BPF_H

#include "arch/order.bpf.h"
#include "calls.bpf.h"
#include "scratch.bpf.h"

#define MEMO_ENTRIES 8192u

struct memo {
	__u32 version;
	__u32 word_count;
	__u32 bytes; /* of the stack, from sp on, that hold all words */
	__u32 used;  /* UNWIND_FP_USED, UNWIND_EXTRA_USED */
	__u64 tag;   /* hash of the start and of the words */
	struct position start;
	__u64 list;
	__u32 space;
	__u32 domain;
	__u32 python; /* whether there were Python frames, which end the walk where they are run */
	__u32 reserved;
	__u64 row; /* where there were none */
	__u64 hash;
	struct noted_words words;
};

/* W, R: programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MEMO_ENTRIES);
	__type(key, __u32);
	__type(value, struct memo);
} memos SEC(".maps");

/* Written without a lock: a mixture of two only leads to a wrong place. */
struct memo_shape {
	__u32 known;
	__u32 word_count;
	__u32 bytes;
	__u32 reserved;
	__u16 offsets[NOTED_WORDS];
};

/* W, R: programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MEMO_ENTRIES);
	__type(key, __u32);
	__type(value, struct memo_shape);
} memo_shapes SEC(".maps");

static __always_inline __u64 memo_mix(__u64 hash, __u64 word)
{
	return (hash ^ word) * 0x9e3779b97f4a7c15ull;
}

static __always_inline __u32 memo_index(__u64 hash)
{
	return hash >> 40 & (MEMO_ENTRIES - 1);
}

static __always_inline __u64 memo_start_hash(const struct call *call)
{
	return memo_mix(0, call->caller.pc ^ call->caller.sp << 17);
}

static __always_inline struct memo_shape *memo_shape_of(__u64 start_hash)
{
	__u32 index = memo_index(start_hash);

	return bpf_map_lookup_elem(&memo_shapes, &index);
}

/* One of two neighbours. */
static __always_inline struct memo *memo_at(__u64 hash, __u32 way)
{
	__u32 index = memo_index(hash) ^ way;

	return bpf_map_lookup_elem(&memos, &index);
}

/* The place where a walk may have been kept: NULL where it was not. */
static __always_inline struct memo *memo_kept_at(__u64 hash)
{
	struct memo *memo = memo_at(hash, 0);

	if (memo && memo->tag == hash)
		return memo;
	memo = memo_at(hash, 1);
	return memo && memo->tag == hash ? memo : NULL;
}

/* The place to keep one at: its own, else a free one, else one of the two. */
static __always_inline struct memo *memo_choose(__u64 hash)
{
	struct memo *memo = memo_at(hash, 0);

	if (!memo || !memo->version || memo->tag == hash)
		return memo;
	memo = memo_at(hash, 1);
	if (!memo || !memo->version || memo->tag == hash)
		return memo;
	return memo_at(hash, hash & 1);
}

/* Of the words of this shape that are in the walker's window. */
static __noinline __u64 memo_hash_window(const struct memo_shape *shape, struct unwind_state *state,
					 __u64 hash)
{
	if (!shape || !state)
		return hash;
	for (__u32 i = 0; i < NOTED_WORDS; i++) {
		if (i >= shape->word_count)
			break;
		hash = memo_mix(hash, *(__u64 *)(state->window +
						 (shape->offsets[i] & (UNWIND_WINDOW - 1))));
	}
	return hash;
}

/* Of the words that were noted. */
static __noinline __u64 memo_hash_noted(const struct scratch *scratch, __u64 hash)
{
	if (!scratch)
		return hash;
	for (__u32 i = 0; i < NOTED_WORDS; i++) {
		if (i >= scratch->word_count)
			break;
		hash = memo_mix(hash, scratch->words.values[i]);
	}
	return hash;
}

static __always_inline bool memo_starts_like(const struct memo *memo, const struct scratch *scratch,
					     const struct call *call)
{
	return memo->start.pc == call->caller.pc && memo->start.sp == call->caller.sp &&
	       memo->list == scratch->list && memo->space == call->space &&
	       memo->domain == PROBE_COOKIE_DOMAIN(call->cookie) &&
	       memo->python == !!scratch->python_hash &&
	       (!(memo->used & UNWIND_FP_USED) || memo->start.fp == call->caller.fp) &&
	       (!(memo->used & UNWIND_EXTRA_USED) || memo->start.extra == call->caller.extra);
}

/* Compares the words with the stack, which is read into the walker's window. */
static __always_inline bool memo_words_hold(const struct memo *memo, struct unwind_state *state)
{
	for (__u32 i = 0; i < NOTED_WORDS; i++) {
		__u32 offset;

		if (i >= memo->word_count)
			break;
		offset = memo->words.offsets[i] & (UNWIND_WINDOW - 1);
		if (*(__u64 *)(state->window + offset) != memo->words.values[i])
			return false;
	}
	return true;
}

/* Returns whether the native stack at call->caller is one that was kept, and then its row and
 * hash. */
static __noinline bool memo_find(struct scratch *scratch, struct call *call)
{
	struct unwind_state *state = &scratch->unwind;
	__u64 hash = memo_start_hash(call);
	struct memo_shape *shape = memo_shape_of(hash);
	struct memo *memo;
	__u32 version, bytes;

	if (!shape || !shape->known || scratch->stale)
		return false;
	bytes = shape->bytes & (UNWIND_WINDOW - 1);
	if (bpf_probe_read_user(state->window, bytes, (void *)call->caller.sp))
		return false;
	memo = memo_kept_at(memo_hash_window(shape, state, hash));
	if (!memo)
		return false;
	version = ORDERED_READ(&memo->version);
	if (version & 1 || !version || !memo_starts_like(memo, scratch, call) ||
	    memo->bytes > bytes || !memo_words_hold(memo, state))
		return false;
	scratch->row = memo->row;
	scratch->hash = memo->hash;
	return ORDERED_READ(&memo->version) == version;
}

static __always_inline void memo_keep_shape(const struct scratch *scratch, __u64 start_hash)
{
	struct memo_shape *shape = memo_shape_of(start_hash);

	if (!shape)
		return;
	shape->word_count = scratch->word_count;
	shape->bytes = scratch->noted_bytes;
	bpf_probe_read_kernel(&shape->offsets, sizeof(shape->offsets), &scratch->words.offsets);
	shape->known = 1;
}

/* Keeps a walk that reached the bottom, from scratch->words. */
static __noinline int memo_keep(struct scratch *scratch, struct call *call)
{
	__u64 hash = memo_start_hash(call);
	struct memo *memo;
	__u32 version;

	if (scratch->stale || scratch->word_count > NOTED_WORDS ||
	    scratch->noted_bytes >= UNWIND_WINDOW)
		return 0;
	memo_keep_shape(scratch, hash);
	hash = memo_hash_noted(scratch, hash);
	memo = memo_choose(hash);
	if (!memo)
		return 0;
	version = memo->version;
	if (version & 1 ||
	    __sync_val_compare_and_swap(&memo->version, version, version + 1) != version)
		return 0;
	memo->tag = hash;
	memo->word_count = scratch->word_count;
	memo->bytes = scratch->noted_bytes;
	memo->used = scratch->unwind.flags;
	memo->start = call->caller;
	memo->list = scratch->list;
	memo->space = call->space;
	memo->domain = PROBE_COOKIE_DOMAIN(call->cookie);
	memo->python = !!scratch->python_hash;
	memo->row = scratch->row;
	memo->hash = scratch->native_hash;
	bpf_probe_read_kernel(&memo->words, sizeof(memo->words), &scratch->words);
	__sync_lock_test_and_set(&memo->version, version + 2);
	return 0;
}

#endif
