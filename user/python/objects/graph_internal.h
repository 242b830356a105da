/* SPDX-License-Identifier: BSD-2-Clause */
/* Internal to graph.c and graph_sizes.c. */
#ifndef UNFREED_PYTHON_OBJECTS_GRAPH_INTERNAL_H
#define UNFREED_PYTHON_OBJECTS_GRAPH_INTERNAL_H

#include "graph.h"

struct outside {
	uint64_t address;
	uint64_t bytes; /* of raw memory; 0: an object */
	uint32_t type;
};

#endif
