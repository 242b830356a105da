/* SPDX-License-Identifier: BSD-2-Clause */
#include "branches.h"

#include <stdlib.h>

#include "truth.h"

static void *branch_left(unsigned long path, unsigned int depth, size_t bytes);

bool branch_by_calloc;

TRUTH_LEAF static void *branch_leaf(size_t bytes)
{
	void *block = branch_by_calloc && bytes % 3 == 0 ? calloc(3, bytes / 3) : malloc(bytes);

	TRUTH_NO_TAIL_CALL();
	return block;
}

TRUTH_LEAF static void *branch_right(unsigned long path, unsigned int depth, size_t bytes)
{
	void *block;

	if (!depth)
		block = branch_leaf(bytes);
	else if (path & 1)
		block = branch_right(path >> 1, depth - 1, bytes);
	else
		block = branch_left(path >> 1, depth - 1, bytes);
	TRUTH_NO_TAIL_CALL();
	return block;
}

TRUTH_LEAF static void *branch_left(unsigned long path, unsigned int depth, size_t bytes)
{
	void *block;

	if (!depth)
		block = branch_leaf(bytes);
	else if (path & 1)
		block = branch_right(path >> 1, depth - 1, bytes);
	else
		block = branch_left(path >> 1, depth - 1, bytes);
	TRUTH_NO_TAIL_CALL();
	return block;
}

unsigned int branch_depth(size_t stacks)
{
	unsigned int depth = 0;

	while (((size_t)1 << depth) < stacks)
		depth++;
	return depth;
}

void *branch_alloc(unsigned long path, unsigned int depth, size_t bytes)
{
	return branch_left(path, depth, bytes);
}
