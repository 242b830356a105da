/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Distinct stacks on demand: a binary tree of calls, so that 2^depth paths lead to one leaf.
 */
#ifndef UNFREED_BRANCHES_H
#define UNFREED_BRANCHES_H

#include <stdbool.h>
#include <stddef.h>

/* Where the bytes are a multiple of three they are asked for by calloc, in thirds. */
extern bool branch_by_calloc;

/* The depth that gives at least `stacks` distinct paths. */
unsigned int branch_depth(size_t stacks);

/* Allocates `bytes` at the end of path number `path`; the allocator's caller is branch_leaf(). */
void *branch_alloc(unsigned long path, unsigned int depth, size_t bytes);

#endif
