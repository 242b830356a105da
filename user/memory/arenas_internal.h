/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of arenas.h share. */
#ifndef UNFREED_MEMORY_ARENAS_INTERNAL_H
#define UNFREED_MEMORY_ARENAS_INTERNAL_H

#include "arenas.h"
#include "glibc_layout.h"

#define PAGE_ALIGNED(address) ((address) & ~(uint64_t)(PAGES_BYTES - 1))

/* What arenas_find answers where a structure changed while it was read: to be tried again. */
#define ARENAS_TORN (-EAGAIN)

/* The parts of arenas_find, in their order. Each returns 0, a negative errno, or ARENAS_TORN. */
int arenas_find_main(struct pages *pages, struct arenas *arenas);      /* arena_search.c */
int arenas_find_ring(struct pages *pages, struct arenas *arenas);      /* heap_list.c */
int arenas_find_main_heap(struct pages *pages, struct arenas *arenas); /* main_heap.c */
int arenas_find_heaps(struct pages *pages, struct arenas *arenas);     /* heap_list.c */
int arenas_find_cached(struct pages *pages, struct arenas *arenas);    /* cached_chunks.c */
int arenas_find_mmapped(struct pages *pages, struct arenas *arenas);   /* mmapped_chunks.c */

/*
 * Where the main heap, from its start on, has its top chunk and its end now; *end is 0 where that
 * cannot be told. Returns 0 or a negative errno.
 */
int main_heap_read_end(struct pages *pages, const struct arenas *arenas, uint64_t start,
		       uint64_t *top, uint64_t *end);

void arenas_refuse(struct arenas *arenas, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool arenas_add_segment(struct arenas *arenas, const struct heap_segment *segment);

#endif
