/* SPDX-License-Identifier: BSD-2-Clause */
/* What a further entry brings to a container. */
#ifndef UNFREED_PYTHON_OBJECTS_ENTRY_BYTES_H
#define UNFREED_PYTHON_OBJECTS_ENTRY_BYTES_H

#include "objects.h"

/*
 * Bytes of an entry of the container at a node of the last look's graph, below which there are
 * `below` bytes in all, and which grew by `grown` to `length` entries.
 */
double objects_entry_bytes(const struct objects *objects, uint32_t node, uint64_t below,
			   uint64_t length, uint64_t grown);

/* Likewise of what the container itself takes, its table or its items. */
double object_own_entry_bytes(struct object_reader *reader, uint64_t address, uint32_t type,
			      uint64_t length);

#endif
