/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object led to when it was followed first, and is followed again, since it was torn: that
 * was copied with it. What it leads to by then alone may be newer than the copy of it.
 */
#ifndef UNFREED_PYTHON_OBJECTS_FIRST_READING_H
#define UNFREED_PYTHON_OBJECTS_FIRST_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct first_reading {
	uint32_t *nodes; /* of a graph; sorted */
	size_t count;
};

/* Copies the nodes. Returns false on out of memory. */
bool first_reading_init(struct first_reading *first, const uint32_t *nodes, size_t count);
void first_reading_release(struct first_reading *first);

bool first_reading_has(const struct first_reading *first, uint32_t node);

#endif
