/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grows in one way, by 40 MB, between two lines of input: `--case mmap` by mappings of its own,
 * `shared` by shared ones, `stacks` by threads that wait deep in theirs, `malloc` by blocks that it
 * keeps, `free` by blocks that it frees while one in a hundred stays, `turns` not at
 * all: each new block takes the place of one that is older than any tracer. `lent`: memory that one
 * function fills and gives back, another one then fills, at the same addresses, and keeps; `back`:
 * memory is filled and given back, and so is some that is older than any tracer, and filled again.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "truth.h"

enum { BYTES = 40000000, PIECES = 100, BLOCKS = 4000, BLOCK = BYTES / BLOCKS, PINNED = 100 };

static void *blocks[BLOCKS];

static void map(int flags)
{
	for (int i = 0; i < PIECES; i++) {
		void *piece = mmap(NULL, BYTES / PIECES, PROT_READ | PROT_WRITE,
				   flags | MAP_ANONYMOUS, -1, 0);

		memset(piece, 1, BYTES / PIECES);
	}
}

static void run_mmap(void)
{
	map(MAP_PRIVATE);
}

static void run_shared(void)
{
	map(MAP_SHARED);
}

static pthread_barrier_t deep;

static void *wait_deep(void *argument)
{
	char frame[BYTES / PIECES];

	memset(frame, 1, sizeof(frame));
	__asm__ volatile("" ::"r"(frame) : "memory");
	pthread_barrier_wait(&deep);
	pause();
	return argument;
}

static void run_stacks(void)
{
	pthread_barrier_init(&deep, NULL, PIECES + 1);
	for (int i = 0; i < PIECES; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, wait_deep, NULL))
			abort();
	}
	pthread_barrier_wait(&deep);
}

TRUTH_LEAF static void *keep(void)
{
	void *block = memset(malloc(BLOCK), 1, BLOCK);

	truth_alloc("keep", BLOCK);
	TRUTH_NO_TAIL_CALL();
	return block;
}

static void run_malloc(void)
{
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = keep();
}

static void run_free(void)
{
	run_malloc();
	for (int i = 0; i < BLOCKS; i++) {
		if (i % PINNED == PINNED - 1)
			continue;
		free(blocks[i]);
		truth_free("keep", BLOCK);
	}
}

static void prepare_turns(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = memset(malloc(BLOCK), 1, BLOCK);
		truth_older(BLOCK);
	}
}

static void run_turns(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		free(blocks[i]);
		truth_older_freed(BLOCK);
		blocks[i] = keep();
	}
}

static char *ground;

static void prepare_ground(void)
{
	ground = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TRUTH_LEAF static void borrow(void)
{
	memset(ground, 1, BYTES);
	madvise(ground, BYTES, MADV_DONTNEED);
	TRUTH_NO_TAIL_CALL();
}

TRUTH_LEAF static void take(void)
{
	memset(ground, 2, BYTES);
	TRUTH_NO_TAIL_CALL();
}

static void run_lent(void)
{
	borrow();
	take();
}

static void prepare_back(void)
{
	prepare_ground();
	memset(ground, 1, BYTES);
}

static void run_back(void)
{
	char *other = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(other, 1, BYTES);
	munmap(other, BYTES);
	madvise(ground, BYTES, MADV_DONTNEED);
	take();
}

int main(int argc, char **argv)
{
	static const struct truth_case cases[] = {
		{"mmap", NULL, run_mmap},           {"shared", NULL, run_shared},
		{"stacks", NULL, run_stacks},       {"malloc", NULL, run_malloc},
		{"free", NULL, run_free},           {"turns", prepare_turns, run_turns},
		{"lent", prepare_ground, run_lent}, {"back", prepare_back, run_back},
	};

	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
