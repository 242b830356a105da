/* SPDX-License-Identifier: BSD-2-Clause */
#include "windows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../analyze/windows.h"
#include "../lib/array.h"
#include "../lib/clock.h"
#include "../lib/sorted.h"
#include "../process/usage.h"
#include "heap_series.h"

#define LOOKS       24        /* in a recording, about */
#define APART_LEAST 100000000 /* ns */
#define COST_SHARE  32        /* of our time goes into looks, at most */

/* Of a process, between two execs, as long as it was recorded. */
struct watched_image {
	uint32_t space; /* which it is known by */
	pid_t pid;
	bool there;
	bool over;
	double began_s, ended_s;
	double first_cpu_s, last_cpu_s;
};

struct windows {
	struct windows_config config;
	struct heap_series *heaps;
	struct loop_source *timer;
	struct watched_image *images;
	size_t image_count;
	double began_s;
	double listed_s;       /* when images were looked for last */
	double bytes_per_hour; /* of the sizes that surely grow */
};

/* --- who is there --- */

static struct watched_image *find_image(const struct windows *windows, uint32_t space)
{
	for (size_t i = 0; i < windows->image_count; i++)
		if (windows->images[i].space == space)
			return &windows->images[i];
	return NULL;
}

/* One that came since the last time is there since then, at the longest,
 * or as old as its process. */
static double began_at(const struct windows *windows, pid_t pid, double now_s)
{
	struct process_status status;

	if (procfs_read_status(windows->config.procfs, pid, &status) || !status.start_time)
		return windows->listed_s;
	return fmax(windows->listed_s, now_s - fmax(procfs_age_s(&status), 0));
}

static struct watched_image *add_image(struct windows *windows, uint32_t space, pid_t pid,
				       double now_s)
{
	struct watched_image fresh = {.space = space, .pid = pid};
	struct usage usage;

	if (!heap_series_add(windows->heaps, space, pid))
		return NULL;
	fresh.began_s = began_at(windows, pid, now_s);
	if (!usage_read(windows->config.procfs, pid, &usage))
		fresh.first_cpu_s = usage.cpu_s;
	if (!array_append(&windows->images, &windows->image_count, fresh))
		return NULL;
	return &windows->images[windows->image_count - 1];
}

static void end_image(struct windows *windows, struct watched_image *image, double now_s)
{
	image->over = true;
	image->ended_s = now_s;
	if (!heap_series_end(windows->heaps, image->space))
		*image = windows->images[--windows->image_count];
}

static void list_images(struct windows *windows)
{
	double now_s = clock_s(CLOCK_MONOTONIC);
	struct tracer_target target = {0};
	struct usage usage;

	for (size_t i = 0; i < windows->image_count; i++)
		windows->images[i].there = false;
	while (tracer_next_target(windows->config.tracer, target.id, &target)) {
		struct watched_image *image = find_image(windows, target.space);

		if (target.state == TARGET_GONE)
			continue;
		if (!image)
			image = add_image(windows, target.space, target.pid, now_s);
		if (!image)
			continue;
		image->there = true;
		if (!usage_read(windows->config.procfs, image->pid, &usage))
			image->last_cpu_s = usage.cpu_s;
	}
	for (size_t i = windows->image_count; i-- > 0;)
		if (!windows->images[i].there && !windows->images[i].over)
			end_image(windows, &windows->images[i], now_s);
	windows->listed_s = now_s;
}

/* --- looks --- */

static uint64_t look_apart_ns(const struct windows *windows)
{
	uint64_t passed_ns = (uint64_t)((clock_s(CLOCK_MONOTONIC) - windows->began_s) * 1e9);
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

	list_images(windows);
	heap_series_look(windows->heaps);
	loop_set_timer(windows->timer, look_apart_ns(windows), 0);
}

struct windows *windows_new(const struct windows_config *config)
{
	struct windows *windows = calloc(1, sizeof(*windows));

	if (!windows)
		return NULL;
	windows->config = *config;
	windows->began_s = windows->listed_s = clock_s(CLOCK_MONOTONIC);
	windows->heaps = heap_series_new(config->procfs);
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
	free(windows->images);
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

/* Those of one image, at first by address; those that are gone are left out. */
static size_t find_live(struct windows *windows, uint32_t space, struct kept *kept, size_t count)
{
	struct sought_block *blocks = calloc(count + 1, sizeof(*blocks));
	size_t live = 0;

	for (size_t i = 0; blocks && i < count; i++)
		blocks[i] = kept[i].block;
	if (blocks)
		heap_series_find(windows->heaps, space, blocks, count);
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
	const struct window_account *account;
	double seconds; /* of the recording */
	double slowed;  /* all processes together */
	/* Of the image at hand: */
	uint32_t space;
	double image_s;
	double factor;
	/* Of all of them: */
	struct window_class *classes;
	size_t class_count;
	struct window_pair *pairs;
	size_t pair_count;
};

/* How many times longer what a target does takes in a window: calls and what lies between them. */
static double slowed_by(const struct judging *judging, double watched_cpu_ns, double calls)
{
	return calls > 0 ? windows_slowed(watched_cpu_ns / calls, &judging->windows->config.call)
			 : 1;
}

static double factor_of(const struct judging *judging, double slowed)
{
	return windows_factor((double)judging->account->first_cpu_ns / 1e9,
			      (double)judging->account->total_cpu_ns / 1e9, slowed);
}

/* One that calls more often than the others is slowed by more; its part of the time in
 * windows is that of all time. */
static double slowed_image(const struct judging *judging, const struct watched_image *image)
{
	const struct window_account *account = judging->account;
	double used_ns = (image->last_cpu_s - image->first_cpu_s) * 1e9;
	double calls = (double)tracer_calls_of(judging->windows->config.tracer, image->space);

	if (used_ns <= 0 || !account->total_cpu_ns)
		return judging->slowed;
	return fmax(judging->slowed, slowed_by(judging,
					       (double)account->watched_cpu_ns * used_ns /
						       (double)account->total_cpu_ns,
					       calls));
}

static void begin_image(struct judging *judging, uint32_t space)
{
	const struct watched_image *image = find_image(judging->windows, space);

	judging->space = space;
	judging->image_s = judging->seconds;
	judging->factor = factor_of(judging, judging->slowed);
	if (!image)
		return;
	judging->image_s =
		(image->over ? image->ended_s : clock_s(CLOCK_MONOTONIC)) - image->began_s;
	judging->factor = factor_of(judging, slowed_image(judging, image));
}

/* Of all processes what surely grows, whoever it is of. */
static void sum_classes(struct judging *judging)
{
	struct windows *windows = judging->windows;
	double part = judging->image_s / judging->seconds;
	struct sample samples[SERIES_MAX];
	struct window_class measured;

	for (size_t class = 0; class < CHUNK_CLASSES; class ++) {
		size_t count = heap_series_samples(windows->heaps, judging->space, class, samples);

		if (count < 2 || samples[count - 1].value <= samples[0].value)
			continue;
		if (window_class_measure(&measured, samples, count) && measured.grows)
			windows->bytes_per_hour +=
				measured.per_s * 3600 * part * (double)chunk_class_least(class);
	}
}

static bool add_class(struct judging *judging, size_t class)
{
	struct sample samples[SERIES_MAX];
	struct window_class measured;
	size_t looks = heap_series_samples(judging->windows->heaps, judging->space, class, samples);

	window_class_measure(&measured, samples, looks);
	measured.seconds = judging->image_s;
	measured.factor = judging->factor;
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

static int add_blocks(struct judging *judging, const struct kept *kept, size_t count)
{
	bool ok = true;

	for (size_t i = 0; i < count && ok; i++) {
		if (!i || kept[i].block.class != kept[i - 1].block.class)
			ok = add_class(judging, kept[i].block.class);
		ok = ok && add_block(judging, &kept[i]);
	}
	return ok ? 0 : -ENOMEM;
}

/* The first block of that space, or of one behind. */
static size_t find_first(const struct keeping *keeping, uint32_t number)
{
	return sorted_below(keeping->items, keeping->count, space, number);
}

static int add_targets(struct judging *judging)
{
	struct tracer *tracer = judging->windows->config.tracer;
	struct keeping keeping = {0};
	struct tracer_target target = {0};
	int error = tracer_each_block(tracer, keep_block, &keeping);

	if (keeping.full)
		error = -ENOMEM;
	if (keeping.count)
		qsort(keeping.items, keeping.count, sizeof(*keeping.items), compare_kept);
	while (!error && tracer_next_target(tracer, target.id, &target)) {
		uint32_t number = SPACE_NUMBER(target.space);
		size_t first = find_first(&keeping, number);
		size_t end = find_first(&keeping, number + 1);
		size_t live = find_live(judging->windows, target.space, keeping.items + first,
					end - first);

		begin_image(judging, target.space);
		sum_classes(judging);
		error = add_blocks(judging, keeping.items + first, live);
	}
	free(keeping.items);
	return error;
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

static void judge(const struct judging *judging, const struct live_blocks *seen,
		  struct row_growth *rows, size_t count)
{
	const struct window_evidence evidence = {
		.classes = judging->classes,
		.pairs = judging->pairs,
		.pair_count = judging->pair_count,
		.factor = factor_of(judging, judging->slowed),
		.seconds = judging->seconds,
	};
	struct stack_growth *growth = calloc(count + 1, sizeof(*growth));
	uint64_t *births = calloc(count + 1, sizeof(*births));

	for (size_t i = 0; births && i < count; i++)
		births[i] = seen[i].alloc_blocks;
	if (growth && births)
		windows_judge(&evidence, births, growth, count);
	for (size_t i = 0; growth && births && i < count; i++) {
		rows[i].growth = growth[i];
		fill_row(&rows[i], &seen[i], evidence.factor / 2, /* of both halves */
			 judging->seconds / 3600);
	}
	free(growth);
	free(births);
}

struct row_growth *windows_rows(struct windows *windows)
{
	struct tracer *tracer = windows->config.tracer;
	struct judging judging = {
		.windows = windows,
		.account = tracer_windows(tracer),
		.seconds = clock_s(CLOCK_MONOTONIC) - windows->began_s,
	};
	size_t count;
	struct live_blocks *seen = tracer_rows(tracer, &count);
	struct row_growth *rows = seen ? calloc(count, sizeof(*rows)) : NULL;

	list_images(windows);
	judging.slowed = slowed_by(&judging, (double)judging.account->watched_cpu_ns,
				   (double)tracer_calls(tracer));
	windows->bytes_per_hour = 0;
	if (rows && add_targets(&judging)) {
		free(rows);
		rows = NULL;
	}
	if (rows)
		judge(&judging, seen, rows, count);
	free(judging.classes);
	free(judging.pairs);
	free(seen);
	return rows;
}

void windows_fill(const struct windows *windows, struct snapshot *snapshot)
{
	const struct window_account *account = tracer_windows(windows->config.tracer);
	const char *problem = heap_series_problem(windows->heaps);

	if (!problem && heap_series_is_short(windows->heaps))
		problem = "heaps were read too seldom for that: a longer recording tells more";
	snapshot->windows = (struct recorded_windows){
		.asked_percent = windows->config.asked_percent,
		.count = account->windows,
		.failed = account->failed,
		.given_up = account->given_up,
		.promoted = account->promoted,
		.watched_ns = account->watched_ns,
		.bytes_per_hour = windows->bytes_per_hour,
		.problem = problem ? snapshot_intern(snapshot, problem) : NULL,
	};
	if (account->total_cpu_ns)
		snapshot->windows.spent_percent =
			100.0 * (double)account->spent_cpu_ns / (double)account->total_cpu_ns;
}
