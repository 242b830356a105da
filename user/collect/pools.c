/* SPDX-License-Identifier: BSD-2-Clause */
#include "pools.h"

#include <errno.h>
#include <stdlib.h>

#include "../../bpf/probes.h"
#include "../lib/array.h"
#include "../python/coverage.h"

struct found_pool {
	uint64_t address;
	uint32_t row;
};

struct gathering {
	const struct stack_table *stacks;
	struct found_pool *pools;
	size_t count;
	bool failed;
};

bool pools_has(const struct known_stack *known)
{
	return known && known->domain == DOMAIN_PYTHON && known->image->account.pools;
}

static void gather(void *context, uint64_t key, const struct block *block)
{
	struct gathering *gathering = context;
	struct found_pool pool = {BLOCK_KEY_ADDRESS(key), block->stack};

	if (!pools_has(gathering->stacks->by_row[block->stack]))
		return;
	gathering->failed |= !array_append(&gathering->pools, &gathering->count, pool);
}

static int by_image(const void *left, const void *right, void *context)
{
	const struct stack_table *stacks = context;
	const struct found_pool *a = left, *b = right;
	uint32_t of_a = stacks->by_row[a->row]->image->space;
	uint32_t of_b = stacks->by_row[b->row]->image->space;

	return (of_a > of_b) - (of_a < of_b);
}

/* The pools of one process; those of an arena lie one behind the other. */
static int read_run(const struct image *image, const struct found_pool *found, size_t count,
		    struct live_blocks *live)
{
	const struct python_interpreter *interpreter = python_target_interpreter(image->python);
	size_t each = image->account.pools, total = count * each;
	uint64_t *addresses = calloc(total, sizeof(*addresses));
	struct python_pool *pools = calloc(total, sizeof(*pools));
	int error = addresses && pools ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < total; i++)
		addresses[i] = found[i / each].address + i % each * interpreter->layout.pool_bytes;
	if (!error)
		error = python_pools_read(interpreter, addresses, total, pools);
	for (size_t i = 0; !error && i < count; i++) {
		live[found[i].row].bytes = 0;
		live[found[i].row].blocks = 0;
	}
	for (size_t i = 0; !error && i < total; i++) {
		struct live_blocks *sum = &live[found[i / each].row];

		sum->bytes += (uint64_t)pools[i].blocks * pools[i].block_bytes;
		sum->blocks += pools[i].blocks;
	}
	free(addresses);
	free(pools);
	return error == -ENOMEM ? error : 0;
}

int pools_read_live(const struct ledger_view *view, const struct stack_table *stacks,
		    uint64_t newest_ns, struct live_blocks *live)
{
	struct gathering gathering = {.stacks = stacks};
	int error = ledger_view_visit(view, newest_ns, gather, &gathering);

	if (!error && gathering.failed)
		error = -ENOMEM;
	if (!error && gathering.count)
		qsort_r(gathering.pools, gathering.count, sizeof(*gathering.pools), by_image,
			(void *)stacks);
	for (size_t start = 0, end; !error && start < gathering.count; start = end) {
		const struct image *image = stacks->by_row[gathering.pools[start].row]->image;

		end = start + 1;
		while (end < gathering.count &&
		       stacks->by_row[gathering.pools[end].row]->image == image)
			end++;
		error = read_run(image, gathering.pools + start, end - start, live);
	}
	free(gathering.pools);
	return error;
}
