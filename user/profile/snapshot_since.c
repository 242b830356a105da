// SPDX-License-Identifier: BSD-2-Clause
/*
 * Snapshots share no strings, so that stacks are told by a hash of what their frames say, 64 bits
 * of it; of each is kept what it held.
 */
#include "snapshot_since.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/pool.h"

struct held {
	UT_hash_handle hh;
	uint64_t key;
	struct amount amount;
};

struct frame_hash {
	UT_hash_handle hh;
	const struct frame *frame;
	uint64_t hash;
};

struct since {
	struct pool *pool; /* of what the last snapshot held; NULL: there was none */
	struct held *held;
	struct amount total;
	uint64_t duration_ns;
};

struct hasher {
	struct pool *pool;
	struct frame_hash *frames;
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	for (; text && *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return mix(hash, text != NULL);
}

static uint64_t hash_frame(struct hasher *hasher, const struct frame *frame)
{
	struct frame_hash *known;

	HASH_FIND_PTR(hasher->frames, &frame, known);
	if (known)
		return known->hash;
	known = pool_alloc(hasher->pool, 1, sizeof(*known));
	known->frame = frame;
	known->hash = mix_text(mix_text(mix_text(0, frame->name), frame->file), frame->module);
	known->hash = mix(mix(mix(known->hash, frame->line), frame->offset), frame->kind);
	HASH_ADD_PTR(hasher->frames, frame, known);
	return known->hash;
}

static uint64_t hash_stack(struct hasher *hasher, const struct snapshot *snapshot,
			   const struct stack *stack)
{
	const struct target *target = &snapshot->targets[stack->target];
	uint64_t hash = mix_text(mix(stack->domain, target->pid), target->exe);

	hash = mix(hash, (uint64_t)stack->truncated << 1 | stack->guessed);
	for (size_t i = 0; i < stack->frame_count; i++)
		hash = mix(hash, hash_frame(hasher, stack->frames[i]));
	return hash;
}

static struct held *find(struct held *held, uint64_t key)
{
	struct held *found;

	HASH_FIND(hh, held, &key, sizeof(key), found);
	return found;
}

static struct change change_of(struct amount now, struct amount before)
{
	return (struct change){(int64_t)(now.bytes - before.bytes),
			       (int64_t)(now.blocks - before.blocks)};
}

static void remember(struct pool *pool, struct held **list, uint64_t key, struct amount now)
{
	struct held *known = find(*list, key);

	if (!known) {
		known = pool_alloc(pool, 1, sizeof(*known));
		known->key = key;
		HASH_ADD(hh, *list, key, sizeof(key), known);
	}
	known->amount.bytes += now.bytes;
	known->amount.blocks += now.blocks;
}

struct since *since_new(void)
{
	return calloc(1, sizeof(struct since));
}

static void forget(struct since *since)
{
	HASH_CLEAR(hh, since->held);
	pool_free(since->pool);
	since->pool = NULL;
}

void since_free(struct since *since)
{
	if (since)
		forget(since);
	free(since);
}

void since_fill(struct since *since, struct snapshot *snapshot)
{
	const struct totals *totals = &snapshot->totals;
	struct amount total = {totals->live_bytes, totals->live_blocks};
	struct hasher hasher = {.pool = pool_new()};
	struct pool *pool = pool_new();
	struct held *now = NULL;

	if (since->pool) {
		snapshot->since_ns = snapshot->duration_ns - since->duration_ns;
		snapshot->change = change_of(total, since->total);
	}
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct stack *stack = &snapshot->stacks[i];
		struct amount amount = {stack->live_bytes, stack->live_blocks};
		uint64_t key = hash_stack(&hasher, snapshot, stack);
		const struct held *before = find(since->held, key);

		if (since->pool)
			stack->change =
				change_of(amount, before ? before->amount : (struct amount){0, 0});
		remember(pool, &now, key, amount);
	}
	forget(since);
	HASH_CLEAR(hh, hasher.frames);
	pool_free(hasher.pool);
	*since = (struct since){pool, now, total, snapshot->duration_ns};
}
