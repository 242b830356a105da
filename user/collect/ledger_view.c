/* SPDX-License-Identifier: BSD-2-Clause */
#include "ledger_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define BATCH_BLOCKS 4096u

struct visit {
	const struct ledger_view *view;
	uint64_t newest_ns;
	void (*visit)(void *context, uint64_t key, const struct block *block);
	void *context;
};

static void visit_block(const struct visit *visit, uint64_t key, const struct block *block)
{
	if (block->stack < visit->view->row_count && block->time_ns <= visit->newest_ns)
		visit->visit(visit->context, key, block);
}

static void visit_bucket(const struct visit *visit, const struct bucket *bucket)
{
	for (size_t i = 0; i < BUCKET_SLOTS; i++) {
		uint64_t key = __atomic_load_n(&bucket->keys[i], __ATOMIC_ACQUIRE);
		struct block block;

		if (key == BLOCK_KEY_EMPTY || key == BLOCK_KEY_BUSY)
			continue;
		block = bucket->blocks[i];
		if (__atomic_load_n(&bucket->keys[i], __ATOMIC_ACQUIRE) == key)
			visit_block(visit, key, &block);
	}
}

static int visit_spilled(const struct visit *visit)
{
	uint64_t *keys = calloc(BATCH_BLOCKS, sizeof(*keys));
	struct block *blocks = calloc(BATCH_BLOCKS, sizeof(*blocks));
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	uint32_t position = 0;
	void *in = NULL;
	int error = keys && blocks ? 0 : -ENOMEM;

	while (!error) {
		uint32_t count = BATCH_BLOCKS;

		error = bpf_map_lookup_batch(visit->view->spilled_fd, in, &position, keys, blocks,
					     &count, &options);
		if (error && error != -ENOENT)
			break;
		for (uint32_t i = 0; i < count; i++)
			visit_block(visit, keys[i], &blocks[i]);
		in = &position;
	}
	free(keys);
	free(blocks);
	return error == -ENOENT ? 0 : error;
}

int ledger_view_visit(const struct ledger_view *view, uint64_t newest_ns,
		      void (*visit)(void *context, uint64_t key, const struct block *block),
		      void *context)
{
	const struct visit all = {view, newest_ns, visit, context};

	for (size_t i = 0; i < view->bucket_count; i++)
		visit_bucket(&all, &view->buckets[i]);
	return visit_spilled(&all);
}

static void add_block(void *context, uint64_t key, const struct block *block)
{
	struct live_blocks *row = (struct live_blocks *)context + block->stack;

	(void)key;
	row->bytes += block->size;
	row->blocks++;
	if (!row->oldest_ns || block->time_ns < row->oldest_ns)
		row->oldest_ns = block->time_ns;
}

int ledger_view_scan(const struct ledger_view *view, uint64_t newest_ns, struct live_blocks *live)
{
	return ledger_view_visit(view, newest_ns, add_block, live);
}

struct live_blocks ledger_view_peak(const struct ledger_view *view, size_t row)
{
	const struct stack_totals *totals = &view->totals[row];
	uint64_t free_bytes = __atomic_load_n(&totals->free_bytes, __ATOMIC_ACQUIRE);
	uint64_t free_blocks = __atomic_load_n(&totals->free_blocks, __ATOMIC_ACQUIRE);
	struct live_blocks live = {
		.bytes = __atomic_load_n(&totals->alloc_bytes, __ATOMIC_ACQUIRE) - free_bytes,
		.blocks = __atomic_load_n(&totals->alloc_blocks, __ATOMIC_ACQUIRE) - free_blocks,
	};

	if (!view->peak || !view->peak->number)
		return (struct live_blocks){0};
	if (totals->peak_number == view->peak->number) /* it changed since */
		live = (struct live_blocks){.bytes = totals->peak_bytes,
					    .blocks = totals->peak_blocks};
	return live;
}

void ledger_view_totals(const struct ledger_view *view, struct live_blocks *live)
{
	for (size_t i = 0; i < view->row_count; i++) {
		const struct stack_totals *row = &view->totals[i];

		live[i].free_bytes = __atomic_load_n(&row->free_bytes, __ATOMIC_ACQUIRE);
		live[i].free_blocks = __atomic_load_n(&row->free_blocks, __ATOMIC_ACQUIRE);
		live[i].alloc_bytes = __atomic_load_n(&row->alloc_bytes, __ATOMIC_ACQUIRE);
		live[i].alloc_blocks = __atomic_load_n(&row->alloc_blocks, __ATOMIC_ACQUIRE);
	}
}

int ledger_view_sum_counters(int map_fd, uint32_t key, struct counters *sum)
{
	int cpus = libbpf_num_possible_cpus();
	struct counters *by_cpu;
	int error;

	*sum = (struct counters){0};
	if (cpus < 0)
		return cpus;
	by_cpu = calloc((size_t)cpus, sizeof(*by_cpu));
	if (!by_cpu)
		return -ENOMEM;
	error = bpf_map_lookup_elem(map_fd, &key, by_cpu);
	for (int cpu = 0; !error && cpu < cpus; cpu++) {
		const __u64 *words = (const __u64 *)&by_cpu[cpu];
		__u64 *total = (__u64 *)sum;

		for (size_t i = 0; i < sizeof(*sum) / sizeof(*words); i++)
			total[i] += words[i];
	}
	free(by_cpu);
	return error;
}

int ledger_view_counters(const struct ledger_view *view, struct counters *sum)
{
	return ledger_view_sum_counters(view->counters_fd, 0, sum);
}
