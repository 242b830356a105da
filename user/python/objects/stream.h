/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at more memory than fits: window by window. Internal to objects.c. */
#ifndef UNFREED_PYTHON_OBJECTS_STREAM_H
#define UNFREED_PYTHON_OBJECTS_STREAM_H

#include "objects.h"

/* An object_fn of a struct objects: takes in what is to be known of an object. */
void objects_see(void *context, uint64_t address, uint32_t type);

/* Pools lie in memory that no file is behind. */
static inline bool may_hold_pools(const struct region *region)
{
	return region_is_data(region) && !region->mapping.inode && region->resident_bytes;
}

/* Room for a window, and for pages elsewhere that its objects refer to. */
uint64_t stream_view_bytes(const struct objects *objects);

/* Goes through all pools. Returns 0 or a negative errno. */
int stream_all(struct objects *objects);

#endif
