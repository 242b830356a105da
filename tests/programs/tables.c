/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * More than a table holds: `--blocks N` live blocks over `--stacks N` distinct stacks. Case
 * `refill` then frees them all and keeps `--again N` new ones, to show that nothing of the overflow
 * stays behind.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "branches.h"
#include "truth.h"

#define BYTES 24

static void **blocks;
static uint64_t count;

static void fill(uint64_t wanted)
{
	uint64_t stacks = truth_number("--stacks", 1);
	unsigned int depth = branch_depth(stacks);

	for (uint64_t i = 0; i < wanted; i++) {
		blocks[i] = branch_alloc(i % stacks, depth, BYTES);
		truth_alloc("branch_leaf", BYTES);
	}
}

static void prepare(void)
{
	count = truth_number("--blocks", 5000);
	blocks = mmap(NULL, count * sizeof(*blocks), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (blocks == MAP_FAILED)
		truth_die("mmap failed");
}

static void run_fill(void)
{
	fill(count);
}

static void run_refill(void)
{
	fill(count);
	for (uint64_t i = 0; i < count; i++) {
		free(blocks[i]);
		truth_free("branch_leaf", BYTES);
	}
	fill(truth_number("--again", 500));
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {
		{"fill", prepare, run_fill},
		{"refill", prepare, run_refill},
	};

	return truth_main(argc, argv, cases, sizeof(cases) / sizeof(*cases));
}
