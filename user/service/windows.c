/* SPDX-License-Identifier: BSD-2-Clause */
#include "windows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../analyze/windows.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "heap_series.h"

#define LOOKS       24        /* in a recording, about */
#define APART_LEAST 100000000 /* ns */
#define COST_SHARE  32        /* of our time goes into looks, at most */

struct windows {
	struct windows_config config;
	struct heap_series *heaps;
	struct loop_source *timer;
	uint64_t began_ns;
	double bytes_per_hour; /* of the sizes that surely grow */
};

/* --- looks --- */

static uint64_t look_apart_ns(const struct windows *windows)
{
	uint64_t passed_ns = clock_ns(CLOCK_MONOTONIC) - windows->began_ns;
	uint64_t whole_ns = windows->config.duration_ns ? windows->config.duration_ns : passed_ns;
	uint64_t apart_ns = whole_ns / LOOKS;
	uint64_t cost_ns = (uint64_t)(heap_series_cost_s(windows->heaps) * 1e9) * COST_SHARE;

	if (apart_ns < cost_ns)
		apart_ns = cost_ns;
	return apart_ns < APART_LEAST ? APART_LEAST : apart_ns;
}

static void look(void *context)
{
	struct windows *windows = context;

	heap_series_look(windows->heaps);
	loop_set_timer(windows->timer, look_apart_ns(windows), 0);
}

struct windows *windows_new(const struct windows_config *config)
{
	struct windows *windows = calloc(1, sizeof(*windows));

	if (!windows)
		return NULL;
	windows->config = *config;
	windows->began_ns = clock_ns(CLOCK_MONOTONIC);
	windows->heaps = heap_series_new(config->procfs, config->pids, config->pid_count);
	windows->timer = loop_on_timer(config->loop, LOOP_IN_TURN, look, windows);
	if (windows->heaps && windows->timer) {
		look(windows);
		return windows;
	}
	windows_free(windows);
	return NULL;
}

void windows_free(struct windows *windows)
{
	if (!windows)
		return;
	loop_drop(windows->timer);
	heap_series_free(windows->heaps);
	free(windows);
}

/* --- blocks that outlived their windows --- */

struct kept {
	uint32_t space; /* number */
	uint32_t row;
	struct sought_block block;
};

struct keeping {
	struct kept *items;
	size_t count;
	bool full; /* no memory for more */
};

static void keep_block(void *context, uint64_t key, const struct block *block)
{
	struct keeping *keeping = context;
	const struct kept kept = {
		.space = BLOCK_KEY_SPACE(key),
		.row = block->stack,
		.block = {.address = BLOCK_KEY_ADDRESS(key), .size = block->size}};

	if (!WINDOW_IS_FIRST(block->window) || keeping->full)
		return;
	keeping->full = !array_append(&keeping->items, &keeping->count, kept);
}

static int compare_kept(const void *left, const void *right)
{
	const struct kept *a = left, *b = right;

	if (a->space != b->space)
		return a->space < b->space ? -1 : 1;
	return (a->block.address > b->block.address) - (a->block.address < b->block.address);
}

static int compare_classes(const void *left, const void *right)
{
	const struct kept *a = left, *b = right;

	if (a->block.class != b->block.class)
		return a->block.class < b->block.class ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

/* Those of one process, at first by address; those that are gone are left out. */
static size_t find_live(struct windows *windows, pid_t pid, struct kept *kept, size_t count)
{
	struct sought_block *blocks = calloc(count + 1, sizeof(*blocks));
	size_t live = 0;

	for (size_t i = 0; blocks && i < count; i++)
		blocks[i] = kept[i].block;
	if (blocks)
		heap_series_find(windows->heaps, pid, blocks, count);
	for (size_t i = 0; blocks && i < count; i++) {
		struct kept found = {kept[i].space, kept[i].row, blocks[i]};

		if (!blocks[i].gone)
			kept[live++] = found;
	}
	free(blocks);
	qsort(kept, live, sizeof(*kept), compare_classes);
	return live;
}

/* --- judging --- */

struct judging {
	struct windows *windows;
	struct window_class *classes; /* of all processes */
	size_t class_count;
	struct window_pair *pairs;
	size_t pair_count;
};

/* Of all processes what surely grows, whoever it is of. */
static void sum_classes(struct judging *judging, pid_t pid)
{
	struct windows *windows = judging->windows;
	struct sample samples[SERIES_MAX];
	struct window_class measured;

	for (size_t class = 0; class < CHUNK_CLASSES; class ++) {
		size_t count = heap_series_samples(windows->heaps, pid, class, samples);

		if (count < 2 || samples[count - 1].value <= samples[0].value)
			continue;
		if (window_class_measure(&measured, samples, count) && measured.grows)
			windows->bytes_per_hour +=
				measured.per_s * 3600 * (double)chunk_class_least(class);
	}
}

static bool add_class(struct judging *judging, pid_t pid, size_t class)
{
	struct sample samples[SERIES_MAX];
	struct window_class measured;
	size_t looks = heap_series_samples(judging->windows->heaps, pid, class, samples);

	window_class_measure(&measured, samples, looks);
	return array_append(&judging->classes, &judging->class_count, measured);
}

/* Blocks are by class, then by row. */
static bool add_block(struct judging *judging, const struct kept *kept)
{
	const struct window_pair fresh = {.row = kept->row, .class = judging->class_count - 1};
	struct window_pair *last =
		judging->pair_count ? &judging->pairs[judging->pair_count - 1] : NULL;

	if (!last || last->row != fresh.row || last->class != fresh.class) {
		if (!array_append(&judging->pairs, &judging->pair_count, fresh))
			return false;
		last = &judging->pairs[judging->pair_count - 1];
	}
	last->blocks++;
	last->bytes += kept->block.size;
	return true;
}

static int add_blocks(struct judging *judging, pid_t pid, const struct kept *kept, size_t count)
{
	bool ok = true;

	for (size_t i = 0; i < count && ok; i++) {
		if (!i || kept[i].block.class != kept[i - 1].block.class)
			ok = add_class(judging, pid, kept[i].block.class);
		ok = ok && add_block(judging, &kept[i]);
	}
	return ok ? 0 : -ENOMEM;
}

static int add_targets(struct judging *judging, struct tracer *tracer)
{
	struct keeping keeping = {0};
	struct tracer_target target = {0};
	int error = tracer_each_block(tracer, keep_block, &keeping);

	if (keeping.full)
		error = -ENOMEM;
	if (keeping.count)
		qsort(keeping.items, keeping.count, sizeof(*keeping.items), compare_kept);
	while (!error && tracer_next_target(tracer, target.id, &target)) {
		size_t first = 0, end;

		while (first < keeping.count &&
		       keeping.items[first].space < SPACE_NUMBER(target.space))
			first++;
		for (end = first;
		     end < keeping.count && keeping.items[end].space == SPACE_NUMBER(target.space);)
			end++;
		size_t live =
			find_live(judging->windows, target.pid, keeping.items + first, end - first);

		sum_classes(judging, target.pid);
		error = add_blocks(judging, target.pid, keeping.items + first, live);
	}
	free(keeping.items);
	return error;
}

/* How many times longer what a target does takes in a window: calls and what lies between them. */
static double slowed_by(const struct windows *windows, struct tracer *tracer,
			const struct window_account *account)
{
	double calls = (double)tracer_calls(tracer);

	return calls > 0 ? windows_slowed((double)account->watched_cpu_ns / calls,
					  &windows->config.call)
			 : 1;
}

/* Estimates of all the time, of which windows were a part. */
static void fill_row(struct row_growth *row, const struct live_blocks *seen, double factor,
		     double hours)
{
	row->allocated.blocks = (uint64_t)((double)seen->alloc_blocks * factor);
	row->allocated.bytes = (uint64_t)((double)seen->alloc_bytes * factor);
	if (row->growth.verdict != GROWTH_GROWS)
		return;
	row->grown.blocks = row->growth.blocks;
	row->grown.bytes = (uint64_t)(row->growth.bytes_per_hour * hours);
	if (row->allocated.blocks < row->grown.blocks)
		row->allocated.blocks = row->grown.blocks;
	if (row->allocated.bytes < row->grown.bytes)
		row->allocated.bytes = row->grown.bytes;
}

static void judge(const struct judging *judging, const struct live_blocks *seen, double seconds,
		  double factor, struct row_growth *rows, size_t count)
{
	const struct window_evidence evidence = {
		.classes = judging->classes,
		.pairs = judging->pairs,
		.pair_count = judging->pair_count,
		.factor = factor,
		.seconds = seconds,
	};
	struct stack_growth *growth = calloc(count + 1, sizeof(*growth));
	uint64_t *births = calloc(count + 1, sizeof(*births));

	for (size_t i = 0; births && i < count; i++)
		births[i] = seen[i].alloc_blocks;
	if (growth && births)
		windows_judge(&evidence, births, growth, count);
	for (size_t i = 0; growth && births && i < count; i++) {
		rows[i].growth = growth[i];
		fill_row(&rows[i], &seen[i], factor / 2, seconds / 3600); /* of both halves */
	}
	free(growth);
	free(births);
}

struct row_growth *windows_rows(struct windows *windows, struct tracer *tracer)
{
	const struct window_account *account = tracer_windows(tracer);
	double slowed = slowed_by(windows, tracer, account), seconds, factor;
	struct judging judging = {.windows = windows};
	size_t count;
	struct live_blocks *seen = tracer_rows(tracer, &count);
	struct row_growth *rows = seen ? calloc(count, sizeof(*rows)) : NULL;

	windows->bytes_per_hour = 0;
	if (rows && add_targets(&judging, tracer)) {
		free(rows);
		rows = NULL;
	}
	seconds = (double)(clock_ns(CLOCK_MONOTONIC) - windows->began_ns) / 1e9;
	factor = windows_factor((double)account->first_cpu_ns / 1e9,
				(double)account->total_cpu_ns / 1e9, slowed);
	if (rows)
		judge(&judging, seen, seconds, factor, rows, count);
	free(judging.classes);
	free(judging.pairs);
	free(seen);
	return rows;
}

void windows_fill(const struct windows *windows, const struct tracer *tracer,
		  struct snapshot *snapshot)
{
	const struct window_account *account = tracer_windows(tracer);
	struct recorded_windows *recorded = &snapshot->windows;

	*recorded = (struct recorded_windows){
		.asked_percent = windows->config.asked_percent,
		.count = account->windows,
		.failed = account->failed,
		.promoted = account->promoted,
		.watched_ns = account->watched_ns,
		.bytes_per_hour = windows->bytes_per_hour,
	};
	if (account->total_cpu_ns)
		recorded->spent_percent =
			100.0 * (double)account->spent_cpu_ns / (double)account->total_cpu_ns;
	for (size_t i = 0; i < windows->config.pid_count; i++) {
		const char *problem = heap_series_problem(windows->heaps, windows->config.pids[i]);

		if (problem)
			recorded->problem = snapshot_intern(snapshot, problem);
	}
}
