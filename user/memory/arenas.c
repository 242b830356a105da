/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../lib/sorted.h"
#include "arenas_internal.h"

/* A structure that threads of the target are changing fits a moment later. A pause is longer
 * than the one before it by so much: a tenth of a second in all. */
enum { ATTEMPTS = 60, PAUSE_US = 50 };

void arenas_refuse(struct arenas *arenas, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(arenas->problem, sizeof(arenas->problem), format, arguments);
	va_end(arguments);
}

bool arenas_add_segment(struct arenas *arenas, const struct heap_segment *segment)
{
	return array_append(&arenas->segments, &arenas->segment_count, *segment);
}

static int compare_segments(const void *a, const void *b)
{
	uint64_t left = ((const struct heap_segment *)a)->from;
	uint64_t right = ((const struct heap_segment *)b)->from;

	return left < right ? -1 : left > right;
}

/* In order. A list of heaps that comes back to itself, or to another arena's, is torn. */
static int order_segments(struct pages *pages, struct arenas *arenas)
{
	(void)pages;
	if (!arenas->segment_count)
		return 0;
	qsort(arenas->segments, arenas->segment_count, sizeof(*arenas->segments), compare_segments);
	for (size_t i = 1; i < arenas->segment_count; i++)
		if (arenas->segments[i].from < arenas->segments[i - 1].end)
			return ARENAS_TORN;
	return 0;
}

const struct heap_segment *arenas_find_segment(const struct arenas *arenas, uint64_t address)
{
	size_t low = sorted_count(arenas->segments, arenas->segment_count, end, address);

	return low < arenas->segment_count && arenas->segments[low].from <= address
		       ? &arenas->segments[low]
		       : NULL;
}

static void forget_lists(struct arenas *arenas)
{
	free(arenas->items);
	free(arenas->segments);
	free(arenas->mmapped);
	free(arenas->fastbin_chunks);
	free(arenas->cache_keys);
	arenas->items = NULL;
	arenas->segments = NULL;
	arenas->mmapped = NULL;
	arenas->fastbin_chunks = NULL;
	arenas->cache_keys = NULL;
	arenas->count = arenas->segment_count = arenas->mmapped_found = 0;
	arenas->fastbin_count = arenas->cache_key_count = 0;
}

static int find_once(struct pages *pages, struct arenas *arenas)
{
	static int (*const parts[])(struct pages *, struct arenas *) = {
		arenas_find_main, arenas_find_ring,   arenas_find_main_heap, arenas_find_heaps,
		order_segments,   arenas_find_cached, arenas_find_mmapped,
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		int error = parts[i](pages, arenas);

		if (error || *arenas->problem)
			return error;
	}
	return 0;
}

int arenas_find(struct pages *pages, struct arenas *arenas)
{
	return arenas_find_beside(pages, NULL, arenas);
}

int arenas_find_beside(struct pages *pages, const struct memory_claims *claims,
		       struct arenas *arenas)
{
	int error = ARENAS_TORN;

	*arenas = (struct arenas){.claims = claims};
	for (size_t i = 0; i < ATTEMPTS && error == ARENAS_TORN; i++) {
		if (i)
			usleep((useconds_t)i * PAUSE_US);
		forget_lists(arenas);
		arenas->sums_may_differ = i >= ATTEMPTS / 2;
		error = find_once(pages, arenas);
	}
	if (error == ARENAS_TORN || error == -ENODATA || error == -EFAULT) {
		arenas_refuse(arenas, "glibc's malloc is there, but %s",
			      error == -ENODATA ? "its structures are in swap"
						: "its structures do not fit each other");
		error = 0;
	}
	arenas->claims = NULL;
	if (*arenas->problem || error)
		forget_lists(arenas);
	else
		arenas->version = arenas->parameters->name;
	return error;
}

void arenas_release(struct arenas *arenas)
{
	forget_lists(arenas);
	*arenas = (struct arenas){0};
}
