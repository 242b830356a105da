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

/*
 * Goes through all objects again, those in the blocks of malloc where there are no pools: after a
 * look, whose counts by type it leaves wrong. Returns 0 or a negative errno.
 */
int stream_each(struct objects *objects, object_fn *act, void *context);

/* Makes room in the view where it is half full. */
void stream_spare(struct objects *objects);

/* Reads anew what is mapped, and forgets the view. Returns 0 or a negative errno. */
int stream_renew(struct objects *objects);

/* chains_find and chains_referrers, within the budget. */
int stream_find(struct objects *objects, struct chains *chains);
int stream_referrers(struct objects *objects, const struct chain *object,
		     struct referrer **referrers, size_t *count, bool *full);

/* Holders that there is room for. */
size_t stream_holders(const struct objects *objects);

#endif
