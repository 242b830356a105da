/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live stacks of a snapshot as one tree, for a page that draws them in any order: what they
 * share is stored once. It is bounded: the largest stacks are whole, of smaller ones only outer and
 * inner frames are kept where the tree would become too large, so that what allocates, who asked
 * for it and how much it is stay true.
 */
#ifndef UNFREED_STACK_TREE_H
#define UNFREED_STACK_TREE_H

#include "output.h"

/* A frame as it reads: addresses in one function on one line are one. */
struct tree_frame {
	const struct frame *frame; /* markers have a name alone, and the kind TREE_MARKER */
	bool own;                  /* the user's own code */
};

#define TREE_MARKER FRAME_KINDS

/* Node 0 is the root and has no frame; every other one comes after its parent. */
struct tree_node {
	uint32_t parent;
	uint32_t frame;
};

/* What was allocated where a stack ends, of one process. */
struct tree_row {
	uint32_t node;
	uint32_t target;
	enum domain domain;
	uint64_t bytes;
	uint64_t blocks;
	uint64_t alloc_bytes; /* of it, freed or not; only of whole stacks */
	uint64_t alloc_blocks;
	uint64_t stacks; /* 0 where it is a part of another row's */
	uint64_t oldest_ns;
	const struct stack *stack; /* the first of them */
};

struct stack_tree {
	struct zone *zone; /* owns everything below */
	struct tree_frame *frames;
	size_t frame_count;
	struct tree_node *nodes;
	size_t node_count;
	struct tree_row *rows;
	size_t row_count;
	size_t cut_stacks; /* of which frames were left out, */
	uint64_t cut_bytes;
	size_t other_stacks; /* and that are only in a sum */
	uint64_t other_bytes;
};

/*
 * With options->top, smaller stacks are only in a sum. Returns 0 or a negative errno; release in
 * either case. The snapshot must outlive it.
 */
int stack_tree_init(struct stack_tree *tree, const struct snapshot *snapshot,
		    const struct output_options *options);
void stack_tree_release(struct stack_tree *tree);

#endif
