/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether what a reference leads to in the copy is what it led to when the reference was copied:
 * what is not as it was at other looks is read again. Internal to the graph.
 */
#ifndef UNFREED_PYTHON_OBJECTS_GRAPH_EXPECT_H
#define UNFREED_PYTHON_OBJECTS_GRAPH_EXPECT_H

#include "graph.h"

enum { GRAPH_REFRESHES_MAX = 1 << 13 };

/* A word of an instance of a class that Python code made: by __slots__, if it is any. */
bool graph_is_slot(const struct graph *graph, uint32_t type, uint32_t label);

/* Of a block that was no object when its pool was read: its node as it is now; 0: none. */
uint32_t graph_repair(struct graph *graph, uint64_t address);

/* The node that a reference of the object that is being followed leads to: another one, where
 * the one that was found is none of what it leads to. */
uint32_t graph_expect(struct graph *graph, uint32_t node, uint64_t target, uint32_t label);

#endif
