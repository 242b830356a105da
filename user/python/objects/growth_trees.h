/* SPDX-License-Identifier: BSD-2-Clause */
/* Trees that get more nodes. Internal to growth.c. */
#ifndef UNFREED_PYTHON_OBJECTS_GROWTH_TREES_H
#define UNFREED_PYTHON_OBJECTS_GROWTH_TREES_H

#include "growth_internal.h"

/*
 * Adds trees (trees.h) behind containers and patterns that grow; parts of them that were counted by
 * themselves are dropped. Where containers in a tree tell half of its growth or more it is theirs.
 */
void growing_add_trees(struct growing *growing);

#endif
