/* SPDX-License-Identifier: BSD-2-Clause */
#include "heap_series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/clock.h"
#include "../lib/sorted.h"
#include "../memory/arenas.h"

enum {
	LOOKS_MAX = 48,
	HEAPS_MAX = 64,    /* each takes up to 800 KB of our memory */
	OVERHEAD_MOST = 32 /* of a chunk, over what was asked for */
};

static const char too_many[] = "there are too many processes to read the heap of each";

struct heap_look {
	double at_s;
	uint32_t counts[CHUNK_CLASSES];
};

struct heap {
	uint32_t image;
	pid_t pid;
	bool over;
	struct heap_look *looks;
	size_t count;
	char problem[160];
};

struct heap_series {
	const struct procfs *procfs;
	double cost_s;
	struct heap *heaps;
	size_t count;
	bool full; /* there were more */
};

/* While a heap is walked over. */
struct counting {
	struct heap_look *look;
	struct sought_block *blocks;
	size_t count;
};

struct heap_series *heap_series_new(const struct procfs *procfs)
{
	struct heap_series *series = calloc(1, sizeof(*series));

	if (series)
		series->procfs = procfs;
	return series;
}

void heap_series_free(struct heap_series *series)
{
	if (!series)
		return;
	for (size_t i = 0; i < series->count; i++)
		free(series->heaps[i].looks);
	free(series->heaps);
	free(series);
}

static struct heap *find_heap(const struct heap_series *series, uint32_t image)
{
	for (size_t i = 0; i < series->count; i++)
		if (series->heaps[i].image == image)
			return &series->heaps[i];
	return NULL;
}

bool heap_series_add(struct heap_series *series, uint32_t image, pid_t pid)
{
	const struct heap fresh = {.image = image, .pid = pid};

	if (find_heap(series, image))
		return true;
	if (series->count < HEAPS_MAX && array_append(&series->heaps, &series->count, fresh))
		return true;
	series->full = true;
	return false;
}

bool heap_series_end(struct heap_series *series, uint32_t image)
{
	struct heap *heap = find_heap(series, image);

	if (!heap)
		return false;
	heap->over = true;
	if (heap->count >= SLOPE_LEAST || *heap->problem)
		return true;
	free(heap->looks);
	*heap = series->heaps[--series->count];
	return false;
}

double heap_series_cost_s(const struct heap_series *series)
{
	return series->cost_s;
}

/* --- one look --- */

static bool is_live(const struct chunk *chunk)
{
	return chunk->state == CHUNK_LIVE || chunk->state == CHUNK_MMAPPED;
}

/* The first that is at an address, or behind. */
static size_t find_block(const struct counting *counting, uint64_t address)
{
	return sorted_below(counting->blocks, counting->count, address, address);
}

/* A chunk of another size is another block's, at the same address. */
static bool is_the_block(const struct chunk *chunk, const struct sought_block *block)
{
	uint64_t usable = chunk_usable(chunk);

	if (!is_live(chunk) || chunk->block != block->address || usable < block->size)
		return false;
	return chunk->state == CHUNK_MMAPPED || usable <= block->size + OVERHEAD_MOST;
}

static void count_chunk(void *context, const struct chunk *chunk)
{
	struct counting *counting = context;

	if (chunk->clipped || chunk->state == CHUNK_UNKNOWN || chunk->state == CHUNK_FOREIGN)
		return;
	if (is_live(chunk))
		counting->look->counts[chunk_class_of(chunk->size)]++;
	for (size_t i = find_block(counting, chunk->address);
	     i < counting->count && counting->blocks[i].address < chunk->address + chunk->size;
	     i++) {
		struct sought_block *block = &counting->blocks[i];

		block->gone = !is_the_block(chunk, block);
		if (!block->gone)
			block->class = chunk_class_of(chunk->size);
	}
}

static int walk(struct heap_series *series, struct heap *heap, struct counting *counting)
{
	struct walk_numbers numbers = {0};
	struct arenas arenas = {0};
	struct regions regions;
	struct pages *pages;
	int error = regions_read(series->procfs, heap->pid, &regions);

	if (error)
		return error;
	pages = pages_new(heap->pid, &regions);
	error = pages ? arenas_find(pages, &arenas) : -errno;
	if (!error && *arenas.problem)
		error = -ENOTSUP;
	else if (!error)
		error = arenas_walk(pages, &arenas, count_chunk, counting, &numbers);
	/* A program that has just begun may have no heap yet, one that ends none any more. */
	if (!heap->count && (!error || error == -ENOTSUP))
		snprintf(heap->problem, sizeof(heap->problem), "%s", arenas.problem);
	if (pages)
		arenas_release(&arenas);
	pages_free(pages);
	regions_release(&regions);
	return error;
}

/* The place of one more, empty. */
static struct heap_look *take_look(struct heap *heap, double at_s)
{
	struct heap_look *look;

	if (heap->count == LOOKS_MAX)
		heap->count = array_thin(heap->looks, heap->count, sizeof(*heap->looks));
	if (!array_reserve(&heap->looks, heap->count, sizeof(*heap->looks)))
		return NULL;
	look = &heap->looks[heap->count];
	memset(look, 0, sizeof(*look));
	look->at_s = at_s;
	return look;
}

/* A look that failed is none: it may be another process's by now. */
static void look_at(struct heap_series *series, struct heap *heap, struct sought_block *blocks,
		    size_t count)
{
	struct heap_look *look = heap->over ? NULL : take_look(heap, clock_s(CLOCK_MONOTONIC));

	if (!look)
		return;
	struct counting counting = {look, blocks, count};

	heap->count += !walk(series, heap, &counting);
}

void heap_series_take(struct heap_series *series, uint32_t image, double at_s,
		      const struct look *look)
{
	struct heap *heap = find_heap(series, image);
	struct heap_look *taken =
		heap && !heap->over && look->malloc ? take_look(heap, at_s) : NULL;

	if (!taken)
		return;
	for (size_t i = 0; i < look->chunk_class_count; i++)
		taken->counts[chunk_class_of(look->chunks[i].least)] =
			(uint32_t)look->chunks[i].count;
	heap->count++;
}

void heap_series_look(struct heap_series *series)
{
	double began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);

	for (size_t i = 0; i < series->count; i++)
		look_at(series, &series->heaps[i], NULL, 0);
	series->cost_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - began_s;
}

void heap_series_find(struct heap_series *series, uint32_t image, struct sought_block *blocks,
		      size_t count)
{
	struct heap *heap = find_heap(series, image);

	for (size_t i = 0; i < count; i++) {
		blocks[i].class = chunk_class_of(chunk_size_of_request(blocks[i].size));
		blocks[i].gone = false;
	}
	if (heap)
		look_at(series, heap, blocks, count);
}

/* --- what they come to --- */

const char *heap_series_problem(const struct heap_series *series)
{
	for (size_t i = 0; i < series->count; i++)
		if (*series->heaps[i].problem)
			return series->heaps[i].problem;
	return series->full ? too_many : NULL;
}

bool heap_series_is_short(const struct heap_series *series)
{
	for (size_t i = 0; i < series->count; i++)
		if (series->heaps[i].count >= SLOPE_LEAST)
			return false;
	return true;
}

size_t heap_series_samples(const struct heap_series *series, uint32_t image, size_t class,
			   struct sample *samples)
{
	const struct heap *heap = find_heap(series, image);

	for (size_t i = 0; heap && i < heap->count; i++)
		samples[i] = (struct sample){heap->looks[i].at_s, heap->looks[i].counts[class]};
	return heap ? heap->count : 0;
}
