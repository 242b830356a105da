/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaks a fixed amount through each function of the libc family: `--blocks` blocks of `--bytes`
 * bytes each, and allocates and frees as many beside them. C23's functions and pvalloc are used
 * where the libc (or the allocator before it) has them; `--without-pvalloc` is for checkers that do
 * not know it.
 */
#include <malloc.h>
#include <stdlib.h>

#include "truth.h"

#define ALIGNMENT 64

extern void *pvalloc(size_t size) __attribute__((weak));
extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));

/* Defines leak_via_NAME(): allocates one block, and keeps it unless told otherwise. */
#define LEAK(name, call)                                      \
	TRUTH_LEAF static void *leak_via_##name(size_t bytes) \
	{                                                     \
		void *block = call;                           \
                                                              \
		if (!block)                                   \
			truth_die(#name " failed");           \
		truth_alloc("leak_via_" #name, bytes);        \
		return block;                                 \
	}

LEAK(malloc, malloc(bytes))
LEAK(calloc, calloc(bytes / 8, 8))
LEAK(realloc, realloc(NULL, bytes))
LEAK(reallocarray, reallocarray(NULL, bytes / 8, 8))
LEAK(posix_memalign, ({
	     void *aligned;

	     posix_memalign(&aligned, ALIGNMENT, bytes) ? NULL : aligned;
     }))
LEAK(aligned_alloc, aligned_alloc(ALIGNMENT, bytes))
LEAK(memalign, memalign(ALIGNMENT, bytes))
LEAK(valloc, valloc(bytes))
LEAK(pvalloc, pvalloc(bytes))

static void release(void *block, size_t bytes, size_t round, bool is_aligned)
{
	if (round % 2 && is_aligned && free_aligned_sized)
		free_aligned_sized(block, ALIGNMENT, bytes);
	else if (round % 2 && !is_aligned && free_sized)
		free_sized(block, bytes);
	else
		free(block);
}

#define LEAK_BLOCKS(name, is_aligned)                                          \
	do {                                                                   \
		for (size_t i = 0; i < blocks; i++) {                          \
			leak_via_##name(bytes);                                \
			release(leak_via_##name(bytes), bytes, i, is_aligned); \
			truth_free("leak_via_" #name, bytes);                  \
		}                                                              \
	} while (0)

static void run(void)
{
	size_t bytes = truth_number("--bytes", 4096);
	size_t blocks = truth_number("--blocks", 25);

	LEAK_BLOCKS(malloc, false);
	LEAK_BLOCKS(calloc, false);
	LEAK_BLOCKS(realloc, false);
	LEAK_BLOCKS(reallocarray, false);
	LEAK_BLOCKS(posix_memalign, true);
	LEAK_BLOCKS(aligned_alloc, true);
	LEAK_BLOCKS(memalign, true);
	LEAK_BLOCKS(valloc, true);
	if (pvalloc && !truth_flag("--without-pvalloc"))
		LEAK_BLOCKS(pvalloc, true);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {{"family", NULL, run}};

	return truth_main(argc, argv, cases, 1);
}
