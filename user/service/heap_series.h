/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many live chunks of each size the heaps of recorded processes have, over time: read without a
 * probe, and without stopping them. glibc's malloc alone.
 *
 * A heap is one image of a process; processes come and go.
 *
 *	heap_series_new     nothing is read
 *	heap_series_add     and heap_series_end: what is looked at from now on, and what no more
 *	heap_series_look    again and again; where there is no more room every second look goes
 *	heap_series_find    at last, with blocks of one process that are looked up in it
 */
#ifndef UNFREED_SERVICE_HEAP_SERIES_H
#define UNFREED_SERVICE_HEAP_SERIES_H

#include <stdbool.h>

#include "../look/look.h"
#include "../memory/chunk_classes.h"
#include "../process/procfs.h"
#include "series.h"

struct heap_series;

/* NULL on out of memory. */
struct heap_series *heap_series_new(const struct procfs *procfs);
void heap_series_free(struct heap_series *series); /* accepts NULL */

/* An image, by a number of its own, of a process. False on out of memory, or
 * where there are too many. */
bool heap_series_add(struct heap_series *series, uint32_t image, pid_t pid);

/* Returns whether what was seen of it stays known: else it is too little to tell anything. */
bool heap_series_end(struct heap_series *series, uint32_t image);

void heap_series_look(struct heap_series *series);

/* What another look found in one, which is as good. */
void heap_series_take(struct heap_series *series, uint32_t image, double at_s,
		      const struct look *look);

/* Our processor time, seconds, that the last look took. */
double heap_series_cost_s(const struct heap_series *series);

/* A block that was live at some time. */
struct sought_block {
	uint64_t address;
	uint64_t size; /* as it was asked for */
	size_t class;  /* filled in: see chunk_class_of() */
	bool gone;     /* likewise */
};

/*
 * Looks at one heap, and finds blocks in it, by address in order: one that is not there, or in
 * whose place is another one, is gone. What cannot be read counts as there.
 */
void heap_series_find(struct heap_series *series, uint32_t image, struct sought_block *blocks,
		      size_t count);

/* Why sizes of some heap cannot be told, as a clause; NULL: they can. */
const char *heap_series_problem(const struct heap_series *series);

/* Whether none was looked at often enough to tell what grows. */
bool heap_series_is_short(const struct heap_series *series);

/* Numbers of live chunks of a class over time; at most SERIES_MAX samples. Returns how many. */
size_t heap_series_samples(const struct heap_series *series, uint32_t image, size_t class,
			   struct sample *samples);

#endif
