/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An allocator in the executable under a prefix, as Rust's jemallocator has it, beside the libc's
 * own malloc. Once the program is stripped only its messages tell of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "truth.h"

#define ARENA_BYTES ((size_t)64 << 20)

enum { BLOCKS = 4000, BLOCK_BYTES = 1000 };

static char *arena;
static size_t used;

TRUTH_LEAF void *_rjem_malloc(size_t bytes)
{
	size_t whole = (bytes + 15) & ~(size_t)15;

	if (!arena)
		arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED || whole > ARENA_BYTES - used) {
		fputs("<jemalloc>: no memory\n", stderr);
		abort();
	}
	used += whole;
	return arena + used - whole;
}

TRUTH_LEAF void _rjem_free(void *block)
{
	__asm__ volatile("" ::"r"(block) : "memory");
}

TRUTH_LEAF static void leak_hidden(size_t bytes)
{
	memset(_rjem_malloc(bytes), 1, bytes);
	truth_alloc("leak_hidden", bytes);
}

TRUTH_LEAF static void leak_plain(size_t bytes)
{
	if (!malloc(bytes))
		truth_die("malloc failed");
	truth_alloc("leak_plain", bytes);
}

static void run(void)
{
	for (int i = 0; i < BLOCKS; i++)
		leak_hidden(BLOCK_BYTES);
	leak_plain(100);
	_rjem_free(NULL);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {{"hidden", NULL, run}};

	return truth_main(argc, argv, cases, 1);
}
