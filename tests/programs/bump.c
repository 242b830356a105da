/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library with an allocator of its own, bound to itself (-Bsymbolic), to be loaded at run time.
 * Its memory outlives it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "truth.h"

#define ARENA_BYTES ((size_t)16 << 20)

static char *arena;
static size_t used;

void *malloc(size_t bytes)
{
	size_t whole = (bytes + 31) / 16 * 16;
	void *block;

	if (!arena) {
		arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		if (arena == MAP_FAILED)
			abort();
	}
	if (whole > ARENA_BYTES - used) {
		errno = ENOMEM;
		return NULL;
	}
	block = arena + used;
	used += whole;
	return block;
}

__attribute__((noinline)) void free(void *block)
{
	__asm__ volatile("" ::"r"(block) : "memory");
}

TRUTH_LEAF void bump_leak(size_t bytes)
{
	if (!malloc(bytes))
		abort();
	TRUTH_NO_TAIL_CALL();
}

TRUTH_LEAF void bump_pair(size_t bytes)
{
	free(malloc(bytes));
	TRUTH_NO_TAIL_CALL();
}
