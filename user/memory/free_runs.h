/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What malloc_trim(0) would give back. It consolidates fastbins, so that free chunks side by side
 * become one; gives back the whole pages inside of each, but for the first 48 bytes, where its
 * links are; and cuts the main heap's top. The top of other arenas it leaves. What a thread caches
 * is in use as malloc_trim sees it, and pins what lies around it.
 */
#ifndef UNFREED_MEMORY_FREE_RUNS_H
#define UNFREED_MEMORY_FREE_RUNS_H

#include "arenas.h"

struct free_runs {
	struct pages *pages;
	uint64_t heap_start, heap_end; /* what sbrk gave: the main top is cut only at its end */
	uint64_t top_granule;          /* as struct arenas has it */
	/* The run of free chunks that is open: */
	uint64_t start, end; /* start 0: none */
	size_t arena;
	bool has_top;
	/* Results: */
	uint64_t returnable_bytes; /* whole pages, resident or not */
	uint64_t returnable_resident;
	uint64_t free_bytes; /* all that is free, with fastbins */
	uint64_t free_resident;
	uint64_t arena_tops_resident; /* whole pages of tops that are not cut: what they pin */
};

void free_runs_init(struct free_runs *runs, struct pages *pages, uint64_t top_granule);
void free_runs_add(struct free_runs *runs, const struct chunk *chunk); /* each chunk of a walk */
void free_runs_finish(struct free_runs *runs);

#endif
