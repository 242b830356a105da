/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots share no rows: of each stack is kept what it held, by its number. */
#include "snapshot_since.h"

#include <stdlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"

struct held {
	UT_hash_handle hh;
	uint64_t number;
	struct amount amount;
};

struct since {
	struct zone *zone; /* of what the last snapshot held; NULL: there was none */
	struct held *held;
	struct amount total;
	uint64_t duration_ns;
};

static struct held *find(struct held *held, uint64_t number)
{
	struct held *found;

	HASH_FIND(hh, held, &number, sizeof(number), found);
	return found;
}

static struct change change_of(struct amount now, struct amount before)
{
	return (struct change){(int64_t)(now.bytes - before.bytes),
			       (int64_t)(now.blocks - before.blocks)};
}

static void remember(struct zone *zone, struct held **list, uint64_t number, struct amount now)
{
	struct held *known = find(*list, number);

	if (!known) {
		known = zone_alloc(zone, 1, sizeof(*known));
		known->number = number;
		HASH_ADD(hh, *list, number, sizeof(number), known);
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
	zone_free(since->zone);
	since->zone = NULL;
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
	struct zone *zone = zone_new();
	struct held *now = NULL;

	if (since->zone) {
		snapshot->since_ns = snapshot->duration_ns - since->duration_ns;
		snapshot->change = change_of(total, since->total);
	}
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct stack *stack = &snapshot->stacks[i];
		struct amount amount = {stack->live_bytes, stack->live_blocks};
		const struct held *before = find(since->held, stack->number);

		if (since->zone)
			stack->change =
				change_of(amount, before ? before->amount : (struct amount){0, 0});
		remember(zone, &now, stack->number, amount);
	}
	forget(since);
	*since = (struct since){zone, now, total, snapshot->duration_ns};
}
