/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_PYTHON_OBJECTS_EDGES_H
#define UNFREED_PYTHON_OBJECTS_EDGES_H

#include "objects.h"

/*
 * Which types hold more objects of which types than at the first look that had a graph: each object
 * is held once, by what leads to it first. Most first, in the zone; none where fewer than two looks
 * had a graph.
 */
const struct look_edge *objects_grown_edges(const struct objects *objects, struct zone *zone,
					    size_t *count);

#endif
