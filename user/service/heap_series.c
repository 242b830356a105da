/* SPDX-License-Identifier: BSD-2-Clause */
#include "heap_series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/clock.h"
#include "../memory/arenas.h"

enum { LOOKS_MAX = 48, OVERHEAD_MOST = 32 /* of a chunk, over what was asked for */ };

struct heap_look {
	double at_s;
	uint32_t counts[CHUNK_CLASSES];
};

struct heap {
	pid_t pid;
	struct heap_look *looks;
	size_t count;
	char problem[160];
};

struct heap_series {
	const struct procfs *procfs;
	double cost_s;
	struct heap *heaps;
	size_t count;
};

/* While a heap is walked over. */
struct counting {
	struct heap_look *look;
	struct sought_block *blocks;
	size_t count;
};

struct heap_series *heap_series_new(const struct procfs *procfs, const pid_t *pids, size_t count)
{
	struct heap_series *series = calloc(1, sizeof(*series));

	if (!series)
		return NULL;
	series->procfs = procfs;
	series->count = count;
	series->heaps = calloc(count + 1, sizeof(*series->heaps));
	for (size_t i = 0; series->heaps && i < count; i++) {
		series->heaps[i].pid = pids[i];
		series->heaps[i].looks = calloc(LOOKS_MAX, sizeof(*series->heaps[i].looks));
		if (!series->heaps[i].looks) {
			heap_series_free(series);
			return NULL;
		}
	}
	if (series->heaps)
		return series;
	heap_series_free(series);
	return NULL;
}

void heap_series_free(struct heap_series *series)
{
	if (!series)
		return;
	for (size_t i = 0; series->heaps && i < series->count; i++)
		free(series->heaps[i].looks);
	free(series->heaps);
	free(series);
}

double heap_series_cost_s(const struct heap_series *series)
{
	return series->cost_s;
}

static struct heap *find_heap(const struct heap_series *series, pid_t pid)
{
	for (size_t i = 0; i < series->count; i++)
		if (series->heaps[i].pid == pid)
			return &series->heaps[i];
	return NULL;
}

/* --- one look --- */

static bool is_live(const struct chunk *chunk)
{
	return chunk->state == CHUNK_LIVE || chunk->state == CHUNK_MMAPPED;
}

/* The first that is at an address, or behind. */
static size_t find_block(const struct counting *counting, uint64_t address)
{
	size_t low = 0, high = counting->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (counting->blocks[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
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
		snprintf(heap->problem, sizeof(heap->problem), "%s", arenas.problem);
	else if (!error)
		error = arenas_walk(pages, &arenas, count_chunk, counting, &numbers);
	if (pages)
		arenas_release(&arenas);
	pages_free(pages);
	regions_release(&regions);
	return error ? error : *heap->problem ? -ENOTSUP : 0;
}

/* The place of the next look, empty. */
static struct heap_look *make_room(struct heap *heap, double at_s)
{
	struct heap_look *look;

	if (heap->count == LOOKS_MAX)
		heap->count = array_thin(heap->looks, heap->count, sizeof(*heap->looks));
	look = &heap->looks[heap->count];
	memset(look, 0, sizeof(*look));
	look->at_s = at_s;
	return look;
}

/* A look that failed is none: it may be another process's by now. */
static void look_at(struct heap_series *series, struct heap *heap, struct sought_block *blocks,
		    size_t count)
{
	if (*heap->problem)
		return;
	struct heap_look *look = make_room(heap, clock_s(CLOCK_MONOTONIC));
	struct counting counting = {look, blocks, count};

	heap->count += !walk(series, heap, &counting);
}

void heap_series_take(struct heap_series *series, pid_t pid, double at_s, const struct look *look)
{
	struct heap *heap = find_heap(series, pid);

	if (!heap || *heap->problem || !look->malloc)
		return;
	struct heap_look *taken = make_room(heap, at_s);
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

void heap_series_find(struct heap_series *series, pid_t pid, struct sought_block *blocks,
		      size_t count)
{
	struct heap *heap = find_heap(series, pid);

	for (size_t i = 0; i < count; i++) {
		blocks[i].class = chunk_class_of(chunk_size_of_request(blocks[i].size));
		blocks[i].gone = false;
	}
	if (heap)
		look_at(series, heap, blocks, count);
}

/* --- what they come to --- */

const char *heap_series_problem(const struct heap_series *series, pid_t pid)
{
	const struct heap *heap = find_heap(series, pid);

	return heap && *heap->problem ? heap->problem : NULL;
}

size_t heap_series_samples(const struct heap_series *series, pid_t pid, size_t class,
			   struct sample *samples)
{
	const struct heap *heap = find_heap(series, pid);

	for (size_t i = 0; heap && i < heap->count; i++)
		samples[i] = (struct sample){heap->looks[i].at_s, heap->looks[i].counts[class]};
	return heap ? heap->count : 0;
}
