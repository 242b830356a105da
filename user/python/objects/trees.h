/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is built of objects of one type: trees whose nodes hang by left and right, tries of
 * dictionaries in dictionaries, lists linked both ways. Their nodes lie under several patterns,
 * some below the others, and none of these grows by itself in a way that tells: the one above
 * it does too. So the patterns of one type that hang together count as one, the tree's, under
 * the first of them, its head.
 *
 * A way that leads to another node each time, such as a variable for where one was last,
 * takes a part of the tree from its head, another one at each look: what is found so
 * belongs to the head that stays.
 *
 * A chain, whose links are one pattern, is none.
 */
#ifndef UNFREED_PYTHON_OBJECTS_TREES_H
#define UNFREED_PYTHON_OBJECTS_TREES_H

#include "patterns.h"
#include "types.h"

struct trees {
	uint32_t *heads; /* by pattern: that of its tree, itself for a head; 0: in none */
	uint32_t *sizes; /* by pattern: of a head the number of patterns of its tree */
	size_t count;    /* patterns */
};

/* Of patterns that were counted. Returns 0 or -ENOMEM. */
int trees_find(struct trees *trees, const struct patterns *patterns,
	       const struct python_object_types *types);
void trees_release(struct trees *trees);

/* Whether what is in the objects of a pattern are nodes of the tree of a head, as in the
 * dictionary that each node has for those below it. */
bool trees_hold_nodes(const struct trees *trees, const struct patterns *patterns, uint32_t number,
		      uint32_t head);

/* A tree as if it were one pattern: how many objects it has at each
 * look, and whether these stay. */
struct pattern trees_sum(const struct trees *trees, const struct patterns *patterns, uint32_t head);

#endif
